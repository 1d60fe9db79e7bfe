"""Secrets in what programs print: left out, and the lines stay readable."""

import pytest

from saltext.chef_backend.product import command
from saltext.chef_backend.product.command import Done
from saltext.chef_backend.product.masking import mask, mask_words

TEXTS = [
    ('password: "s3cr3t"', 'password: "***"'),
    ("PGPASSWORD=s3cr3t psql -h 10.0.0.2", "PGPASSWORD=*** psql -h 10.0.0.2"),
    ("postgres://u:s3cr3t@h/d", "postgres://u:***@h/d"),
    ("redis://:s3@cr3t@h:16379", "redis://:***@h:16379"),
    ("postgresql['db_superuser_password'] = 's3cr3t'", "postgresql['db_superuser_password'] = '***'"),
    ('"db_superuser_password": "s3cr3t", "user": "u"', '"db_superuser_password": "***", "user": "u"'),
    (r'{\"password\":\"s3cr3t\",\"user\":\"u\"}', r'{\"password\":\"***\",\"user\":\"u\"}'),
    (r':password=>"s3\"cr 3t", :user=>"u"', ':password=>"***", :user=>"u"'),
    ("ALTER ROLE r PASSWORD 's3cr 3t'", "ALTER ROLE r PASSWORD '***'"),
    ("run --db-password s3cr3t --host h", "run --db-password *** --host h"),
    ('password = "s3cr3t', 'password = "***"'),  # cut off
    ("GET /x?token=s3cr3t&page=2", "GET /x?token=***&page=2"),
    ("Authorization: Bearer s3cr3t", "Authorization: Bearer ***"),
    ("host=h password=s3cr3t dbname=d", "host=h password=*** dbname=d"),
    ("-----BEGIN RSA PRIVATE KEY-----\ns3cr3t\n-----END RSA PRIVATE KEY-----\nand then",
     "-----BEGIN RSA PRIVATE KEY----- *** -----END RSA PRIVATE KEY-----\nand then"),
    ("s3cr3tABC=\nDEF\n-----END EC PRIVATE KEY-----\nand then", "***\n-----END EC PRIVATE KEY-----\nand then"),
    ("-----BEGIN PRIVATE KEY-----\ns3cr3t", "-----BEGIN PRIVATE KEY----- *** "),
]  # fmt: skip

PLAIN = [
    "db_superuser_password",
    'FATAL: password authentication failed for user "chef_pgsql"',
    "/etc/chef-backend/chef-backend-secrets.json: No such file or directory",
    "http://127.0.0.1:80/x@y",
    "run: postgresql: connected OK to 192.0.2.10:5432",
    "password:",
    "error: 12 of 13 secrets rotated",
]


@pytest.mark.parametrize(("text", "shown"), TEXTS)
def test_a_secret_is_hidden_and_the_line_stays_readable(text, shown):
    assert mask(text) == shown
    assert mask(shown) == shown


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_none_stays_as_it_is(text):
    assert mask(text) == text


def test_the_words_of_a_command():
    words = ["ctl", "x", "--password", "s3cr3t", "--db_password=s3cr3t", "postgres://u:s3cr3t@h/d", "last"]
    assert mask_words(words) == ["ctl", "x", "--password", "***", "--db_password=***", "postgres://u:***@h/d", "last"]
    assert mask_words([]) == []


def test_p13_the_last_lines_of_a_failure_hold_none():
    lines = [f"line {number}" for number in range(20)]
    text = "\n".join([*lines, "-----BEGIN RSA PRIVATE KEY-----", *(["s3cr3t"] * 20), "-----END RSA PRIVATE KEY-----"])
    said = command.failure("be1", ("chef-backend-ctl", "reconfigure"), Done(1, text, 'password: "s3cr3t"\n'), 60)
    assert said.splitlines()[0] == "be1: chef-backend-ctl reconfigure ended with status 1:"
    assert "s3cr3t" not in said
    assert said.endswith('  -----BEGIN RSA PRIVATE KEY----- *** -----END RSA PRIVATE KEY-----\n  password: "***"')
    assert "line 19" in said

"""What the product knows of its node: by its settings, by what was applied of them, and by its etcd."""

import json

import pytest

from saltext.chef_backend.product import member
from saltext.chef_backend.product.member import Member
from saltext.chef_backend.product.reading import ParseError

GUID = "4ba4ae0a6686cf6b67590e621459f1e2"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("publish_address '10.0.0.1'\nfqdn \"BE1.example.com\"  # ours\n", Member("BE1.example.com", None, "10.0.0.1")),
        ("  fqdn = 'be1'\npublish_address = 'fd00::1'", Member("be1", None, "fd00::1")),
        ("# fqdn 'be1'\npostgresql.port 5432\n", Member()),
        ("fqdn node['fqdn'].downcase\n", Member()),  # it is Ruby, and is not run here
        ('fqdn "#{`hostname`}"', Member()),
        ("fqdn 'a' if x", Member()),
        ("fqdn 'a'\nfqdn 'b'\n", Member()),  # which of them holds is not known
        ("fqdn 'a'\nx = fqdn\n", Member()),
        ("fqdn 'a\x1b[2J'", Member()),
        ("", Member()),
    ],
)
def test_settings_tell_what_is_written_plainly_and_once(text, told):
    assert member.of_settings(text) == told


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"fqdn": "be1", "publish_address": "10.0.0.1", "leaderl": {}}, Member("be1", None, "10.0.0.1")),
        ({"leaderl": {}}, Member()),  # it is called otherwise there
        ({"fqdn": ["be1"], "publish_address": ""}, Member()),
        ({"fqdn": "be1\x1b[2J"}, Member()),
    ],
)
def test_what_was_applied_last_is_read_below_its_section(settings, told):
    assert member.of_running(json.dumps({"chef-backend": settings, "run_list": []})) == told


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"chef-backend": []}', '{"a": 1, "a": 2}'])
def test_what_is_no_such_file_is_said(text):
    with pytest.raises(ParseError):
        member.of_running(text)


def test_etcd_is_called_by_its_nodes_guid():
    assert member.guid_of_etcd(json.dumps({"name": GUID, "state": "StateFollower"})) == GUID


@pytest.mark.parametrize(
    "told", [{}, {"name": "default"}, {"name": GUID.upper()}, {"name": 1}, [], {"name": GUID + "\n"}]
)
def test_an_etcd_that_is_called_otherwise_tells_no_guid(told):
    with pytest.raises(ParseError):
        member.guid_of_etcd(json.dumps(told))


def test_what_one_source_does_not_tell_another_does():
    assert Member(name="be1").or_else(Member("other", GUID)) == Member("be1", GUID, None)
    assert str(Member("be1", GUID)) == f"be1, GUID {GUID}"
    assert str(Member()) == "nothing"

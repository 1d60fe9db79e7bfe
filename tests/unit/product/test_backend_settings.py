"""chef-backend.rb: of its settings those that an upgrade has to know, and no other, for some are secret."""

import pytest

from saltext.chef_backend.product import backend_settings
from saltext.chef_backend.product.backend_settings import FOLLOWERS


@pytest.mark.parametrize(
    "line",
    [
        f"{FOLLOWERS} 2",
        f"{FOLLOWERS} = 2",
        f"  {FOLLOWERS}=2   # so that nothing is lost",
        f"{FOLLOWERS} '2'",
        f'{FOLLOWERS} = "2"',
    ],
)
def test_a_setting_is_read_however_it_is_written(line):
    text = f"publish_address '10.0.0.1'\n{line}\npostgresql.log_min_duration_statement 500\n"
    assert backend_settings.read(text) == {FOLLOWERS: "2"}


@pytest.mark.parametrize("text", ["", f"# {FOLLOWERS} 2", f"x.{FOLLOWERS}s 2", f"{FOLLOWERS}s 2", "\x00\xff"])
def test_what_is_no_such_setting_is_not_seen(text):
    assert backend_settings.read(text) == {}


def test_a_value_that_ruby_works_out_is_told_as_it_is_written_for_unknown_is_not_the_default():
    assert backend_settings.read(f"{FOLLOWERS} ENV['N'].to_i") == {FOLLOWERS: "ENV['N'].to_i"}


def test_the_last_of_two_counts_as_ruby_has_it():
    assert backend_settings.read(f"{FOLLOWERS} 2\n{FOLLOWERS} 0\n") == {FOLLOWERS: "0"}


def test_no_secret_leaves_the_node():
    text = "postgresql.replication_password 's3cr3t'\npostgresql.port 5433\n"
    assert backend_settings.read(text) == {"postgresql.port": "5433"}


@pytest.mark.parametrize(
    "line",
    [
        "leaderl.required_active_followers(2)",
        "leaderl['required_active_followers'] = 2",
        "if true then leaderl.required_active_followers 2 end",
    ],
)
def test_a_setting_that_is_written_in_another_way_is_told_as_it_is_written(line):
    assert backend_settings.read(f"# leaderl.required_active_followers 0\n{line}\n") == {FOLLOWERS: line}


def test_a_value_on_the_next_line_is_not_the_default():
    assert backend_settings.read(f"{FOLLOWERS} \\\n  2\n") == {FOLLOWERS: "\\"}

"""How far the frontends' database has been migrated, and how far a release migrates it."""

import pytest

from saltext.chef_backend.product import migrations
from saltext.chef_backend.product.reading import ParseError


def test_the_highest_of_a_releases_migrations_counts_and_nothing_else_does():
    paths = [
        "001/009_authz.rb",
        "001/031_admins.rb",
        "002/001_next.rb",
        "002/README.rb",
        "etc/config.rb",
        "001/099.txt",
    ]
    assert str(migrations.highest(paths)) == "2.1"
    assert migrations.highest(["etc/config.rb"]) is None


def test_levels_are_compared_by_number():
    assert migrations.read('{"major": 1, "minor": 9}') < migrations.read('{"major": 1, "minor": 31}')


@pytest.mark.parametrize(
    "text", ["", "{}", "[1, 31]", '{"major": 1}', '{"major": 1, "minor": "31"}', '{"major": 1, "minor": -1}']
)
def test_what_is_no_level_is_refused(text):
    with pytest.raises(ParseError):
        migrations.read(text)

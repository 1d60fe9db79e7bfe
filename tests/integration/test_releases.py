"""The one command, with the oldest release of Salt that is supported: on the master, and on every minion."""

import pytest

from tests.integration.operator import NEW, Operator, assert_finished

LTS = "3006"


@pytest.fixture
def operator(house):
    """An operator at a fresh 2.2.0 cluster who has that Salt."""
    someone = Operator(house.fresh(release=LTS))
    someone.wants(NEW, backup=False)
    return someone


def test_s15_a_rolling_upgrade_ends_well_and_its_run_is_closed(operator):
    said = operator.lab.salt("-L", ",".join(operator.lab.hosts), "test.version", "--out=txt").stdout
    assert [line.split(": ")[1].startswith(LTS) for line in said.splitlines()] == [True] * len(operator.lab.hosts), said
    run = operator.upgrades()
    assert_finished(operator, run)
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]
    assert operator.record("be1", "last-run.json")["state"] == "done"
    assert "run: none" in operator.lab.salt_run("chef_backend.status", "prod").stdout

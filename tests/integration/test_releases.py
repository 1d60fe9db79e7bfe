"""The one command with other releases of Salt than the environment's own: on the master, and on every minion."""

import pytest

from tests.integration.operator import NEW, Operator, assert_finished

RELEASES = ["3006", pytest.param("3007", marks=pytest.mark.layout)]


@pytest.mark.parametrize("release", RELEASES)
def test_s15_a_rolling_upgrade_ends_well_and_its_run_is_closed(release, house):
    operator = Operator(house.fresh(release=release))
    operator.wants(NEW, backup=False)
    said = operator.lab.salt("-L", ",".join(operator.lab.hosts), "test.version", "--out=txt").stdout
    told = dict(line.split(": ") for line in said.splitlines())
    assert {host: version.partition(".")[0] for host, version in told.items()} == dict.fromkeys(
        operator.lab.hosts, release
    )
    assert_finished(operator, operator.upgrades())
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]
    assert operator.record("be1", "last-run.json")["state"] == "done"
    assert "run: none" in operator.lab.salt_run("chef_backend.status", "prod").stdout

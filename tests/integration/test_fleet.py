"""A fleet of the laboratory's one cluster: it is upgraded by a run of its own, and what is left is told."""

import pytest

from tests.integration.operator import NEW, assert_finished

FLEET = ("state.orchestrate", "orch.chef_backend_fleet")


@pytest.mark.campaign
def test_a_fleet_of_one_fails_goes_on_and_has_nothing_left(operator):
    operator.joins_a_fleet([{"name": "canary", "clusters": ["prod"]}])
    operator.orders_fault("be2", {"upgrade": {"exit": 1, "output": "disk full", "times": 1}})
    run = operator.lab.salt_run(*FLEET)
    assert run.returncode != 0
    assert "prod failed: nothing more is begun" in run.stdout, run.stdout
    assert "1 of 1 clusters are left" in run.stdout
    assert operator.hosts_upgrading() == ["be2"]

    assert_finished(operator, operator.lab.salt_run(*FLEET))
    assert operator.hosts_upgrading() == ["be2", "be2", "be3", "be1"]
    operator.forgets_the_past()
    run = operator.lab.salt_run(*FLEET)
    assert run.returncode == 0 and "all 1 clusters run their target" in run.stdout, run.stdout
    assert operator.changing_commands() == []
    assert set(operator.versions().values()) == {NEW}

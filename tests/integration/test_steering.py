"""An operator steers a run from a second terminal: pause, resume, abort."""

import pytest

from tests.integration.operator import NEW
from tests.lab.common import PATIENCE


def types(operator, verb, status=0):
    """Type one verb for prod; it must end with that status. Returns what it said."""
    done = operator.lab.salt_run(f"chef_backend.{verb}", "prod")
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_pause_at_the_next_safe_point_then_resume(operator):
    assert "nothing to pause" in types(operator, "pause", status=1)
    assert "nothing to resume" in types(operator, "resume", status=1)
    assert "nothing to abort" in types(operator, "abort", status=1)

    operator.orders_fault("be2", {"upgrade": {"hang": 8, "times": 1}})
    run = operator.starts_upgrading()
    operator.waits_for(lambda: operator.commands("chef-backend-ctl upgrade"))
    assert "be2 is inside its upgrade" in types(operator, "abort", status=1)
    assert "pauses before it touches another node" in types(operator, "pause")
    stdout, stderr = run.communicate(timeout=PATIENCE)
    assert run.returncode != 0, "a paused run has not reached its end"
    assert "pause was asked for: nothing more is begun" in stdout, stdout + stderr
    assert operator.hosts_upgrading() == ["be2"]
    assert [c.status for c in operator.commands("chef-backend-ctl upgrade")] == [0], "never inside a node's upgrade"
    assert operator.shown_failover() == "on"
    assert "paused" in types(operator, "status")
    assert "is paused already" in types(operator, "pause")

    types(operator, "resume")
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]
    assert set(operator.versions().values()) == {NEW}
    assert operator.shown_failover() == "on"
    assert "nothing to resume" in types(operator, "resume", status=1)


@pytest.mark.campaign
def test_abort_leaves_nothing_open(operator):
    operator.orders_fault("be2", {"upgrade": {"exit": 1, "times": 1}})
    assert operator.upgrades().returncode != 0
    assert "be2 is inside its upgrade" in types(operator, "abort", status=1), "it has to be finished first"
    operator.orders_fault("be3", {"upgrade": {"hang": 8, "times": 1}})
    run = operator.starts_upgrading()
    operator.waits_for(lambda: operator.hosts_upgrading() == ["be2", "be2", "be3"])
    types(operator, "pause")
    run.communicate(timeout=PATIENCE)
    assert "is aborted" in types(operator, "abort")
    assert "is aborted already" in types(operator, "abort")
    assert "run: none" in types(operator, "status")
    assert operator.shown_failover() == "on"
    assert operator.hosts_upgrading() == ["be2", "be2", "be3"], "the leader was left alone"

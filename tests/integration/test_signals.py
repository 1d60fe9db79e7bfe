"""Signals to salt-run, at any moment: the run is closed, with failover on, or loudly off until it is safe (I3)."""

import signal

import pytest

from tests.integration.operator import assert_finished
from tests.lab.common import PATIENCE

UPGRADE, SWITCH = "chef-backend-ctl upgrade", "chef-backend-ctl set-cluster-failover"
STAYS_OFF = "FAILOVER OF prod STAYS OFF"


def interrupted(operator, moment, number, faults=None):
    """Start the upgrade; send salt-run a signal at that moment, and wait for its end. Returns what it printed."""
    for host, fault in (faults or {}).items():
        operator.orders_fault(host, fault)
    run = operator.starts_upgrading()
    operator.waits_for(moment)
    run.send_signal(number)
    stdout, stderr = run.communicate(timeout=PATIENCE)
    assert run.returncode != 0, stdout + stderr
    assert "Traceback" not in stdout + stderr, stdout + stderr
    assert f"interrupted by {number.name}" in stdout, stdout + stderr
    return stdout


def test_i3_ctrl_c_while_failover_is_being_switched_off_ends_with_failover_on(operator):
    """The order is on its way still: closing the run waits for it, and then orders the contrary (C1)."""
    hang = {"set-cluster-failover": {"hang": 8, "times": 1}}
    said = interrupted(operator, lambda: operator.commands(SWITCH), signal.SIGINT, {"be1": hang})
    assert "the same command resumes it" in said
    operator.waits_for(lambda: all(c.status is not None for c in operator.commands(SWITCH)))
    assert operator.shown_failover() == "on"
    assert operator.record("be2")["state"] == "failed"
    assert_finished(operator, operator.upgrades())


@pytest.mark.campaign
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_i3_a_signal_inside_a_followers_upgrade_leaves_it_to_the_backends_and_says_so(operator, number):
    """The command goes on, and its node switches failover on when it has come to its end."""
    said = interrupted(
        operator, lambda: operator.commands(UPGRADE), number, {"be2": {"upgrade": {"hang": 40, "times": 1}}}
    )
    assert STAYS_OFF in said
    assert operator.record("be3")["failover"] == "off"
    operator.waits_for(lambda: operator.shown_failover() == "on")
    assert_finished(operator, operator.upgrades())
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"], "nothing is done twice"

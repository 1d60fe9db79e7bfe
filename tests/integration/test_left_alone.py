"""The orchestration and its master are gone for good: failover comes on by itself, or stays off for a reason (I3)."""

import os
import signal

import pytest

from saltext.chef_backend import chef_backend_parse as parse
from tests.integration.operator import NEW, assert_finished

LEASE = 8  # seconds; the backends look every quarter of it


@pytest.fixture
def operator(operator):
    """An operator at a fresh 2.2.0 cluster who wants 2.3.16, and whose runs are given up after a short lease."""
    bounds = {"ask": 10, "gate": 15, "rejoin": 40, "upgrade": 120, "api": 30, "lease": LEASE}
    operator.wants(NEW, backup=False, timeouts=bounds)
    return operator


def begins_and_loses_the_master(operator, moment):
    """Start the upgrade; at that moment salt-run and the master are killed, never to come back."""
    run = operator.starts_upgrading()
    operator.waits_for(moment, 120)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    operator.lab.stop_master(kill=True)


def shown_failover(operator, node="be1"):
    """Read cluster-status on a node: there is no master to ask."""
    return parse.ClusterStatus.from_table(operator.lab.exec(node, "chef-backend-ctl", "cluster-status").stdout).failover


def test_i3_between_two_followers_failover_comes_on_by_itself(operator):
    begins_and_loses_the_master(
        operator, lambda: any(c.status == 0 for c in operator.commands("chef-backend-ctl upgrade"))
    )
    assert shown_failover(operator) == "off"
    operator.waits_for(lambda: shown_failover(operator) == "on", 90)
    operator.waits_for(lambda: operator.record("be2")["state"] == "abandoned")

    operator.starts_the_master_again()
    assert "the backends gave it up" in operator.lab.salt_run("chef_backend.status", "prod").stdout
    assert_finished(operator, operator.upgrades())
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]


@pytest.mark.campaign
def test_i3_a_follower_lost_inside_its_upgrade_keeps_failover_off_and_says_so(operator):
    operator.orders_fault("be2", {"upgrade": {"hang": 60, "times": 1}})
    begins_and_loses_the_master(operator, lambda: operator.commands("chef-backend-ctl upgrade"))
    operator.lab.power_off("be2")
    told = "FAILOVER OF prod STAYS OFF"

    def said(node):
        return told in (operator.lab.root(node) / "var/log/salt-minion.log").read_text()

    operator.waits_for(lambda: said("be1") and said("be3"), 90)
    operator.lab.power_on("be2")
    operator.lab.wait_healthy(60)
    assert shown_failover(operator) == "off", "be2 has the new files and never finished its upgrade"

    operator.starts_the_master_again()
    assert_finished(operator, operator.upgrades())


@pytest.mark.campaign
def test_a_long_upgrade_of_a_run_that_lives_is_not_given_up(operator):
    operator.orders_fault("be2", {"upgrade": {"hang": 3 * LEASE, "times": 1}})
    run = operator.upgrades()
    assert run.returncode == 0, run.stdout + run.stderr
    switches = [c.argv[2] for c in operator.commands("chef-backend-ctl set-cluster-failover")]
    assert switches == ["off", "on", "off", "on"]

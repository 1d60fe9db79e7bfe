"""The orchestration and its master are gone for good: failover comes on by itself, or stays off for a reason (I3)."""

import os
import signal

import pytest

from saltext.chef_backend.product.cluster_status import ClusterStatus
from tests.integration.operator import NEW, assert_finished
from tests.lab.common import PATIENCE

LEASE = 12  # seconds; the backends look every quarter of it
BOUNDS = {"ask": 10, "gate": 15, "rejoin": 40, "upgrade": 120, "api": 30, "lease": LEASE}


@pytest.fixture
def operator(operator):
    """An operator at a fresh 2.2.0 cluster who wants 2.3.16, and whose runs are given up after a short lease."""
    operator.wants(NEW, backup=False, timeouts=BOUNDS)
    return operator


def begins_and_loses_the_master(operator, moment):
    """Start the upgrade; at that moment salt-run and the master are killed, never to come back."""
    run = operator.starts_upgrading()
    operator.waits_for(moment)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    operator.lab.stop_master(kill=True)


def shown_failover(operator, node="be1"):
    """Read cluster-status on a node: there is no master to ask."""
    return ClusterStatus.from_table(operator.lab.exec(node, "chef-backend-ctl", "cluster-status").stdout).failover


def test_i3_between_two_followers_failover_comes_on_by_itself(operator):
    begins_and_loses_the_master(
        operator, lambda: any(c.status == 0 for c in operator.commands("chef-backend-ctl upgrade"))
    )
    assert shown_failover(operator) == "off"
    operator.waits_for(lambda: shown_failover(operator) == "on")
    operator.waits_for(lambda: operator.gave_up("be2"))

    operator.starts_the_master_again()
    assert "the backends gave it up" in operator.lab.salt_run("chef_backend.status", "prod").stdout
    assert_finished(operator, operator.upgrades())
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]


def switched(operator, *words):
    """Whether failover has been switched so often and so, in the end as the last word says."""
    done = [c for c in operator.commands("chef-backend-ctl set-cluster-failover") if c.status == 0]
    return [c.argv[2] for c in done] == list(words)


def reconfigured(operator):
    return [c.host for c in operator.commands("chef-server-ctl reconfigure") if c.status == 0]


def is_looked_after(operator, node):
    """Whether the node's own scheduler looks after failover."""
    kept = operator.lab.root(node) / "etc/lab/salt/minion.d/_schedule.conf"
    return kept.exists() and "chef_backend_deadman" in kept.read_text()


MOMENTS = {
    # what is seen when salt-run and the master die: (the moment, whether a new master's command is tried, too)
    "the run is open": (lambda o: is_looked_after(o, "be3"), False),
    "inside the backup": (lambda o: o.commands("chef-backend-ctl backup"), False),
    "failover is off": (lambda o: switched(o, "off"), True),
    "in the installation on the first follower": (lambda o: o.hosts_installing() == ["be2"], False),
    "inside the first follower's upgrade": (lambda o: o.hosts_upgrading() == ["be2"], False),
    "inside the second follower's upgrade": (lambda o: o.hosts_upgrading() == ["be2", "be3"], True),
    "failover is on for the hand-over": (lambda o: switched(o, "off", "on"), False),
    "in the installation on the leader": (lambda o: o.hosts_installing() == ["be2", "be3", "be1"], False),
    "inside the hand-over": (lambda o: o.commands("chef-backend-ctl upgrade --failover"), True),
    "between off and on after it": (lambda o: switched(o, "off", "on", "off"), False),
    "failover is on for good": (lambda o: switched(o, "off", "on", "off", "on"), False),
    "the cluster is verified": (lambda o: is_looked_after(o, "be3") and o.record("be2")["step"] == "verified", False),
    "inside the first frontend's reconfigure": (lambda o: o.commands("chef-server-ctl reconfigure"), False),
    "only the end is missing": (lambda o: reconfigured(o) == ["fe1", "fe2"], False),
}
# what takes long enough on every node to be found inside it
SLOW = {"backup": {"hang": 3, "times": 1}, "upgrade": {"hang": 3, "times": 1}, "reconfigure": {"hang": 3, "times": 1}}


@pytest.mark.campaign
@pytest.mark.parametrize("moment", MOMENTS)
def test_i3_whenever_the_master_is_lost_failover_is_on_in_the_end(operator, moment):
    """What a node is in the middle of comes to its end by itself; then the backends switch failover on."""
    comes, goes_on = MOMENTS[moment]
    operator.wants(NEW, timeouts=BOUNDS)
    for host in (*operator.lab.backends, *operator.lab.frontends):
        operator.orders_fault(host, SLOW)
    begins_and_loses_the_master(operator, lambda: comes(operator))
    last = operator.changing_commands()[-1:]
    assert [c.end for c in last] == [None] or not moment.startswith("inside"), last
    operator.waits_for(lambda: any(map(operator.gave_up, operator.lab.backends)))
    operator.waits_for(lambda: shown_failover(operator) == "on")
    assert operator.lab.unhealthy() is None
    if goes_on:
        operator.starts_the_master_again()
        assert_finished(operator, operator.upgrades())
        assert sorted(operator.hosts_upgrading()) == ["be1", "be2", "be3"], "nothing is done twice"


@pytest.mark.campaign
def test_i3_the_masters_host_is_cut_off_and_its_run_touches_nothing_when_it_is_back(operator):
    operator.orders_fault("be2", SLOW)
    run = operator.starts_upgrading()
    operator.waits_for(lambda: operator.hosts_upgrading() == ["be2"])
    with operator.lab.hub_cut_off():
        operator.waits_for(lambda: operator.gave_up("be2"))
        operator.waits_for(lambda: shown_failover(operator) == "on")
    stdout, stderr = run.communicate(timeout=PATIENCE)
    assert run.returncode != 0, stdout + stderr
    assert operator.hosts_upgrading() == ["be2"]
    assert shown_failover(operator) == "on"
    operator.lab.await_minions()
    assert_finished(operator, operator.upgrades())
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]


@pytest.mark.campaign
def test_i3_a_dead_mans_switch_that_is_taken_away_is_armed_again_by_a_heartbeat(operator):
    """It is taken as a state does that purges the minion's schedule, or cleans its minion.d."""
    operator.orders_fault("be2", {"upgrade": {"hang": LEASE + 5, "times": 1}})
    run = operator.starts_upgrading()
    operator.waits_for(lambda: operator.hosts_upgrading() == ["be2"])
    assert operator.lab.salt("be3", "schedule.delete", "chef_backend_deadman").returncode == 0
    operator.waits_for(lambda: is_looked_after(operator, "be3"))
    assert operator.hosts_upgrading() == ["be2"], "before anything is begun that relies on it"
    stdout, stderr = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, stdout + stderr
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]


@pytest.mark.campaign
def test_i3_a_dead_mans_switch_that_may_not_look_stops_the_run_and_the_same_command_goes_on_when_it_may(operator):
    operator.orders_fault("be2", {"upgrade": {"hang": LEASE + 5, "times": 1}})
    run = operator.starts_upgrading()
    operator.waits_for(lambda: operator.hosts_upgrading() == ["be2"])
    assert operator.lab.salt("be3", "schedule.disable").returncode == 0
    stdout, stderr = run.communicate(timeout=PATIENCE)
    assert run.returncode != 0, stdout + stderr
    assert "the dead man's switch of be3 has not looked for" in stdout, stdout
    assert operator.hosts_upgrading() == ["be2"]
    assert shown_failover(operator) == "on"
    assert operator.lab.salt("be3", "schedule.enable").returncode == 0
    assert_finished(operator, operator.upgrades())
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]


@pytest.mark.campaign
def test_i3_the_master_is_lost_before_anybody_looks_after_failover(operator):
    """It is on then, and stays so; the next run takes the cluster over."""
    lock = operator.lab.root("be1") / "var/lib/salt-chef-backend/run.json"
    begins_and_loses_the_master(operator, lock.exists)
    assert switched(operator), "never"
    assert shown_failover(operator) == "on"
    operator.starts_the_master_again()
    assert_finished(operator, operator.upgrades())


@pytest.mark.campaign
def test_i3_a_follower_lost_inside_its_upgrade_keeps_failover_off_and_says_so(operator):
    operator.orders_fault("be2", {"upgrade": {"hang": 60, "times": 1}})
    begins_and_loses_the_master(operator, lambda: operator.commands("chef-backend-ctl upgrade"))
    operator.lab.power_off("be2")
    told = "FAILOVER OF prod STAYS OFF"

    def said(node):
        return told in (operator.lab.root(node) / "var/log/salt-minion.log").read_text()

    operator.waits_for(lambda: said("be1") and said("be3"))
    operator.lab.power_on("be2")
    operator.lab.wait_healthy()
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

"""What if it dies here: each failure of a rolling upgrade, and what the same command does next."""

import os
import signal

import pytest

from tests.integration.operator import NEW, assert_finished, assert_untouched, sha256
from tests.lab.common import PATIENCE


def test_a_followers_upgrade_fails_and_the_same_command_goes_on(operator):
    operator.orders_fault("be2", {"upgrade": {"exit": 1, "output": "cannot migrate the frobnicator", "times": 1}})
    run = operator.upgrades()
    assert run.returncode != 0
    for word in ("be2: chef-backend-ctl upgrade ended with status 1", "cannot migrate the frobnicator"):
        assert word in run.stdout, run.stdout
    assert operator.hosts_upgrading() == ["be2"]
    assert operator.hosts_installing() == ["be2"]  # later nodes were left alone
    assert "FAILOVER OF prod STAYS OFF: be2 is half-upgraded" in run.stdout, run.stdout
    assert operator.shown_failover() == "off", "a failover might make be2 lead"

    operator.forgets_the_past()
    assert_finished(operator, operator.upgrades())
    assert operator.hosts_installing() == ["be3", "be1"]
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]


@pytest.mark.campaign
def test_a_follower_does_not_rejoin(operator):
    operator.wants(NEW, backup=False, timeouts={"ask": 10, "gate": 10, "rejoin": 15, "upgrade": 120, "api": 30})
    operator.orders_fault("be2", {"no_rejoin": True})
    run = operator.upgrades()
    assert run.returncode != 0
    assert "be2" in run.stdout
    assert operator.hosts_upgrading() == ["be2"]
    assert operator.hosts_installing() == ["be2"]


def test_the_leader_moves_by_itself_before_its_turn(operator):
    """While the backup is taken failover is still on: the lead moves then, and the run goes on with what is."""
    operator.wants(NEW)
    operator.orders_fault("be2", {"backup": {"hang": 4}})
    run = operator.starts_upgrading()
    operator.waits_for(lambda: operator.commands("chef-backend-ctl backup"))
    operator.lab.exec("be1", "chef-backend-ctl", "promote", "be3")
    stdout, stderr = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, stdout + stderr
    order = operator.hosts_upgrading()
    assert order == ["be1", "be2", "be3"]
    assert [c.host for c in operator.commands("chef-backend-ctl upgrade --failover")] == ["be3"]
    assert operator.shown_failover() == "on"


def test_a_minion_does_not_answer_at_the_start(operator):
    operator.lab.unplug("be3")
    try:
        assert_untouched(operator, operator.upgrades(), "be3 does not answer")
    finally:
        operator.lab.plug("be3")


def test_failover_found_off_at_the_start_is_refused(operator):
    operator.lab.exec("be1", "chef-backend-ctl", "set-cluster-failover", "off")
    operator.waits_for(lambda: operator.shown_failover() == "off")
    operator.forgets_the_past()
    assert_untouched(operator, operator.upgrades(), "failover is off", "set-cluster-failover on")


def test_a_second_run_is_refused_while_the_first_goes_on(operator):
    operator.orders_fault("be2", {"upgrade": {"hang": 8, "times": 1}})
    first = operator.starts_upgrading()
    operator.waits_for(lambda: operator.commands("chef-backend-ctl upgrade"))
    second = operator.upgrades()
    assert second.returncode != 0
    assert "holds prod" in second.stdout, second.stdout
    stdout, stderr = first.communicate(timeout=PATIENCE)
    assert first.returncode == 0, stdout + stderr
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]
    assert_finished(operator, operator.upgrades())


def test_kill_9_between_two_followers_then_resume(operator):
    run = operator.starts_upgrading()
    operator.waits_for(lambda: any(c.status == 0 for c in operator.commands("chef-backend-ctl upgrade")))
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    before = operator.hosts_upgrading()
    assert before == ["be2"]
    assert_finished(operator, operator.upgrades())
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]
    assert [t["how"] for t in operator.takeovers()] == ["hand-over"]


@pytest.mark.campaign
def test_kill_9_inside_the_last_followers_upgrade_which_comes_to_its_end_by_itself(operator):
    """No follower is due any more, and failover is off: the same command switches it on for the hand-over."""
    operator.orders_fault("be3", {"upgrade": {"hang": 3, "times": 1}})
    run = operator.starts_upgrading()
    operator.waits_for(lambda: operator.hosts_upgrading() == ["be2", "be3"])
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert_finished(operator, operator.upgrades())
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]
    assert [taken["how"] for taken in operator.takeovers()] == ["hand-over"]


def test_test_mode_says_what_would_be_and_changes_nothing(operator):
    run = operator.upgrades("test=True")
    assert "be2 would be upgraded as the follower" in run.stdout
    assert "would be upgraded as the leader" in run.stdout
    assert [str(c) for c in operator.changing_commands()] == []
    assert not list(operator.lab.root("be2").glob("var/lib/salt-chef-backend/*.json")), "no lock, no record"


def test_refused_before_anything_changes(operator):
    """One cluster serves all of these: each must leave it as it found it."""
    good = operator.lab.package(NEW)
    source = f"salt://packages/{good.name}"
    other = operator.lab.package("2.0.30")

    operator.wants(NEW, package={"source": source, "sha256": sha256(other)})
    assert_untouched(operator, operator.upgrades(), "sha256", sha256(good), sha256(other))

    operator.wants(NEW, package={"source": f"salt://packages/{other.name}", "sha256": sha256(other)})
    assert_untouched(operator, operator.upgrades(), "holds version 2.0.30, expected 2.3.16")

    (server,) = good.parent.glob("chef-server-core_*.deb")
    operator.wants(NEW, package={"source": f"salt://packages/{server.name}", "sha256": sha256(server)})
    assert_untouched(operator, operator.upgrades(), "is a package of chef-server-core, expected chef-backend")

    operator.wants("1.4.6")
    assert_untouched(operator, operator.upgrades(), "1.4.6")

    operator.wants(NEW, package={"source": source})
    assert_untouched(operator, operator.upgrades(), "chef_backend:clusters:prod:package", "sha256")

    operator.wants(NEW, backends=["be1", "be2"])
    assert_untouched(operator, operator.upgrades(), "chef_backend:clusters:prod:backends")

    operator.wants(NEW, frontends="G@roles:nothing")
    assert_untouched(operator, operator.upgrades(), "matches no minion")

    operator.wants(NEW)
    run = operator.lab.salt_run("state.orchestrate", "orch.chef_backend_rolling", 'pillar={"cluster": "production"}')
    assert_untouched(operator, run, "production", "prod")
    assert operator.shown_failover() == "on"

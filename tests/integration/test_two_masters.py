"""A site with two masters: the lock and the record are on the backends, so one is refused while the other lives."""

import os
import signal
import time

import pytest

from tests.integration.operator import NEW, assert_finished, pillar
from tests.integration.test_left_alone import shown_failover
from tests.lab.common import PATIENCE
from tests.lab.second_master import SecondMaster

LEASE = 60  # seconds: more than the second master takes, on a busy machine, from the kill to its look


@pytest.fixture
def operator(operator):
    """An operator at a fresh cluster, whose runs are given up after a short lease."""
    bounds = {"ask": 10, "gate": 15, "rejoin": 40, "upgrade": 120, "api": 30, "lease": LEASE}
    operator.wants(NEW, backup=False, timeouts=bounds)
    return operator


@pytest.fixture
def second(operator):
    with SecondMaster(operator.lab) as master:
        yield master


def starts_and_is_inside_the_first_upgrade(operator):
    # long enough for all that a second master is asked meanwhile: else the next node's order is cut off with its master
    operator.orders_fault("be2", {"upgrade": {"hang": 40, "times": 1}})
    run = operator.starts_upgrading()
    operator.waits_for(lambda: operator.commands("chef-backend-ctl upgrade"))
    return run


def waits_for_the_lease(operator):
    """Wait until no backend has heard of the run's owner for its lease."""
    operator.waits_for(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) - operator.heard() > LEASE + 1)


def upgrades(operator, second):
    return second.salt_run(*operator.command, pillar())


def test_the_second_is_refused_while_the_first_lives_and_takes_over_when_it_is_gone(operator, second):
    run = starts_and_is_inside_the_first_upgrade(operator)
    refused = upgrades(operator, second)
    assert refused.returncode != 0
    for words in ("holds prod: started by master hub_master", "s old, at step 'upgrade follower be2'"):
        assert words in refused.stdout, refused.stdout
    assert "2.3.16, open, at" in second.salt_run("chef_backend.status", "prod").stdout

    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    operator.lab.stop_master(kill=True)
    refused = upgrades(operator, second)
    assert refused.returncode != 0 and "holds prod" in refused.stdout, "within the lease it may live: who knows"
    waits_for_the_lease(operator)
    done = upgrades(operator, second)
    assert done.returncode == 0, done.stdout + done.stderr
    assert shown_failover(operator) == "on", "asked on a node: the first master is gone"
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"], "nothing is done twice"


@pytest.mark.campaign
def test_the_second_steers_the_firsts_run_and_goes_on_with_it(operator, second):
    run = starts_and_is_inside_the_first_upgrade(operator)
    paused = second.salt_run("chef_backend.pause", "prod")
    assert paused.returncode == 0 and "pauses before it touches another node" in paused.stdout, paused.stdout
    run.communicate(timeout=PATIENCE)
    assert run.returncode != 0
    assert operator.hosts_upgrading() == ["be2"] and operator.shown_failover() == "on"
    assert_finished(operator, second.salt_run("chef_backend.resume", "prod"))
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]


@pytest.mark.campaign
def test_the_first_was_only_cut_off_and_touches_nothing_when_it_comes_back(operator, second):
    run = starts_and_is_inside_the_first_upgrade(operator)
    os.kill(run.pid, signal.SIGSTOP)
    try:
        waits_for_the_lease(operator)
        assert_finished(operator, upgrades(operator, second))
        operator.forgets_the_past()
    finally:
        os.kill(run.pid, signal.SIGCONT)
    stdout, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode != 0
    assert "does not hold prod any more" in stdout, stdout
    assert operator.changing_commands() == []
    assert operator.shown_failover() == "on"


@pytest.mark.campaign
def test_of_two_that_start_at_the_same_moment_one_wins(operator, second):
    first, other = operator.starts_upgrading(), second.salt_run_popen(*operator.command, pillar())
    said = [run.communicate(timeout=PATIENCE)[0] for run in (first, other)]
    assert sorted(run.returncode == 0 for run in (first, other)) == [False, True], said
    (refused,) = [text for run, text in zip((first, other), said, strict=True) if run.returncode]
    assert "holds prod: started by master" in refused, refused
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]
    assert operator.shown_failover() == "on"

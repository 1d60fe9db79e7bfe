"""The way with full downtime, 1.4.6 to 2.3.16: the documented seven steps, under load, and what if it dies there."""

import os
import shutil
import signal

import pytest

from tests.integration.operator import NEW, Operator, assert_finished, assert_nothing_left_to_do, assert_untouched
from tests.lab import salt
from tests.lab.clients.crowd import Crowd
from tests.lab.clients.tally import ACKNOWLEDGED
from tests.lab.common import PATIENCE

OLD = "1.4.6"
DOWN, UP = "chef-backend-ctl down-for-upgrade", "chef-backend-ctl upgrade"


def operator_at(lab):
    """An operator at a lab of 1.4.6 who wants 2.3.16."""
    someone = Operator(lab, way="downtime")
    someone.wants(NEW, backup=False)
    return someone


@pytest.fixture
def operator(house):
    return operator_at(house.fresh(backends=OLD))


def hosts(operator, command):
    return [one.host for one in operator.commands(command)]


def loses_the_master(operator, run):
    """salt-run and the master are killed, and all that the master had stored is gone, but its keys."""
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    operator.lab.stop_master(kill=True)
    for folder in (salt.MASTER / "cache").iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)


@pytest.fixture(scope="class")
def clients():
    """What clients were told who wrote all the time, and what is stored: filled by the one upgrade under load."""
    return []


@pytest.fixture(scope="class")
def done(house, clients):
    operator = operator_at(house.fresh(backends=OLD))
    operator.wants(NEW)
    operator.plan = operator.plans()
    with Crowd(operator.lab) as crowd:
        run = operator.upgrades()
        clients += [tally for tallies in crowd.stop() for tally in tallies]
    return operator, run


class TestUnderLoad:
    """One upgrade, that everything here looks at."""

    def test_the_command_ends_with_status_0_and_every_node_runs_the_target(self, done):
        operator, run = done
        assert_finished(operator, run)

    def test_the_documented_steps_in_their_order(self, done):
        operator, _ = done
        assert hosts(operator, "chef-backend-ctl backup") == ["be2"]
        assert sorted(operator.hosts_installing()) == ["be1", "be2", "be3"]
        assert hosts(operator, DOWN) == ["be1", "be2", "be3"], "the leader first"
        assert hosts(operator, UP) == ["be2", "be3", "be1"], "the leader last"
        assert hosts(operator, "chef-server-ctl reconfigure") == ["fe1", "fe2"]
        ends = [max(one.end for one in operator.commands(step)) for step in ("dpkg", DOWN, UP)]
        begins = [
            min(one.begin for one in operator.commands(step)) for step in (DOWN, UP, "chef-server-ctl reconfigure")
        ]
        assert all(end < begin for end, begin in zip(ends, begins, strict=True))

    def test_the_commands_are_those_of_the_plan_word_by_word(self, done):
        operator, _ = done
        assert operator.did() == operator.plan

    def test_the_leader_of_before_leads_again(self, done):
        operator, _ = done
        assert [(taken["host"], taken["how"]) for taken in operator.takeovers()] == [("be1", "start")]

    def test_i4_no_write_that_a_client_saw_acknowledged_is_lost(self, done, clients):
        assert len(clients) == 3, "rows by SQL, and nodes through each of two API servers"
        for tally in clients:
            assert tally.count(ACKNOWLEDGED) > 100, tally.writer
            assert [answer.key for answer in tally.lost] == [], tally.writer
            assert [answer.key for answer in tally.revived] == [], tally.writer

    def test_clients_see_a_clean_refusal_and_not_half_an_answer(self, done, clients):
        operator, _ = done
        out = operator.commands("chef-server-ctl maintenance on")
        back = operator.commands("chef-server-ctl reconfigure")  # which ends maintenance mode
        assert [one.host for one in out] == [one.host for one in back] == ["fe1", "fe2"]
        assert max(one.end for one in out) < operator.commands(DOWN)[0].begin
        assert operator.commands(UP)[-1].end < min(one.begin for one in back)
        for tally, on, off in zip(clients[1:], out, back, strict=True):
            meanwhile = [answer for answer in tally.answers if on.end < answer.began and answer.ended < off.begin]
            assert len(meanwhile) > 10, tally.writer
            assert tally.let_in(on.end, off.begin) == (), "no answer of a server without data"

    def test_run_again_changes_nothing(self, done):
        operator, _ = done
        assert_nothing_left_to_do(operator)


@pytest.mark.campaign
def test_an_upgrade_fails_while_the_cluster_is_down_and_the_same_command_goes_on(operator):
    operator.orders_fault("be3", {"upgrade": {"exit": 1, "output": "cannot migrate the frobnicator", "times": 1}})
    run = operator.upgrades()
    assert run.returncode != 0
    for word in (
        "be3: chef-backend-ctl upgrade ended with status 1",
        "cannot migrate",
        "has the cluster down (be3, be1)",
    ):
        assert word in run.stdout, run.stdout
    assert hosts(operator, UP) == ["be2", "be3"], "the leader was left alone"
    assert operator.commands("chef-server-ctl maintenance off") == [], "clients are refused as long as it is down"

    refused = operator.lab.salt_run("chef_backend.abort", "prod")
    assert refused.returncode != 0 and "has the cluster down: resume it" in refused.stdout

    operator.forgets_the_past()
    assert_finished(operator, operator.upgrades())
    assert hosts(operator, DOWN) == []
    assert hosts(operator, UP) == ["be3", "be1"]
    assert hosts(operator, "chef-server-ctl maintenance off") == ["fe1", "fe2"]


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("command", "count"),
    [(DOWN, 1), (DOWN, 3), (UP, 1)],
    ids=["the leader alone is down", "every node is down", "the first is up again"],
)
def test_master_and_all_it_stored_are_lost_while_nodes_are_down(operator, command, count):
    """Nobody can ask who led: the record on the backends tells."""
    operator.lab.exec("be1", "chef-backend-ctl", "promote", "be3")
    operator.waits_for(lambda: "be3" in operator.lab.salt("be1", "chef_backend.leader").stdout)
    operator.forgets_the_past()
    run = operator.starts_upgrading()
    operator.waits_for(lambda: len([c for c in operator.commands(command) if c.status == 0]) == count)
    loses_the_master(operator, run)
    assert {operator.record(node)["leader"] for node in operator.lab.backends} == {"be3"}

    operator.starts_the_master_again()
    assert operator.lab.salt_run("saltutil.sync_all").returncode == 0, "the extension was among what it had stored"
    assert_finished(operator, operator.upgrades())
    assert hosts(operator, DOWN) == ["be3", "be1", "be2"], "each once"
    assert hosts(operator, UP)[-1] == "be3"
    assert [(taken["host"], taken["how"]) for taken in operator.takeovers()] == [("be3", "start")]


@pytest.mark.campaign
def test_no_leader_after_the_last_upgrade_stops_with_the_documented_advice(operator):
    operator.wants(NEW, backup=False, timeouts={"ask": 10, "gate": 15, "rejoin": 10, "upgrade": 120, "api": 30})
    for node in operator.lab.backends:
        operator.orders_fault(node, {"never_leads": True})
    run = operator.upgrades()
    assert run.returncode != 0
    for word in ("no single leader", "chef-backend-ctl promote be1", "force-leader", "of which nothing was done"):
        assert word in run.stdout, run.stdout
    assert operator.commands("chef-backend-ctl promote") == operator.commands("chef-backend-ctl force-leader") == []

    for node in operator.lab.backends:
        operator.orders_fault(node, {})
    operator.waits_for(lambda: "be1" in operator.lab.salt("be1", "chef_backend.leader").stdout)
    assert_finished(operator, operator.upgrades())


@pytest.mark.campaign
def test_the_leader_was_killed_while_it_went_down_and_is_switched_on_again(operator):
    """It runs again, with the new files on the old data: it goes down once more before anything comes up."""
    operator.orders_fault("be2", {"down-for-upgrade": {"hang": 20, "times": 1}})
    run = operator.starts_upgrading()
    operator.waits_for(lambda: any(c.host == "be1" and c.status == 0 for c in operator.commands(DOWN)))
    operator.lab.power_off("be1")
    stdout, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode != 0, stdout
    operator.lab.power_on("be1")
    operator.lab.await_minions()
    assert_finished(operator, operator.upgrades())
    assert hosts(operator, UP)[-1] == "be1"


def test_test_mode_changes_nothing(operator):
    run = operator.upgrades("test=True")
    assert "be1 would go down" in run.stdout and "be1 would be upgraded" in run.stdout, run.stdout
    assert [str(one) for one in operator.changing_commands()] == []


def test_it_refuses_where_it_is_not_the_right_way_and_names_the_right_one(house):
    operator = Operator(house.fresh(), way="downtime")
    operator.wants(NEW)
    words = ("the way is rolling, not downtime", "use orch.chef_backend_rolling")
    assert_untouched(operator, operator.upgrades(), *words)

"""The dead man's switch: what a backend does whose run is silent for longer than its lease (I3)."""

import logging
import subprocess

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.node import deadman

SWITCH_ON = ["chef-backend-ctl", "set-cluster-failover", "on"]


@pytest.fixture(name="left_alone")
def fixture_left_alone(backend, recorded, recording, record):
    """Return a function that leaves be1 with the record of a silent run and failover off, and has it look."""

    def looks(failover="off", **changes):
        tables = {"off": recording("synthetic-be1-leads-blocked.txt"), "on": recording("synthetic-be1-leads.txt")}
        recorded.say("chef-backend-ctl cluster-status", tables[failover])
        recorded.say(SWITCH_ON, then={"chef-backend-ctl cluster-status": tables["on"]})
        backend.call("chef_backend_agent.create", {**record, "failover": "off", **changes})
        return backend.call("chef_backend_agent.look_after_failover")

    return looks


def test_i3_failover_is_switched_on_and_the_run_given_up(backend, recorded, left_alone):
    assert left_alone() == {"action": "switch on", "reason": "the cluster is healthy, nothing is half-upgraded"}
    assert recorded.changing == [SWITCH_ON]
    record = backend.record()
    assert (record["state"], record["failover"]) == ("abandoned", "on")


def test_what_it_did_is_told_in_the_journal_of_that_run(backend, left_alone, record):
    left_alone()
    told = backend.call("chef_backend_agent.journal", record["run"])["entries"]
    assert [(entry["step"], entry["how"]) for entry in told] == [("command", "end"), ("restore failover", "end")]
    assert told[1]["comment"] == "the cluster is healthy, nothing is half-upgraded"
    assert [tag for tag, _ in backend.bus.fired][-1] == f"chef_backend/prod/{record['run']}/be1/restore failover/end"


def test_i3_a_node_leaves_failover_off_while_another_was_in_its_upgrade_and_says_so(
    backend, recorded, left_alone, caplog
):
    with caplog.at_level(logging.ERROR):
        assert left_alone(turn="be2")["action"] == "keep off"
    assert recorded.changing == []
    assert "be1: FAILOVER OF prod STAYS OFF: be2 was in its upgrade" in caplog.text
    assert backend.record()["state"] == "open"


def test_i3_a_node_says_nothing_any_more_once_that_other_one_has_switched_it_on(backend, recorded, left_alone, caplog):
    with caplog.at_level(logging.ERROR):
        assert left_alone("on", turn="be2") == {"action": "switch on", "reason": "failover is on already"}
    assert recorded.changing == []
    assert caplog.text == ""
    assert backend.record()["state"] == "abandoned"


def test_i3_a_node_that_is_at_work_looks_again_later(recorded, left_alone):
    with subprocess.Popen(["chef-backend-ctl upgrade", "60"], executable="sleep") as upgrade:
        try:
            decision = left_alone()
        finally:
            upgrade.kill()
    assert decision["action"] == "rest"
    assert "at work here: chef-backend-ctl upgrade" in decision["reason"]
    assert recorded.changing == []


def test_i3_a_run_that_gives_signs_of_life_is_left_alone(backend, recorded, record):
    backend.call("chef_backend_agent.create", {**record, "failover": "off"})
    assert backend.call("chef_backend_agent.beat", record["owner"]["jid"]) is True
    assert backend.call("chef_backend_agent.look_after_failover")["action"] == "rest"
    assert recorded.words == []
    assert backend.record()["state"] == "open"


class Scheduler:
    """A minion's scheduler, which keeps its jobs."""

    def __init__(self, refuses=False):
        self.jobs, self.refuses = {}, refuses
        self.functions = {
            "schedule.list": lambda return_yaml: self.jobs,
            "schedule.add": lambda name, **job: self.keep(name, job, known=False),
            "schedule.modify": lambda name, **job: self.keep(name, job, known=True),
            "schedule.delete": lambda name: {"result": self.jobs.pop(name, None) is not None},
        }

    def keep(self, name, job, known):
        if self.refuses or known is not (name in self.jobs):
            return {"result": False, "comment": "no room"}
        self.jobs[name] = job
        return {"result": True}


def test_it_is_a_job_of_the_minions_own_scheduler_by_a_function_that_is_there(backend):
    scheduler = Scheduler()
    host = backend.host(salt=scheduler.functions)
    deadman.arm(host, 30)
    deadman.arm(host, 10)
    ((name, job),) = scheduler.jobs.items()
    assert (job["seconds"], job["persist"], job["function"] in backend.modules) == (10, True, True)
    assert deadman.look(host).action == "over", "no run is open"
    assert name not in scheduler.jobs


def test_a_scheduler_that_refuses_is_an_error(backend):
    with pytest.raises(CommandExecutionError, match="be1: the dead man's switch cannot be armed: no room"):
        deadman.arm(backend.host(salt=Scheduler(refuses=True).functions), 30)

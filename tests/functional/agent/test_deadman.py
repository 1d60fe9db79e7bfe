"""The dead man's switch: what a backend does whose run is silent for longer than its lease (I3)."""

import dataclasses
import json
import logging
import re
import subprocess
import time
from unittest import mock

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.node import deadman, files, moments
from tests.functional.minion import Clock

SWITCH_OFF = ["chef-backend-ctl", "set-cluster-failover", "off"]
SWITCH_ON = ["chef-backend-ctl", "set-cluster-failover", "on"]


def heard(backend, seconds):
    """Have a backend have heard of the run's owner so many seconds ago."""
    boot, since = backend.host().clock.boot()
    backend.write("/var/lib/salt-chef-backend/heard.json", json.dumps({"boot": boot, "at": since - seconds}))


def given_up(backend, record):
    """Whether a backend has given the run up: no order of its owner is obeyed any more."""
    return backend.note() == {"run": record["run"], "gave_up": 1}


@pytest.fixture(name="shows")
def fixture_shows(recorded, recording):
    """Return a function that has cluster-status show failover so until it is switched on."""

    def shows(failover, says_on=True):
        tables = {"off": recording("synthetic-be1-leads-blocked.txt"), "on": recording("synthetic-be1-leads.txt")}
        recorded.say("chef-backend-ctl cluster-status", tables[failover])
        if says_on:
            recorded.say(SWITCH_ON, then={"chef-backend-ctl cluster-status": tables["on"]})

    return shows


@pytest.fixture(name="left_alone")
def fixture_left_alone(backend, shows, record):
    """Return a function that leaves be1 with the record of a silent run and failover off, and has it look."""

    def looks(failover="off", says_on=True, **changes):
        shows(failover, says_on)
        backend.call("chef_backend_agent.accept", {**record, "failover": "off", **changes})
        heard(backend, record["lease"] + 1)
        return backend.call("chef_backend_agent.look_after_failover")

    return looks


@pytest.fixture(name="nowhere")
def fixture_nowhere(backend, recorded, recording, record):
    """A silent re-index whose cluster has no Elasticsearch that works; ``set-cluster-failover`` works, or does not."""

    def table(name):
        return re.sub(r"(?<= )(not_master|master)", "down", recording(name))

    def left(status=0):
        recorded.say("chef-backend-ctl cluster-status", table("synthetic-be1-leads.txt"))
        off = {"chef-backend-ctl cluster-status": table("synthetic-be1-leads-blocked.txt")}
        recorded.say(SWITCH_OFF, status=status, then={} if status else off)
        backend.call("chef_backend_agent.accept", {**record, "way": "reindex", "reindex": True})
        heard(backend, record["lease"] + 1)

    return left


def look(backend):
    return backend.call("chef_backend_agent.look_after_failover")


def test_i3_where_the_lead_can_stay_nowhere_failover_is_switched_off_and_looked_after(
    backend, recorded, nowhere, record, recording
):
    """leaderl moves the lead where Elasticsearch fails: after a hand-over to nodes with an old index, without end."""
    nowhere()
    for action in ("rest", "switch off", "keep off"):
        looked = look(backend)
        assert (looked["action"], "leaderl would move the lead" in looked["reason"]) == (action, True)
    assert recorded.changing == [SWITCH_OFF]
    assert backend.note()["gave_up"] == 1
    recorded.say("chef-backend-ctl cluster-status", recording("synthetic-be1-leads-blocked.txt"))
    recorded.say(SWITCH_ON, then={"chef-backend-ctl cluster-status": recording("synthetic-be1-leads.txt")})
    assert [look(backend)["action"] for _ in range(2)] == ["switch on", "over"]
    assert recorded.changing == [SWITCH_OFF, SWITCH_ON]


def test_i3_failover_that_cannot_be_switched_is_said_loudly_and_tried_again(backend, recorded, nowhere, caplog):
    nowhere(status=1)
    look(backend)
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            assert look(backend)["action"] == "keep off"
    assert recorded.changing == [SWITCH_OFF, SWITCH_OFF]
    assert "FAILOVER OF prod MAY BE ON, AND THE LEAD MAY MOVE: it could not be switched off: be1: chef-backend-ctl" in (
        caplog.text
    )


def test_i3_failover_that_cannot_be_switched_on_goes_on_being_looked_after(backend, recorded, left_alone, caplog):
    recorded.say(SWITCH_ON, status=1, stderr="no etcd\n")
    with caplog.at_level(logging.ERROR):
        assert left_alone(says_on=False)["action"] == "keep off"
    assert "FAILOVER OF prod MAY BE OFF: it could not be switched on: be1: chef-backend-ctl" in caplog.text


def test_i3_failover_is_switched_on_and_the_run_given_up(backend, recorded, left_alone, record):
    assert left_alone() == {"action": "switch on", "reason": "the cluster is healthy, nothing is half-upgraded"}
    assert recorded.changing == [SWITCH_ON]
    assert given_up(backend, record)
    assert backend.record() == {**record, "failover": "off"}, "nothing but its owner changes the record"


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
    assert "be1: FAILOVER OF prod STAYS OFF: it is the turn of be2, which has to decide" in caplog.text
    assert backend.note() == {}


def test_i3_a_node_says_nothing_any_more_once_that_other_one_has_switched_it_on(
    backend, recorded, left_alone, record, caplog
):
    with caplog.at_level(logging.ERROR):
        assert left_alone("on", turn="be2") == {
            "action": "rest",
            "reason": "failover is on already; it is the turn of be2, which has to decide",
        }
    assert recorded.changing == []
    assert caplog.text == ""


@pytest.mark.parametrize("state", ["failed", "paused"])
def test_i3_failover_that_an_ended_run_had_to_leave_off_comes_on_as_soon_as_it_may(
    backend, recorded, left_alone, state
):
    assert left_alone(state=state)["action"] == "switch on"
    assert recorded.changing == [SWITCH_ON]
    assert backend.record()["state"] == state, "the same command goes on with it"


def test_i3_a_run_that_was_aborted_ends_when_its_failover_is_on(backend, recorded, left_alone):
    assert left_alone(state="aborted")["action"] == "switch on"
    assert recorded.changing == [SWITCH_ON]
    assert backend.record() is None


def test_i3_a_node_that_is_at_work_looks_again_later(recorded, left_alone):
    with subprocess.Popen(["chef-backend-ctl upgrade", "60"], executable="sleep") as upgrade:
        try:
            decision = left_alone()
        finally:
            upgrade.kill()
    assert decision["action"] == "rest"
    assert "at work here: chef-backend-ctl upgrade" in decision["reason"]
    assert recorded.changing == []


def test_i3_a_run_that_gives_signs_of_life_is_left_alone(backend, recorded, record, monkeypatch):
    monkeypatch.setattr(deadman, "stay_armed", lambda host, within: True)
    backend.call("chef_backend_agent.accept", {**record, "failover": "off"})
    heard(backend, record["lease"] + 1)
    assert backend.call("chef_backend_agent.beat", record["owner"]["jid"], 1) is True
    assert backend.call("chef_backend_agent.look_after_failover")["action"] == "rest"
    assert recorded.words == []
    assert backend.note() == {}


def test_i3_a_run_that_was_taken_over_while_it_looked_is_left_to_its_new_owner(
    backend, recorded, shows, record, monkeypatch
):
    """To look takes seconds; failover that comes on then would come on beside the new owner's first node."""
    shows("off")
    backend.call("chef_backend_agent.accept", {**record, "failover": "off"})
    heard(backend, record["lease"] + 1)
    look = deadman.view

    def meanwhile(host, only):
        backend.call("chef_backend_agent.accept", {**record, "failover": "off", "epoch": 2})
        return look(host, only)

    monkeypatch.setattr(deadman, "view", meanwhile)
    decision = deadman.look(backend.host())
    assert (decision.action, recorded.changing) == ("rest", [])
    assert "was taken over, or has ended, meanwhile" in decision.reason
    assert backend.note() == {}


def test_i3_after_a_reboot_the_owner_has_the_lease_to_be_heard_of_again(backend, shows, record):
    shows("off")
    backend.call("chef_backend_agent.accept", {**record, "failover": "off"})
    backend.write("/var/lib/salt-chef-backend/heard.json", json.dumps({"boot": "before", "at": 0}))
    clock = Clock(since=119.0, wall=time.time())
    assert deadman.look(backend.host(clock=clock)).action == "rest"
    clock.since = 121.0
    assert deadman.look(backend.host(clock=clock)).action == "switch on"


class Scheduler:
    """A minion's scheduler, which keeps its jobs, and runs each at its start."""

    def __init__(self, host, refuses=False, enabled=True, runs=True):
        self.jobs, self.refuses, self.runs, self.added = {}, refuses, runs, 0
        self.host = dataclasses.replace(
            host,
            clock=Clock(since=host.clock.boot()[1]),
            salt={
                "schedule.is_enabled": lambda: enabled,
                "schedule.list": lambda show_all, return_yaml: self.jobs,
                "schedule.add": self.add,
                "schedule.delete": lambda name: {"result": self.jobs.pop(name, None) is not None},
            },
        )

    def add(self, name, **job):
        if self.refuses or name in self.jobs:
            return {"result": False, "comment": "no room"}
        self.jobs[name] = job
        self.added += 1
        if self.runs and job["run_on_start"]:
            moments.now(self.host, moments.LOOKED)
        return {"result": True}


def test_it_is_a_job_of_the_minions_own_scheduler_by_a_function_that_is_there(backend):
    scheduler = Scheduler(backend.host())
    deadman.arm(scheduler.host, 30)
    deadman.arm(scheduler.host, 10)
    ((name, job),) = scheduler.jobs.items()
    assert (job["seconds"], job["persist"], job["function"] in backend.modules) == (10, True, True)
    assert deadman.look(scheduler.host).action == "over", "no run is open"
    assert name not in scheduler.jobs


def test_i3_what_was_taken_away_since_is_armed_anew_and_what_looks_is_left(backend, record):
    """A state that cleans schedules takes it away; a clock that is set back keeps Salt's scheduler from calling it."""
    scheduler = Scheduler(backend.host())
    assert deadman.stay_armed(scheduler.host) is False, "no run is open"
    backend.call("chef_backend_agent.accept", record)
    assert deadman.stay_armed(scheduler.host) is True
    ((_, job),) = scheduler.jobs.items()
    assert job["seconds"] == record["lease"] // 4
    assert deadman.stay_armed(scheduler.host) is True
    assert list(scheduler.jobs.values()) == [job] and scheduler.added == 1
    scheduler.jobs.clear()
    assert deadman.stay_armed(scheduler.host) is True
    assert scheduler.added == 2
    scheduler.host.clock.since += record["lease"] + 1
    scheduler.jobs["chef_backend_deadman"]["_next_fire_time"] = "in two hours"
    assert deadman.stay_armed(scheduler.host) is True
    assert (scheduler.added, len(scheduler.jobs)) == (3, 1)


@pytest.mark.parametrize("way", ["frontends", "replace_node"])
def test_a_run_that_switches_no_failover_is_not_looked_after(backend, record, way):
    backend.call("chef_backend_agent.accept", {**record, "way": way})
    scheduler = Scheduler(backend.host())
    assert deadman.stay_armed(scheduler.host) is False
    assert scheduler.added == 0


def test_i3_a_heartbeat_sees_that_it_is_armed_and_anothers_does_not(backend, record, monkeypatch):
    seen = []
    monkeypatch.setattr(deadman, "stay_armed", lambda host, within: seen.append((host.name, within)))
    backend.call("chef_backend_agent.accept", record)
    assert backend.call("chef_backend_agent.beat", "another", record["epoch"]) is False
    assert seen == []
    assert backend.call("chef_backend_agent.beat", record["owner"]["jid"], record["epoch"]) is True
    assert seen == [("be1", 0)], "for another job that arms it no heartbeat waits: the next would come meanwhile"


def test_i3_who_finds_another_job_arming_it_says_so_and_takes_nothing_away(backend, record):
    scheduler = Scheduler(backend.host())
    backend.call("chef_backend_agent.accept", record)
    said = "be1: another job is arming the dead man's switch"
    armed = backend.host().path("/var/lib/salt-chef-backend/armed")
    with files.guarded(armed), pytest.raises(CommandExecutionError, match=said):
        deadman.stay_armed(scheduler.host, within=0)
    assert scheduler.added == 0
    assert deadman.stay_armed(scheduler.host, within=0) is True


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"refuses": True}, "be1: the dead man's switch cannot be armed: no room"),
        ({"enabled": False}, "the minion's scheduler is disabled. Enable it: salt be1 schedule.enable"),
        ({"runs": False}, "the dead man's switch is armed, and the minion's scheduler does not run it"),
    ],
)
def test_i3_a_scheduler_that_does_not_run_it_is_an_error(backend, fault, said):
    with pytest.raises(CommandExecutionError, match=said):
        deadman.arm(Scheduler(backend.host(), **fault).host, 30)


def test_i3_where_nothing_can_be_written_the_disk_is_blamed_and_not_the_scheduler(backend, monkeypatch):
    full = OSError(28, "No space left on device", "/var/lib/salt-chef-backend/looked")
    monkeypatch.setattr(files, "write", mock.Mock(side_effect=full))
    with pytest.raises(OSError, match="No space left on device"):
        deadman.arm(Scheduler(backend.host(), runs=False).host, 30)

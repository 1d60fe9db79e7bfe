"""A run is closed: failover is ordered on where the run has switched it off, and nothing unknown is taken for well."""

import dataclasses

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend import record as records
from saltext.chef_backend.judge.plan import NO_FRONTENDS
from saltext.chef_backend.run import closing, heartbeat, lock, probe, progress
from tests.unit import printed
from tests.unit.answered import RECORD, run, views
from tests.unit.run import fakes

OFF = dataclasses.replace(RECORD, failover="off")
FAILED = {"a_|-upgraded": {"result": False, "changes": {}, "__id__": "Upgrade the first follower"}}
SWITCH = "chef_backend_agent.ensure_failover"
STAY_ARMED = "chef_backend_agent.stay_armed"
BRING_BACK = "chef_server_agent.bring_back"


def hub(record, *told, **does):
    does = {SWITCH: lambda node, to, bound, before=None: {"before": before, "after": to}} | does
    return fakes.master(*told, record=record, jid=RECORD.owner.jid, does=does)


def closes(master, running=FAILED):
    return closing.closed(master, "Close the run", "prod", running)


@pytest.mark.parametrize("running", [{}, FAILED])
def test_i3_what_the_run_has_switched_off_is_ordered_on_although_the_table_shows_it_on(running):
    """Nodes post what the table shows every ten seconds: it may show what was before the run switched."""
    master = hub(OFF)
    done = closes(master, running)
    assert (done["result"], done["changes"]) == (True, {"failover": {"old": "off", "new": "on"}})
    assert master.bus.asked(SWITCH) == [("be1", "on", 60, "off")]


EARLY = printed.cluster_status(columns=[name for name in printed.COLUMNS if name not in ("Blocked", "Eligible")])


@pytest.mark.parametrize("running", [{}, FAILED])
def test_i3_where_the_version_does_not_show_failover_what_was_switched_off_is_ordered_on(running):
    """Before 2.0.30: what is not shown is not on."""
    master = hub(OFF, {node: {"cluster_status": EARLY} for node in printed.NODES})
    done = closes(master, running)
    assert (done["result"], done["changes"]) == (True, {"failover": {"old": "off", "new": "on"}})


def test_i3_where_the_version_does_not_show_failover_an_order_that_fails_is_not_taken_for_obeyed():
    def fails(node, to, bound, before=None):
        raise CommandExecutionError(f"{node}: status 1")

    master = hub(OFF, {node: {"cluster_status": EARLY} for node in printed.NODES}, **{SWITCH: fails})
    done = closes(master)
    assert done["result"] is False
    assert done["comment"].startswith("FAILOVER OF prod STAYS OFF: be1: status 1")
    assert fakes.backends(master).record.failover == "off", "the backends go on looking"


NO_SEARCH = {
    node: {"cluster_status": printed.cluster_status(printed.changed("be1", es="down"))} for node in printed.NODES
}


def test_i3_a_lead_that_would_not_stay_is_kept_where_it_is_and_the_record_says_off_first():
    """After a hand-over to nodes that cannot read the index leaderl moves the lead again and again."""
    master = hub(run(way="reindex", reindex=True, finished=("be2", "be3")), NO_SEARCH)
    done = closes(master)
    assert master.bus.asked(SWITCH) == [("be1", "off", 60, None)]
    assert (done["result"], fakes.backends(master).record.failover) == (False, "off")
    assert done["comment"].startswith("FAILOVER OF prod STAYS OFF: be1 leads, its Elasticsearch: down")


def test_i3_where_failover_stays_off_each_backend_is_seen_to_look_after_it_and_else_named():
    """A state that cleans schedules may have taken the dead man's switch away since the last gate."""
    half = {"be2": {"half_upgraded": "run r1 did not finish on this node"}}
    master = hub(OFF, half)
    assert "The backends go on looking after it: it comes on by itself" in closes(master)["comment"]
    assert master.bus.asked(STAY_ARMED) == [(node,) for node in printed.NODES]

    def fails(node):
        if node == "be3":
            raise CommandExecutionError(f"{node}: the minion's scheduler is disabled")
        return node != "be2"

    said = closes(hub(OFF, half, **{STAY_ARMED: fails}))["comment"]
    assert "The backends go on looking after it" in said
    assert "be2 may not look after it: it knows of no run" in said
    assert "be3 may not look after it: be3: the minion's scheduler is disabled" in said
    said = closes(hub(OFF, half, **{STAY_ARMED: lambda node: False}))["comment"]
    assert "NOBODY LOOKS AFTER IT: switch it on by hand as soon as that is mended" in said
    assert "go on looking" not in said


def test_i3_failover_that_could_not_be_switched_off_is_said_to_be_on_and_looked_after():
    def fails(node, to, bound, before=None):
        raise CommandExecutionError(f"{node}: status 1")

    master = hub(run(way="reindex", reindex=True, finished=("be2", "be3")), NO_SEARCH, **{SWITCH: fails})
    done = closes(master)
    assert done["comment"].startswith("FAILOVER OF prod MAY BE ON, AND THE LEAD MAY MOVE: it could not be switched off")
    assert fakes.backends(master).record.failover == "off", "the backends go on looking"


def test_failover_that_the_run_has_not_switched_is_looked_at_only():
    master = hub(RECORD)
    assert closes(master)["comment"].startswith("run r1 failed at 'Upgrade the first follower'; failover is on; ")
    assert master.bus.asked(SWITCH) == []


def test_where_no_backend_answers_nothing_is_taken_for_closed():
    done = closes(hub(OFF, dict.fromkeys(printed.NODES)), {})
    assert done["result"] is False
    assert all(f"{node} does not answer" in done["comment"] for node in printed.NODES)


def test_i3_a_run_that_nobody_would_look_after_is_not_opened_and_its_lock_is_given_back():
    def arm(node, seconds):
        raise CommandExecutionError(f"{node}: its scheduler is off")

    master = hub(None, **{"chef_backend_agent.arm": arm})
    fields = {"way": "rolling", "target": "2.3.16", "leader": "be1", "failover_found": "on", "cluster": "prod"}
    with pytest.raises(CommandExecutionError, match="its scheduler is off"):
        lock.begin(master, views(), None, lease=60, frontends=(), **fields)
    assert fakes.backends(master).record is None
    assert closes(master)["comment"] == "no run was opened: nothing to close"


def full(*nodes):
    """Nodes that cannot be freed."""

    def finish(node, record):
        if node in nodes:
            raise CommandExecutionError(f"{node}: no space left on device")
        return True

    return {"chef_backend_agent.finish": finish}


def test_nodes_that_could_not_be_freed_are_named():
    done = closes(hub(RECORD, **full("be2", "be3")), {})
    assert done["result"] is False
    assert "be2: no space left on device" in done["comment"]


def test_i5_one_node_that_could_not_be_freed_does_not_keep_a_run_open():
    done = closes(hub(RECORD, **full("be2")), {})
    assert done["result"] is True
    assert done["comment"] == ("run r1 is done; failover is on; be2 did not hear of it, and learns it from the others")


def test_a_run_without_frontends_says_at_its_end_what_of_the_procedure_is_left():
    done = closes(hub(dataclasses.replace(RECORD, frontends=())), {})
    assert done["comment"] == f"run r1 is done; failover is on; {NO_FRONTENDS}"


def test_the_last_word_of_a_run_is_higher_than_any_before():
    said = []
    master = hub(RECORD, **{"chef_backend_agent.finish": lambda node, record: said.append(record) or True})
    lock.note(master, "prod", step="verified")
    assert closes(master, {})["result"] is True
    assert {(last["state"], last["epoch"], last["revision"]) for last in said} == {("done", 1, 4)}


def test_a_run_that_the_backends_have_given_up_is_left_to_them():
    master = hub(run(failover="off", state=records.ABANDONED))
    done = closes(master)
    assert done["result"] is False
    assert "the backends gave it up and look after failover themselves" in done["comment"]
    assert master.bus.asked(SWITCH) == []


@pytest.mark.parametrize(
    ("wish", "state"), [("abort", records.ABORTED), ("pause", records.PAUSED), (None, records.FAILED)]
)
def test_what_the_operator_wished_tells_how_the_run_ended(wish, state):
    said = []
    finish = {"chef_backend_agent.finish": lambda node, record: said.append(record["state"]) or True}
    master = hub(run(wish=wish), **finish)
    assert closes(master)["result"] is True
    assert (said or [fakes.backends(master).record.state])[-1] == state


@pytest.mark.parametrize("way", ["rolling", records.FRONTENDS, records.REPLACE])
def test_frontends_that_were_never_taken_out_are_left_alone(way):
    assert not records.frontends_may_serve(run(way=way))


@pytest.mark.parametrize(
    "part", ["heartbeat.stop", "probe.end", "progress.tell", "master.told.keep", "master.events.fire"]
)
def test_i3_nothing_that_a_run_may_do_without_keeps_it_from_being_closed(monkeypatch, part):
    def breaks(*args, **kwargs):
        raise KeyError("chef_backend_probe.end")  # as Salt 3006 does when it has emptied sys.modules

    master = hub(OFF)
    door, name = part.rsplit(".", 1)
    owner = {"heartbeat": heartbeat, "probe": probe, "progress": progress}.get(door)
    monkeypatch.setattr(owner or getattr(master, door.partition(".")[2]), name, breaks)
    done = closes(master)
    assert (done["result"], done["changes"]) == (True, {"failover": {"old": "off", "new": "on"}})
    assert fakes.backends(master).record.state == records.FAILED


@pytest.mark.parametrize("part", ["lock.say", "lock.owned", "lock.note", "clusters.settings", "answers.half_upgraded"])
def test_i3_whatever_breaks_what_has_to_be_done_is_told_with_what_it_leaves(monkeypatch, part):
    def breaks(*args, **kwargs):
        raise KeyError("here")

    master, stopped = hub(OFF), []
    monkeypatch.setattr(f"{closing.__name__}.{part}", breaks)
    monkeypatch.setattr(heartbeat, "stop", lambda _master, jid: stopped.append(jid))
    done = closes(master)
    assert done["result"] is False
    assert done["comment"].startswith("the run could not be closed, FAILOVER MAY BE OFF: An exception occurred")
    assert "KeyError: 'here'" in done["comment"] and "the same command goes on from here" in done["comment"]
    assert len(stopped) == 1


@pytest.mark.parametrize(
    ("record", "told", "said"),
    [
        (OFF, {}, "failover is on: "),
        (RECORD, {}, "failover is as it was: "),
        (run(way="reindex", reindex=True, finished=("be2", "be3")), NO_SEARCH, "FAILOVER MAY BE OFF: "),
    ],
)
def test_a_run_that_cannot_be_closed_says_what_became_of_failover_by_its_last_word(monkeypatch, record, told, said):
    def fails(*args):
        raise CommandExecutionError("be2 has not got the record")

    monkeypatch.setattr(closing, "_ended", fails)
    comment = closes(hub(record, told))["comment"]
    assert comment.startswith(f"the run could not be closed, {said}be2 has not got the record")


def test_i3_who_looks_after_failover_is_told_also_where_the_end_could_not_be_written(monkeypatch):
    def fails(*args):
        raise CommandExecutionError("be2 has not got the record")

    monkeypatch.setattr(closing, "_ended", fails)
    half = {"be2": {"half_upgraded": "run r1 did not finish on this node"}}
    first, promise, *before = closes(hub(OFF, half, **{STAY_ARMED: lambda node: False}))["comment"].splitlines()
    assert first == "the run could not be closed, FAILOVER MAY BE OFF: be2 has not got the record"
    assert "look after failover themselves, unless it says otherwise below" in promise
    assert any("NOBODY LOOKS AFTER IT" in line for line in before)


def test_a_run_is_closed_with_the_backends_that_it_was_opened_with_whoever_has_a_key_by_now():
    does = {SWITCH: lambda node, to, bound, before=None: {"before": before, "after": to}}
    master = fakes.master(record=OFF, jid=RECORD.owner.jid, does=does, backends="be*")
    master.bus.matching = lambda target: [*printed.NODES, "be4"]
    assert closes(master)["result"] is True


def test_i9_where_the_target_of_the_frontends_matches_nobody_any_more_those_of_the_run_are_let_in():
    record = run(way="downtime", wish="abort", frontends=("fe1",))
    does = {BRING_BACK: lambda node, bound: True}
    master = fakes.master(record=record, jid=RECORD.owner.jid, does=does, frontends="fe*")
    master.bus.matching = lambda target: []
    done = closes(master)
    assert done["changes"]["fe1"] == {"old": "out of service", "new": "in service"}
    assert done["comment"].startswith("run r1 is aborted")


def test_i3_failover_that_may_not_come_on_is_said_loudly_and_its_record_goes_on_saying_off():
    half = {"half_upgraded": "run r1 did not finish on this node"}
    master = hub(run(failover="off", turn="be2"), {"be2": half})
    done = closes(master)
    assert done["result"] is False
    assert done["comment"].startswith("FAILOVER OF prod STAYS OFF: be2 is half-upgraded (run r1 did not finish")
    left = fakes.backends(master).record
    assert (left.state, left.failover, left.turn) == (records.FAILED, "off", "be2")
    assert master.bus.asked(SWITCH) == []


def test_i8_beside_a_silent_node_failover_stays_off_and_it_stays_that_nodes_turn():
    master = hub(run(failover="off", turn="be2"), {"be2": None})
    done = closes(master)
    assert "be2 may be at work: be2 does not answer" in done["comment"]
    left = fakes.backends(master).record
    assert (left.state, left.failover, left.turn) == (records.FAILED, "off", "be2")


def test_what_another_has_switched_off_comes_on_with_the_end_of_a_failed_run():
    off = {node: {"cluster_status": printed.OFF} for node in printed.NODES}
    master = hub(RECORD, off)
    done = closes(master)
    assert (done["result"], done["changes"]) == (True, {"failover": {"old": "off", "new": "on"}})


def test_an_abort_that_came_when_all_was_done_is_said_to_have_come_too_late():
    done = closes(hub(run(wish="abort")), {})
    assert done["comment"] == "run r1 is done; failover is on; abort came too late, nothing was left to do"


def test_i9_a_frontend_that_could_not_be_let_in_again_is_named_and_the_run_is_not_aborted():
    def bring_back(node, bound):
        if node == "fe1":
            raise CommandExecutionError("fe1 does not answer within 15 s")
        return True

    master = hub(run(way="downtime", wish="abort", frontends=("fe1", "fe2")), **{BRING_BACK: bring_back})
    done = closes(master)
    assert done["result"] is False
    assert "fe1 may still refuse its clients, the same command lets them in: fe1 does not answer" in done["comment"]
    assert done["changes"] == {"fe2": {"old": "out of service", "new": "in service"}}
    assert fakes.backends(master).record.state == records.FAILED


def test_i5_a_frontend_that_left_the_pillar_and_the_world_keeps_no_run_open():
    def bring_back(node, bound):
        raise CommandExecutionError(f"{node} does not answer within 15 s")

    master = hub(run(way="downtime", wish="abort", frontends=("gone",)), **{BRING_BACK: bring_back})
    assert closes(master)["comment"].startswith("run r1 is aborted")
    assert fakes.backends(master).record is None


def test_a_run_is_closed_after_a_signal_too():
    master = hub(OFF)
    master.signals.arrive("SIGTERM")
    done = closes(master)
    assert (done["result"], done["changes"]) == (True, {"failover": {"old": "off", "new": "on"}})


REASON = {"code": "lag", "severity": "passes", "node": "be2", "text": "be2 is far behind"}


@pytest.mark.parametrize(
    ("step", "code", "text"),
    [
        ({"reasons": [REASON], "comment": "be2 is far behind"}, "lag", "be2 is far behind"),
        ({"comment": "be2: dpkg ended with status 1:\n  no space left"}, "failed", "be2: dpkg ended with status 1:"),
    ],
)
def test_the_event_that_closes_a_run_says_why_it_ended_as_fields(step, code, text):
    master = hub(RECORD)
    closes(master, {"a_|-upgraded": {**step, "result": False, "changes": {}, "__id__": "Upgrade the first follower"}})
    (told,) = [entry for entry in master.told.kept if entry.step == "close"]
    assert [(one["code"], one["text"]) for one in told.data["reasons"]] == [(code, text)]


def test_a_frontend_that_was_left_out_is_named_at_the_end():
    done = closes(hub(dataclasses.replace(RECORD, waived=("frontend-unknown of fe2",))), {})
    assert done["comment"].endswith("fe2 was left out: 'chef-server-ctl reconfigure' there is left to you")

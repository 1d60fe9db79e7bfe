"""When a backend that was left alone switches failover on again (I3), and when it keeps it off and says why."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import deadman
from saltext.chef_backend.note import Note
from tests.unit import printed
from tests.unit.answered import RECORD, view

SILENT = dataclasses.replace(RECORD, failover="off")  # its lease is 60 s
LATE = 61.0  # seconds since its owner was heard of
BLOCKED = printed.cluster_status(tuple(printed.Member(**{**vars(node), "blocked": "yes"}) for node in printed.MEMBERS))


def left(**changes):
    """What a node sees after its run has gone: failover off, all healthy."""
    return view("be2", **{"cluster_status": BLOCKED, **changes})


@pytest.mark.parametrize(
    ("record", "unheard", "action", "said"),
    [
        (None, LATE, deadman.OVER, "no run is open"),
        (dataclasses.replace(RECORD, state=records.FAILED), LATE, deadman.OVER, "ended as failed"),
        (SILENT, 60.0, deadman.REST, "was heard of 60 s ago"),
        (dataclasses.replace(SILENT, way="frontends"), LATE, deadman.OVER, "it does not switch failover"),
        (dataclasses.replace(SILENT, way="replace_node"), LATE, deadman.OVER, "it does not switch failover"),
    ],
)
def test_the_record_alone_may_tell(record, unheard, action, said):
    decision = deadman.first_look(record, unheard)
    assert decision.action == action
    assert said in decision.reason


@pytest.mark.parametrize("turn", [None, "be2", "be3"])
def test_a_silent_run_has_the_cluster_looked_at(turn):
    assert deadman.first_look(dataclasses.replace(SILENT, turn=turn), LATE) is None


@pytest.mark.parametrize("state", [records.FAILED, records.PAUSED, records.ABORTED])
def test_i3_what_a_run_that_has_ended_had_to_leave_off_is_looked_after_at_once(state):
    assert deadman.first_look(dataclasses.replace(SILENT, state=state), 0.0) is None


def test_i3_failover_comes_on_where_all_is_healthy():
    assert deadman.decide(SILENT, left()).action == deadman.ON


def test_i8_failover_is_ordered_on_whatever_the_table_shows_which_lags():
    assert deadman.decide(SILENT, view("be2")).action == deadman.ON


@pytest.mark.parametrize(
    ("changes", "action", "said"),
    [
        ({"busy": ["chef-backend-ctl upgrade"]}, deadman.REST, "at work here: chef-backend-ctl upgrade"),
        (
            {"half_upgraded": "leaderl started before"},
            deadman.OFF,
            "be2 is half-upgraded (leaderl started before)",
        ),
        ({"status": printed.status(printed.cells(postgresql="leader: 1; synced: 1"))}, deadman.OFF, "synced: 1"),
        ({"status": printed.status(down=("etcd",))}, deadman.OFF, "etcd down"),
        ({"status": "Traceback"}, deadman.OFF, "Traceback"),
        ({"status": None, "errors": {"status": "status 1: no"}}, deadman.OFF, "status: status 1: no"),
        ({"cluster_status": None, "errors": {"cluster_status": "status 1"}}, deadman.OFF, "cluster_status: status 1"),
    ],
)
def test_i3_otherwise_it_stays_off_and_the_reason_is_told(changes, action, said):
    decision = deadman.decide(SILENT, left(**changes))
    assert decision.action == action
    assert said in decision.reason


@pytest.mark.parametrize(
    ("changes", "action", "said"),
    [
        ({}, deadman.OFF, "it is the turn of be3, which has to decide"),
        (
            {"cluster_status": printed.cluster_status()},
            deadman.REST,
            "failover is on already; it is the turn of be3",
        ),
        ({"cluster_status": None, "errors": {"cluster_status": "status 1"}}, deadman.OFF, "cluster_status: status 1"),
    ],
)
def test_i3_the_node_that_was_in_its_upgrade_decides_for_the_others(changes, action, said):
    decision = deadman.decide(dataclasses.replace(SILENT, turn="be3"), left(**changes))
    assert decision.action == action
    assert said in decision.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"errors": {"cluster_status": "status 1: no etcd"}, "cluster_status": None},
        {"status": printed.status(down=("etcd", "postgresql"))},
        {"half_upgraded": "leaderl started before"},
    ],
)
def test_a_cluster_that_its_run_took_down_is_said_to_be_down_and_left_so(changes):
    down = dataclasses.replace(SILENT, down=True)
    assert deadman.first_look(down, LATE) is None
    decision = deadman.decide(down, left(**changes))
    assert decision.action == deadman.DOWN
    assert "fell silent with the cluster down: run the same command again (" in decision.reason


def test_a_backend_that_missed_how_the_downtime_ended_looks_after_failover_and_ends_its_watch():
    assert deadman.decide(dataclasses.replace(SILENT, down=True), left()).action == deadman.ON


def test_in_a_reindex_elasticsearch_of_a_follower_does_not_keep_failover_off():
    no_search = left(status=printed.status(down=("elasticsearch",)))
    assert deadman.decide(SILENT, no_search).action == deadman.OFF
    assert deadman.decide(dataclasses.replace(SILENT, reindex=True), no_search).action == deadman.ON


REINDEX = dataclasses.replace(SILENT, reindex=True)
NO_SEARCH = tuple(printed.Member(**{**vars(node), "es": "down"}) for node in printed.MEMBERS)
ON_NOWHERE = printed.cluster_status(NO_SEARCH)
OFF_NOWHERE = printed.cluster_status(tuple(dataclasses.replace(node, blocked="yes") for node in NO_SEARCH))
ON_WELL = printed.cluster_status()


def looks(record, *seen, **more):
    """Have a node look again and again; return what it decides each time, as it notes what it has seen."""
    note, actions = Note(record.run), list[str]()
    for table in seen:
        decision = deadman.decide(record, left(cluster_status=table, note=note.to_dict(), **more))
        note = dataclasses.replace(note, **decision.noted)
        actions.append(decision.action)
    return actions, note, decision


def test_in_a_reindex_failover_is_switched_off_where_no_elasticsearch_works_and_it_is_on():
    """leaderl would move the lead from one to the next, for as long as nobody comes."""
    actions, note, decision = looks(REINDEX, ON_NOWHERE, ON_NOWHERE)
    assert actions == [deadman.REST, deadman.SWITCH_OFF]
    assert "be1 leads, its Elasticsearch: down, and no other's works" in decision.reason
    assert note.switched is True
    assert deadman.decide(SILENT, left(cluster_status=ON_NOWHERE)).action == deadman.REST


def test_an_elasticsearch_that_was_restarted_switches_nothing():
    assert looks(REINDEX, ON_NOWHERE, ON_WELL, ON_NOWHERE, ON_WELL)[0] == [deadman.REST] * 4


def test_where_one_elasticsearch_works_the_lead_comes_to_it():
    leader_fails = printed.cluster_status(printed.changed("be1", es="down"))
    assert looks(REINDEX, leader_fails, leader_fails, leader_fails)[0] == [deadman.REST] * 3


def test_failover_is_not_switched_off_beneath_the_hand_over_of_the_one_that_leads():
    assert looks(dataclasses.replace(REINDEX, turn="be1"), ON_NOWHERE, ON_NOWHERE)[0] == [deadman.REST] * 2
    assert looks(dataclasses.replace(REINDEX, turn="be3"), ON_NOWHERE, ON_NOWHERE)[0][-1] == deadman.SWITCH_OFF


def test_the_one_that_leads_and_whose_turn_it_is_sees_itself_that_no_hand_over_is_at_work():
    """Upgraded, and the lead has come round to it again; then its run died."""
    turn = dataclasses.replace(REINDEX, turn="be2")
    roles = {"be1": {"role": "follower", "pg": "follower"}, "be2": {"role": "leader", "pg": "leader"}}
    leads = printed.cluster_status(dataclasses.replace(node, **roles.get(node.name, {})) for node in NO_SEARCH)
    assert looks(turn, leads, leads, half_upgraded="its run did not finish")[0] == [deadman.REST, deadman.SWITCH_OFF]
    assert looks(turn, leads, leads, busy=("chef-backend-ctl upgrade --failover",))[0] == [deadman.REST] * 2


WAITS = {"role": "waiting_for_leader", "pg": "waiting_for_leader"}


def test_a_cluster_that_has_just_come_up_has_its_failover_left_on():
    """After an outage nobody leads, then somebody does, and its Elasticsearch is but starting."""
    boots = printed.cluster_status(dataclasses.replace(node, **WAITS) for node in NO_SEARCH)
    assert looks(REINDEX, ON_WELL, boots, ON_NOWHERE, ON_WELL)[0] == [deadman.REST] * 4


def test_a_look_that_meets_nobody_who_leads_takes_nothing_back():
    """The lead goes round as often as a backend looks: each second look may fall between two leaders."""
    between = printed.cluster_status(dataclasses.replace(node, **WAITS) for node in NO_SEARCH)
    actions = looks(REINDEX, ON_NOWHERE, between, ON_NOWHERE)[0]
    assert actions == [deadman.REST, deadman.REST, deadman.SWITCH_OFF]
    assert deadman.SWITCH_OFF not in looks(REINDEX, between, between, between)[0]  # nobody could be elected
    one_works = printed.cluster_status(dataclasses.replace(node, **WAITS) for node in printed.changed("be1", es="down"))
    assert looks(REINDEX, ON_NOWHERE, one_works, ON_NOWHERE)[0] == [deadman.REST] * 3, "what works somewhere does"


def test_failover_that_is_off_for_one_node_only_is_switched_off_for_all():
    mixed = printed.cluster_status((*NO_SEARCH[:2], dataclasses.replace(NO_SEARCH[2], blocked="yes")))
    assert looks(REINDEX, mixed, mixed)[0] == [deadman.REST, deadman.SWITCH_OFF]


@pytest.mark.parametrize("failover", ["on", "off"])
def test_i3_what_a_backend_has_switched_off_it_switches_on_again_whatever_the_record_says(failover):
    record = dataclasses.replace(REINDEX, failover=failover)
    actions, note, _ = looks(record, ON_NOWHERE, ON_NOWHERE, OFF_NOWHERE, BLOCKED, ON_WELL)
    assert actions == [deadman.REST, deadman.SWITCH_OFF, deadman.OFF, deadman.ON, deadman.REST]
    assert note.switched is False


def test_i3_what_another_backend_has_switched_off_meanwhile_is_known_should_that_one_be_lost():
    record = dataclasses.replace(REINDEX, failover="on")
    assert looks(record, ON_NOWHERE, OFF_NOWHERE, BLOCKED)[0] == [deadman.REST, deadman.OFF, deadman.ON]
    between = printed.cluster_status(dataclasses.replace(node, blocked="yes", **WAITS) for node in NO_SEARCH)
    seen = [deadman.REST, deadman.OFF, deadman.OFF, deadman.ON]
    assert looks(record, ON_NOWHERE, between, OFF_NOWHERE, BLOCKED)[0] == seen
    alone = dataclasses.replace(record, turn="be1")  # leads all the time: no other backend may have done it
    assert looks(alone, ON_NOWHERE, ON_NOWHERE, OFF_NOWHERE)[1].switched is False


@pytest.mark.parametrize("failover", ["on", "off"])
def test_failover_that_somebody_else_has_switched_off_is_left_so_and_said(failover):
    """Seen on twice, it is on: what the table shows lags by ten seconds only."""
    record = dataclasses.replace(REINDEX, failover=failover, state="failed")
    actions, _, decision = looks(record, ON_WELL, ON_WELL, BLOCKED, BLOCKED)
    assert actions[2:] == [deadman.OFF, deadman.OFF]
    assert "somebody else has switched it off: find out who" in decision.reason
    # of an owner before
    noted = {"run": record.run, "looked": record.epoch + 1, "switched": False, "shown": "on"}
    again = deadman.decide(record, left(note=noted)).action
    assert again == (deadman.ON if failover == "off" else deadman.OFF)


@pytest.mark.parametrize("state", ["open", "failed", "paused"])
@pytest.mark.parametrize("failover", ["on", "off"])
def test_a_reindex_is_looked_after_until_the_index_is_new_whether_failover_was_switched_or_not(state, failover):
    """The old leader may still crash: the upgraded followers cannot read the index."""
    ended = dataclasses.replace(REINDEX, state=state, failover=failover)
    assert deadman.first_look(ended, LATE) is None
    followers_fail = printed.cluster_status(printed.changed("be2", es="down"))
    assert looks(ended, followers_fail, followers_fail)[0] == [deadman.REST] * 2
    assert looks(ended, ON_WELL, version=ended.target)[0] == [deadman.OVER], "who missed its end ends its watch"
    assert looks(ended, ON_WELL, version="2.2.0")[0] == [deadman.REST], "nothing has begun here"
    assert deadman.first_look(
        dataclasses.replace(ended, state="failed", failover="on", reindex=False), LATE
    ).action == (deadman.OVER)


def test_a_healthy_cluster_with_failover_on_is_ordered_nothing():
    assert looks(dataclasses.replace(REINDEX, failover="on"), ON_WELL, ON_WELL, ON_WELL)[0] == [deadman.REST] * 3


@pytest.mark.parametrize(
    ("changes", "shown"),
    [({}, "off"), ({"cluster_status": None, "errors": {"cluster_status": "status 1"}}, "unknown")],
)
def test_failover_is_said_to_be_off_only_where_that_was_seen(changes, shown):
    decision = deadman.decide(dataclasses.replace(SILENT, turn="be3"), left(**changes))
    assert (decision.action, decision.shown) == (deadman.OFF, shown)


@settings(max_examples=300, deadline=None)
@given(
    status=st.text(max_size=200) | st.just(printed.status()),
    table=st.text(max_size=200) | st.just(BLOCKED),
    half=st.none() | st.just("half-upgraded"),
)
def test_nothing_but_a_readable_healthy_cluster_switches_it_on(status, table, half):
    decision = deadman.decide(SILENT, left(status=status, half_upgraded=half, cluster_status=table))
    if decision.action == deadman.ON:
        assert (status, table, half) == (printed.status(), BLOCKED, None)

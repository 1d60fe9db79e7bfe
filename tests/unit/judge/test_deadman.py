"""When a backend that was left alone switches failover on again (I3), and when it keeps it off and says why."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import deadman
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


def test_in_a_reindex_failover_is_switched_off_where_the_leaders_elasticsearch_fails_and_it_is_on():
    """leaderl would move the lead from one to the next, for as long as nobody comes."""
    reindex = dataclasses.replace(SILENT, reindex=True)
    failing = printed.cluster_status(printed.changed("be1", es="down"))
    decision = deadman.decide(reindex, left(cluster_status=failing))
    assert (decision.action, "be1 leads, its Elasticsearch: down" in decision.reason) == (deadman.SWITCH_OFF, True)
    assert deadman.decide(SILENT, left(cluster_status=failing)).action == deadman.REST
    assert (
        deadman.decide(reindex, left(cluster_status=failing, busy=["chef-backend-ctl upgrade"])).action == deadman.REST
    )


def test_failover_is_not_switched_off_beneath_the_hand_over_of_the_one_that_leads():
    failing = printed.cluster_status(printed.changed("be1", es="down"))
    reindex = dataclasses.replace(SILENT, reindex=True, turn="be1")
    assert deadman.decide(reindex, left(cluster_status=failing)).action == deadman.REST
    assert deadman.decide(dataclasses.replace(reindex, turn="be3"), left(cluster_status=failing)).action == (
        deadman.SWITCH_OFF
    )


@pytest.mark.parametrize("state", ["failed", "paused"])
def test_a_reindex_that_ended_with_failover_on_is_looked_after_until_its_record_is_gone(state):
    """The old leader may still crash: the upgraded followers cannot read the index."""
    ended = dataclasses.replace(SILENT, state=state, failover="on", reindex=True)
    assert deadman.first_look(ended, LATE) is None
    followers_fail = printed.cluster_status(printed.changed("be2", es="down"))
    assert deadman.decide(ended, left(cluster_status=followers_fail)).action == deadman.REST
    assert deadman.decide(ended, left(cluster_status=printed.cluster_status())).action == deadman.ON
    assert deadman.first_look(dataclasses.replace(ended, reindex=False), LATE).action == deadman.OVER


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

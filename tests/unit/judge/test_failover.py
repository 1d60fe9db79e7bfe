"""I3, I8: the one rule of when failover may come on; what is not known is not safe."""

import dataclasses

import pytest

from saltext.chef_backend.errors import InVain
from saltext.chef_backend.judge import answers, failover, gates, health
from saltext.chef_backend.product.cluster_status import ClusterStatus
from tests.unit import answered, printed
from tests.unit.answered import everywhere, run, silent, views

WELL = health.Verdict(True, ())


def why(seen, **fields):
    try:
        gates.may_come_on(seen, run(**fields), 1000)
    except ValueError as err:
        return str(err)
    return None


def test_i3_failover_may_come_on_beside_nodes_that_are_whole_and_at_rest():
    assert why(views()) is None


def test_i8_a_silent_node_counts_as_at_work():
    seen = views()
    seen["be2"] = silent("be2")
    assert "be2 may be at work: Minion did not return" in why(seen)


@pytest.mark.parametrize("part", ["busy", "half_upgraded"])
def test_i8_a_node_that_cannot_tell_whether_it_is_at_work_or_whole_counts_as_at_work(part):
    seen = views(be2={part: None, "errors": {part: "ps failed"}})
    assert "be2 may be at work: ps failed" in why(seen)


def test_i1_failover_stays_off_beside_a_command_that_changes_a_node():
    seen = views(be3={"busy": ["chef-backend-ctl upgrade"]})
    assert why(seen) == "be3 is being changed: chef-backend-ctl upgrade"


def test_i3_failover_stays_off_beside_a_half_upgraded_node_and_no_waiting_helps():
    seen = views(be2={"half_upgraded": "run r1 did not finish on this node"})
    with pytest.raises(InVain, match=r"be2 is half-upgraded \(run r1 did not finish on this node\)"):
        gates.may_come_on(seen, run(), 1000)


def test_i3_failover_stays_off_where_the_cluster_is_not_wholly_healthy():
    down = printed.status(printed.cells(postgresql="leader: 1; offline: 1; syncing: 0; synced: 1"))
    assert "postgresql" in why(views(be1={"status": down}))


def test_elasticsearch_that_refuses_an_old_index_on_a_follower_keeps_no_failover_off():
    failing = printed.status(printed.cells(elasticsearch="state: red; nodes online: 1/3"))
    shown = {"status": failing, "cluster_status": printed.cluster_status(printed.changed("be2", es="down"))}
    assert why(views(**everywhere(shown))) is not None
    assert why(views(**everywhere(shown)), reindex=True) is None


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ({"cluster_status": printed.cluster_status(printed.changed("be1", es="down"))}, "down"),
        ({"status": printed.status(down=("elasticsearch",))}, "down"),
        ({"status": printed.status(printed.cells(elasticsearch="error: could not reach elasticsearch"))}, "could not"),
    ],
)
def test_failover_stays_off_where_the_leaders_elasticsearch_fails_although_the_index_is_still_to_be_built(shown, told):
    """leaderl moves the lead then, as soon as failover is on (chef-server.md)."""
    said = why(views(**everywhere(shown)), reindex=True)
    assert said.startswith(f"be1 leads, its Elasticsearch: {told}")
    assert "leaderl would move the lead" in said


def test_of_a_node_whose_turn_it_was_and_which_is_not_asked_nobody_knows_what_it_does():
    own = answered.view("be3")
    assert failover.why_off([own], WELL, "be2") == "it is the turn of be2, which has to decide"
    assert failover.why_off([own], WELL, "be3") is None
    assert failover.why_off([own], WELL, None) is None


def test_when_a_run_ends_it_stays_the_turn_of_those_half_upgraded_or_unknown():
    seen = views(be1={"half_upgraded": "its services are older"})
    seen["be2"] = silent("be2")
    assert failover.turn_left(seen.values(), run(turn="be2")) == "be1, be2"
    assert failover.turn_left(seen.values(), run(turn="be3")) == "be1"
    assert failover.turn_left(views().values(), run(turn="be3")) is None


ODD = printed.cluster_status(printed.changed("be1", es="primary"))


def test_i3_a_word_that_was_waived_keeps_failover_off_no_more_than_it_kept_the_run_from_beginning():
    seen = views(be1={"cluster_status": ODD}, be2={"cluster_status": ODD}, be3={"cluster_status": ODD})
    waived = ("search-word of be1",)
    verdict = answers.verdict(seen, 1024, waived=waived)
    assert verdict.healthy
    assert failover.why_off(seen.values(), verdict, None, waived) is None
    assert "primary" in str(failover.why_off(seen.values(), verdict, None))


def test_a_node_whose_elasticsearch_is_known_to_be_down_is_never_taken_for_one_that_works():
    down = printed.cluster_status(tuple(dataclasses.replace(one, es="down") for one in printed.MEMBERS))
    table = ClusterStatus.from_table(down)
    assert failover.nowhere_to_lead(table, tuple(f"search-word of {node}" for node in printed.NODES))

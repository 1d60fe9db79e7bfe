"""I7: an order takes effect only inside its own run, under its owner, in its turn, while it is fresh."""

import dataclasses

import pytest

from saltext.chef_backend.judge import fence
from saltext.chef_backend.order import Order
from saltext.chef_backend.record import RecordError
from tests.unit.answered import RECORD

WORD = dataclasses.replace(RECORD, epoch=2, revision=7, step="upgrade follower be2", turn="be2")
ORDER = Order(WORD, {"be2": ("b2", 100.0)})
NOW = ("b2", 130.0)


def refusal(stands=WORD, gave_up=None, now=NOW, node="be2"):
    return fence.refusal(ORDER, node, stands, gave_up, fence.waited(ORDER, node, now, None))


def changed(**fields):
    return dataclasses.replace(WORD, **fields)


def test_i7_an_order_is_obeyed_in_its_run_under_its_owner_in_its_turn_while_it_is_fresh():
    assert refusal() is None


@pytest.mark.parametrize(
    ("stands", "why"),
    [
        (None, "this order is of run r1, which is over: no run is open here"),
        (changed(run="r2"), "this order is of run r1, which is over: run r2 holds this node"),
        (changed(epoch=3), "epoch 2: the run has been taken over since (epoch 3)"),
        (changed(state="failed", revision=8), "which has ended as failed"),
        (changed(state="paused", revision=8), "which has ended as paused"),
        (changed(state="aborted", revision=8), "which has ended as aborted"),
        (changed(revision=8, step="close"), "at 'upgrade follower be2', and the run is at 'close' by now"),
        (changed(turn="be3"), "in which it is the turn of be3"),
    ],
)
def test_i7_an_order_of_a_run_that_is_elsewhere_by_now_is_refused_and_says_why(stands, why):
    assert why in (refusal(stands) or "")


def test_i7_a_node_obeys_no_order_of_a_run_that_it_has_given_up():
    assert "which this node has given up" in (refusal(gave_up=2) or "")
    assert refusal(gave_up=1) is None  # that was before the run was taken over


def test_i7_an_order_that_has_waited_longer_than_the_lease_is_too_old():
    assert refusal(now=("b2", 100.0 + WORD.lease)) is None
    assert refusal(now=("b2", 101.0 + WORD.lease)) == (
        "this order is too old, of run r1: it has waited for 61 s, and its run's lease is 60 s"
    )


def test_i7_an_order_from_before_the_nodes_boot_is_too_old():
    assert "this node was started since" in (refusal(now=("b3", 5.0)) or "")


def test_i7_an_order_to_a_node_that_its_master_has_not_heard_of_is_too_old():
    assert fence.waited(Order(WORD, {}), "be2", NOW, None) is None


def test_the_time_an_order_takes_to_be_carried_out_does_not_count():
    assert fence.waited(ORDER, "be2", ("b2", 900.0), ("b2", 890.0)) == 10


def test_where_it_is_nobodys_turn_every_node_may_be_ordered():
    word = changed(turn=None)
    assert fence.refusal(Order(word, {"be3": NOW}), "be3", word, None, 0) is None


def test_an_order_survives_the_bus():
    assert Order.from_dict(ORDER.to_dict()) == ORDER


@pytest.mark.parametrize("wrong", [{}, [], "x", {"record": {}}, {"record": {}, "heard": {}}, {"record": 1, "heard": 2}])
def test_what_is_no_order_is_refused_by_name(wrong):
    with pytest.raises(RecordError, match="not a"):
        Order.from_dict(wrong)


def test_when_a_node_was_heard_of_is_a_boot_and_seconds():
    with pytest.raises(RecordError, match="heard is"):
        Order.from_dict(ORDER.to_dict() | {"heard": {"be2": "long ago"}})

"""Abort ends what nobody drives any more: it asks for what it needs only, and says what it could not do (I5)."""

import dataclasses

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend import record as records
from saltext.chef_backend.run import steering
from tests.unit import printed
from tests.unit.answered import everywhere, run
from tests.unit.run import fakes

SWITCH = "chef_backend_agent.ensure_failover"
LEFT = run(state=records.FAILED, failover="off")


def hub(left, *told, **does):
    does = {
        SWITCH: lambda node, to, bound, before=None: {"before": before, "after": to},
        "chef_backend_agent.last": lambda node: None,
        "chef_server_agent.bring_back": lambda node, bound: True,
    } | does
    return fakes.master(*told, record=left, does=does)


def test_i3_failover_that_the_run_had_left_off_is_ordered_on_and_the_cluster_is_free():
    master = hub(LEFT)
    done = steering.abort(master, "prod")
    assert (done.ok, done.text) == (True, "run r1 is aborted; failover is on; nothing is left open")
    assert master.bus.asked(SWITCH) == [("be1", "on", 60, "off")]
    assert fakes.backends(master).record is None


def test_i7_the_run_is_taken_over_first_so_that_its_late_orders_are_void():
    master = hub(LEFT)
    steering.abort(master, "prod")
    (accepted, *_) = master.bus.asked("chef_backend_agent.accept")
    first = next(n for n, call in enumerate(master.bus.calls) if call[1] == "chef_backend_agent.accept")
    switched = next(n for n, call in enumerate(master.bus.calls) if call[1] == SWITCH)
    assert first < switched
    assert (accepted[1]["epoch"], accepted[1]["state"]) == (2, records.OPEN)
    assert master.bus.orders[0][2]["record"]["epoch"] == 2


def test_i5_a_node_that_is_lost_for_good_keeps_no_run_open_and_failover_stays_off_loudly():
    master = hub(dataclasses.replace(LEFT, turn="be2"), {"be2": None} | everywhere_late("be1", "be3"))
    done = steering.abort(master, "prod")
    assert done.ok is False
    assert done.text.startswith("FAILOVER OF prod STAYS OFF: be2 may be at work: be2 does not answer")
    assert "run r1 is aborted; failover is OFF" in done.text
    left = fakes.backends(master).record
    assert (left.state, left.failover, left.turn) == (records.ABORTED, "off", "be2")


def everywhere_late(*nodes):
    """Nodes that have not heard of the owner for longer than the lease."""
    return {node: {"unheard": LEFT.lease + 1.0} for node in nodes}


def test_i7_beside_a_silent_node_whose_turn_it_was_abort_waits_until_no_order_can_reach_it():
    master = hub(
        dataclasses.replace(LEFT, turn="be2"), {"be2": None, "be1": {"unheard": 50.0}, "be3": {"unheard": 40.0}}
    )
    done = steering.abort(master, "prod")
    assert (done.ok, done.text) == (
        False,
        "be2 cannot be asked, and an order of this run may still reach it: it is void after 20 s: abort the run then\n"
        "be2 does not answer (be1 sees be2 following, be3 sees be2 following: only its minion is silent)",
    )
    assert fakes.backends(master).record.epoch == 1


def test_a_silent_node_whose_turn_it_was_not_is_not_waited_for():
    done = steering.abort(hub(run(state=records.FAILED), {"be2": None}), "prod")
    assert (done.ok, done.text) == (True, "run r1 is aborted; failover is on; nothing is left open")


def test_i8_where_a_majority_is_silent_nothing_is_known_and_nothing_done():
    master = hub(LEFT, {"be1": None, "be2": None})
    with pytest.raises(CommandExecutionError, match="be1 does not answer"):
        steering.abort(master, "prod")


def test_i7_a_command_that_is_at_work_is_waited_for_and_else_named():
    master = hub(LEFT, {"be1": {"busy": ["chef-backend-ctl set-cluster-failover off"]}})
    with pytest.raises(CommandExecutionError, match="be1: chef-backend-ctl set-cluster-failover off"):
        steering.abort(master, "prod")
    left = fakes.backends(master).record
    assert (left.state, left.failover, left.epoch) == (records.FAILED, "off", 2)
    busy = {"be1": {"busy": ["chef-backend-ctl set-cluster-failover off"]}}
    master = hub(LEFT, busy, busy, busy, {})
    assert steering.abort(master, "prod").ok is True


def test_a_node_that_is_inside_its_upgrade_is_not_left_so():
    half = {"half_upgraded": "run r1 did not finish on this node"}
    done = steering.abort(hub(LEFT, {"be2": half}), "prod")
    assert (done.ok, done.text.partition(":")[0]) == (False, "be2 is inside its upgrade")


def test_i5_a_down_for_upgrade_that_failed_leaves_a_run_that_can_be_ended():
    """Every node is as it was: the record alone says that the cluster is down."""
    master = hub(run(way="downtime", state=records.FAILED, down=True))
    done = steering.abort(master, "prod")
    assert (done.ok, done.text) == (True, "run r1 is aborted; failover is on; nothing is left open")
    assert master.bus.asked("chef_server_agent.bring_back") == [("fe1", 900)]


def test_a_cluster_that_is_down_is_not_left_so():
    down = everywhere({"status": printed.status(down=("postgresql", "leaderl"))})
    done = steering.abort(hub(run(way="downtime", state=records.FAILED, down=True), down), "prod")
    assert (done.ok, done.text.partition(":")[0]) == (False, "run r1 has the cluster down")

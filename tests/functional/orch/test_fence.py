"""I7: an order that comes when its run is elsewhere changes nothing and says so, whatever part of a runbook it is of.

Each part is applied by Salt on a node on which it would have something to do.
"""

import dataclasses
import json

import pytest

from saltext.chef_backend.node import fence, record_file
from saltext.chef_backend.order import Order
from tests.functional.conftest import manifest
from tests.functional.orch.runbook import MORE, NODE, PARTS
from tests.unit.answered import RECORD

WORD = dataclasses.replace(RECORD, epoch=2, revision=5, step="upgrade follower be1", turn="be1")
FRESH = 1.0  # seconds since the node was heard of


def changed(**fields):
    return dataclasses.replace(WORD, **fields)


LATER = {
    "ended": None,
    "aborted": changed(state="aborted", revision=6),
    "failed": changed(state="failed", revision=6),
    "paused": changed(state="paused", revision=6),
    "taken over": changed(epoch=3, revision=1),
    "another's": changed(run="r2"),
    "at its close": changed(revision=6, step="close"),
}


@pytest.fixture(name="node")
def fixture_node(backend, recorded, recording):
    """Return a node that is backend and frontend, on which each part would change something."""
    backend.write("/opt/opscode/version-manifest.json", manifest("14.16.19"))
    recorded.say("chef-backend-ctl cluster-status", recording("synthetic-be2-leads.txt"))
    recorded.say("chef-backend-ctl status", recording("synthetic-status-for-days.txt"))
    return backend


def order(node, record=WORD, ago=FRESH):
    boot, since = node.host().clock.boot()
    return Order(record, {"be1": (boot, since - ago)}).to_dict()


def keeps(node, record):
    """Have the node hold this copy of the record; none if None."""
    if record is not None:
        record_file.accept(node.host(), record)


def files(node):
    """Return what lies on the node: paths and times, but for what every look at the record touches."""
    there = [path for folder in ("opt", "var", "etc") for path in (node.root / folder).rglob("*") if path.is_file()]
    ours = [path for path in there if path.name != ".guard" and "cache" not in path.parts and "run" not in path.parts]
    return {(str(path), path.stat().st_mtime_ns) for path in ours}


def applies(node, part, given):
    pillar = {**NODE, **MORE, "cluster": "prod", "run": WORD.run, "order": given}
    return node.sls(f"orch.node.{part}", pillar)


@pytest.mark.parametrize("part", [path.stem for path in PARTS])
def test_i7_no_part_of_a_runbook_is_carried_out_late(node, recorded, part):
    keeps(node, LATER["at its close"])
    before = files(node)
    done = applies(node, part, order(node))
    assert {result["result"] for result in done.values()} == {False}, done
    first = min(done.values(), key=lambda result: result["__run_num__"])
    assert "be1: nothing was done: this order is of run r1" in first["comment"]
    assert not any(result["changes"] for result in done.values())
    assert recorded.changing == []
    assert files(node) == before


@pytest.mark.parametrize("how", LATER)
def test_i7_whatever_became_of_the_run_meanwhile_it_says_what(node, recorded, how):
    keeps(node, LATER[how])
    (done,) = applies(node, "backed_up", order(node)).values()
    assert "nothing was done: this order is of run r1" in done["comment"]
    assert recorded.changing == []


def test_i7_a_run_that_the_node_has_given_up_orders_nothing(node, recorded):
    keeps(node, WORD)
    assert record_file.give_up(node.host(), WORD.run, WORD.epoch)
    (done,) = applies(node, "backed_up", order(node)).values()
    assert "which this node has given up" in done["comment"]
    assert recorded.changing == []


def test_i7_what_waited_longer_than_the_lease_is_too_old(node, recorded):
    keeps(node, WORD)
    (done,) = applies(node, "backed_up", order(node, ago=WORD.lease + 1)).values()
    assert "this order is too old, of run r1: it has waited for 6" in done["comment"]
    assert recorded.changing == []


def test_i7_another_nodes_turn(node, recorded):
    word = changed(turn="be2")
    keeps(node, word)
    (done,) = applies(node, "backed_up", order(node, word)).values()
    assert "in which it is the turn of be2" in done["comment"]
    assert recorded.changing == []


def test_an_order_that_holds_is_carried_out_and_brings_up_a_copy_that_missed_its_word(node, recorded):
    keeps(node, changed(revision=4, turn=None))
    recorded.say("chef-backend-ctl backup", status=1)
    (done,) = applies(node, "backed_up", order(node)).values()
    assert "chef-backend-ctl backup --timeout 602 ended with status 1" in done["comment"]
    assert node.record()["revision"] == 5


def test_i7_what_is_voided_while_an_order_works_stops_it_before_its_next_command(node):
    keeps(node, WORD)
    host = node.host(order=Order.from_dict(order(node)))
    fence.obey(host)
    record_file.accept(host, changed(revision=6, step="close"))
    with pytest.raises(Exception, match="and the run is at 'close' by now"):
        fence.obey(host)


def test_how_long_an_order_works_does_not_make_it_too_old(node):
    keeps(node, WORD)
    late = Order.from_dict(order(node, ago=WORD.lease + 1))
    boot, now = node.host().clock.boot()
    begun = node.host(order=late, kept={fence.BEGUN: (late, (boot, now - 1))})
    fence.obey(begun)


def test_i7_a_job_that_was_stopped_in_the_middle_begins_nothing_more(node):
    """Its machine was suspended: nobody knows what the run has come to since."""
    keeps(node, WORD)
    given = Order.from_dict(order(node))
    boot, now = node.host().clock.boot()
    stopped = node.host(order=given, kept={fence.BEGUN: (given, (boot, now - WORD.lease - 1))})
    with pytest.raises(Exception, match="nothing more was done: this order is too old"):
        fence.obey(stopped)


def test_the_time_for_which_a_job_waits_for_a_command_does_not_make_its_order_too_old(node):
    keeps(node, WORD)
    given = Order.from_dict(order(node))
    boot, now = node.host().clock.boot()
    waits = node.host(order=given, kept={fence.BEGUN: (given, (boot, now - WORD.lease - 1))})
    fence.waited_for(waits, now - 1)
    fence.obey(waits)


AGENTS = {
    "chef_backend_agent.ensure_failover": ("off",),
    "chef_backend_agent.failover_off_and_on": (),
    "chef_backend_agent.remove_node": ("be3",),
    "chef_server_agent.drain": (),
    "chef_server_agent.undrain": (),
}


@pytest.mark.parametrize("function", AGENTS)
def test_i7_nothing_that_a_master_asks_an_agent_to_change_is_done_late(node, recorded, function):
    before = files(node)
    said = node.told(function, *AGENTS[function], order=order(node))
    assert "be1: nothing was done: this order is of run r1, which is over: no run is open here" in said
    assert recorded.changing == []
    assert files(node) == before


def test_i7_a_frontend_that_is_to_be_let_in_by_a_run_that_is_over_stays_as_it_is(node, recorded):
    node.write("/var/lib/salt-chef-backend/out-of-service", "maintenance\n")
    said = node.told("chef_server_agent.bring_back", order=order(node))
    assert "nothing was done: this order is of run r1" in said
    assert recorded.changing == []


def test_what_is_no_order_of_this_version_is_refused_and_says_what_to_do(node, recorded):
    said = node.told("chef_backend_agent.ensure_failover", "off", order={"colour": "red"})
    assert "nothing was done: not an order of a run" in said
    assert "saltutil.sync_all" in said
    assert recorded.changing == []


def test_a_frontend_knows_a_run_for_its_orders_and_forgets_it_at_its_end(node):
    known = node.call("chef_server_agent.accept", json.loads(json.dumps(WORD.to_dict())))
    assert known["taken"] is True
    assert known["at"][0] == node.host().clock.boot()[0]
    late = node.call("chef_server_agent.accept", changed(revision=4).to_dict())
    assert (late["taken"], late["record"]["revision"]) == (False, 5)
    assert node.call("chef_server_agent.accept", changed(run="r2", epoch=3).to_dict())["taken"] is True
    assert node.call("chef_server_agent.finish", changed(run="r2", epoch=3, revision=9).to_dict()) is True
    late = node.call("chef_server_agent.accept", changed(run="r2", epoch=3).to_dict())
    assert (late["taken"], late["record"]["revision"]) == (False, 9), "a word that comes late brings back no run"
    assert "no run is open here" in node.told("chef_server_agent.drain", order=order(node))


def test_i7_a_frontend_that_never_heard_how_a_run_ended_takes_a_later_runs_word_and_no_earlier_one_after_it(node):
    later = changed(run="r2", epoch=3).to_dict()
    for ended in (False, True):
        node.call("chef_server_agent.accept", WORD.to_dict())
        node.call("chef_server_agent.accept", later)
        if ended:
            node.call("chef_server_agent.finish", changed(run="r2", epoch=3, revision=9).to_dict())
        for late in (WORD, changed(run="r0", epoch=1)):
            said = node.told("chef_server_agent.accept", late.to_dict())
            assert f"this word of run {late.run} is late: its epoch is {late.epoch}, and a run of epoch 3 was" in said
        assert node.record() == (None if ended else later)
        node.path("/var/lib/salt-chef-backend/epoch").unlink()  # as it says: the host of another cluster
        if not ended:
            node.path("/var/lib/salt-chef-backend/run.json").unlink()

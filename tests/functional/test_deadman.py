"""What a backend does that looks after failover, its run silent for longer than its lease (I3)."""

import logging
import subprocess

import pytest

SWITCH_ON = ["chef-backend-ctl", "set-cluster-failover", "on"]


@pytest.fixture(name="left_alone")
def fixture_left_alone(backend, recorded, recording, record):
    """Return a function that leaves be1 with the record of a silent run and failover off, and has it look."""

    def looks(failover="off", **changes):
        tables = {"off": recording("synthetic-be1-leads-blocked.txt"), "on": recording("synthetic-be1-leads.txt")}
        recorded.say("chef-backend-ctl cluster-status", tables[failover])
        recorded.say(SWITCH_ON, then={"chef-backend-ctl cluster-status": tables["on"]})
        backend.call("chef_backend_record.create", {**record, "failover": "off", **changes})
        return backend.call("chef_backend_deadman.check")

    return looks


def test_i3_failover_is_switched_on_and_the_run_given_up(backend, recorded, left_alone):
    assert left_alone() == {"action": "switch on", "reason": "the cluster is healthy, nothing is half-upgraded"}
    assert recorded.changing == [SWITCH_ON]
    record = backend.call("chef_backend_record.read")
    assert (record["state"], record["failover"]) == ("abandoned", "on")


def test_i3_a_node_leaves_failover_off_while_another_was_in_its_upgrade_and_says_so(
    backend, recorded, left_alone, caplog
):
    with caplog.at_level(logging.ERROR):
        assert left_alone(turn="be2")["action"] == "keep off"
    assert recorded.changing == []
    assert "be1: FAILOVER OF prod STAYS OFF: be2 was in its upgrade" in caplog.text
    assert backend.call("chef_backend_record.read")["state"] == "open"


def test_i3_a_node_says_nothing_any_more_once_that_other_one_has_switched_it_on(backend, recorded, left_alone, caplog):
    with caplog.at_level(logging.ERROR):
        assert left_alone("on", turn="be2") == {"action": "switch on", "reason": "failover is on already"}
    assert recorded.changing == []
    assert caplog.text == ""
    assert backend.call("chef_backend_record.read")["state"] == "abandoned"


def test_i3_a_node_that_is_at_work_looks_again_later(recorded, left_alone):
    with subprocess.Popen(["chef-backend-ctl upgrade", "60"], executable="sleep") as upgrade:
        try:
            decision = left_alone()
        finally:
            upgrade.kill()
    assert decision["action"] == "rest"
    assert "at work here: chef-backend-ctl upgrade" in decision["reason"]
    assert recorded.changing == []

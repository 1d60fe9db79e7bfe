"""Failover is switched by the first backend that can, and by no second one while the first may be at it still."""

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.run import failover
from tests.unit.answered import RECORD
from tests.unit.run import fakes

SWITCH = "chef_backend_agent.ensure_failover"
OFF_AND_ON = "chef_backend_agent.failover_off_and_on"


def hub(first, seen=None):
    """A master whose be1 fails, and shows itself so."""

    def answers(node, *args):
        if node == "be1":
            raise CommandExecutionError(first)
        return {"before": "on", "after": "off"}

    does = {SWITCH: answers, OFF_AND_ON: answers}
    return fakes.master({"be1": seen} if seen is not None else {}, record=RECORD, jid=RECORD.owner.jid, does=does)


def asked(master):
    return [node for name in (SWITCH, OFF_AND_ON) for node, *_ in master.bus.asked(name)]


def test_the_next_backend_is_asked_where_one_cannot():
    master = hub("be1: chef-backend-ctl set-cluster-failover off ended with status 1")
    assert failover.switch(master, "prod", "off") == {"failover": {"old": "on", "new": "off"}}
    assert asked(master) == ["be1", "be2"]


@pytest.mark.parametrize("call", [lambda hub: failover.switch(hub, "prod", "off"),
                                  lambda hub: failover.switch_off_and_on(hub, "prod")])  # fmt: skip
def test_i3_no_other_is_asked_while_a_command_hangs_that_would_undo_it_when_it_ends(call):
    working = ["chef-backend-ctl set-cluster-failover off (for 60 s)"]
    master = hub("be1: it did not end within 60 s, and is still at work", {"busy": working})
    with pytest.raises(
        CommandExecutionError, match=r"be1 may be at it still, no other backend is asked: .*failover off"
    ):
        call(master)
    assert asked(master) == ["be1"]
    assert fakes.backends(master).record.failover == "off", "whoever resumes it, or looks after it, orders it on"


def test_i7_a_new_word_voids_the_order_of_the_first_should_it_come_only_now():
    master = hub("be1 does not answer within 15 s")
    before = fakes.backends(master).record.word
    failover.order(master, "prod", "off")
    assert fakes.backends(master).record.word > before
    assert asked(master) == ["be1", "be2"]


def test_i3_nor_where_nobody_can_tell_whether_it_is():
    master = hub("be1 does not answer", {"busy": None, "errors": {"busy": "be1 does not answer"}})
    with pytest.raises(CommandExecutionError, match="be1 may be at it still"):
        failover.switch(master, "prod", "off")
    assert asked(master) == ["be1"]

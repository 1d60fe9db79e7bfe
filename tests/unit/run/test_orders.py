"""Orders: what Salt says of one that came to nothing is told, one whose answer was lost is asked for on the node."""

import dataclasses

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.errors import Refused, reasons_of
from saltext.chef_backend.judge import fence
from saltext.chef_backend.run import orders
from saltext.chef_backend.run.bus import Answer
from saltext.chef_backend.run.signals import Interrupted, Signals
from tests.unit.answered import RECORD
from tests.unit.run import fakes

JID = "20261128010203000000"
LOST = "be2 does not answer within 15 s: is its minion running and reachable?"
LOOK = (
    f"be2: 'salt-run jobs.lookup_jid {JID}' shows what came of the order, 'salt be2 saltutil.find_job {JID}' "
    "whether it is at work there"
)
DONE = {"s": {"__id__": "Upgraded", "__run_num__": 0, "result": True, "comment": "", "changes": {"be2": "2.3.16"}}}
RESTS = "be2: its answer was lost, nothing is at work there any more: the same command goes on from what is"
UPGRADE = "chef-backend-ctl upgrade (for 70 s)"
# a package is installed, and then a highstate has come between for longer than the lease
EARLY = {
    "i": {"__id__": "Installed", "__run_num__": 0, "result": True, "comment": "", "changes": {"new": "2.3.16"}},
    "s": {"__id__": "Upgraded", "__run_num__": 1, "result": False, "comment": fence.TOO_OLD, "changes": {}},
}
FULL = {"s": EARLY["s"] | {"__id__": "Installed", "comment": "dpkg: disk full"}}


def lost(node):
    return Answer(False, error=LOST, jid=JID)


class Node:
    """A backend, or a frontend: what it says to orders, one after another, and what it tells to be at work."""

    def __init__(self, said, busy=(), record=RECORD):
        self.said, self.busy, self.orders = list(said), list(busy), 0
        self.master = fakes.master(
            record=dataclasses.replace(record, turn="be2, fe1"),
            jid=RECORD.owner.jid,
            does={"state.sls": self.sls, "chef_server_agent.busy": self.tells},
        )
        self.view = fakes.backends(self.master).view
        self.master.bus.does["chef_backend_agent.view"] = self.looks

    def sls(self, node, sls, pillar, queue, test):
        self.orders += 1
        said = self.said.pop(0)
        return said(node) if callable(said) else said

    def tells(self, node):
        return self.busy.pop(0) if self.busy else []

    def looks(self, node, only=None, *args):
        if only != ["busy"]:
            return self.view(node, only, *args)
        busy = self.tells(node)
        return (
            busy
            if isinstance(busy, Answer)
            else {"node": node, "busy": busy, "errors": {}}
            | ({"busy": None, "errors": {"busy": "who knows"}} if busy == "unknown" else {})
        )

    def applies(self, node="be2", **more):
        ret = {"name": "n", "changes": {}, "comment": ""}
        orders.apply(self.master, ret, "prod", RECORD, [node], "orch.node.upgraded", **more)
        return ret

    def fails(self, **more):
        with pytest.raises(CommandExecutionError) as raised:
            self.applies(**more)
        return str(raised.value).splitlines()


@pytest.mark.parametrize("node", ["be2", "fe1"])
def test_a_missed_find_job_is_no_failure_the_node_is_asked_and_its_command_waited_for(node):
    there = Node([lost, DONE], [[UPGRADE]] * 20)
    began = there.master.clock.now()
    assert there.applies(node)["changes"] == {node: {"Upgraded": {"be2": "2.3.16"}}}
    assert (there.orders, there.busy) == (2, [])
    assert 60 < there.master.clock.now() - began < 320, "looked at now and then, not all the time"
    told = [event.data["comment"] for event in there.master.events.fired if event.data["step"] == "gate"]
    assert told == [f"{node}: no answer came, and it is at work: {UPGRADE}"]


def test_an_order_that_was_lost_on_a_node_at_rest_is_given_anew():
    there = Node([lost, DONE])
    assert there.applies()["changes"]
    assert there.orders == 2


def test_i6_an_order_is_given_anew_only_where_what_it_stood_on_holds_still():
    def fails():
        raise CommandExecutionError("be1 is away")

    node = Node([lost, DONE])
    with pytest.raises(CommandExecutionError, match="be1 is away"):
        node.applies(holds=fails)
    assert node.orders == 1
    node = Node([DONE])
    node.applies(holds=fails)
    assert node.orders == 1, "its gates have held just now"


def test_what_the_first_try_did_is_told_whatever_comes_of_the_second():
    node = Node([EARLY, DONE])
    assert node.applies()["changes"] == {"be2": {"Installed": {"new": "2.3.16"}, "Upgraded": {"be2": "2.3.16"}}}
    ret = {"name": "n", "changes": {}, "comment": ""}
    with pytest.raises(CommandExecutionError):
        orders.apply(Node([EARLY, lost, lost]).master, ret, "prod", RECORD, ["be2"], "orch.node.upgraded")
    assert ret["changes"] == {"be2": {"Installed": {"new": "2.3.16"}}}


@pytest.mark.parametrize("ends", [Refused("be3 is away", "silent", "be3"), Interrupted("SIGTERM")])
def test_so_it_is_whatever_keeps_it_from_being_given_anew(ends):
    def fails():
        raise ends

    node, ret = Node([EARLY]), {"name": "n", "changes": {}, "comment": ""}
    ended = Interrupted if isinstance(ends, Interrupted) else CommandExecutionError
    with pytest.raises(ended) as raised:
        orders.apply(node.master, ret, "prod", RECORD, ["be2"], "orch.node.upgraded", holds=fails)
    assert ret["changes"] == {"be2": {"Installed": {"new": "2.3.16"}}}
    if ended is Interrupted:
        assert raised.value is ends
    else:
        assert str(raised.value).splitlines() == ["be3 is away", f"be2: Upgraded: {fence.TOO_OLD}"]
        assert [reason.code for reason in reasons_of(raised.value)] == ["silent"]


def test_nothing_is_given_anew_to_one_node_where_another_has_failed():
    node, ret = Node([FULL, EARLY, DONE]), {"name": "n", "changes": {}, "comment": ""}
    with pytest.raises(CommandExecutionError) as raised:
        orders.apply(node.master, ret, "prod", RECORD, ["be1", "be2"], "orch.node.upgraded")
    said = ["be1: Installed: dpkg: disk full", f"be2: Upgraded: {fence.TOO_OLD}"]
    assert (str(raised.value).splitlines(), node.orders) == (said, 2)
    assert ret["changes"] == {"be2": {"Installed": {"new": "2.3.16"}}}


def test_nor_to_one_that_is_at_rest_meanwhile_and_that_is_said():
    node, ret = Node([FULL, lost, DONE]), {"name": "n", "changes": {}, "comment": ""}
    with pytest.raises(CommandExecutionError) as raised:
        orders.apply(node.master, ret, "prod", RECORD, ["be1", "be2"], "orch.node.upgraded")
    said = ["be1: Installed: dpkg: disk full", RESTS, LOOK]
    assert (str(raised.value).splitlines(), node.orders) == (said, 2)


def test_i5_what_had_failed_when_a_signal_came_is_told():
    node, signals = Node([FULL, lost], [[UPGRADE]] * 999), Signals()
    sleeps = node.master.clock.sleep

    def comes(seconds):
        sleeps(seconds)
        signals.arrive("SIGINT")

    node.master.clock.sleep = comes
    with signals.step("Upgrade") as ret:
        orders.apply(node.master, ret, "prod", RECORD, ["be1", "be2"], "orch.node.upgraded")
    interrupted = "interrupted by SIGINT: what a node was told to do may still be at work there"
    assert ret["comment"].splitlines()[:2] == [interrupted, "be1: Installed: dpkg: disk full"]


def test_what_one_node_had_done_when_a_signal_came_while_another_was_waited_for_is_told():
    def comes(node):
        signals.arrive("SIGTERM")

    node, signals = Node([DONE, comes]), Signals()
    with signals.step("Upgrade") as ret:
        orders.apply(node.master, ret, "prod", RECORD, ["be1", "be2"], "orch.node.upgraded")
    assert ret["comment"].startswith("interrupted by SIGTERM")
    assert ret["changes"] == {"be1": {"Upgraded": {"be2": "2.3.16"}}}


@pytest.mark.parametrize("first", [EARLY, lost])
def test_what_the_first_order_came_to_is_not_told_of_one_that_carries_out_the_second_when_a_signal_comes(first):
    node, signals = Node([first, lambda _: signals.arrive("SIGTERM")]), Signals()
    with signals.step("Upgrade") as ret:
        orders.apply(node.master, ret, "prod", RECORD, ["be2"], "orch.node.upgraded")
    anew = "be2: the order was to be given to it anew: whether this one came to it is not known"
    assert ret["comment"].splitlines()[1:] == [anew]


def test_what_two_orders_of_one_step_changed_is_told():
    node, ret = Node([EARLY, DONE, DONE]), {"name": "n", "changes": {}, "comment": ""}
    for _ in range(2):
        orders.apply(node.master, ret, "prod", RECORD, ["be2"], "orch.node.upgraded")
    assert ret["changes"] == {"be2": {"Installed": {"new": "2.3.16"}, "Upgraded": {"be2": "2.3.16"}}}


def test_an_order_that_would_do_all_of_it_twice_is_not_given_anew():
    there = Node([lost, DONE], [[UPGRADE]] * 3)
    assert there.fails(again=False) == [RESTS, LOOK]
    assert (there.orders, there.busy) == (1, [])


def test_an_order_is_not_given_for_ever():
    there = Node([lost] * 9)
    assert there.fails() == [RESTS, LOOK]
    assert there.orders == orders.TRIES


def test_what_goes_on_at_work_beyond_the_bound_is_named_with_the_job():
    there = Node([lost], [[UPGRADE]] * 999)
    first, still, look = there.fails(bound=120)
    assert first == LOST
    assert still == f"be2: no answer came, and it is at work: {UPGRADE} (looked for 120 s)"
    assert (look, there.orders) == (LOOK, 1)


def test_a_node_of_which_nothing_is_heard_is_given_nothing_anew():
    there = Node([lost], [lost("be2")] * 9)
    assert there.fails() == [LOST, LOOK]
    assert (there.orders, len(there.busy)) == (1, 9 - orders.LOOKS)


def test_a_node_that_is_not_heard_for_a_moment_is_asked_again():
    there = Node([lost, DONE], [lost("be2"), [UPGRADE], lost("be2"), [UPGRADE]])
    assert there.applies()["changes"]


def test_i8_what_a_node_cannot_tell_counts_as_at_work():
    there = Node([lost], ["unknown"] * 999)
    assert any("be2: who knows" in line for line in there.fails(bound=60))
    assert there.orders == 1


def test_s5_salts_own_explanation_is_told_and_which_job_is_at_work():
    running = 'The function "state.sls" is running as PID 4711 and was started at 2026, Nov 28 01:00 with jid 20261128'
    there = Node([Answer(False, error="be2: [...]", failed=[running], jid=JID)])
    assert there.fails() == [
        f"be2: {running}",
        "be2: 'salt be2 saltutil.find_job 20261128' shows what is at work there: wait for its end",
        LOOK,
    ]


@pytest.mark.parametrize("said", [False, {}, None])
def test_s5_a_job_that_salt_has_lost_is_named(said):
    there = Node([Answer(True, said, jid=JID)])
    assert there.fails() == [f"be2: no states ran: {said}", LOOK]


def test_s5_an_error_in_words_is_told_with_its_job():
    there = Node([Answer(False, error="be2: The minion function caused an exception", failed="...", jid=JID)])
    assert there.fails() == ["be2: The minion function caused an exception", LOOK]


def test_states_that_failed_say_why_themselves():
    failed = {"s": {"__id__": "Upgraded", "__run_num__": 0, "result": False, "comment": "ended with 1", "changes": {}}}
    there = Node([Answer(False, error="be2: {...}", failed=failed, jid=JID)])
    assert there.fails() == ["be2: Upgraded: ended with 1"]


def test_in_test_mode_nothing_is_given_anew():
    there = Node([lost] * 9)
    there.master = dataclasses.replace(there.master, test=True)
    assert there.fails() == [LOST, LOOK]
    assert there.orders == 1

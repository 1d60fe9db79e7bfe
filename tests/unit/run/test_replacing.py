"""The steps that replace a backend: each looks first, and deletes nothing that may be missed."""

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.judge import fence
from saltext.chef_backend.judge import replace as replacing_judged
from saltext.chef_backend.run import replacing
from tests.unit.answered import run, views
from tests.unit.judge.test_replace import LAG, MINE, removed, seen, told, told_removed
from tests.unit.run import fakes

CONFIRM = "delete all data of be3"
FORGET = "chef_backend_agent.remove_node"
APPLIED = {"s": {"__id__": "This backend holds no data", "result": True, "comment": "deleted", "changes": {"v": 1}}}


def hub(*shown, test=False, refuses=None, **more):
    """A master to which the backends answer so, in turn; a state on a node does what it is to."""

    def remove(node, name):
        if refuses:
            raise CommandExecutionError(refuses)
        return ""

    does = {
        "chef_backend_agent.secrets_ready": lambda node, path: True,
        FORGET: remove,
        "state.sls": lambda node, sls, pillar, queue, test: APPLIED,
    }
    return fakes.master(*shown, test=test, does=does, **({"record": MINE, "jid": MINE.owner.jid} | more))


def opened(master, **changes):
    given = {"node": "be3", "secrets": "/root/s.json", "confirm": CONFIRM} | changes
    return replacing.opened(master, "open", "prod", **given)


def removed_by(master):
    return replacing.removed(master, "remove", "prod", "be3")


def emptied(master):
    return replacing.emptied(master, "empty", "prod", "be3")


def taken(master):
    """The calls that take the cluster."""
    return [call for call in master.bus.calls if call[1] == "chef_backend_agent.accept"]


def test_the_views_here_are_what_they_are_called():
    stages = ((seen(), "MEMBER"), (removed(), "REMOVED"), (views(), "BACK"))
    for given, stage in stages:
        assert replacing_judged.stage(given, "be3", LAG) == getattr(replacing_judged, stage)


def on_3_1_1():
    """What is answered by a cluster of which no file tells whether it was installed with 3.0.0."""
    return {node: answer | {"version": "3.1.1"} for node, answer in told().items()}


class TestOpened:
    def test_the_secrets_are_looked_at_before_the_cluster_is_taken(self):
        master = hub(told(), record=None, jid="2")
        done = opened(master)
        assert (done["result"], done["comment"]) == (True, "opened run 2: be3 is a member that is down")
        held = fakes.backends(master).record
        assert (held.way, held.target, held.leader) == ("replace_node", "replace be3", "be1")
        functions = [call[1] for call in master.bus.calls]
        assert functions.index("chef_backend_agent.secrets_ready") < functions.index("chef_backend_agent.accept")
        assert master.bus.asked("chef_backend_agent.secrets_ready") == [("be3", "/root/s.json")]

    def test_what_died_is_resumed(self):
        master = hub(told_removed(), jid="2")
        done = opened(master)
        assert (done["result"], done["comment"]) == (True, "resumed run r1: be3 is no member")
        held = fakes.backends(master).record
        assert (held.run, held.owner.jid, held.state) == ("r1", "2", "open")

    @pytest.mark.parametrize(
        ("shown", "record", "changes", "said"),
        [
            (told(), None, {"confirm": "yes"}, "confirm: found 'yes'"),
            (told(), None, {"node": "be2"}, "expected 'delete all data of be2'"),
            (told(be1={"busy": ["chef-backend-ctl backup"]}), None, {}, "the cluster is being changed"),
            (told(be1={"replication": ""}), None, {}, "be3 is replaced only while the other two are well"),
            (told(be3={"version": "2.3.16"}), None, {}, "install theirs there first"),
            (told(be2={"errors": {"answer": "be2 does not answer"}}), None, {}, "be2 does not answer"),
            (on_3_1_1(), None, {}, "installed_with: found None, expected the version that the cluster was installed"),
            (on_3_1_1(), None, {"installed_with": "3.0.0"}, "installed_with: 3.0.0: a node cannot join a cluster"),
            (told(), run(), {}, "run r1 to 2.3.16 is under way"),
        ],
    )
    def test_refused_before_anything_is_taken(self, shown, record, changes, said):
        master = hub(shown, record=record, jid="2", alive=lambda process: True)
        done = opened(master, **changes)
        assert (done["result"], done["changes"], taken(master)) == (False, {}, [])
        assert said in done["comment"]

    def test_on_3_x_it_goes_on_where_another_version_than_3_0_0_is_said(self):
        done = opened(hub(on_3_1_1(), record=None, jid="2"), installed_with="2.3.16")
        assert done["result"] is True, done["comment"]

    def test_a_node_that_is_well_is_left_alone(self):
        done = opened(hub({}, record=None, jid="2"), node="be1", confirm="delete all data of be1")
        assert done["comment"].endswith("is a healthy member")

    def test_test_mode(self):
        master = hub(told(), test=True, record=None, jid="2")
        assert (opened(master)["result"], taken(master)) == (None, [])


class TestRemoved:
    def test_the_leader_removes_it_and_that_is_seen(self):
        master = hub(told(), told_removed())
        done = removed_by(master)
        assert (done["result"], done["comment"]) == (True, "be3 is no member")
        assert done["changes"] == {"be3": {"old": "a member that is down", "new": "no member"}}
        assert master.bus.asked(FORGET) == [("be1", "be3")]

    def test_one_that_is_still_counted_after_the_bound_was_not_removed(self):
        done = removed_by(hub(told()))
        assert (done["result"], done["comment"]) == (False, "be3 is still counted as a member (looked for 60 s)")

    def test_the_product_refuses(self):
        done = removed_by(hub(told(), refuses="be1: be3 is still alive"))
        assert (done["result"], done["changes"], done["comment"]) == (False, {}, "be1: be3 is still alive")

    @pytest.mark.parametrize(("shown", "stage"), [(told_removed(), "no member"), ({}, "a healthy member")])
    def test_there_is_nothing_to_remove(self, shown, stage):
        master = hub(shown)
        assert (removed_by(master)["comment"], master.bus.asked(FORGET)) == (f"be3 is {stage}", [])

    def test_test_mode(self):
        master = hub(told(), test=True)
        done = removed_by(master)
        assert (done["result"], done["comment"]) == (None, "would remove be3 from the cluster")
        assert master.bus.asked(FORGET) == []


class TestOnTheNode:
    def test_on_the_node_that_is_no_member(self):
        master = hub(told_removed())
        done = emptied(master)
        assert (done["result"], done["changes"]) == (True, {"be3": {"This backend holds no data": {"v": 1}}})
        assert master.bus.asked("state.sls") == [("be3", "orch.node.emptied")]

    @pytest.mark.parametrize(
        ("shown", "said"),
        [
            (told(), "it has to be removed from the cluster first"),
            (told_removed(be1={"replication": ""}), "be3 is replaced only while the other two are well"),
            (told_removed(be2={"busy": ["chef-backend-ctl upgrade"]}), "the cluster is being changed"),
        ],
    )
    def test_nothing_is_deleted_that_may_be_missed(self, shown, said):
        master = hub(shown)
        done = emptied(master)
        assert (done["result"], master.bus.asked("state.sls")) == (False, [])
        assert said in done["comment"]

    def test_nor_by_an_order_that_is_given_anew_to_a_node_that_is_another_by_now(self):
        """Its first order has waited too long behind other states, in which somebody has joined the node."""
        master = hub(told_removed())
        backends = fakes.backends(master)

        def too_late(node, sls, pillar, queue, test):
            backends.told = [told()]
            return {"s": APPLIED["s"] | {"result": False, "comment": fence.TOO_OLD}}

        master.bus.does["state.sls"] = too_late
        done = emptied(master)
        assert (done["result"], master.bus.asked("state.sls")) == (False, [("be3", "orch.node.emptied")])
        assert "by now: the same command goes on from there" in done["comment"]

    def test_a_node_that_is_well_is_left_alone(self):
        master = hub({})
        assert (emptied(master)["comment"], master.bus.asked("state.sls")) == ("be3 is a healthy member", [])

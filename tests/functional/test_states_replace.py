"""The states that replace a backend, on the master: each looks first, and deletes nothing that may be missed."""

import pytest

from saltext.chef_backend.judge import replace as replacing
from tests.functional.minion import own_functions
from tests.functional.pillars import cluster_with
from tests.unit.answered import RECORD, views
from tests.unit.judge.test_replace import LAG, MINE, removed, seen

CONFIRM = "delete all data of be3"
ASKED = ("be1", "chef_backend_cluster.remove_node", "be3", True)


class Master:
    """The functions that the states ask, some noting that they were called; ``shown``: what backends answer in turn."""

    def __init__(self, opts, *shown, test=False, refuses=None, found=None):
        self.shown, self.refuses, self.calls = list(shown), refuses, []
        self.states = own_functions({**opts, "test": test}, "_states", "states")
        self.states.pack["__orchestration_jid__"] = "2"
        self.states.pack["__salt__"].update(
            {
                "chef_backend_nodes.cluster": cluster_with(),
                "chef_backend_nodes.backends": lambda cluster: ["be1", "be2", "be3"],
                "chef_backend_nodes.views": lambda cluster: self.look(),
                "chef_backend_nodes.ask": self.ask,
                "chef_backend_nodes.ask_all": lambda nodes, function, *args, **_: self.note(*nodes, function, *args),
                "chef_backend_hold.gone": lambda record: found,
                "chef_backend_hold.begin": self.begin,
                "chef_backend_step.look": lambda cluster, jid, changes: (self.look(), MINE if jid else None),
                "chef_backend_step.until_holds": lambda check, bound: check(),
                "chef_backend_step.nested": self.nested,
                "chef_backend_progress.tell": lambda *_, **__: None,
            }
        )

    def look(self):
        return self.shown.pop(0) if len(self.shown) > 1 else self.shown[0]

    def note(self, *call):
        self.calls.append(call)

    def begin(self, jid, views, found, resumed, **fields):
        self.note("begin", fields["way"], fields["target"], fields["leader"], resumed and resumed.run)
        return MINE

    def ask(self, nodes, function, *args, **_):
        self.note(*nodes, function, *args)
        return {node: {"ok": not self.refuses, "value": "", "error": self.refuses} for node in nodes}

    def nested(self, mods, pillar, jid, test):
        self.note(mods, pillar["node"], pillar["peer"], test)
        return {"result": True, "changes": {}, "comment": "done"}

    def opened(self, **changes):
        given = {"cluster": "prod", "node": "be3", "secrets": "/root/s.json", "confirm": CONFIRM} | changes
        return self.states["chef_backend_replace.opened"]("open", **given)

    def removed(self):
        return self.states["chef_backend_replace.removed"]("remove", "prod", "be3")

    def phase(self, mods="orch.replace.empty"):
        return self.states["chef_backend_replace.phase"]("empty", "prod", "be3", mods)


@pytest.fixture(name="master")
def fixture_master(shared):
    """Return a function that makes a master to which the backends answer so."""
    return lambda *shown, **more: Master(shared.opts, *shown, **more)


def test_the_views_here_are_what_they_are_called():
    for given, stage in ((seen(), replacing.MEMBER), (removed(), replacing.REMOVED), (views(), replacing.BACK)):
        assert replacing.stage(given, "be3", LAG) == stage


class TestOpened:
    def test_the_secrets_are_looked_at_before_the_cluster_is_taken(self, master):
        hub = master(seen())
        done = hub.opened()
        assert (done["result"], done["comment"]) == (True, "opened run r1: be3 is a member that is down")
        assert hub.calls == [
            ("be3", "chef_backend_cluster.secrets_ready", "/root/s.json"),
            ("begin", "replace_node", "replace be3", "be1", None),
        ]

    def test_what_died_is_resumed(self, master):
        held = {"record": MINE.to_dict()}
        hub = master(removed(be1=held, be2=held, be3=held), found="the run ended as failed")
        done = hub.opened()
        assert (done["result"], done["comment"]) == (True, "resumed run r1: be3 is no member")
        assert hub.calls[-1] == ("begin", "replace_node", "replace be3", "be1", "r1")

    @pytest.mark.parametrize(
        ("shown", "changes", "said"),
        [
            (seen(), {"confirm": "yes"}, "confirm: found 'yes'"),
            (seen(), {"node": "be2"}, "expected 'delete all data of be2'"),
            (views(), {"node": "be1", "confirm": "delete all data of be1"}, None),
            (seen(be1={"busy": ["chef-backend-ctl backup"]}), {}, "the cluster is being changed"),
            (seen(be1={"replication": ""}), {}, "be3 is replaced only while the other two are well"),
            (seen(be3={"version": "2.3.16"}), {}, "install theirs there first"),
            (seen(be2={"errors": {"answer": "be2 does not answer"}}), {}, "be2 does not answer"),
            (seen(be1={"record": RECORD.to_dict()}), {}, "run r1 to 2.3.16 is under way"),
        ],
    )
    def test_refused_before_anything_is_taken(self, master, shown, changes, said):
        hub = master(shown)
        done = hub.opened(**changes)
        if said is None:  # a node that is well is left alone
            assert done["comment"].endswith("is a healthy member")
            return
        assert (done["result"], done["changes"], hub.calls) == (False, {}, [])
        assert said in done["comment"]

    def test_test_mode(self, master):
        hub = master(seen(), test=True)
        assert (hub.opened()["result"], len(hub.calls)) == (None, 1)


class TestRemoved:
    def test_the_leader_removes_it_and_that_is_seen(self, master):
        hub = master(seen(), removed())
        done = hub.removed()
        assert (done["result"], done["comment"]) == (True, "be3 is no member")
        assert done["changes"] == {"be3": {"old": "a member that is down", "new": "no member"}}
        assert hub.calls == [ASKED]

    def test_one_that_is_still_counted_was_not_removed(self, master):
        done = master(seen()).removed()
        assert (done["result"], done["comment"]) == (False, "be3 is still counted as a member")

    def test_the_product_refuses(self, master):
        done = master(seen(), refuses="be1: be3 is still alive").removed()
        assert (done["result"], done["changes"], done["comment"]) == (False, {}, "be1: be3 is still alive")

    @pytest.mark.parametrize(("shown", "stage"), [(removed(), "no member"), (views(), "a healthy member")])
    def test_there_is_nothing_to_remove(self, master, shown, stage):
        hub = master(shown)
        assert (hub.removed()["comment"], hub.calls) == (f"be3 is {stage}", [])

    def test_test_mode(self, master):
        hub = master(seen(), test=True)
        done = hub.removed()
        assert (done["result"], done["comment"], hub.calls) == (None, "would remove be3 from the cluster", [])


class TestPhase:
    def test_on_the_node_that_is_no_member(self, master):
        hub = master(removed())
        assert hub.phase()["result"] is True
        assert hub.calls == [("orch.replace.empty", "be3", "10.0.0.1", False)]

    @pytest.mark.parametrize(
        ("shown", "said"),
        [
            (seen(), "it has to be removed from the cluster first"),
            (removed(be1={"replication": ""}), "be3 is replaced only while the other two are well"),
            (removed(be2={"busy": ["chef-backend-ctl upgrade"]}), "the cluster is being changed"),
        ],
    )
    def test_nothing_is_deleted_that_may_be_missed(self, master, shown, said):
        hub = master(shown)
        done = hub.phase()
        assert (done["result"], hub.calls) == (False, [])
        assert said in done["comment"]

    def test_a_node_that_is_well_is_left_alone(self, master):
        hub = master(views())
        assert (hub.phase()["comment"], hub.calls) == ("be3 is a healthy member", [])

"""A rolling run's turns, with backends that upgrade when they are ordered to: whose turn it is, and what is asked."""

import dataclasses

import pytest

from saltext.chef_backend.judge import fence
from saltext.chef_backend.run import look, turns
from tests.unit import printed
from tests.unit.answered import RECORD, replicated
from tests.unit.run import fakes

OLD, NEW = "2.2.0", "2.3.16"
DAY = 86400
ALWAYS = {"node", "errors", "record", "note", "unheard", "unlooked", "ended"}


class Cluster:
    """Three backends that do as they are told, and count what is asked of them.

    ``asked``: ``(node, program)`` for each command of the product that only looks.
    """

    def __init__(self, record=RECORD, **changes):
        self.asked, self.upgraded, self.switched = [], [], []
        self.unlooked = {}  # seconds since a node's dead man's switch looked
        self.meanwhile = []  # what happens while the next order waits on its node, until it is too old
        self.leads, self.failover, self.versions = "be1", "on", dict.fromkeys(printed.NODES, OLD)
        self.master = fakes.master(
            record=dataclasses.replace(record, frontends=()),
            jid=RECORD.owner.jid,
            gates={"settle_seconds": 10},
            does={
                "state.sls": self.apply,
                "chef_backend_agent.ensure_failover": self.switch,
                "chef_backend_agent.failover_off_and_on": lambda node, bound: self.switched.extend(["off", "on"]),
            },
            **changes,
        )
        self.backends = fakes.backends(self.master)
        self.master.bus.does["chef_backend_agent.view"] = self.view
        self.began = dict.fromkeys(printed.NODES, self.master.clock.now() - DAY)

    def view(self, node, only=None, word=None, table=None):
        shown = self.backends.view(node, only, word, table)
        blocked = "blocked" if self.failover == "off" else "not_blocked"
        members = tuple(
            printed.Member(
                name,
                role="leader" if name == self.leads else "follower",
                pg="leader" if name == self.leads else "follower",
                following="-" if name == self.leads else self.leads,
                blocked=blocked,
            )
            for name in printed.NODES
        )
        up = int(self.master.clock.now() - self.began[node])
        since = f"{up // DAY}d {up % DAY // 3600}h {up % 3600 // 60}m {up % 60}s"
        shown |= {
            "version": self.versions[node],
            "cluster_status": printed.cluster_status(members),
            "status": printed.status().replace("1d 5h 0m 41s", since),
            "leads": node == self.leads,
            "unlooked": self.unlooked.get(node, 1.0),
            "replication": "",
        }
        if node == self.leads:
            others = [name for name in printed.NODES if name != self.leads]
            shown["replication"] = "\n".join(replicated(name) for name in others)
        wanted = set(only or shown)
        if table not in (None, node):
            wanted.discard("cluster_status")
        self.asked += [(node, part) for part in ("cluster_status", "status") if part in wanted]
        return {part: value for part, value in shown.items() if part in wanted | ALWAYS}

    def apply(self, node, sls, pillar, queue, test):
        if sls == "orch.node.upgraded":
            assert pillar["handover"] is (node == self.leads)
        else:  # it hands over by itself, and is not waited for
            assert (sls, node) == ("orch.node.handed_over", self.leads)
        if self.meanwhile:
            self.meanwhile.pop(0)()
            installed = {
                "__id__": "Installed",
                "result": True,
                "comment": "",
                "changes": {"new": NEW},
                "__run_num__": 0,
            }
            refused = {"__id__": sls, "result": False, "comment": fence.TOO_OLD, "changes": {}, "__run_num__": 1}
            return {"i": installed, "s": refused}
        self.upgraded.append((node, self.failover))
        self.versions[node] = NEW
        self.began[node] = self.master.clock.now()
        self.master.clock.sleep(1.5)  # until it has rejoined
        if node == self.leads:
            self.leads = "be2"
        done = {"__id__": sls, "result": True, "comment": "", "changes": {}, "duration": "1500.0 ms"}
        return {"s": {**done, "__run_num__": 0}}

    def switch(self, node, to, bound, before=None):
        found, self.failover = self.failover, to
        self.switched.append(to)
        return {"before": before or found, "after": to}

    def opened(self):
        """What the opening has seen is kept, as it keeps it."""
        look.look(self.master, "prod")
        self.asked.clear()

    def until_the_last_turn(self):
        """The steps from the first switch of failover to the one before the leader's turn."""
        turns.failover_off(self.master, "off", "prod")
        for turn in (turns.FIRST, turns.SECOND):
            turns.upgraded(self.master, turn, "prod", turn)
        turns.failover_on(self.master, "on", "prod")

    def goes(self):
        """The steps from the first switch of failover to the verification; returns their results."""
        steps = [
            lambda name: turns.failover_off(self.master, name, "prod"),
            lambda name: turns.upgraded(self.master, name, "prod", turns.FIRST),
            lambda name: turns.upgraded(self.master, name, "prod", turns.SECOND),
            lambda name: turns.failover_on(self.master, name, "prod"),
            lambda name: turns.upgraded(self.master, name, "prod", turns.LAST),
            lambda name: turns.failover_off_and_on(self.master, name, "prod"),
            lambda name: turns.verified(self.master, name, "prod"),
        ]
        return [step(f"step {number}") for number, step in enumerate(steps)]


@pytest.fixture(name="cluster")
def fixture_cluster():
    seen = Cluster()
    seen.opened()
    return seen


def test_followers_first_with_failover_off_and_the_leader_last_with_it_on(cluster):
    assert [done["result"] for done in cluster.goes()] == [True] * 7
    assert cluster.upgraded == [("be2", "off"), ("be3", "off"), ("be1", "on")]
    assert cluster.switched == ["off", "on", "off", "on"]
    assert cluster.backends.record.step == "verified"


def test_each_turn_looks_once_at_every_node_and_at_one_table_after_the_settle_time(cluster):
    cluster.goes()
    look_of_a_turn = [("be1", "cluster_status"), *((node, "status") for node in printed.NODES)]
    assert sorted(cluster.asked) == sorted(look_of_a_turn * 4), "three turns and the verification, nothing besides"


def test_the_second_turn_waits_until_the_services_of_the_first_node_have_settled(cluster):
    began = cluster.master.clock.now()
    cluster.goes()
    assert cluster.master.clock.now() - began >= 3 * 10 - 1


def test_where_one_postgresql_does_not_say_who_leads_all_tables_are_asked(cluster):
    told = cluster.view
    cluster.master.bus.does["chef_backend_agent.view"] = lambda node, *args: (
        told(node, *args)
        | (
            {"leads": None, "errors": {"leads": "psql: could not connect"}}
            if args and "leads" in (args[0] or ())
            else {}
        )
    )
    assert turns.failover_off(cluster.master, "off", "prod")["result"] is True
    assert len(cluster.asked) == 6


def test_a_lead_that_moved_by_itself_makes_a_follower_of_the_last_turn_with_failover_off_meanwhile(cluster):
    cluster.until_the_last_turn()
    cluster.leads = "be3"
    done = turns.upgraded(cluster.master, "last", "prod", turns.LAST)
    assert done["result"] is True, done["comment"]
    assert cluster.upgraded[-1] == ("be1", "off")
    assert cluster.switched == ["off", "on", "off", "on"]


def test_where_the_index_is_to_be_built_again_failover_comes_on_for_the_hand_over_alone():
    """Elasticsearch of every upgraded backend fails on the old index, and leaderl would move the lead for that."""
    cluster = Cluster(dataclasses.replace(RECORD, way="reindex", reindex=True))
    cluster.opened()
    cluster.until_the_last_turn()
    turns.upgraded(cluster.master, "last", "prod", turns.LAST)
    assert cluster.upgraded == [("be2", "off"), ("be3", "off"), ("be1", "on")]
    parts = [sls for _, sls, *_ in cluster.master.bus.asked("state.sls")]
    assert parts == ["orch.node.upgraded", "orch.node.upgraded", "orch.node.handed_over"], "off before it has rejoined"
    turns.failover.switch(cluster.master, "prod", "off")
    assert "failover stays off" in turns.failover_on(cluster.master, "on again", "prod")["comment"]
    assert cluster.switched == ["off", "on", "off"]


def inside(failover="on", reindex=True, upgraded=True):
    """A cluster that runs the target, whose run died inside the leader's turn."""
    cluster = Cluster(dataclasses.replace(RECORD, way="reindex", reindex=reindex, failover=failover))
    cluster.opened()
    cluster.versions, cluster.failover = dict.fromkeys(printed.NODES, NEW), failover
    cluster.backends.notes["be1"] = {"run": RECORD.run, "inside": True, "upgraded": upgraded}
    cluster.backends.told = ({"be1": {"half_upgraded": "its run did not finish on this node"}},)
    return cluster


@pytest.mark.parametrize("failover", ["on", "off"])
def test_a_leader_that_was_upgraded_and_leads_again_hands_nothing_over_in_a_reindex(failover):
    """Its run died, and the lead has come round to it: failover that comes on for it would have the lead go on."""
    cluster = inside(failover)
    said = turns.failover_on(cluster.master, "on again", "prod")["comment"]
    assert said == {
        "on": "failover was not switched",
        "off": "no leader has to hand over: failover stays off until the index is new",
    }[failover]  # fmt: skip
    done = turns.upgraded(cluster.master, "last", "prod", turns.LAST)
    assert (done["result"], done["comment"]) == (True, f"be1 leads: it runs {NEW} already, and has only to rejoin")
    assert (cluster.switched, cluster.upgraded) == ([], [])


@pytest.mark.parametrize(
    "cluster",
    [
        pytest.param(lambda: inside(upgraded=False), id="its upgrade has not ended"),
        pytest.param(lambda: inside(reindex=False), id="no other step has it rejoin"),
    ],
)
def test_a_leader_inside_its_upgrade_hands_over_all_the_same_where(cluster):
    seen = cluster()
    assert turns.upgraded(seen.master, "last", "prod", turns.LAST)["result"] is True
    assert seen.upgraded == [("be1", "on")]


def test_a_leader_whose_old_package_somebody_has_put_back_is_upgraded_whatever_was_noted():
    cluster = inside()
    cluster.versions["be1"] = OLD
    assert turns.upgraded(cluster.master, "last", "prod", turns.LAST)["result"] is True
    assert cluster.upgraded == [("be1", "on")]


def test_a_leader_that_was_upgraded_and_follows_is_waited_for_in_its_last_turn():
    cluster = inside()
    cluster.leads = "be2"
    done = turns.upgraded(cluster.master, "last", "prod", turns.LAST)
    assert (done["result"], cluster.upgraded) == (True, [("be1", "off")]), done["comment"]


@pytest.mark.parametrize("step", [turns.staged, turns.backed_up, turns.failover_off, turns.failover_on])
def test_a_moment_without_a_leader_fails_no_step_before_a_turn(step):
    """The lead may just be going from one to the next."""
    cluster = Cluster(dataclasses.replace(RECORD, way="reindex", reindex=True, failover="off"))
    cluster.opened()
    cluster.master.bus.does["state.sls"] = lambda node, sls, pillar, queue, test: {
        "s": {"__id__": sls, "result": True, "comment": "", "changes": {}, "__run_num__": 0}
    }
    view, looked = cluster.view, []

    def between(node, *args):
        looked.append(node)
        cluster.leads = "be1" if len(looked) > 6 else "nobody"
        return view(node, *args)

    cluster.master.bus.does["chef_backend_agent.view"] = between
    done = step(cluster.master, "step", "prod")
    assert done["result"] is True, done["comment"]
    assert len(looked) > 6


@pytest.mark.parametrize("wish", ["pause", "abort"])
def test_a_node_in_its_turn_is_left_to_end_it_whatever_is_wished_while_its_order_is_given_anew(cluster, wish):
    def wished():
        cluster.backends.notes["be2"] = {"run": RECORD.run, "wish": wish, "wished": RECORD.epoch}

    turns.failover_off(cluster.master, "off", "prod")
    cluster.meanwhile = [wished]
    assert turns.upgraded(cluster.master, "first", "prod", turns.FIRST)["result"] is True
    assert cluster.upgraded == [("be2", "off")]
    heeded = turns.upgraded(cluster.master, "second", "prod", turns.SECOND)
    assert f"{wish} was asked for" in heeded["comment"] and len(cluster.upgraded) == 1


@pytest.mark.parametrize("reindex", [False, True])
@pytest.mark.parametrize(("turn", "typed"), [(turns.FIRST, "on"), (turns.LAST, "off")])
def test_i3_an_order_is_given_anew_only_while_failover_is_as_its_turn_needs_it(turn, typed, reindex):
    cluster = Cluster(dataclasses.replace(RECORD, way="reindex" if reindex else "rolling", reindex=reindex))
    cluster.opened()
    if turn == turns.LAST:
        cluster.until_the_last_turn()
    else:
        turns.failover_off(cluster.master, "off", "prod")
    before = list(cluster.upgraded)
    cluster.meanwhile = [lambda: setattr(cluster, "failover", typed)]
    done = turns.upgraded(cluster.master, turn, "prod", turn)
    assert (done["result"], cluster.upgraded) == (False, before)
    assert f"failover is {typed}, expected" in done["comment"]
    node = "be2" if turn == turns.FIRST else "be1"
    assert done["changes"][node] == {"Installed": {"new": NEW}}, "what the first try did is told"


def test_i1_no_order_is_given_anew_beside_a_command_that_somebody_types_on_another_node(cluster):
    view = cluster.view

    def typed():
        def shown(node, *args):
            answer = view(node, *args)
            return answer | {"busy": ["chef-backend-ctl upgrade"]} if node == "be3" and "busy" in answer else answer

        cluster.master.bus.does["chef_backend_agent.view"] = shown

    turns.failover_off(cluster.master, "off", "prod")
    cluster.meanwhile = [typed]
    done = turns.upgraded(cluster.master, "first", "prod", turns.FIRST)
    assert (done["result"], cluster.upgraded) == (False, [])
    assert "be3: chef-backend-ctl upgrade" in done["comment"]


def test_a_leader_that_has_handed_over_is_left_to_end_its_turn_whatever_its_own_table_shows(cluster):
    """Half-upgraded, it may see nobody lead for minutes."""
    view = cluster.view
    cluster.until_the_last_turn()

    def handed_over():
        nobody = tuple(printed.Member(name, role="waiting", pg="unknown", following="-") for name in printed.NODES)

        def shown(node, *args):
            answer = view(node, *args)
            own = {"cluster_status": printed.cluster_status(nobody)} if "cluster_status" in answer else {}
            return answer | own if node == "be1" else answer

        cluster.master.bus.does["chef_backend_agent.view"] = shown
        cluster.master.bus.does["state.sls"] = lambda node, sls, pillar, queue, test: ended.append(node) or rejoined
        cluster.leads = "be2"

    ended = []
    rejoined = {"s": {"__id__": "Rejoined", "__run_num__": 0, "result": True, "comment": "", "changes": {}}}
    cluster.meanwhile = [handed_over]
    done = turns.upgraded(cluster.master, "last", "prod", turns.LAST)
    assert (done["result"], ended) == (True, ["be1"]), done["comment"]


def test_a_turn_whose_gate_does_not_hold_touches_nothing(cluster):
    turns.failover_off(cluster.master, "off", "prod")
    told = cluster.view
    cluster.master.bus.does["chef_backend_agent.view"] = lambda node, *args: (
        told(node, *args) | ({"busy": ["chef-backend-ctl backup"]} if node == "be3" else {})
    )
    done = turns.upgraded(cluster.master, "first", "prod", turns.FIRST)
    assert done["result"] is False
    assert "be3: chef-backend-ctl backup: wait until that has ended (looked for 60 s)" in done["comment"]
    assert cluster.upgraded == []


def test_i3_failover_is_not_switched_off_where_a_dead_mans_switch_was_taken_away(cluster):
    cluster.unlooked = {"be3": 1000.0}
    done = turns.failover_off(cluster.master, "step 0", "prod")
    assert done["result"] is False
    assert "the dead man's switch of be3 has not looked for 1000 s" in done["comment"]
    assert cluster.switched == []


def test_i3_nor_for_a_last_turn_whose_lead_has_moved_by_itself(cluster):
    turns.failover_off(cluster.master, "off", "prod")
    for turn in (turns.FIRST, turns.SECOND):
        assert turns.upgraded(cluster.master, turn, "prod", turn)["result"] is True
    turns.failover_on(cluster.master, "on", "prod")
    cluster.leads = "be2"
    cluster.unlooked = dict.fromkeys(printed.NODES, 1000.0)
    done = turns.upgraded(cluster.master, "last", "prod", turns.LAST)
    assert "has not looked for 1000 s" in done["comment"]
    assert cluster.switched == ["off", "on"]


def test_i3_no_node_is_touched_where_it_was_taken_away_after_failover_went_off(cluster):
    assert turns.failover_off(cluster.master, "step 0", "prod")["result"] is True
    cluster.unlooked = {"be1": 1000.0}
    done = turns.upgraded(cluster.master, "step 1", "prod", turns.FIRST)
    assert done["result"] is False
    assert "the dead man's switch of be1 has not looked for 1000 s" in done["comment"]
    assert cluster.upgraded == []


def test_failover_that_this_run_has_not_switched_is_not_switched_where_the_version_does_not_show_it(cluster):
    cluster.backends.record = dataclasses.replace(cluster.backends.record, failover="unknown")
    look.look(cluster.master, "prod")
    assert turns.failover_on(cluster.master, "on", "prod")["comment"] == "failover was not switched"
    assert cluster.switched == []


def test_what_restarts_nothing_makes_no_turn_wait_for_services_to_settle(cluster):
    def staged(node, sls, pillar, queue, test):
        return {"s": {"__id__": sls, "result": True, "comment": "", "changes": {}, "duration": "1.0 ms"}}

    cluster.master.bus.does["state.sls"] = staged
    began = cluster.master.clock.now()
    assert turns.staged(cluster.master, "stage", "prod")["result"] is True
    cluster.master.bus.does["state.sls"] = cluster.apply
    turns.failover_off(cluster.master, "off", "prod")
    turns.upgraded(cluster.master, "first", "prod", turns.FIRST)
    assert cluster.master.clock.now() - began == pytest.approx(1.5), "what the upgrade itself takes"

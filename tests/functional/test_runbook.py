"""The runbooks, rendered by Salt with what clusters may answer: their steps, their order, and no way to inject any."""

import json

import pytest

from tests.functional.runbook import HOSTILE, NODE, Answers, render, same

OPEN = "Open the run"
CLOSE = "Close the run"
STEPS = [
    OPEN,
    "Stage the package on every backend, and back up",
    "Upgrade the followers one after another, with failover off",
    "Upgrade the leader last, through one hand-over",
    "Upgrade the former leader, if the lead moved by itself meanwhile",
    "Verify the cluster",
    "Reconfigure the frontends",
]
ROLLING = "orch.chef_backend_rolling"
FOLLOWERS, LEADER = "orch.rolling.followers", "orch.rolling.leader"
PREPARE, FRONTENDS, OUT = "orch.common.prepare", "orch.common.frontends", "orch.common.frontends_out"
INSTALL, DOWN, UP = "orch.downtime.install", "orch.downtime.down", "orch.downtime.up"
PHASES = [PREPARE, FOLLOWERS, LEADER, FRONTENDS, OUT, INSTALL, DOWN, UP]
NODE_SLS = [
    "orch.node.staged",
    "orch.node.installed",
    "orch.node.upgraded",
    "orch.node.backed_up",
    "orch.node.down",
    "orch.node.upgraded_from_down",
    "orch.node.out_of_service",
    "orch.node.reconfigured",
    "orch.node.in_service",
]
UNVERSIONED = ["orch.node.backed_up", "orch.node.down", "orch.node.out_of_service"]


class TestRolling:
    def test_the_steps_are_sentences_in_their_order(self, runbook):
        assert runbook(ROLLING).ids == [*STEPS, CLOSE]

    def test_each_step_requires_the_one_before(self, runbook):
        assert runbook(ROLLING).chain(OPEN) == STEPS

    def test_it_is_closed_whatever_happened(self, runbook):
        book = runbook(ROLLING)
        close = book.steps[CLOSE]
        requisites = {"require", "require_any", "onfail", "onfail_any", "watch", "prereq", "onchanges", "listen"}
        assert not requisites & set(close)
        assert book.ids[-1] == CLOSE

    def test_no_step_stops_the_others_by_failhard(self, runbook):
        assert {step["failhard"] for step in runbook(ROLLING).steps.values()} == {False}

    def test_what_is_asked_is_asked_later(self, shared):
        answers = Answers()
        render(shared.opts, ROLLING, {"cluster": "prod"}, answers)
        assert answers.asked == []

    def test_phases(self, runbook):
        phases = [
            (step["mods"], step.get("needed")) for step in runbook(ROLLING).steps.values() if step["fun"] == "phase"
        ]
        assert phases == [
            (PREPARE, "all"),
            (FOLLOWERS, "followers"),
            (LEADER, "leader"),
            (FOLLOWERS, "followers"),
            (FRONTENDS, None),
        ]

    @pytest.mark.parametrize("cluster", HOSTILE)
    def test_a_clusters_name_is_never_more_than_a_name(self, runbook, cluster):
        book = runbook(ROLLING, {"cluster": cluster})
        assert book.ids == [*STEPS, CLOSE]
        for step in book.steps.values():
            assert same(step["cluster"], cluster)

    @pytest.mark.parametrize("cluster", [None, 5, True, ["prod"], {"prod": 1}])
    def test_what_is_no_name_is_given_on_as_text_for_the_pillar_to_refuse(self, runbook, cluster):
        book = runbook(ROLLING, {"cluster": cluster})
        assert {type(step["cluster"]) for step in book.steps.values()} == {str}

    def test_no_cluster_given(self, runbook):
        assert {step["cluster"] for step in runbook(ROLLING, {}).steps.values()} == {""}


class TestFollowers:
    @pytest.mark.parametrize("due", [[], ["be2"], ["be2", "be3"], ["be3", "be2"]])
    def test_one_after_another_between_off_and_on(self, runbook, due):
        book = runbook(FOLLOWERS, due=due)
        steps = [f"{text} follower {node}" for node in due for text in ("The gates hold for", "Upgrade")]
        assert book.chain("Switch failover off") == ["Switch failover off", *steps, "Switch failover on"]
        assert len(book.ids) == len(steps) + 2, "no step stands outside the chain"

    def test_each_is_upgraded_alone_and_as_a_follower(self, runbook):
        book = runbook(FOLLOWERS, due=["be2", "be3"])
        targets = [step["tgt"] for step in book.steps.values() if step["state"] == "salt"]
        assert targets == [["be2"], ["be3"]]
        assert {step["tgt_type"] for step in book.steps.values() if "tgt" in step} == {"list"}
        assert {step["role"] for step in book.steps.values() if step["fun"] == "gates"} == {"follower"}
        assert not any(step["pillar"].get("handover") for step in book.steps.values() if "pillar" in step)
        assert [step["to"] for step in book.steps.values() if step["fun"] == "failover"] == ["off", "on"]


class TestLeader:
    def test_none_due(self, runbook):
        assert runbook(LEADER, due=[]).ids == []

    def test_hand_over_with_failover_on_then_off_and_on(self, runbook):
        book = runbook(LEADER, due=["be1"])
        assert book.chain("The gates hold for leader be1") == [
            "The gates hold for leader be1",
            "Upgrade leader be1, handing over first",
            "Switch failover off after the hand-over",
            "Switch failover on for good",
        ]
        upgrade = book.steps["Upgrade leader be1, handing over first"]
        assert (upgrade["tgt"], upgrade["pillar"]["handover"]) == (["be1"], True)
        assert book.steps["The gates hold for leader be1"]["role"] == "leader"
        assert [step["to"] for step in book.steps.values() if step["fun"] == "failover"] == ["off", "on"]


class TestPrepare:
    def test_with_a_backup(self, runbook):
        book = runbook(PREPARE, backup_on=["be2"])
        assert book.chain("Stage the package on every backend") == [
            "Stage the package on every backend",
            "Back up on follower be2",
        ]
        assert book.steps["Stage the package on every backend"]["tgt"] == ["be1", "be2", "be3"]
        assert book.steps["Back up on follower be2"]["tgt"] == ["be2"]

    def test_without(self, runbook):
        assert runbook(PREPARE, backup_on=[]).ids == ["Stage the package on every backend"]


class TestFrontends:
    @pytest.mark.parametrize(
        ("batches", "steps"),
        [
            ([], []),
            ([["fe1"]], ["fe1"]),
            ([["fe1"], ["fe2"]], ["fe1", "fe2"]),
            ([["fe1", "fe2"], ["fe3", "fe4"]], ["fe1, fe2", "fe3, fe4"]),
        ],
    )
    def test_batch_after_batch(self, runbook, batches, steps):
        book = runbook(FRONTENDS, batches=batches)
        ids = [f"Reconfigure frontend {step}" for step in steps]
        assert book.ids == ids
        assert [step["tgt"] for step in book.steps.values()] == batches
        if ids:
            assert book.chain(ids[0]) == ids


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        (1, [["fe1"], ["fe2"], ["fe3"], ["fe4"]]),
        (2, [["fe1", "fe2"], ["fe3", "fe4"]]),
        (3, [["fe1", "fe2", "fe3"], ["fe4"]]),
        ("50%", [["fe1", "fe2"], ["fe3", "fe4"]]),
        ("1%", [["fe1"], ["fe2"], ["fe3"], ["fe4"]]),
        ("100%", [["fe1", "fe2", "fe3", "fe4"]]),
        (9, [["fe1", "fe2", "fe3", "fe4"]]),
    ],
)
def test_batches_of_the_pillar(master_minion, batch, expected):
    call = master_minion(frontends=["fe1", "fe2", "fe3", "fe4"], frontend_batch=batch)
    assert call("chef_backend_nodes.batches", "prod") == expected


@pytest.mark.parametrize("sls", PHASES)
def test_every_step_on_a_node_waits_its_turn_and_knows_its_bound(runbook, sls):
    book = runbook(sls, due=["be1"] if sls == LEADER else ["be2", "be3"], batches=[["fe1"], ["fe2"]])
    on_nodes = [step for step in book.steps.values() if step["state"] == "salt"]
    assert on_nodes
    for step in on_nodes:
        assert (step["queue"], step["timeout"], step["tgt_type"]) == (True, 15, "list")
        assert step["pillar"] | {"handover": 0} == {**NODE, "handover": 0}


@pytest.mark.parametrize("sls", PHASES)
@pytest.mark.parametrize("cluster", HOSTILE[:7])
def test_a_nested_runbook_cannot_be_injected_by_the_pillar(runbook, sls, cluster):
    answers = {"due": ["be1"] if sls == LEADER else ["be2", "be3"], "batches": [["fe1"], ["fe2"]]}
    plain = runbook(sls, {"cluster": "prod"}, **answers)
    hostile = runbook(sls, {"cluster": cluster}, node={"source": cluster, "api": cluster, "run": cluster}, **answers)
    assert hostile.ids == plain.ids
    for name, step in plain.steps.items():
        there = hostile.steps[name]
        assert set(there) == set(step)
        if "pillar" in step:
            assert same(there["pillar"]["source"], cluster) and same(there["pillar"]["run"], cluster)


@pytest.mark.parametrize("sls", NODE_SLS)
def test_on_a_node_every_value_reaches_its_state(runbook, sls):
    book = runbook(sls, {**NODE, "handover": True})
    words = json.dumps([{k: v for k, v in step.items() if not k.startswith("__")} for step in book.steps.values()])
    assert ("2.3.16" in words) == (sls not in UNVERSIONED)
    assert len(book.ids) == {"orch.node.upgraded": 3, "orch.node.in_service": 2}.get(sls, 1)


def test_on_a_node_upgrade_follows_install_and_rejoin_follows_upgrade(runbook):
    book = runbook("orch.node.upgraded", NODE)
    assert book.chain("chef-backend 2.3.16 is installed") == [
        "chef-backend 2.3.16 is installed",
        "This node runs chef-backend 2.3.16",
        "This node has rejoined",
    ]
    assert book.steps["This node runs chef-backend 2.3.16"]["handover"] is False
    assert book.steps["This node runs chef-backend 2.3.16"]["timeout"] == 3600
    assert book.steps["This node has rejoined"]["timeout"] == 1800


@pytest.mark.parametrize("sls", NODE_SLS)
def test_on_a_node_the_pillar_cannot_inject_a_state(runbook, sls):
    plain = runbook(sls, NODE)
    for hostile in HOSTILE[:7]:
        assert runbook(sls, {**NODE, "source": hostile, "sha256": hostile, "api": hostile}).ids == plain.ids

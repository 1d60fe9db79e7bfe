"""The runbook of the frontends' own upgrade: the first alone, then the others with its migration-level, in batches."""

import pytest

from tests.functional.runbook import HOSTILE, NODE, same

UPGRADE = "orch.chef_server_upgrade"
STEPS = [
    "Open the run",
    "Stage the package on every frontend, and back up",
    "Upgrade the first frontend, which migrates the database",
    "Upgrade the other frontends, with the migration-level of the first",
    "Verify that every frontend answers",
]
CLOSE = "Close the run"
NODE_SLS = ["orch.node.server_staged", "orch.node.server_upgraded", "orch.node.server_level"]
LEVEL = {"text": '{"major": 1}\n', "sha256": "0" * 64}


def test_the_steps_in_their_order_each_requires_the_one_before(runbook):
    book = runbook(UPGRADE)
    assert book.ids == [*STEPS, CLOSE]
    assert book.chain(STEPS[0]) == STEPS
    assert book.requires(CLOSE) == []
    assert {step["failhard"] for step in book.steps.values()} == {False}


@pytest.mark.parametrize("cluster", HOSTILE)
def test_a_clusters_name_is_never_more_than_a_name(runbook, cluster):
    book = runbook(UPGRADE, {"cluster": cluster})
    assert book.ids == [*STEPS, CLOSE]
    assert all(same(step["cluster"], cluster) for step in book.steps.values())


def test_the_package_is_staged_on_all_that_are_due_and_a_follower_backs_up(runbook):
    book = runbook("orch.server.prepare", due=["fe1", "fe2"], backup_on=["be2"])
    assert [step["tgt"] for step in book.steps.values()] == [["fe1", "fe2"], ["be2"]]


def test_the_first_is_drained_upgraded_and_gets_its_clients_again(runbook):
    book = runbook("orch.server.first", due=["fe1"])
    steps = [
        "The gates hold for frontend fe1",
        "Drain frontend fe1",
        "Upgrade frontend fe1, which migrates the database",
        "Undrain frontend fe1",
    ]
    assert book.chain(steps[0]) == book.ids == steps
    assert book.steps[steps[2]]["sls"] == "orch.node.server_upgraded"


@pytest.mark.parametrize("batches", [[["fe2"]], [["fe2"], ["fe3"]], [["fe2", "fe3"], ["fe4"]]])
def test_the_others_follow_in_batches_with_its_migration_level(runbook, batches):
    book = runbook("orch.server.others", due=["fe2"], batches=batches, level=LEVEL)
    names = [", ".join(batch) for batch in batches]
    verbs = ("The gates hold for", "Drain", "Upgrade", "Undrain")
    steps = [f"{verb} frontend {name}" for name in names for verb in verbs]
    assert book.chain(steps[0]) == book.ids == steps
    upgrades = [step for step in book.steps.values() if step["state"] == "salt"]
    assert [step["tgt"] for step in upgrades] == batches
    for step in upgrades:
        assert step["sls"] == ["orch.node.server_level", "orch.node.server_upgraded"]
        assert step["pillar"]["level"] == LEVEL


@pytest.mark.parametrize("sls", NODE_SLS)
def test_on_a_node_the_pillar_cannot_inject_a_state(runbook, sls):
    plain = runbook(sls, {**NODE, "level": LEVEL})
    for hostile in HOSTILE[:7]:
        server = {**NODE["server"], "source": hostile, "sha256": hostile}
        there = runbook(sls, {**NODE, "api": hostile, "server": server, "level": dict.fromkeys(LEVEL, hostile)})
        assert there.ids == plain.ids


def test_without_its_migration_level_a_frontend_is_not_upgraded(runbook):
    (step,) = runbook("orch.node.server_level", {**NODE, "level": LEVEL}).steps.values()
    assert step["failhard"] is True

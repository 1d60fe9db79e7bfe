"""The runbook of the way with full downtime: the documented seven steps, in their order."""

import pytest

from tests.functional.runbook import HOSTILE, NODE, same

DOWNTIME = "orch.chef_backend_downtime"
STEPS = [
    "Open the run",
    "Stage the package on every backend, and back up",
    "Install the package on every backend, which restarts nothing",
    "Take the frontends out of service",
    "Take the leader down, then the followers",
    "Upgrade the followers, then the leader",
    "Verify the cluster",
    "Reconfigure the frontends, and bring them back into service",
]
CLOSE = "Close the run"


def test_the_steps_are_those_of_the_documents_and_each_requires_the_one_before(runbook):
    book = runbook(DOWNTIME)
    assert book.ids == [*STEPS, CLOSE]
    assert book.chain(STEPS[0]) == STEPS
    assert book.steps[STEPS[0]]["way"] == "downtime"


def test_it_is_closed_whatever_happened_also_where_the_master_is_set_to_failhard(runbook):
    book = runbook(DOWNTIME)
    assert book.requires(CLOSE) == []
    assert {step["failhard"] for step in book.steps.values()} == {False}


def test_each_phase_is_entered_only_for_the_nodes_that_need_it(runbook):
    phases = [(s["mods"], s.get("needed")) for s in runbook(DOWNTIME).steps.values() if s["fun"] == "phase"]
    assert phases == [
        ("orch.common.prepare", "all"),
        ("orch.downtime.install", "install"),
        ("orch.common.frontends_out", "down"),
        ("orch.downtime.down", "down"),
        ("orch.downtime.up", "up"),
        ("orch.common.frontends", None),
    ]


@pytest.mark.parametrize("cluster", HOSTILE)
def test_a_clusters_name_is_never_more_than_a_name(runbook, cluster):
    book = runbook(DOWNTIME, {"cluster": cluster})
    assert book.ids == [*STEPS, CLOSE]
    assert all(same(step["cluster"], cluster) for step in book.steps.values())


@pytest.mark.parametrize("due", [[], ["be2"], ["be2", "be1", "be3"]])
def test_down_one_after_another_in_the_order_that_was_given(runbook, due):
    book = runbook("orch.downtime.down", due=due)
    steps = [text for node in due for text in (f"The gates hold to take {node} down", f"Take {node} down")]
    assert book.ids == steps
    if due:
        assert book.chain(steps[0]) == steps
    assert [step["tgt"] for step in book.steps.values() if step["state"] == "salt"] == [[node] for node in due]


@pytest.mark.parametrize("due", [[], ["be2"], ["be1", "be3", "be2"]])
def test_up_one_after_another_in_the_order_that_was_given(runbook, due):
    book = runbook("orch.downtime.up", due=due)
    steps = [text for node in due for text in (f"The gates hold to upgrade {node}", f"Upgrade {node}")]
    assert book.ids == steps
    if due:
        assert book.chain(steps[0]) == steps
    assert [step["tgt"] for step in book.steps.values() if step["state"] == "salt"] == [[node] for node in due]


def test_the_package_is_installed_everywhere_before_anything_goes_down(runbook):
    (step,) = runbook("orch.downtime.install", due=["be1", "be3"]).steps.values()
    assert (step["tgt"], step["sls"]) == (["be1", "be3"], "orch.node.installed")


@pytest.mark.parametrize("batches", [[], [["fe1"]], [["fe1", "fe2"], ["fe3"]]])
def test_every_frontend_is_taken_out_of_service(runbook, batches):
    book = runbook("orch.common.frontends_out", batches=batches)
    assert [step["tgt"] for step in book.steps.values()] == [[frontend] for batch in batches for frontend in batch]


def test_a_frontend_is_in_service_after_it_was_reconfigured(runbook):
    book = runbook("orch.node.in_service", NODE)
    steps = ["This frontend is reconfigured for chef-backend 2.3.16", "This frontend is in service"]
    assert book.chain(steps[0]) == steps

"""The runbook of the way with a re-index: rolling, then a new index, filled for one organisation first."""

import pytest

from tests.functional.runbook import HOSTILE, same

REINDEX = "orch.chef_backend_reindex"
STEPS = [
    "Open the run",
    "Stage the package on every backend, and back up",
    "Take the frontends out of service",
    "Upgrade the followers one after another, with failover off",
    "Upgrade the leader last, through one hand-over",
    "Upgrade the former leader, if the lead moved by itself meanwhile",
    "Begin a new, empty search index",
    "Verify the cluster",
    "Fill the search index, one organisation first",
    "Reconfigure the frontends, and bring them back into service",
]
CLOSE = "Close the run"
ALL = ["be1", "be2", "be3"]


def test_the_steps_in_their_order_each_requires_the_one_before(runbook):
    book = runbook(REINDEX)
    assert book.ids == [*STEPS, CLOSE]
    assert book.chain(STEPS[0]) == STEPS
    assert book.steps[STEPS[0]]["way"] == "reindex"
    assert book.requires(CLOSE) == []
    assert {step["failhard"] for step in book.steps.values()} == {False}


def test_the_frontends_are_out_from_before_the_first_upgrade_until_the_search_is_filled(runbook):
    phases = [s["mods"] for s in runbook(REINDEX).steps.values() if s["fun"] == "phase"]
    assert phases == [
        "orch.common.prepare",
        "orch.common.frontends_out",
        "orch.rolling.followers",
        "orch.rolling.leader",
        "orch.rolling.followers",
        "orch.reindex.empty",
        "orch.reindex.fill",
        "orch.common.frontends",
    ]


@pytest.mark.parametrize("cluster", HOSTILE)
def test_a_clusters_name_is_never_more_than_a_name(runbook, cluster):
    book = runbook(REINDEX, {"cluster": cluster})
    assert book.ids == [*STEPS, CLOSE]
    assert all(same(step["cluster"], cluster) for step in book.steps.values())


def test_elasticsearch_is_stopped_on_all_backends_before_any_index_is_deleted(runbook):
    book = runbook("orch.reindex.empty", due=ALL)
    steps = [
        "Stop Elasticsearch on every backend",
        "Delete the index files on every backend",
        "Start Elasticsearch on every backend",
    ]
    assert book.chain(steps[0]) == book.ids == steps
    assert [step["tgt"] for step in book.steps.values()] == [ALL, ALL, ALL]


def test_one_organisation_is_re_indexed_and_searched_before_all_are_on_one_frontend(runbook):
    book = runbook("orch.reindex.fill", due=ALL, batches=[["fe1"], ["fe2"]])
    steps = [
        "Reconfigure frontend fe1 for the new index",
        "Every backend can read the new index",
        "Re-index one organisation, and search",
        "Re-index all organisations, and search",
    ]
    assert book.chain(steps[0]) == book.ids == steps
    assert [step["tgt"] for step in book.steps.values()] == [["fe1"], ALL, ["fe1"], ["fe1"]]

"""The runbook that replaces a backend: the documented steps in their order, and no way to inject more."""

import pytest

from tests.functional.runbook import HOSTILE, same

REPLACE = "orch.chef_backend_replace_node"
STEPS = [
    "Open the run",
    "Have the cluster forget the node",
    "Delete all data of the node",
    "Have the node join the cluster",
    "Verify the cluster",
]
CLOSE = "Close the run"
ORDER = {
    "cluster": "prod",
    "node": "be3",
    "secrets": "/root/secrets.json",
    "confirm": "delete all data of be3",
    "accept_license": True,
}


def test_the_steps_are_those_of_the_documents_and_each_requires_the_one_before(runbook):
    book = runbook(REPLACE, ORDER)
    assert book.ids == [*STEPS, CLOSE]
    assert book.chain(STEPS[0]) == STEPS
    assert book.requires(CLOSE) == []
    assert {step["failhard"] for step in book.steps.values()} == {False}
    opened, joins = book.steps[STEPS[0]], book.steps[STEPS[3]]
    assert (opened["node"], opened["secrets"], opened["confirm"]) == ("be3", ORDER["secrets"], ORDER["confirm"])
    assert (joins["mods"], joins["secrets"], joins["accept_license"]) == ("orch.replace.join", ORDER["secrets"], True)
    assert book.steps[STEPS[2]]["mods"] == "orch.replace.empty"


@pytest.mark.parametrize("pillar", [{}, {"cluster": "prod"}, {"cluster": "prod", "node": "be3", "confirm": True}])
def test_what_is_not_said_is_not_guessed(runbook, pillar):
    book = runbook(REPLACE, pillar)
    assert book.ids == [*STEPS, CLOSE]
    assert book.steps[STEPS[0]]["confirm"] in ("", "True")
    assert book.steps[STEPS[3]]["accept_license"] is False


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("key", ["cluster", "node", "secrets", "confirm", "accept_license"])
def test_what_is_ordered_is_never_more_than_text(runbook, key, text):
    book = runbook(REPLACE, ORDER | {key: text})
    assert book.ids == [*STEPS, CLOSE]
    found = book.steps[STEPS[3] if key == "accept_license" else STEPS[0]][key]
    assert found is False if key == "accept_license" else same(found, text)


@pytest.mark.parametrize(("sls", "applies"), [("empty", "orch.node.emptied"), ("join", "orch.node.joined")])
def test_only_the_node_is_touched(runbook, sls, applies):
    how = {"cluster": "prod", "node": "be3", "peer": "10.0.0.1", "secrets": "/root/it's.json", "accept_license": False}
    (step,) = runbook(f"orch.replace.{sls}", how).steps.values()
    assert (step["tgt"], step["tgt_type"], step["sls"]) == (["be3"], "list", applies)
    if sls == "join":
        assert {name: step["pillar"][name] for name in ("peer", "secrets", "accept_license")} == {
            name: how[name] for name in ("peer", "secrets", "accept_license")
        }

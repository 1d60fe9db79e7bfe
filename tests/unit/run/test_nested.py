"""What a nested orchestration did, and what failed in it, in words."""

import pytest

from saltext.chef_backend.run import nested


def orchestration(*steps):
    return {"data": {"hub_master": {f"s{n}": {"__run_num__": n, **step} for n, step in enumerate(steps)}}}


def test_a_run_without_failure_has_no_troubles():
    steps, troubles = nested.read(orchestration({"__id__": "Switch failover off", "result": True, "comment": ""}))
    assert [step["__id__"] for step in steps] == ["Switch failover off"]
    assert troubles == []


@pytest.mark.parametrize("inner", [None, "Traceback ...", {}, {"data": None}, {"data": {}}])
def test_what_is_no_result_is_a_failure(inner):
    steps, troubles = nested.read(inner)
    assert steps == []
    assert len(troubles) == 1
    assert "did not run" in troubles[0]


def test_a_runbook_that_cannot_be_rendered_says_why():
    assert nested.read({"data": {"hub": ["Rendering SLS failed: no leader"]}}) == (
        [],
        ["Rendering SLS failed: no leader"],
    )


def test_the_failed_state_on_the_node_is_named_and_what_only_required_it_is_not():
    own = {
        "a": {"__id__": "This node runs 2.3.16", "result": False, "comment": "be2: upgrade ended with status 1"},
        "b": {"__id__": "This node has rejoined", "result": False, "comment": "One or more requisite failed: ..."},
    }
    failed = {"__id__": "Upgrade follower be2", "result": False, "comment": "x", "changes": {"ret": {"be2": own}}}
    later = {"__id__": "Switch failover on", "result": False, "comment": "One or more requisite failed: ..."}
    _, troubles = nested.read(orchestration(failed, later))
    assert troubles == ["Upgrade follower be2: be2: This node runs 2.3.16: be2: upgrade ended with status 1"]


def test_a_node_that_did_not_return_is_a_failure_in_the_steps_words():
    step = {"__id__": "Upgrade follower be2", "result": False, "comment": "Minions did not return: be2", "changes": {}}
    assert nested.read(orchestration(step))[1] == ["Upgrade follower be2: Minions did not return: be2"]


def test_changes_are_told_by_node_and_state_without_salts_wrapping():
    own = {"a": {"__id__": "installed", "changes": {"v": 1}}, "b": {"__id__": "same", "changes": {}}}
    step = {"__id__": "s", "changes": {"out": "highstate", "ret": {"be2": own}}}
    assert nested.changes(step) == {"be2": {"installed": {"v": 1}}}

"""Runbooks, compiled once for each shape of a pillar, and their steps, run as Salt's own engine runs them."""

import copy

import pytest
import salt.state

from tests.functional.orch.runbook import FILES, MORE, NODE, PARTS
from tests.simulation import runbooks


@pytest.mark.parametrize("path", PARTS, ids=lambda path: path.stem)
def test_what_the_pillar_holds_is_put_into_a_part_as_salt_does(path):
    for pillar in (NODE | MORE, {**NODE, **MORE, "run": None, "handover": False, "organisation": None}):
        name = f"orch.node.{path.stem}"
        assert runbooks.compiled(name, pillar) == runbooks.directly(name, pillar)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_runbook_is_compiled_as_salt_does(path):
    name = f"orch.{path.stem}"
    assert runbooks.compiled(name, {"cluster": "prod"}) == runbooks.directly(name, {"cluster": "prod"})


def test_no_part_reads_the_order():
    assert not [path.name for path in (*FILES, *PARTS) if "order'" in path.read_text(encoding="utf-8")]


FAILS = [(), ("b",), ("a",), ("c", "d")]


@pytest.mark.parametrize("failing", FAILS)
@pytest.mark.parametrize("hard", [False, True])
def test_steps_run_and_fail_as_in_salts_own_engine(failing, hard):
    high = {}
    for name, required in {"a": [], "b": ["a"], "c": ["b"], "d": [], "last": []}.items():
        verb = "fail_without_changes" if name in failing else "succeed_without_changes"
        arguments = [{"require": required}] if required else []
        arguments += [{"failhard": True}] if hard and name == "b" else []
        arguments += [{"order": "last"}] if name == "last" else []
        high[name] = {"test": [verb, *arguments], "__sls__": "s", "__env__": "base"}
    state = salt.state.State(copy.deepcopy(runbooks._salt()[0].opts), initial_pillar={"none": None})
    compiled = state.compile_high_data(copy.deepcopy(high))
    chunks = compiled[0] if isinstance(compiled, tuple) else compiled
    theirs = state.call_chunks(copy.deepcopy(chunks))

    def call(function, given, running):
        failed = function == "test.fail_without_changes"
        return {
            "name": given["name"],
            "result": not failed,
            "changes": {},
            "comment": "Failure!" if failed else "Success!",
        }

    ours = runbooks.run(chunks, call, lambda: 0.0)
    shown = ("result", "changes", "comment", "__id__", "__run_num__")
    assert [{key: one[key] for key in shown} for one in ours.values()] == [
        {key: one[key] for key in shown} for one in theirs.values()
    ]
    assert list(ours) == list(theirs)
    assert runbooks.succeeded(ours) == all(one["result"] for one in theirs.values())

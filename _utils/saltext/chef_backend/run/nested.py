"""Read the result of a nested orchestration: its steps, what they changed, and in words what failed."""

from collections.abc import Mapping
from typing import Any


def read(inner: object) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the steps of a nested orchestration in their order, and in words what failed in it.

    :param inner: what ``state.orchestrate`` returned: a mapping with ``data``; anything else is a failure.
    :returns: list of step results, list of sentences; a run without failure has none.
    """
    data = inner.get("data") if isinstance(inner, dict) else None
    if not isinstance(data, dict) or not data:
        return [], [f"the steps did not run: {inner}"]
    results = next(iter(data.values()))
    if not isinstance(results, dict):  # a list of what the renderer found wrong
        return [], [str(line) for line in results] if isinstance(results, list) and results else [
            f"no steps: {results}"
        ]
    steps = sorted(results.values(), key=lambda step: step.get("__run_num__", 0))
    troubles = []
    for step in steps:
        if step.get("result") is False and "requisite failed" not in str(step.get("comment")):
            troubles += [f"{step.get('__id__')}: {line}" for line in _failures(step)]
    return steps, troubles


def _failures(step: Mapping[str, Any]) -> list[str]:
    """Say what failed in one step: a node's own states where it ran some, else its comment."""
    lines = []
    for node, result in (step.get("changes") or {}).get("ret", {}).items() if _ran_on_nodes(step) else ():
        if isinstance(result, dict):
            own = [s for s in result.values() if s.get("result") is False and "requisite failed" not in s["comment"]]
            lines += [f"{node}: {s.get('__id__')}: {s['comment']}" for s in own]
        else:
            lines.append(f"{node}: {result}")
    return lines or [str(step.get("comment"))]


def changes(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a step changed; of states on nodes only what each node's states changed."""
    told = step.get("changes") or {}
    if not _ran_on_nodes(step):
        return told
    by_node = {}
    for node, result in told["ret"].items():
        states = result.values() if isinstance(result, dict) else ()
        by_node[node] = {s.get("__id__"): s["changes"] for s in states if isinstance(s, dict) and s.get("changes")}
    return {node: own for node, own in by_node.items() if own}


def _ran_on_nodes(step: Mapping[str, Any]) -> bool:
    return isinstance((step.get("changes") or {}).get("ret"), dict)

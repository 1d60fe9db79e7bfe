"""The runbooks of the tree, rendered and ordered by Salt itself, and their steps run one after another.

Salt compiles each SLS once for each shape of pillar: what the pillar's values are does not matter to a template that
only writes them down, and ``test_runbooks.py`` holds ours to that. The steps run as Salt's state engine runs them.
"""

import functools
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import salt.state

from tests.functional.minion import Minion

INTERNAL = {*salt.state.STATE_INTERNAL_KEYWORDS, "failhard", "require"} - {"name"}
Step = Mapping[str, Any]  # a low chunk, as Salt calls it
Running = dict[str, dict[str, Any]]
_MARK = "simulated-value-{}-of-the-pillar"


@functools.cache
def _salt() -> tuple[Minion, tempfile.TemporaryDirectory[str]]:
    folder = tempfile.TemporaryDirectory(prefix="sim")
    return Minion(Path(folder.name)), folder  # the folder goes with the process


def compiled(sls: str, pillar: Mapping[str, Any]) -> list[Step]:
    """Return the steps of one or several SLS (``a,b``) in their order, with a pillar's values in their places."""
    values: list[Any] = []
    steps = _compiled(sls, _shape(pillar, values))
    found = {_MARK.format(number): value for number, value in enumerate(values)}
    return [
        {key: found.get(value, value) if isinstance(value, str) else value for key, value in step.items()}
        for step in steps
    ]


def directly(sls: str, pillar: Mapping[str, Any]) -> list[Step]:
    """Return the steps as Salt compiles them with this very pillar. Raises ValueError with what Salt complains of."""
    steps = _salt()[0].modules["state.show_low_sls"](sls.split(","), pillar=dict(pillar))
    problems = [step for step in steps if not isinstance(step, dict)]
    if problems or not steps:
        raise ValueError(f"{sls}: {problems or 'no steps'}")
    return [_without_order(step) for step in steps]


def _without_order(step: Step) -> Step:
    return {key: value for key, value in step.items() if key != "order"}


def _shape(pillar: Mapping[str, Any], values: list[Any]) -> tuple[Any, ...]:
    """The keys of a pillar; what stands below them, other than mappings, is put into ``values``."""
    shape: list[tuple[str, Any]] = []
    for key, value in pillar.items():
        if isinstance(value, Mapping) and key != "order":  # which no template reads
            shape.append((key, _shape(value, values)))
        else:
            shape.append((key, None))
            values.append(value)
    return tuple(shape)


@functools.cache
def _compiled(sls: str, shape: tuple[Any, ...]) -> list[Step]:
    return directly(sls, _marked(shape, iter(range(10**6))))


def _marked(shape: tuple[Any, ...], numbers: Iterator[int]) -> dict[str, Any]:
    return {key: _MARK.format(next(numbers)) if inner is None else _marked(inner, numbers) for key, inner in shape}


def tag(step: Step) -> str:
    """Salt's name of a step among the results."""
    return f"{step['state']}_|-{step['__id__']}_|-{step['name']}_|-{step['fun']}"


def run(
    steps: Sequence[Step],
    call: Callable[[str, dict[str, Any], Running], dict[str, Any]],
    now: Callable[[], float],
    before: Callable[[Step], None] = lambda step: None,
) -> Running:
    """Run steps as Salt's state engine does: each that requires none that failed; return their results by tag.

    :param call: calls a state's function (``module.name``) with its arguments, given the results so far.
    :param now: seconds, for how long a step took.
    :param before: told of each step that is about to run.
    """
    running: Running = {}
    for number, step in enumerate(steps):
        failed = [other for other in steps if _requires(step, other) and running[tag(other)]["result"] is False]
        own = {"__id__": step["__id__"], "__sls__": step.get("__sls__"), "__run_num__": number}
        if failed:
            names = ", ".join(f"{one.get('__sls__')}.{one['__id__']}" for one in failed)
            ret: dict[str, Any] = {
                "result": False,
                "changes": {},
                "comment": f"One or more requisite failed: {names}",
                "duration": 0.0,
            }
        else:
            before(step)
            began = now()
            ret = _called(step, call, running)
            ret["duration"] = (now() - began) * 1000
        running[tag(step)] = {"name": step["name"], **ret, **own}
        if step.get("failhard") and ret["result"] is False:
            break
    return running


def _called(
    step: Step, call: Callable[[str, dict[str, Any], Running], dict[str, Any]], running: Running
) -> dict[str, Any]:
    try:
        given = {key: value for key, value in step.items() if key not in INTERNAL}
        return dict(call(f"{step['state']}.{step['fun']}", given, running))
    except Exception:
        said = f"An exception occurred in this state: {traceback.format_exc()}"
        return {"result": False, "changes": {}, "comment": said}


def _requires(step: Step, other: Step) -> bool:
    for one in step.get("require", ()):
        kind, name = next(iter(one.items())) if isinstance(one, Mapping) else (None, one)
        if name in (other["__id__"], other["name"]) and kind in (None, "id", other["state"]):
            return True
    return False


def succeeded(running: Running) -> bool:
    """Whether Salt calls these states a success."""
    return bool(running) and all(result["result"] is not False for result in running.values())

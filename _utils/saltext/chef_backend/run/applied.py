"""What states came to, on nodes or in an orchestration inside another: what they changed, and in words what failed."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Applied:
    """The states of an SLS, after they ran."""

    changes: Mapping[str, Any]  # by the state's ID
    comments: tuple[str, ...]  # of those that ran, in their order
    troubles: tuple[str, ...]  # what failed, one sentence each; none: all went well
    last: float = 0.0  # seconds that the last of them took


def read(returned: object) -> Applied:
    """Read what ``state.sls`` returned: a mapping of states; anything else is a failure.

    A list is what the renderer or the pillar found wrong; False is a job that Salt has lost.
    """
    if isinstance(returned, list) and returned:
        return Applied({}, (), tuple(str(line) for line in returned))
    if not isinstance(returned, Mapping) or not returned:
        return Applied({}, (), (f"no states ran: {returned}",))
    states = [state for state in returned.values() if isinstance(state, Mapping)]
    states.sort(key=lambda state: state.get("__run_num__", 0))
    failed = [state for state in states if state.get("result") is False and not _was_skipped(state)]
    return Applied(
        {str(state.get("__id__")): state["changes"] for state in states if state.get("changes")},
        tuple(f"{state.get('__id__')}: {state.get('comment')}" for state in states),
        tuple(f"{state.get('__id__')}: {state.get('comment')}" for state in failed),
        _seconds(states[-1]) if states else 0.0,
    )


def again(before: Applied | None, now: Applied) -> Applied:
    """Put what an SLS came to that was applied once more together with what it had come to before."""
    return now if before is None else dataclasses.replace(now, changes={**before.changes, **now.changes})


def together(applied: Iterable[tuple[str, Applied]]) -> Applied:
    """Put the states of several nodes together, each told with its node."""
    several = list(applied)
    return Applied(
        {node: one.changes for node, one in several if one.changes},
        tuple(f"{node}: {comment}" for node, one in several for comment in one.comments),
        tuple(_of(node, trouble) for node, one in several for trouble in one.troubles),
        min((one.last for _, one in several), default=0.0),
    )


def _of(node: str, trouble: str) -> str:
    """Return what failed, beginning with its node; what the bus says of a minion does already."""
    return trouble if trouble.startswith((f"{node}: ", f"{node} ")) else f"{node}: {trouble}"


def _was_skipped(state: Mapping[str, Any]) -> bool:
    """Whether a state failed only because one before it did."""
    return "requisite failed" in str(state.get("comment"))


def _seconds(state: Mapping[str, Any]) -> float:
    """How long a state took, as Salt measured it: milliseconds, also as text with their unit."""
    try:
        return float(str(state.get("duration", 0)).removesuffix(" ms")) / 1000
    except ValueError:
        return 0.0

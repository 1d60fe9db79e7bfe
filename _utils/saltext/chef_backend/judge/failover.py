"""May failover come on? The one rule, for all who ask: close, open, abort, resume, and the dead man's switch.

Failover that stays off is an outage at the next crash of the leader; failover that comes on beside a node in its
upgrade may lose writes. In doubt it stays off, and who asked says why.
"""

from collections.abc import Iterable

from saltext.chef_backend.judge import health
from saltext.chef_backend.judge.fence import names
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.record import Run


def why_off(views: Iterable[View], verdict: health.Verdict, turn: str | None) -> str | None:
    """Return why failover must not come on now; None if it may.

    :param views: of the nodes that are asked, with ``busy`` and ``half_upgraded``.
    :param verdict: on the cluster, as they see it.
    :param turn: whose turn the record says it is: of a node that is not asked nobody knows what it does.
    """
    asked = {view.node: view for view in views}
    reasons = []
    for node, view in sorted(asked.items()):
        unknown = view.why_not("busy") or view.why_not("half_upgraded")
        if unknown:
            reasons.append(f"{node} may be at work: {unknown}")
        if view.busy:
            reasons.append(f"{node} is being changed: {'; '.join(view.busy)}")
    reasons += [f"it is the turn of {node}, which has to decide" for node in names(turn) if node not in asked]
    if reasons:  # what they show meanwhile says nothing
        return "\n".join(reasons)
    reasons += stuck(asked.values())
    return "\n".join([*reasons, *map(str, verdict.reasons)]) or None


def stuck(views: Iterable[View]) -> list[str]:
    """Return what no waiting changes: each node whose upgrade has begun and not ended, and why it counts as that."""
    return [f"{view.node} is half-upgraded ({view.half_upgraded})" for view in views if view.half_upgraded]


def turn_left(views: Iterable[View], run: Run) -> str | None:
    """Return whose turn it still is when a run ends: of those half-upgraded, and of those of whom nobody knows."""
    left = {
        view.node
        for view in views
        if view.half_upgraded or view.node in run.inside or (view.silent and view.node in names(run.turn))
    }
    return ", ".join(sorted(left)) or None

"""A node that told nothing of itself: whether its minion is silent or answers with an error, or the node is down.

Whatever it is, for a decision such a node may be at work; this is what people are told.
"""

from collections.abc import Mapping

from saltext.chef_backend.judge.view import SILENT, View
from saltext.chef_backend.product.cluster_status import Node
from saltext.chef_backend.reason import Reason

_AT_WORK = {"leader": "leading", "follower": "following"}


def of(views: Mapping[str, View], node: str) -> Reason:
    """Return why a node told nothing of itself, and what the others show of it.

    :param views: of all nodes, each called as its minion is.
    :param node: the silent one.
    """
    why, code = views[node].errors[SILENT], views[node].code
    shown = _shown(views, node)
    at_work = [f"{other} sees {node} {word}" for other, word in shown.items() if word]
    if views[node].in_error:
        return Reason(code, node, said=f"{why} ({', '.join(at_work)})" if at_work else why)
    if at_work:
        return Reason("silent", node, said=f"{why} ({', '.join(at_work)}: only its minion is silent)")
    if shown:
        said = f"{', '.join(shown)} {'sees' if len(shown) == 1 else 'see'} {node} neither leading nor following"
        return Reason("down", node, said=f"{why} ({said}: its host, or its services, are down)")
    return Reason("silent", node, said=why)


def all_of(views: Mapping[str, View]) -> list[Reason]:
    """Return :func:`of` each node that told nothing of itself."""
    return [of(views, node) for node, view in views.items() if view.silent]


def _shown(views: Mapping[str, View], node: str) -> dict[str, str]:
    """What the table of each other node shows one doing; empty text: nothing."""
    others = {other: view.cluster for other, view in sorted(views.items()) if other != node and view.cluster}
    return {other: next((_does(row) for row in table.nodes if row.name == node), "") for other, table in others.items()}


def _does(row: Node) -> str:
    return _AT_WORK.get(row.role) or _AT_WORK.get(row.pg) or ""

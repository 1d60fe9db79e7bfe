"""Who is who, where it is not sure: minions and rows of cluster-status that do not go together, both sides named."""

from collections.abc import Collection, Mapping

from saltext.chef_backend.judge import identity
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.product.cluster_status import ClusterStatus, Node
from saltext.chef_backend.product.member import Member
from saltext.chef_backend.reason import Reason

SETTINGS = "fqdn and publish_address in /etc/chef-backend/chef-backend.rb"


def unclear(views: Mapping[str, View], heard: Collection[str], cluster: str) -> list[Reason]:
    """Return the rows that two minions claim, the minions that claim none, and the rows that nobody claims.

    :param views: in our words.
    :param heard: minion ids of those whose tables count.
    :param cluster: what to call the cluster in a reason that is no node's.
    """
    reasons: list[Reason] = []
    for node in sorted(heard):
        table = views[node].cluster
        if table is None:
            continue
        claims = {minion: _claimed(table, view) for minion, view in sorted(views.items())}
        nobodys = [row for row in table.nodes if row.name not in views and row not in claims.values()]
        row = claims[node]
        if row is not None and row.name != node:
            reasons.append(_claimed_twice(node, row, claims, views))
        elif row is None:
            reasons.append(_claims_none(views[node], nobodys))
        elif nobodys and all(claims.values()):
            what, shown = "has in cluster-status what no backend claims,", ", ".join(map(_shown, nobodys))
            advice = "find out which host it is, and which of the pillar's backends is none of this cluster"
            reasons.append(Reason("not-itself", cluster, what, shown, advice=advice))
    return reasons


def changed(views: Mapping[str, View]) -> list[Reason]:
    """Return the minions whose node is another one now than when their run was opened.

    A node that is called otherwise and has its GUID is still the same.

    :param views: in our words.
    """
    before = {node: view.before for node, view in sorted(views.items()) if view.before}
    return [_changed(views[node], then, now) for node, then in before.items() if (now := _now(views[node], before))]


def _changed(view: View, then: Member, now: str) -> Reason:
    what = "is another node than when its run was opened: it was"
    advice = (
        "find out which host answers to this minion's id. If the node was replaced, the same command goes on once a "
        f"person says so: waive 'not-the-same of {view.node} for VERSION'"
    )
    return Reason("not-the-same", view.node, what, f"{then}; now it is {now}", advice=advice)


def _now(view: View, before: Mapping[str, Member]) -> str:
    """Say what a node is now, if that is another one than the record has; empty if it is not."""
    told, then = view.own.member, before[view.node]
    row = _claimed(view.cluster, view) if view.cluster else None
    if told.guid or row:
        guid = told.guid or (row.guid if row else None)
        return "" if guid == then.guid else f"{row.product_name} ({row.ip}, GUID {row.guid})" if row else str(told)
    # nothing tells its GUID: it must not say of itself what another one's is
    others = [other for node, other in before.items() if node != view.node]
    taken = any(
        mine is not None and mine.lower() == theirs.lower()
        for other in others
        for mine, theirs in ((told.name, other.name or ""), (told.address, other.address or ""))
    )
    return str(told) if taken else ""


def _claimed(table: ClusterStatus, view: View) -> Node | None:
    """The row that a minion's node claims: the one that is called by its id, as it is in our words, before any."""
    ours = next((row for row in table.nodes if row.name == view.node), None)
    return ours or identity.row_of(table.nodes, view.itself, view.before)


def _claimed_twice(node: str, row: Node, claims: Mapping[str, Node | None], views: Mapping[str, View]) -> Reason:
    by = (
        f"{minion} by {identity.by_what(row, views[minion].itself, views[minion].before)}"
        for minion, claimed in claims.items()
        if claimed == row
    )
    advice = f"only one of them is that node: correct {SETTINGS} of the other, or the backends in the pillar"
    shown = f"{_shown(row)}: {', '.join(by)}"
    return Reason("not-itself", node, "claims the same row of cluster-status as another minion,", shown, advice=advice)


def _claims_none(view: View, nobodys: Collection[Node]) -> Reason:
    shown = ", ".join(map(_shown, nobodys))
    nobody = f"; nobody's there: {shown}" if nobodys else ""
    advice = f"correct the backends in the pillar, or {SETTINGS} there"
    what = "is not in its own cluster-status. It says"
    return Reason("not-itself", view.node, what, f"{view.itself}{nobody}", advice=advice)


def _shown(row: Node) -> str:
    return f"{row.product_name} ({row.ip}, GUID {row.guid})"

"""May failover come on? The one rule, for all who ask: close, open, abort, resume, and the dead man's switch.

Failover that stays off is an outage at the next crash of the leader; failover that comes on beside a node in its
upgrade may lose writes. In doubt it stays off, and who asked says why.
"""

from collections.abc import Collection, Iterable

from saltext.chef_backend.judge import answers, health, kinds
from saltext.chef_backend.judge import waiver as waivers
from saltext.chef_backend.judge.fence import names
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.product.cluster_status import ClusterStatus, Node
from saltext.chef_backend.record import Run

WORD = "search-word"


def why_off(
    views: Iterable[View], verdict: health.Verdict, turn: str | None, waived: Collection[str] = ()
) -> str | None:
    """Return why failover must not come on now; None if it may.

    :param views: of the nodes that are asked, with ``busy`` and ``half_upgraded``.
    :param verdict: on the cluster, as they see it.
    :param turn: whose turn the record says it is: of a node that is not asked nobody knows what it does.
    :param waived: for the run, each ``CODE of NODE``.
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
    reasons += [*stuck(asked.values()), *kinds.told(verdict.reasons)]
    return "\n".join(reasons or leader_without_search(asked.values(), waived)) or None


def leader_without_search(views: Iterable[View], waived: Collection[str] = ()) -> list[str]:
    """Return why a leader would lose the lead as soon as failover is on: leaderl moves it where Elasticsearch fails.

    Asked for also where the verdict leaves Elasticsearch out, as the index is still to be built again.
    """
    reasons = []
    for view in views:
        if view.cluster is None:
            continue
        me = answers.row_of(view)
        for leader in view.cluster.leaders:
            found = None if _searches(leader, waived) else leader.es
            for own in view.status.services if view.status and leader == me else ():  # this does not lag
                if own.name == health.SEARCH and (own.state != "running" or own.error):
                    found = own.error or own.state
            if found:
                reasons.append(
                    f"{leader.name} leads, its Elasticsearch: {found}: leaderl would move the lead as soon as failover "
                    "is on. The same command goes on with the index"
                )
    return list(dict.fromkeys(reasons))


def nowhere_to_lead(cluster: ClusterStatus, waived: Collection[str] = ()) -> list[str]:
    """Return why the lead would go from one node to the next without end: Elasticsearch fails on each that could lead.

    Where it works on one of them, leaderl comes to that one; where one has but been restarted, it is back soon.
    """
    if not no_search_works(cluster, waived):
        return []
    return [
        f"{leader.name} leads, its Elasticsearch: {leader.es}, and no other's works: leaderl would move the lead from "
        "one to the next. The same command goes on with the index"
        for leader in cluster.leaders
    ]


def no_search_works(cluster: ClusterStatus, waived: Collection[str] = ()) -> bool:
    """Whether Elasticsearch works on no node, as cluster-status shows it, whoever leads."""
    return not any(_searches(node, waived) for node in cluster.nodes)


def every_search_works(cluster: ClusterStatus, waived: Collection[str] = ()) -> bool:
    """Whether Elasticsearch works on each node, as cluster-status shows it."""
    return all(_searches(node, waived) for node in cluster.nodes)


def _searches(node: Node, waived: Collection[str]) -> bool:
    """Whether a node's Elasticsearch works: by a word that is known, or that a person has waived for it."""
    unknown = node.es not in (*health.SEARCHES, *health.NO_SEARCH)
    return node.es in health.SEARCHES or (unknown and waivers.covers(waived, WORD, node.name))


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

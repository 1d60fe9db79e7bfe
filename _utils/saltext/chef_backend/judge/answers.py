"""What the views of all backends say together: who leads, what is due, who holds the run.

A minion's id is the node's name in cluster-status, or that name with a domain.
"""

from collections.abc import Iterable, Mapping

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import health
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.product.cluster_status import ClusterStatus, Node
from saltext.chef_backend.product.status import Status
from saltext.chef_backend.product.version import Version
from saltext.chef_backend.record import Record

Views = Mapping[str, View]  # by minion id


def node_name(minion: str) -> str:
    """Return the node's name in cluster-status of a minion id."""
    return minion.partition(".")[0]


def node_of(cluster: ClusterStatus, minion: str) -> Node:
    """Return a minion's node in a ClusterStatus. Raises KeyError."""
    for node in cluster.nodes:
        if node.name in (minion, node_name(minion)):
            return node
    raise KeyError(minion)


def cluster_of(view: View) -> ClusterStatus:
    """Return a view's cluster-status. Raises ValueError, naming the node, if there is none."""
    if view.cluster is None:
        raise ValueError(f"{view.node}: {view.why_not('cluster_status') or 'no cluster-status'}")
    return view.cluster


def status_of(view: View) -> Status:
    """Return a view's status. Raises ValueError, naming the node, if there is none."""
    if view.status is None:
        raise ValueError(f"{view.node}: {view.why_not('status') or 'no status'}")
    return view.status


def leader(views: Views) -> str:
    """Return the minion id of the one leader that every answering backend sees.

    Where all have told whether their own PostgreSQL takes writes, that counts: it does not lag.

    :raises ValueError: none answers, no single leader, or they disagree.
    """
    take_writes = [node for node, view in views.items() if view.leads]
    if len(take_writes) == 1 and all(view.leads is not None for view in views.values()):
        return take_writes[0]
    seen, troubles = set(), []
    for view in views.values():
        try:
            leaders = cluster_of(view).leaders
        except ValueError as err:
            troubles.append(str(err))
            continue
        seen.add(tuple(sorted(node.name for node in leaders)))
    if len(seen) != 1 or len(next(iter(seen))) != 1:
        told = "; ".join(troubles + [" and ".join(names) or "no leader" for names in sorted(seen)])
        raise ValueError(f"no single leader: {told}")
    name = next(iter(seen))[0]
    minions = [minion for minion in views if name in (minion, node_name(minion))]
    if len(minions) != 1:
        raise ValueError(f"{name} leads, but none of the minions {', '.join(sorted(views))} is that node")
    return minions[0]


def leader_of_record(views: Views) -> str:
    """Return who leads; while a run has the cluster down, who led before. Raises ValueError if that cannot be told."""
    found = record(views)
    return found.leader if found and found.down else leader(views)


def failover(views: Views) -> str:
    """Return ``on``, ``off``, ``mixed`` or ``unknown``: what all answering backends show."""
    shown = {view.cluster.failover for view in views.values() if view.cluster is not None}
    return shown.pop() if len(shown) == 1 else "mixed" if shown else "unknown"


def installed(views: Views) -> dict[str, Version]:
    """Return the version installed on each node. Raises ValueError, naming the node, if one does not tell its own."""
    for node, view in sorted(views.items()):
        if not view.version:
            raise ValueError(f"{node}: {view.why_not('version') or 'no version'}")
    return {node: Version.from_text(view.version) for node, view in views.items()}


def due(views: Views, target: str) -> list[str]:
    """Return the nodes that do not run the target yet: those that are half-upgraded first, then by name."""
    late = [node for node, view in views.items() if view.version != target or view.half_upgraded]
    return sorted(late, key=lambda node: (not views[node].half_upgraded, node))


def half_upgraded(views: Views) -> list[str]:
    """Return the nodes whose upgrade has begun and not ended, sorted."""
    return sorted(node for node, view in views.items() if view.half_upgraded)


def record(views: Views) -> Record | None:
    """Return the record of a run that the backends hold, their copies taken together, or None.

    :raises ValueError: a node's record cannot be read: unknown is not "free".
    """
    return records.newest(_records(views.values()))


def owned(views: Views, jid: str, now: float) -> Record:
    """Return the record that the backends hold, if the orchestration ``jid`` owns every copy of it.

    :param now: epoch seconds, for the words of a refusal.
    :raises ValueError: no backend holds one, or one holds another run's: it has been taken over.
    """
    found = _records(views.values())
    for other in found:
        if other.owner.jid != jid:
            raise ValueError(records.held_by(other, now))
        if other.state == records.ABANDONED:
            raise ValueError(records.given_up(other))
    newest = records.newest(found)
    if newest is None:
        silent = [why for view in views.values() for why in view.errors.values()]
        raise ValueError("; ".join(silent) or "no backend has its record")
    return newest


def _records(views: Iterable[View]) -> list[Record]:
    views = list(views)
    for view in views:
        if "record" in view.errors:
            raise ValueError(f"{view.node}: {view.errors['record']}")
    return [view.record for view in views if view.record]


def synced_followers(view: View) -> int:
    """Return how many followers PostgreSQL has in sync, as a node's ``status`` shows; 0 if it does not."""
    try:
        return int(view.status.service("postgresql").value("synced") or 0) if view.status else 0
    except (ValueError, KeyError):
        return 0


def youngest(views: Views, search: bool = True) -> tuple[str, str, int] | None:
    """Return node, service and seconds of the service that has been running for the shortest time; None if none is.

    :param search: whether Elasticsearch counts: one that refuses its index starts again every second.
    :raises ValueError: a node's ``status`` cannot be read.
    """
    running = [
        (service.seconds, node, service.name)
        for node, view in views.items()
        for service in status_of(view).services
        if service.state == "running" and (search or service.name != health.SEARCH)
    ]
    if not running:
        return None
    seconds, node, name = min(running)
    return node, name, seconds


def busy(views: Views) -> list[str]:
    """Return ``node: command`` for every command that is changing a backend now."""
    return [f"{node}: {line}" for node, view in sorted(views.items()) for line in view.busy]


def verdict(views: Views, max_lag_bytes: int, except_node: str | None = None, search: bool = True) -> health.Verdict:
    """Judge the cluster from the views of all its backends.

    :param max_lag_bytes: how far a follower may be behind.
    :param except_node: a half-upgraded node that a run resumes: what concerns it alone is tolerated.
    :param search: whether Elasticsearch has to be well.
    """
    seen = {node_name(node): view for node, view in views.items()}
    bounds = health.Bounds(max_lag_bytes=max_lag_bytes, search=search)
    return health.judge_cluster(seen, bounds, except_node=except_node and node_name(except_node))

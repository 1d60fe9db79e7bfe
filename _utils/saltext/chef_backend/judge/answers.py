"""What the backends answered (``chef_backend_node.view``), made ready for judging.

A minion's id is the node's name in cluster-status, or that name with a domain.
"""

import collections

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import health
from saltext.chef_backend.product.cluster_status import ClusterStatus
from saltext.chef_backend.product.reading import ParseError, read_json
from saltext.chef_backend.product.status import Status
from saltext.chef_backend.product.version import Version


def node_name(minion):
    """Return the node's name in cluster-status of a minion id."""
    return minion.partition(".")[0]


def node_of(cluster, minion):
    """Return a minion's node in a ClusterStatus. Raises KeyError."""
    for node in cluster.nodes:
        if node.name in (minion, node_name(minion)):
            return node
    raise KeyError(minion)


def cluster_of(view):
    """Parse a view's cluster-status. Raises ValueError, naming the node, if there is none to read."""
    text = view.get("cluster_status")
    if not text:
        why = view["errors"].get("answer") or view["errors"].get("cluster_status") or "no cluster-status"
        raise ValueError(f"{view['node']}: {why}")
    try:
        return ClusterStatus.from_table(text)
    except ParseError as err:
        raise ValueError(f"{view['node']}: {err}") from err


def leader(views):
    """Return the minion id of the one leader that every answering backend sees.

    :param views: ``{minion: view}``.
    :raises ValueError: none answers, no single leader, or they disagree.
    """
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


def leader_of_record(views):
    """Return who leads; while a run has the cluster down, who led before. Raises ValueError if that cannot be told."""
    found = record(views)
    return found.leader if found and found.down else leader(views)


def failover(views):
    """Return ``on``, ``off``, ``mixed`` or ``unknown``: what all answering backends show."""
    shown = set()
    for view in views.values():
        try:
            shown.add(cluster_of(view).failover)
        except ValueError:
            continue
    return shown.pop() if len(shown) == 1 else "mixed" if shown else "unknown"


def installed(views):
    """Return ``{node: Version}``. Raises ValueError, naming the node, if one does not tell its version."""
    for node, view in sorted(views.items()):
        if not view.get("version"):
            why = view["errors"].get("answer") or view["errors"].get("version") or "no version"
            raise ValueError(f"{node}: {why}")
    return {node: Version.from_text(view["version"]) for node, view in views.items()}


def due(views, target):
    """Return the nodes that do not run the target yet: those with a half-done upgrade first, then by name."""
    late = [node for node, view in views.items() if view.get("version") != target or view.get("due")]
    return sorted(late, key=lambda node: (not views[node].get("due"), node))


def half_done(views):
    """Return the nodes whose upgrade has begun and not ended, sorted."""
    return sorted(node for node, view in views.items() if view.get("due"))


def record(views):
    """Return the record of a run that the backends hold, their copies taken together, or None.

    :raises ValueError: a node's record cannot be read: unknown is not "free".
    """
    return records.newest(_records(views))


def owned(views, jid, now):
    """Return the record that the backends hold, if the orchestration ``jid`` owns every copy of it.

    :param now: epoch seconds, for the words of a refusal.
    :raises ValueError: no backend holds one, or one holds another run's: it has been taken over.
    """
    found = _records(views)
    for other in found:
        if other.owner.jid != jid:
            raise ValueError(records.held_by(other, now))
        if other.state == records.ABANDONED:
            raise ValueError(records.given_up(other))
    if not found:
        silent = [why for view in views.values() for why in view["errors"].values()]
        raise ValueError("; ".join(silent) or "no backend has its record")
    return records.newest(found)


def _records(views):
    found = []
    for node, view in views.items():
        if "record" in view["errors"]:
            raise ValueError(f"{node}: {view['errors']['record']}")
        if view.get("record"):
            try:
                found.append(records.Record.from_dict(view["record"]))
            except records.RecordError as err:
                raise ValueError(f"{node}: {err}") from err
    return found


def synced_followers(view):
    """Return how many followers PostgreSQL has in sync, as a node's ``status`` shows; 0 if it does not."""
    try:
        service = Status.from_text(view.get("status") or "").service("postgresql")
        return int(dict(service.cluster).get("synced", 0))
    except (ValueError, KeyError, AttributeError):
        return 0


def youngest(views, search=True):
    """Return ``(node, service, seconds)`` of the service that has been running for the shortest time; None if none is.

    :param search: whether Elasticsearch counts: one that refuses its index starts again every second.
    :raises ValueError: a node's ``status`` cannot be read.
    """
    running = [
        (service.seconds, node, service.name)
        for node, view in views.items()
        for service in Status.from_text(view.get("status") or "").services
        if service.state == "running" and (search or service.name != health.SEARCH)
    ]
    if not running:
        return None
    seconds, node, name = min(running)
    return node, name, seconds


def busy(views):
    """Return ``node: command`` for every command that is changing a backend now."""
    return [f"{node}: {line}" for node, view in sorted(views.items()) for line in view.get("busy") or ()]


def verdict(views, max_lag_bytes, except_node=None, search=True):
    """Judge the cluster from the views of all its backends.

    :param max_lag_bytes: how far a follower may be behind.
    :param except_node: a node whose half-done upgrade a run resumes: what concerns it alone is tolerated.
    :param search: whether Elasticsearch has to be well.
    :returns: ``chef_backend_health.Verdict``.
    """
    seen = {node_name(node): _view(node, view) for node, view in views.items()}
    bounds = health.Bounds(max_lag_bytes=max_lag_bytes, search=search)
    return health.judge_cluster(seen, bounds, except_node=except_node and node_name(except_node))


def lag(text):
    """Return ``{follower: bytes behind}`` from what ``chef_backend.replication`` printed.

    Columns are named ``*_location`` before PostgreSQL 10 and ``*_lsn`` since. Followers that call themselves by one
    name are told apart by their address.

    :raises ValueError: quoting the line that cannot be read.
    """
    rows = []
    for line in (text or "").splitlines():
        try:
            row = read_json(line, "replication")
            peer, name = row["peer"], row["application_name"]
            replayed = peer.get("replay_lsn") or peer["replay_location"]
            rows.append((name, peer.get("client_addr"), max(0, _lsn(row["current"]) - _lsn(replayed))))
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            raise ValueError(f"not a follower's replication: {line!r}") from err
    times = collections.Counter(name for name, _, _ in rows)
    behind = {}
    for name, address, missing in rows:
        key = name if times[name] == 1 else address
        if key in behind or not isinstance(key, str):
            raise ValueError(f"{times[name]} followers call themselves {name!r} and cannot be told apart")
        behind[key] = missing
    return behind


def _lsn(text):
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def _view(node, view):
    """Make the judge's view of an answer; what failed to come or to parse becomes its error."""
    errors = [f"{what}: {why}" for what, why in sorted(view["errors"].items())]
    read, readers = {}, {"cluster_status": ClusterStatus.from_table, "status": Status.from_text}
    for what, reader in (readers | {"replication": lag}).items():
        try:
            read[what] = reader(view[what]) if view.get(what) else None
        except ValueError as err:
            errors.append(str(err))
    return health.View(
        node=node_name(node),
        cluster=read.get("cluster_status"),
        status=read.get("status"),
        version=view.get("version"),
        lag=read.get("replication"),
        error="; ".join(errors) or None,
        unsynced=bool(view.get("unsynced")),
    )

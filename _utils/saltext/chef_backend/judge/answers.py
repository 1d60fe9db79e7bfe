"""What the views of all backends say together: who leads, what is due, who holds the run.

Nodes are called as their minions are; what the product calls them is told apart.
"""

import dataclasses
from collections.abc import Collection, Mapping

from saltext.chef_backend import record as records
from saltext.chef_backend.errors import Refused
from saltext.chef_backend.judge import health, identity
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.product.cluster_status import UNKNOWN, ClusterStatus, Node
from saltext.chef_backend.product.member import Member
from saltext.chef_backend.product.status import Status
from saltext.chef_backend.product.version import Version
from saltext.chef_backend.record import Record, Run

Views = Mapping[str, View]  # by minion id
MAJORITY = health.MEMBERS // 2 + 1


def node_of(cluster: ClusterStatus, minion: str) -> Node:
    """Return a minion's node in a ClusterStatus. Raises KeyError."""
    for node in cluster.nodes:
        if node.name == minion:
            return node
    raise KeyError(minion)


def in_our_words(views: Views) -> dict[str, View]:
    """Return the views with each node called as its minion is: the product calls them by its own settings.

    A row that bears a minion's id and is not surely its own is called ``be1 at 10.0.0.2``, and is a reason of its own.
    """
    before, owns = members(views), {minion: view.itself for minion, view in views.items()}
    tables = {minion: view.cluster for minion, view in views.items() if view.cluster is not None}
    ours = {minion: identity.matched(table, owns, before) for minion, table in tables.items()}
    known = _known(tables, ours, {minion: own.addresses for minion, own in owns.items()})

    def of(minion: str, view: View) -> View:
        lag = {known.get(peer) or known.get(view.peers.get(peer, "")) or peer: lag for peer, lag in view.lag.items()}
        table = tables.get(minion)
        if table is not None:
            others = {one.name: f"{one.name} at {one.ip}" for one in table.nodes if one.name in views}
            table = identity.renamed(table, {**others, **ours[minion]}, known)
        return dataclasses.replace(view, cluster=table, lag=lag, before=before.get(minion))

    return {minion: of(minion, view) for minion, view in views.items()}


def members(views: Views) -> dict[str, Member]:
    """Return who is who by the record of the run that the backends tell of, by minion id; nothing if that is over."""
    try:
        found = run(views)
    except ValueError:
        return {}
    if found is None or found.state == records.ABORTED:
        return {}
    return found.who


def learnt(views: Views) -> dict[str, dict[str, str]]:
    """Return who is who as it is seen now, for a record: ``{minion id: name, guid and address in cluster-status}``.

    :param views: in our words.
    """
    rows = {minion: seen_of(views, minion) for minion in sorted(views)}
    return {
        minion: {"name": row.product_name, "guid": row.guid, "address": row.ip} for minion, row in rows.items() if row
    }


def _known(
    tables: Mapping[str, ClusterStatus], ours: Mapping[str, Mapping[str, str]], addresses: Mapping[str, Collection[str]]
) -> dict[str, str]:
    """Return the minion behind each name and address that is one minion's alone, in the tables and of the hosts."""
    meant: dict[str, set[str]] = {}
    for minion, several in addresses.items():
        for address in several:
            meant.setdefault(address, set()).add(minion)
    for asked, table in tables.items():
        for node in table.nodes:
            for word in (node.name, node.ip):
                # a row that is nobody's is told by no word of it
                meant.setdefault(word, set()).add(ours[asked].get(node.name, ""))
    return {word: next(iter(minions)) for word, minions in meant.items() if len(minions) == 1 and "" not in minions}


def row_of(view: View) -> Node | None:
    """Return the row of cluster-status that is the node's own, in its own table; None if none surely is."""
    nodes = view.cluster.nodes if view.cluster else ()
    if any(node.called for node in nodes):  # it is in our words
        return next((node for node in nodes if node.name == view.node), None)
    return identity.row_of(nodes, view.itself, view.before)


def seen_of(views: Views, minion: str) -> Node | None:
    """Return a minion's row as its own table shows it, or else any; None if none does.

    :param views: in our words.
    """
    first = (view.cluster for name, view in sorted(views.items(), key=lambda one: one[0] != minion))
    return next((node for table in first if table for node in table.nodes if node.name == minion), None)


def product_name(views: Views, minion: str) -> str:
    """Return what the product's commands call a minion's node, by a table or the run's record; else the minion's id."""
    row, before = seen_of(views, minion), views[minion].before if minion in views else None
    return row.product_name if row else (before and before.name) or minion


def strangers(views: Views) -> list[str]:
    """Return what cluster-status shows and is surely none of the minions, by the names there, sorted.

    A node that is not shown, as its services are down, is no stranger.
    """
    return sorted({node.name for view in views.values() if view.cluster for node in view.cluster.nodes} - set(views))


def cluster_of(view: View) -> ClusterStatus:
    """Return a view's cluster-status. Raises ValueError, naming the node, if there is none."""
    if view.cluster is None:
        said = f"{view.node}: {view.why_not('cluster_status') or 'no cluster-status'}"
        raise Refused(said, view.code if view.silent else "no-table", view.node)
    return view.cluster


def status_of(view: View) -> Status:
    """Return a view's status. Raises ValueError, naming the node, if there is none."""
    if view.status is None:
        said = f"{view.node}: {view.why_not('status') or 'no status'}"
        raise Refused(said, view.code if view.silent else "no-status", view.node)
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
        raise Refused(f"no single leader: {told}", "no-leader")
    name = next(iter(seen))[0]
    if name not in views:
        raise Refused(f"{name} leads, but none of the minions {', '.join(sorted(views))} is that node", "not-itself")
    return name


def leader_of_record(views: Views) -> str:
    """Return who leads; while a run has the cluster down, who led before. Raises ValueError if that cannot be told."""
    found = run(views)
    return found.leader if found and found.down else leader(views)


def failover(views: Views) -> str:
    """Return ``on``, ``off``, ``mixed`` or ``unknown``: what all answering backends show that can show it.

    One whose version does not show it contradicts no other.
    """
    shown = {view.cluster.failover for view in views.values() if view.cluster is not None} - {UNKNOWN}
    return shown.pop() if len(shown) == 1 else "mixed" if shown else "unknown"


def installed(views: Views) -> dict[str, Version]:
    """Return the version installed on each node. Raises ValueError, naming the node, if one does not tell its own."""
    for node, view in sorted(views.items()):
        if not view.version:
            raise Refused(f"{node}: {view.why_not('version') or 'no version'}", "version-unknown", node)
    return {node: Version.from_text(view.version) for node, view in views.items()}


def due(views: Views, target: str) -> list[str]:
    """Return the nodes that do not run the target yet: those that are half-upgraded first, then by name."""
    late = [node for node, view in views.items() if view.version != target or view.half_upgraded]
    return sorted(late, key=lambda node: (not views[node].half_upgraded, node))


def half_upgraded(views: Views) -> list[str]:
    """Return the nodes whose upgrade has begun and not ended, sorted."""
    return sorted(node for node, view in views.items() if view.half_upgraded)


def run(views: Views) -> Run | None:
    """Return the run that the backends tell of together, or None if none is open or unfinished.

    A copy of a run that has ended elsewhere counts for nothing: its node missed the end.

    :raises ValueError: a node's record or note cannot be read: unknown is not "free".
    """
    for view in views.values():
        for part in ("record", "note"):
            if part in view.errors:
                raise Refused(f"{view.node}: {view.errors[part]}", "record-unreadable", view.node)
    ended = {view.ended for view in views.values() if view.ended and view.record is None}
    return records.together(
        {
            node: (None if view.record and view.record.run in ended else view.record, view.note, view.unheard)
            for node, view in views.items()
        }
    )


def owned(views: Views, word: Record, now: float) -> Run:
    """Return the run of which the owner has just told the backends this word, if a majority has it.

    :param now: epoch seconds, for the words of a refusal.
    :raises ValueError: it has been taken over, or given up, or too few backends have the word.
    """
    found = run(views)
    if found is not None and (found.run, found.epoch) != (word.run, word.epoch):
        raise Refused(records.held_by(found, now), "run-lost")
    if found is not None and found.state == records.ABANDONED:
        raise Refused(records.given_up(found), "run-lost")
    without = [node for node, view in sorted(views.items()) if view.record != word]
    if found is None or len(views) - len(without) < MAJORITY:
        whys = [views[node].why_not("record") or f"{node} has not got the record" for node in without]
        raise Refused("; ".join(whys), "run-lost")
    return found


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
        (int(view.up.get(service.name, service.seconds)), node, service.name)
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


def _waived(views: Views) -> tuple[str, ...]:
    """What is waived for the run that the backends tell of; nothing for one that was aborted, or cannot be told."""
    try:
        found = run(views)
    except ValueError:
        return ()
    return found.waived if found is not None and found.state != records.ABORTED else ()


def verdict(
    views: Views,
    max_lag_bytes: int,
    except_node: str | None = None,
    search: bool = True,
    waived: Collection[str] = (),
) -> health.Verdict:
    """Judge the cluster from the views of all its backends.

    What the record of a run says is waived is set aside.

    :param max_lag_bytes: how far a follower may be behind.
    :param except_node: a half-upgraded node that a run resumes: what concerns it alone is tolerated.
    :param search: whether Elasticsearch has to be well.
    :param waived: what a person waives for a run that has no record yet.
    """
    aside = (*waived, *_waived(views))
    bounds = health.Bounds(max_lag_bytes=max_lag_bytes, search=search, waived=aside)
    return health.judge_cluster(views, bounds, except_node)

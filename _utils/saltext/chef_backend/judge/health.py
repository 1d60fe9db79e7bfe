"""Judge a cluster's health, and say why it is not well: node, what was found, its bound, what to do.

Whatever is missing, cannot be read or contradicts itself is a reason. There is no default of "healthy".
"""

import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from saltext.chef_backend.judge import kinds, silence, who
from saltext.chef_backend.judge import waiver as waivers
from saltext.chef_backend.judge.view import PG_LOGS, View
from saltext.chef_backend.product.cluster_status import ClusterStatus, Node
from saltext.chef_backend.product.reading import ParseError, is_count
from saltext.chef_backend.product.signatures import BY_NAME
from saltext.chef_backend.product.status import Service, Status, SystemCheck
from saltext.chef_backend.reason import Reason

MEMBERS = 3  # no other number of backends is supported
SERVICES = ("leaderl", "etcd", "postgresql", "elasticsearch")  # epmd is a fifth since 1.4.6
LEADERL, SEARCH = "leaderl", "elasticsearch"
CLUSTER = "the cluster"
SEARCHES = ("master", "not_master")  # what cluster-status says of an Elasticsearch that works
NO_SEARCH = ("down", "unknown", "")  # and of one that does not, or cannot be asked
SYNC_FAILED = "its sync failed and left leaderl/data/unsynced: 'salt-run chef_backend.status' says the way back"


@dataclasses.dataclass(frozen=True)
class Bounds:
    """What is still healthy.

    ``search``: whether Elasticsearch has to be well. It cannot be between an upgrade and the re-index that it needs.
    ``waived``: what a person has waived, each ``CODE of NODE``.
    """

    max_lag_bytes: int = 52428800
    search: bool = True
    waived: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Healthy only if there is no reason. ``tolerated``: what concerns only a resumed node, or was waived."""

    healthy: bool
    reasons: tuple[Reason, ...]
    tolerated: tuple[Reason, ...] = ()


def judge(
    cluster: ClusterStatus | ParseError | None,
    status: Status | ParseError | None,
    node: str = "this node",
    search: bool = True,
    waived: Collection[str] = (),
    own: str = "",
    pg_log: str = PG_LOGS,
) -> Verdict:
    """Judge from one node's view.

    :param cluster: its ClusterStatus, or the ParseError of reading it, or None.
    :param status: its Status, or the ParseError of reading it, or None.
    :param node: its name, for the reasons.
    :param search: whether Elasticsearch has to be well.
    :param waived: as in :class:`Bounds`.
    :param own: this node's minion id, for these.
    :param pg_log: where its PostgreSQL's log lies.
    """
    reasons = _but_search([*_judge_roles(cluster, node), *_judge_services(status, node, pg_log=pg_log)], search)
    return _verdict(reasons, waived, {node: own} if own else {})


def _but_search(reasons: Iterable[Reason], search: bool) -> list[Reason]:
    """Leave out what concerns Elasticsearch alone, where it need not be well."""
    return [reason for reason in reasons if search or reason.service != SEARCH]


def judge_cluster(views: Mapping[str, View], bounds: Bounds, except_node: str | None = None) -> Verdict:
    """Judge from the views of all nodes; they must agree on the nodes and on who leads.

    :param views: by the node's name, one of each of the three nodes.
    :param except_node: a half-upgraded node that is resumed. What concerns it alone is set aside in ``tolerated``:
        all that it says itself, and what the others miss for want of it. The other two must be a leader and a follower
        in sync, or, if the node itself leads, two followers in sync.
    """
    strict = _verdict(_judge_views(views, bounds, None), bounds.waived)
    if except_node is None or strict.healthy:
        return strict
    left = _verdict(_judge_views(views, bounds, except_node), bounds.waived)
    aside = tuple(reason for reason in (*strict.reasons, *strict.tolerated) if reason not in left.reasons)
    return dataclasses.replace(left, tolerated=aside)


def _verdict(reasons: Iterable[Reason], waived: Collection[str], called: Mapping[str, str] | None = None) -> Verdict:
    """Put reasons in their order, and aside what is waived.

    :param called: minion ids of nodes that are called otherwise in the reasons.
    """
    unique, names = kinds.ordered(reasons), called or {}
    left = tuple(
        reason for reason in unique if not waivers.covers(waived, reason.code, names.get(reason.node, reason.node))
    )
    return Verdict(not left, left, tuple(reason for reason in unique if reason not in left))


def _judge_views(views: Mapping[str, View], bounds: Bounds, absent: str | None) -> list[Reason]:
    """Reasons from all views but that of ``absent``."""
    reasons: list[Reason] = []
    if len(views) != MEMBERS:
        names = ", ".join(sorted(views)) or "none"
        advice = "all backends must answer: look at the minions that do not"
        reasons.append(
            Reason("members", CLUSTER, "is seen by", f"{len(views)} nodes, {names}", f"expected {MEMBERS}", advice)
        )
    heard = {node: view for node, view in sorted(views.items()) if node != absent}
    known = [view.cluster for view in heard.values() if view.cluster is not None]
    absent_leads = any(_is(leader, absent) for cluster in known for leader in cluster.leaders)
    for node, view in heard.items():
        if view.silent:
            reasons.append(silence.of(views, node))
            continue
        if view.errors:
            parts = "; ".join(f"{part}: {why}" for part, why in sorted(view.errors.items()))
            reasons.append(Reason("not-judged", node, "could not be judged:", parts))
        if view.unsynced:
            reasons.append(Reason("unsynced", node, "is partially synced", advice=SYNC_FAILED))
        if view.table or not known:  # between two turns one node is asked for the whole cluster's
            reasons += _judge_roles(view.cluster, node, absent)
        reasons += _judge_services(view.status, node, absent, absent_leads, view.signs, view.pg_log)
    reasons = _but_search(reasons, bounds.search)
    if len({frozenset(node.guid for node in cluster.leaders) for cluster in known}) > 1:
        advice = "wait until the nodes agree"
        reasons.append(Reason("leaders-differ", CLUSTER, "is seen with different leaders", advice=advice))
    if len({frozenset((n.name, n.guid) for n in c.nodes if not _is(n, absent)) for c in known}) > 1:
        advice = "find out which node is of another one"
        reasons.append(Reason("nodes-differ", CLUSTER, "is seen with different nodes", advice=advice))
    strangers = who.unclear(views, heard, CLUSTER)
    reasons += [*strangers, *(reason for reason in who.changed(views) if reason.node != absent)]
    if strangers and not all(node.name in views for one in known for node in one.nodes):
        return reasons  # some are surely nobody's: who replicates from whom would only follow from it
    followers = MEMBERS - 2 if absent and not absent_leads else MEMBERS - 1
    return reasons + _judge_lag(views, known, bounds, absent, 0 if reasons else followers)


def _is(node: Node, name: str | None) -> bool:
    """Whether a name, GUID or address is that of a node of cluster-status."""
    return name is not None and (name in (node.name, node.guid, node.ip))


def _judge_roles(cluster: ClusterStatus | ParseError | None, node: str, absent: str | None = None) -> list[Reason]:
    """One leader by Role and PG on the same node, all others followers of it. ``absent`` may be anything else."""
    if not isinstance(cluster, ClusterStatus):
        shown = f"that can be read: {cluster}" if cluster else ""
        advice = "run chef-backend-ctl cluster-status there"
        return [Reason("no-table", node, "shows no cluster-status", shown, advice=advice)]
    reasons = []
    others = [other for other in cluster.nodes if not _is(other, absent)]
    least = MEMBERS - 1 if absent else MEMBERS
    if len(others) != least or len(cluster.nodes) > MEMBERS:
        shown = f"{len(cluster.nodes)} nodes, {', '.join(other.name for other in cluster.nodes)}"
        bound, advice = f"expected {MEMBERS}", "find out which node is missing"
        reasons.append(Reason("node-missing", node, "sees", shown, bound, advice))
    leader = cluster.leaders[0] if len(cluster.leaders) == 1 and cluster.leaders[0].leads else None
    if leader is None:
        roles = ", ".join(f"{other.name} {other.role}/{other.pg}" for other in cluster.nodes)
        advice = "wait; if it stays so, look at the leaderl logs, and if nobody leads at chef-backend-ctl promote"
        bound = "expected one, by role and PostgreSQL"
        reasons.append(Reason("no-leader", node, "sees no single leader:", roles, bound, advice))
    for other in others:
        reasons += _judge_role(other, cluster, leader)
    masters = [other.name for other in others if other.es == "master"]
    if len(masters) > 1:
        shown = f"several Elasticsearch masters, {', '.join(masters)}"
        advice = "wait, or look at the elasticsearch logs"
        reasons.append(Reason("search-masters", node, "sees", shown, "expected one", advice, SEARCH))
    return reasons


def _judge_role(other: Node, cluster: ClusterStatus, leader: Node | None) -> list[Reason]:
    reasons: list[Reason] = []
    if other not in cluster.leaders and (other.role, other.pg) != ("follower", "follower"):
        shown = f"{other.role}, PostgreSQL {other.pg}"
        bound, advice = "expected follower", "wait until it follows, or repair it"
        reasons.append(Reason("not-following", other.name, "is", shown, bound, advice))
    if other.partially_synced:
        reasons.append(Reason("unsynced", other.name, "is partially synced", advice=SYNC_FAILED))
    # whether a blocked node is shown as eligible is not documented, so only a free one must be
    if other.eligible is False and other.blocked is not True:
        advice = "wait until it is in sync, or look at its leaderl log"
        reasons.append(Reason("not-eligible", other.name, "is not eligible to lead", advice=advice))
    # the cell's form is not documented: only what clearly names another node than the leader counts
    followed = [one for one in cluster.nodes if _is(one, other.following)]
    if leader and other != leader and followed and followed[0] != leader:
        shown, bound = followed[0].name, f"expected the leader {leader.name}"
        advice = "wait until it follows the leader, or repair it"
        reasons.append(Reason("follows-other", other.name, "follows", shown, bound, advice))
    if other.es not in SEARCHES:
        code, advice = "search-state" if other.es in NO_SEARCH else "search-word", "look at its elasticsearch log"
        bound = "expected master or not_master"
        reasons.append(Reason(code, other.name, "has Elasticsearch", other.es, bound, advice, SEARCH))
    return reasons


def _judge_services(
    status: Status | ParseError | None,
    node: str,
    absent: str | None = None,
    absent_leads: bool = False,
    signs: Mapping[str, Sequence[str]] | None = None,
    pg_log: str = PG_LOGS,
) -> list[Reason]:
    """All services run here, and each sees all nodes; one fewer, in whatever state, where a node is absent.

    An absent node that leads is missed by nobody as a follower: then both followers must be in sync.

    :param signs: known lines that were found in the logs of services that are not well.
    :param pg_log: where PostgreSQL's log lies there.
    """
    if not isinstance(status, Status):
        shown = f"that can be read: {status}" if status else ""
        advice = "run chef-backend-ctl status there"
        return [Reason("no-status", node, "shows no status of its services", shown, advice=advice)]
    reasons: list[Reason] = []
    few = MEMBERS - 1 if absent else MEMBERS
    listed = [service.name for service in status.services]
    for name in SERVICES:
        if name not in listed:
            advice = "run chef-backend-ctl status there"
            code = "search-unlisted" if name == SEARCH else "service-unlisted"
            reasons.append(Reason(code, node, "does not list", name, advice=advice, service=name))
    gone = 1 if absent and not absent_leads else 0  # followers that may be missing
    followers = (MEMBERS - 1 - gone, MEMBERS - 1)
    expected = {
        "leaderl": {"leader": (1, 1), "waiting": (0, gone), "follower": followers, "total": (MEMBERS - gone, MEMBERS)},
        "postgresql": {"leader": (1, 1), "offline": (0, gone), "syncing": (0, gone), "synced": followers},
    }
    for service in status.services:
        path = pg_log if service.name == "postgresql" else f"/var/log/chef-backend/{service.name}/current"
        log = f"look at {path} there"
        known = [str(BY_NAME[name]) for name in (signs or {}).get(service.name, ()) if name in BY_NAME]
        log = "; ".join([*known, log])
        if service.state != "running" or not service.pid:
            shown = f"has {service.name}"
            reasons.append(Reason("service-down", node, shown, service.state, "expected running", log, service.name))
        if service.error is not None:
            shown = f"has {service.name}"
            said = f"error: {service.error}"
            reasons.append(Reason("service-error", node, shown, said, advice=log, service=service.name))
        for key, (least, most) in expected.get(service.name, {}).items():
            value = service.value(key) or ""
            if not re.fullmatch(r"[0-9]{1,3}", value) or not least <= int(value) <= most:
                bound = f"expected {least}" if least == most else f"expected {least} to {most}"
                shown = f"{key}: {value or 'nothing'}"
                advice = f"wait, or {log}"
                reasons.append(Reason("counts", node, f"has {service.name} with", shown, bound, advice))
        if service.name == "etcd":
            reasons += _judge_count(service, node, "health", "healthy nodes", few)
        if service.name == SEARCH:
            reasons += _judge_count(service, node, "state", "nodes online", few)
    for check in status.system:
        bad = [f"{what}: {value}" for what, value in check.local if value != "OK"]
        if bad or check.error is not None or not check.local:
            code, shown = "disk" if bad else "disk-unknown", "; ".join(bad) or f"error: {check.error}"
            advice = "make room on that disk" if bad else "run chef-backend-ctl status there"
            reasons.append(Reason(code, node, f"has {check.name}", shown, "expected OK", advice, check.name))
        if check.name == "disks":
            reasons += _judge_count(check, node, "health", "healthy nodes", few)
    return reasons


def _judge_count(row: Service | SystemCheck, node: str, colour: str, count: str, few: int) -> list[Reason]:
    """``green`` and ``3/3``; with a node absent, ``few`` of three, of whatever colour, or of two if it was removed."""
    reasons: list[Reason] = []
    if few == MEMBERS and row.value(colour) != "green":
        shown = f"{colour}: {row.value(colour) or 'nothing'}"
        what, advice = f"has {row.name} with", "wait, or look at its log"
        reasons.append(Reason("service-health", node, what, shown, "expected green", advice, row.name))
    numbers = re.fullmatch(r"([0-9]{1,3})/([0-9]{1,3})", row.value(count) or "")
    if not numbers or not few <= int(numbers[1]) <= int(numbers[2]) <= MEMBERS:
        shown = f"{count}: {row.value(count) or 'nothing'}"
        bound = f"expected {few}/{MEMBERS}" + (f" or {MEMBERS}/{MEMBERS}" if few < MEMBERS else "")
        what, advice = f"has {row.name} with", "wait, or look at its log"
        reasons.append(Reason("service-health", node, what, shown, bound, advice, row.name))
    return reasons


def _judge_lag(
    views: Mapping[str, View], known: list[ClusterStatus], bounds: Bounds, absent: str | None, followers: int
) -> list[Reason]:
    """Every follower replicates from one node, and none is too far behind.

    :param followers: how many must replicate; 0 if other reasons are known, from which it would only follow.
    """
    reasons: list[Reason] = []
    behind = {node: view.lag for node, view in sorted(views.items()) if view.lag}
    if len(behind) > 1:
        shown = ", ".join(behind)
        bound = "expected the leader only"
        reasons.append(Reason("old-followers", CLUSTER, "is replicated from several nodes,", shown, bound))
    nodes = [node for cluster in known for node in cluster.nodes]
    leaders = [node for cluster in known for node in cluster.leaders]
    for node in behind:
        if leaders and not any(_is(leader, node) for leader in leaders):
            shown, bound = f"followers in replication, {', '.join(behind[node])}", f"{leaders[0].name} leads"
            advice = "wait until they follow the leader, or repair them"
            reasons.append(Reason("old-followers", node, "has", shown, bound, advice))
    seen: dict[str, int] = {}
    for follower, lag in (pair for lags in behind.values() for pair in lags.items()):
        found = next((node for node in nodes if _is(node, follower)), None)
        if absent and (_is(found, absent) if found else follower == absent):
            continue
        name = found.name if found else follower
        seen[follower] = lag
        if not is_count(lag):
            shown, bound = f"{lag!r} bytes behind the leader", "expected a number of bytes"
            reasons.append(Reason("lag-unknown", name, "is", shown, bound))
        elif lag > bounds.max_lag_bytes:
            shown, limit = f"{lag} bytes behind the leader", f"limit {bounds.max_lag_bytes}"
            advice = "wait until it has caught up, or raise gates.max_lag_bytes"
            reasons.append(Reason("lag", name, "is", shown, limit, advice))
    if len(seen) < followers and not reasons:
        shown, bound = f"{len(seen)} followers", f"expected {followers}"
        advice = "ask pg_stat_replication on the leader"
        reasons.append(Reason("not-replicating", CLUSTER, "shows replication to", shown, bound, advice))
    return reasons

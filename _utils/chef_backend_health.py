"""Judge a cluster's health, and say why it is not well: node, what was found, its bound, what to do.

Whatever is missing, cannot be read or contradicts itself is a reason. There is no default of "healthy".
"""

import dataclasses
import re

MEMBERS = 3  # no other number of backends is supported
SERVICES = ("leaderl", "etcd", "postgresql", "elasticsearch")  # epmd is a fifth since 1.4.6


@dataclasses.dataclass(frozen=True)
class Bounds:
    """What is still healthy."""

    max_lag_bytes: int = 52428800


@dataclasses.dataclass(frozen=True)
class Reason:
    """One thing that is not well."""

    node: str
    what: str
    value: str = ""
    bound: str = ""
    advice: str = ""

    def __str__(self):
        value = f" {self.value}" if self.value else ""
        bound = f" ({self.bound})" if self.bound else ""
        advice = f": {self.advice}" if self.advice else ""
        return f"{self.node} {self.what}{value}{bound}{advice}"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Healthy only if there is no reason. ``tolerated`` holds what a resumed node excuses."""

    healthy: bool
    reasons: tuple
    tolerated: tuple = ()


@dataclasses.dataclass(frozen=True)
class View:
    """What one node answered; ``error`` says what could not be asked or read."""

    node: str
    cluster: object = None  # ClusterStatus
    status: object = None  # Status
    version: str | None = None
    lag: dict | None = None  # bytes behind, by follower; only the leader knows
    error: str | None = None


def judge(cluster, status, node="this node"):
    """Judge from one node's view.

    :param cluster: its ClusterStatus, or None.
    :param status: its Status, or None.
    :param node: its name, for the reasons.
    :returns: Verdict.
    """
    reasons = (*_judge_cluster_status(cluster, node), *_judge_status(status, node))
    return Verdict(not reasons, reasons)


def judge_cluster(views, bounds, except_node=None):
    """Judge from the views of all nodes; they must agree on who leads.

    :param views: ``{node: View}``, one of each of the three nodes.
    :param bounds: Bounds.
    :param except_node: a node whose half-done upgrade is resumed: its own troubles, and what the others tell of it,
        are tolerated, as long as the other two are a leader and a follower in sync.
    :returns: Verdict.
    """
    reasons, tolerated, leaders = [], [], set()
    if len(views) != MEMBERS:
        reasons.append(Reason("the cluster", "has answers of", f"{len(views)} nodes", f"expected {MEMBERS}"))
    for node, view in sorted(views.items()):
        own = [Reason(node, "could not be judged:", view.error)] if view.error else []
        own += _judge_status(view.status, node, absent=except_node if node != except_node else None)
        own += _judge_cluster_status(view.cluster, node, absent=except_node if node != except_node else None)
        own += _judge_lag(view.lag, bounds, except_node)
        (tolerated if node == except_node else reasons).extend(own)
        if view.cluster is not None and node != except_node:
            leaders.add(tuple(sorted(n.guid for n in view.cluster.leaders)))
    if len(leaders) > 1:
        reasons.append(Reason("the cluster", "is seen with different leaders", advice="wait until the nodes agree"))
    if not any(view.lag for node, view in views.items() if node != except_node) and not reasons:
        reasons.append(Reason("the cluster", "shows no replication", advice="ask pg_stat_replication on the leader"))
    unique = tuple(dict.fromkeys(reasons))
    return Verdict(not unique, unique, tuple(dict.fromkeys(tolerated)))


def _judge_cluster_status(cluster, node, absent=None):
    """Roles: one leader by Role and PG on the same node, all others followers. ``absent`` may be anything else."""
    if cluster is None:
        return (Reason(node, "shows no cluster-status", advice="look at chef-backend-ctl cluster-status there"),)
    reasons = []
    if len(cluster.nodes) != MEMBERS and not (absent and len(cluster.nodes) == MEMBERS - 1):
        found = f"{len(cluster.nodes)} nodes"
        reasons.append(Reason(node, "sees", found, f"expected {MEMBERS}", "find out which node is missing"))
    leading = [n for n in cluster.leaders if n.name != absent]
    if len(leading) != 1 or not leading[0].leads:
        roles = ", ".join(f"{n.name} {n.role}/{n.pg}" for n in cluster.nodes)
        reasons.append(Reason(node, "sees no single leader, role/PG:", roles, "one expected", "see the recovery guide"))
    for other in cluster.nodes:
        if other.name == absent:
            continue
        if other not in cluster.leaders and (other.role, other.pg) != ("follower", "follower"):
            shown = f"{other.role}, PostgreSQL {other.pg}"
            reasons.append(Reason(other.name, "is", shown, "expected follower", "wait until it follows, or repair it"))
        if other.partially_synced:
            advice = "its sync failed; see leaderl/data/unsynced in the recovery guide"
            reasons.append(Reason(other.name, "is partially synced", advice=advice))
        if other.es not in ("master", "not_master"):
            reasons.append(Reason(other.name, "has Elasticsearch", other.es, "expected master or not_master"))
    return tuple(reasons)


def _judge_status(status, node, absent=None):
    """Services: all run here, and each sees all nodes; one fewer where a node is absent."""
    if status is None:
        return (Reason(node, "shows no status of its services", advice="look at chef-backend-ctl status there"),)
    reasons = []
    for name in SERVICES:
        if name not in [service.name for service in status.services]:
            reasons.append(Reason(node, "does not list", name))
    for service in status.services:
        if service.state != "running" or not service.pid:
            reasons.append(Reason(node, f"has {service.name}", service.state, "expected running", "look at its log"))
        if service.error:
            reasons.append(Reason(node, f"has {service.name}", f"error: {service.error}"))
    wanted = MEMBERS - 1 if absent else MEMBERS
    expected = {
        "leaderl": {"leader": (1, 1), "follower": (wanted - 1, MEMBERS - 1)},
        "postgresql": {"leader": (1, 1), "synced": (wanted - 1, MEMBERS - 1)},
    }
    if not absent:
        expected["leaderl"] |= {"waiting": (0, 0), "total": (MEMBERS, MEMBERS)}
        expected["postgresql"] |= {"offline": (0, 0), "syncing": (0, 0)}
    for service in status.services:
        for key, (least, most) in expected.get(service.name, {}).items():
            value = service.value(key)
            if value is None or not re.fullmatch(r"\d+", value) or not least <= int(value) <= most:
                shown = f"{key}: {value or 'nothing'}"
                bound = f"expected {least}" if least == most else f"expected {least} to {most}"
                reasons.append(Reason(node, f"has {service.name} with", shown, bound, "wait, or look at its log"))
        if service.name == "etcd":
            reasons += _judge_count(service, node, "health", "healthy nodes", wanted)
        if service.name == "elasticsearch":
            reasons += _judge_count(service, node, "state", "nodes online", wanted)
    for check in status.system:
        bad = [f"{what}: {value}" for what, value in check.local if value != "OK"]
        if bad or check.error:
            reasons.append(Reason(node, f"has {check.name}", "; ".join(bad) or check.error, "expected OK"))
    return tuple(reasons)


def _judge_count(service, node, colour, count, wanted):
    """``green`` and ``3/3``; with a node absent, that many of three, of whatever colour."""
    reasons = []
    if wanted == MEMBERS and service.value(colour) != "green":
        reasons.append(Reason(node, f"has {service.name}", service.value(colour) or "without state", "expected green"))
    numbers = re.fullmatch(r"(\d+)/(\d+)", service.value(count) or "")
    if not numbers or int(numbers[1]) < wanted or int(numbers[2]) != MEMBERS or int(numbers[1]) > MEMBERS:
        shown = f"{count}: {service.value(count) or 'nothing'}"
        reasons.append(Reason(node, f"has {service.name} with", shown, f"expected {wanted}/{MEMBERS}"))
    return reasons


def _judge_lag(lag, bounds, except_node):
    return [
        Reason(
            node,
            "is",
            f"{behind} bytes behind the leader",
            f"limit {bounds.max_lag_bytes}",
            "wait until it has caught up, or raise gates.max_lag_bytes",
        )
        for node, behind in sorted((lag or {}).items())
        if behind > bounds.max_lag_bytes and node != except_node
    ]

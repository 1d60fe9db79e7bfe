"""How a cluster stands: each node, what is not well, the run that holds it. What ``status`` shows and a plan heeds."""

import dataclasses

from saltext.chef_backend import record as records
from saltext.chef_backend.errors import reasons_of
from saltext.chef_backend.judge import answers, downtime, kinds
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.together import called, tables
from saltext.chef_backend.product.member import NOBODY
from saltext.chef_backend.reason import Reason
from saltext.chef_backend.record import Run

UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class NodeStanding:
    """One node: what it is now, and what is still due on it. What it does not tell is unknown."""

    node: str
    version: str
    target: str
    address: str
    role: str
    pg: str
    es: str
    lag: int | str  # bytes behind the leader; empty for one that does not follow
    due: str  # why; empty if nothing is
    called: str = UNKNOWN  # what the product calls it
    guid: str = UNKNOWN


@dataclasses.dataclass(frozen=True)
class Standing:
    """One cluster."""

    cluster: str
    target: str
    nodes: tuple[NodeStanding, ...]
    failover: str
    run: Run | None
    known: bool  # whether any backend told of its record: else whether a run is open is unknown
    advice: str  # what to do about a run that is not under way any more; empty if nothing
    reasons: tuple[Reason, ...]  # what is not well: first what explains the others
    called: tuple[str, ...] = ()  # what the product calls nodes, where that is another name than ours
    at_work: tuple[str, ...] = ()  # commands that change a node now: ``node: command``
    waived: tuple[Reason, ...] = ()  # what is not well, and a person has waived for the run
    replicating: tuple[
        tuple[str, int], ...
    ] = ()  # followers that are no node's, as PostgreSQL calls them: bytes behind

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.reasons


def of_nodes(views: Views, target: str) -> tuple[NodeStanding, ...]:
    """Return how each node stands, in the order of names.

    :param target: the version the cluster is to have.
    """
    lags = {follower: lag for view in views.values() for follower, lag in view.lag.items()}
    found = []
    for minion, view in sorted(views.items()):
        names = [minion]
        known = view.before or NOBODY  # by the record of a run, where the table does not show it
        called, guid, address = known.name or UNKNOWN, known.guid or UNKNOWN, known.address or UNKNOWN
        role = pg = es = UNKNOWN
        try:
            seen = answers.node_of(answers.cluster_of(view), minion)
            called, guid, address = seen.product_name, seen.guid, seen.ip
            role, pg, es = seen.role, seen.pg, seen.es
            names += [seen.guid, seen.ip]
        except (ValueError, KeyError):
            pass  # unknown, then
        lag = next((lags[name] for name in names if name in lags), "")
        due = view.half_upgraded or (
            UNKNOWN if not view.version else "" if view.version == target else "not upgraded yet"
        )
        version = view.version or UNKNOWN
        found.append(NodeStanding(minion, version, target, address, role, pg, es, lag, due, called, guid))
    return tuple(found)


def of_cluster(cluster: str, target: str, views: Views, max_lag_bytes: int) -> Standing:
    """Return how a cluster stands."""
    verdict = answers.verdict(views, max_lag_bytes)
    reasons = [*verdict.reasons]
    failover = answers.failover(views)
    try:
        record = answers.run(views)
    except ValueError as err:
        record, reasons = None, [*reasons, *reasons_of(err)]
    reasons += [Reason("failover-off", cluster, said=said) for said in _of_failover(failover, record)]
    advice = downtime.advice(views, record) or records.advice(record)
    known = any(view.why_not("record") is None for view in views.values())
    return Standing(
        cluster,
        target,
        of_nodes(views, target),
        failover,
        record,
        known,
        advice,
        kinds.ordered(reasons),
        _called(views),
        tuple(answers.busy(views)),
        verdict.tolerated,
        _of_nobody(views),
    )


def _of_nobody(views: Views) -> tuple[tuple[str, int], ...]:
    """Followers in the leader's replication that are no node of cluster-status, by their name or address there."""
    known = called(node for table in tables(views) for node in table.nodes)
    lags = {follower: lag for view in views.values() for follower, lag in view.lag.items()}
    return tuple(sorted((follower, lag) for follower, lag in lags.items() if follower not in known | set(views)))


def _called(views: Views) -> tuple[str, ...]:
    names = {minion: answers.product_name(views, minion) for minion in sorted(views)}
    return tuple(f"{minion} is {name}" for minion, name in names.items() if name != minion)


def _of_failover(failover: str, record: Run | None) -> list[str]:
    """Say that failover is off where no run explains it."""
    if failover not in ("off", "mixed"):
        return []
    if record is None:
        switch_on = "run 'chef-backend-ctl set-cluster-failover on'"
        return [f"failover is {failover} and no run explains it: {switch_on}"]
    if record.state != records.OPEN or not records.switches_failover(record):
        return [f"failover is {failover}, and run {record.run} is {record.state}: nobody would take over"]
    return []

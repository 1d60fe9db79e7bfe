"""Whether a backend that a run has left alone may switch failover on again: the run's master may be gone for good.

Failover that stays off is an outage at the next crash of the leader; failover that comes on beside a node in its
upgrade may lose writes. So a node acts only when its run has been silent for its lease, when nothing is at work and
nothing half-upgraded, and when it sees a wholly healthy cluster. In doubt failover stays off, and the node says why.
"""

import dataclasses

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers, health
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.record import Record

REST = "rest"  # nothing to do now; look again later
OVER = "over"  # nothing to do any more
OFF = "keep off"  # failover stays off, and that has to be said loudly
DOWN = "keep down"  # the run has the cluster down, and that has to be said loudly
ON = "switch on"


@dataclasses.dataclass(frozen=True)
class Decision:
    """What a node does about its record, and why."""

    action: str
    reason: str


def first_look(record: Record | None, now: float) -> Decision | None:
    """Decide from the record alone; None if the cluster has to be asked.

    :param record: this node's copy, or None.
    :param now: epoch seconds, of the same clock that set the heartbeat.
    """
    if record is None:
        return Decision(OVER, "no run is open")
    if record.state != records.OPEN:
        return Decision(OVER, f"run {record.run} ended as {record.state}")
    if not records.switches_failover(record):
        return Decision(OVER, f"run {record.run} goes the way {record.way}: it does not switch failover")
    silent = now - record.heartbeat
    if silent <= record.lease:
        return Decision(REST, f"run {record.run} was heard of {silent:.0f} s ago")
    if record.down:
        return Decision(DOWN, f"run {record.run} fell silent with the cluster down: run the same command again")
    return None


def decide(record: Record, view: View) -> Decision:
    """Decide from what this node sees.

    :param record: one for which :func:`first_look` returned None.
    :param view: of this node, with ``busy``, ``half_upgraded``, ``cluster`` and ``status``.
    """
    if view.busy:
        return Decision(REST, f"at work here: {'; '.join(view.busy)}")
    if view.errors:
        return Decision(OFF, "; ".join(f"{what}: {why}" for what, why in sorted(view.errors.items())))
    try:
        cluster = answers.cluster_of(view)
    except ValueError as err:
        return Decision(OFF, str(err))
    verdict = health.judge(cluster, view.status, view.node, search=not record.reindex)
    others = f"{record.turn} was in its upgrade when run {record.run} fell silent: it has to decide"
    another = record.turn not in (None, view.node)
    if cluster.failover == "on":
        if another and not verdict.healthy:
            return Decision(REST, f"failover is on already; {others}")
        return Decision(ON, "failover is on already")
    if another:
        return Decision(OFF, others)
    if view.half_upgraded:
        return Decision(OFF, f"this node is half-upgraded ({view.half_upgraded}): run the same command again")
    if not verdict.healthy:
        return Decision(OFF, "; ".join(str(reason) for reason in verdict.reasons))
    return Decision(ON, "the cluster is healthy, nothing is half-upgraded")

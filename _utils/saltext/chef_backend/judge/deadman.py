"""Whether a backend that a run has left alone may switch failover on again, or off: its master may be gone for good.

Failover that stays off is an outage at the next crash of the leader; failover that comes on beside a node in its
upgrade may lose writes. So a node acts only when its run has been silent for its lease, when nothing is at work and
nothing half-upgraded, and when it sees a wholly healthy cluster. In doubt failover stays off, and the node says why.

Where a run has left behind an index that no Elasticsearch can read, failover that is on moves the lead again and again:
there it is switched off.
"""

import dataclasses

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers, failover, health
from saltext.chef_backend.judge import waiver as waivers
from saltext.chef_backend.judge.fence import names
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.record import Record

REST = "rest"  # nothing to do now; look again later
OVER = "over"  # nothing to do any more
OFF = "keep off"  # failover stays off, and that has to be said loudly
DOWN = "keep down"  # the run has the cluster down, and that has to be said loudly
ON = "switch on"
SWITCH_OFF = "switch off"  # while failover is on the lead goes from one to the next, and that has to be said loudly


@dataclasses.dataclass(frozen=True)
class Decision:
    """What a node does about its record, and why."""

    action: str
    reason: str


def first_look(record: Record | None, unheard: float | None) -> Decision | None:
    """Decide from the record alone; None if the cluster has to be asked.

    :param record: this node's copy, or None.
    :param unheard: seconds since this node heard of the run's owner; None if it cannot tell, which is no sign of life.
    """
    if record is None:
        return Decision(OVER, "no run is open")
    if not records.switches_failover(record):
        return Decision(OVER, f"run {record.run} goes the way {record.way}: it does not switch failover")
    if record.state != records.OPEN:
        # it has ended without failover on, as that was not safe, or with an index that the next leader may not be able
        # to read: somebody goes on looking
        looks = record.failover == "off" or record.reindex
        return None if looks else Decision(OVER, f"run {record.run} ended as {record.state}")
    if unheard is not None and unheard <= record.lease:
        return Decision(REST, f"run {record.run} was heard of {unheard:.0f} s ago")
    return None


def decide(record: Record, view: View) -> Decision:
    """Decide from what this node sees.

    :param record: one for which :func:`first_look` returned None.
    :param view: of this node, with ``busy``, ``half_upgraded``, ``cluster`` and ``status``.
    """
    decision = _of_what_is_seen(record, view)
    if decision.action == OFF and record.down:  # a cluster that is up again has only missed that word
        why = f"run {record.run} fell silent with the cluster down: run the same command again ({decision.reason})"
        return Decision(DOWN, why)
    return decision


def _of_what_is_seen(record: Record, view: View) -> Decision:
    if view.busy:
        return Decision(REST, f"at work here: {'; '.join(view.busy)}")
    if view.errors:
        return Decision(OFF, "; ".join(f"{what}: {why}" for what, why in sorted(view.errors.items())))
    try:
        cluster = answers.cluster_of(view)
    except ValueError as err:
        return Decision(OFF, str(err))
    waived = waivers.codes(record.waived)
    verdict = health.judge(cluster, view.status, view.node, not record.reindex, waived)
    why = failover.why_off([view], verdict, record.turn)
    may_rest = why is None and record.reindex and cluster.failover == "on" and record.failover != "off"
    # on, and the leader can read the index: the next one may not be able to
    if may_rest and not health.judge(cluster, view.status, view.node, waived=waived).healthy:
        return Decision(REST, "failover is on, and the leader can read the index")
    if why is None:
        return Decision(ON, "the cluster is healthy, nothing is half-upgraded")
    # but not beneath the hand-over of the one that leads and whose turn it is
    others = [leader.name for leader in cluster.leaders if leader.name not in names(record.turn)]
    if cluster.failover == "on" and record.reindex and others and failover.leader_without_search([view]):
        return Decision(SWITCH_OFF, why)
    if cluster.failover == "on":  # by whomever, and not for this node to change
        return Decision(REST, f"failover is on already; {why}")
    return Decision(OFF, why)

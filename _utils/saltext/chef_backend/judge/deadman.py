"""Whether a backend that a run has left alone may switch failover on again, or off: its master may be gone for good.

Failover that stays off is an outage at the next crash of the leader; failover that comes on beside a node in its
upgrade may lose writes. So a node acts only when its run has been silent for its lease, when nothing is at work and
nothing half-upgraded, and when it sees a wholly healthy cluster. In doubt failover stays off, and the node says why.

Where a run has left behind an index that no Elasticsearch can read, failover that is on moves the lead again and again:
there it is switched off, and on again when one can. What somebody else has switched is left as it is, and said.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers, failover, health
from saltext.chef_backend.judge.fence import names
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.note import Note
from saltext.chef_backend.product.cluster_status import UNKNOWN, ClusterStatus
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
    shown: str = UNKNOWN  # failover, as cluster-status shows it
    noted: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # what the next look has to know, see Note


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
    :param view: of this node, with ``note``, ``version``, ``busy``, ``half_upgraded``, ``cluster`` and ``status``.
    """
    decision = _of_what_is_seen(record, view)
    if decision.action == OFF and record.down:  # a cluster that is up again has only missed that word
        why = f"run {record.run} fell silent with the cluster down: run the same command again ({decision.reason})"
        return Decision(DOWN, why, decision.shown)
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
    verdict = health.judge(cluster, view.status, view.node, not record.reindex, record.waived, view.node)
    why = failover.why_off([view], verdict, record.turn, record.waived)
    if record.reindex:
        return _of_a_reindex(record, view, cluster, why)
    if why is None:
        return Decision(ON, "the cluster is healthy, nothing is half-upgraded")
    return _stays(cluster.failover, why)


def _stays(shown: str, why: str) -> Decision:
    """Failover stays as it is: on, by whomever, which is not for this node to change; or off, and why."""
    if shown == "on":
        return Decision(REST, f"failover is on already; {why}")
    return Decision(OFF, why, shown)


def _of_a_reindex(record: Record, view: View, cluster: ClusterStatus, why: str | None) -> Decision:
    """Failover is looked after until the index is new: any crash may leave the lead with nodes that cannot read it.

    What is switched off, and by whom, is looked at twice: an Elasticsearch may have been restarted, and what
    cluster-status shows of failover lags by ten seconds.

    :param why: failover must not come on; None if it may.
    """
    shown, note = cluster.failover, _noted(record, view)
    nowhere = failover.nowhere_to_lead(cluster, record.waived)
    # between two leaders nobody leads for a moment: an odd look may meet just that, and takes nothing back
    still = note.nowhere and failover.no_search_works(cluster, record.waived)
    noted: dict[str, Any] = {"looked": record.epoch, "shown": shown, "nowhere": bool(nowhere) or still}
    if shown == "on" and note.shown == "on":
        noted["switched"] = False  # what is off later, somebody else has switched
    elif note.looked == record.epoch:
        noted["switched"] = note.switched
    # but not beneath the hand-over of the one that leads and whose turn it is: it alone sees that none is at work
    turn = [name for name in names(record.turn) if name != view.node]
    beneath = bool(cluster.leaders) and all(leader.name in turn for leader in cluster.leaders)
    if still and not beneath and (note.shown, shown) == ("on", "off"):
        noted["switched"] = True  # another backend was faster: should that one be lost, this one knows
    if nowhere and not beneath:
        said = "\n".join(nowhere)
        if note.nowhere and shown != "off":
            return Decision(SWITCH_OFF, said, shown, {**noted, "switched": True})
        if shown != "off":
            return Decision(REST, f"looked at once more before failover is switched off: {said}", shown, noted)
    if why is None and shown == "on":
        if _has_a_new_index(record, view, cluster):
            return Decision(OVER, "failover is on, and every backend can read the index", shown)
        return Decision(REST, "failover is on, and the leader can read the index", shown, noted)
    if why is None and (record.failover == "off" if noted.get("switched") is None else noted["switched"]):
        return Decision(ON, "the cluster is healthy, nothing is half-upgraded", shown, {**noted, "switched": False})
    said = why or f"somebody else has switched it {shown}: find out who, then switch it on"
    return dataclasses.replace(_stays(shown, said), noted=noted)


def _noted(record: Record, view: View) -> Note:
    """What this node has noted at its looks before, under the same owner."""
    note = view.note
    same = note is not None and (note.run, note.looked) == (record.run, record.epoch)
    return note if note is not None and same else Note(record.run)


def _has_a_new_index(record: Record, view: View, cluster: ClusterStatus) -> bool:
    """Whether the re-index has come so far that whoever leads can read the index; this node runs the target, too."""
    return view.version == record.target and failover.every_search_works(cluster, record.waived)

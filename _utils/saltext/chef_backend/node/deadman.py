"""The dead man's switch: failover comes on again by itself when the run that switched it off is never heard of again.

It is a job of this minion's own scheduler, so it needs neither the orchestration nor its master.
"""

import contextlib
import logging
from collections.abc import Iterator

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import journal
from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers, deadman
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.node import backend, files, moments, record_file, scheduler
from saltext.chef_backend.node.host import OWN, Host
from saltext.chef_backend.node.journal import tell
from saltext.chef_backend.node.view import view
from saltext.chef_backend.record import Record

JOB = "chef_backend_deadman"
AT_IT = 60  # seconds; by then another job that arms it has come to its end: Salt itself may take half of that
LOOKS_AT = ("note", "version", "busy", "cluster_status", "status", "half_upgraded")
FUNCTION = "chef_backend_agent.look_after_failover"
log = logging.getLogger(__name__)


def arm(host: Host, seconds: int) -> None:
    """Have this minion look after failover from now on, in this interval, and see it look once; it ends with the run.

    :raises CommandExecutionError: the minion's scheduler is off, does not take the job, or does not run it.
    """
    with _alone(host, AT_IT):
        _arm(host, seconds)


def stay_armed(host: Host, within: float = AT_IT) -> bool:
    """Arm it anew where it was taken away since its run was opened, or does not look, as where the clock was set back.

    :param within: bound in seconds of waiting for another job that arms it.
    :returns: whether it looks now; False where no run is to be looked after here.
    :raises CommandExecutionError: as :func:`arm`.
    """
    record = record_file.read(host)
    over = deadman.first_look(record, unheard=0)
    if record is None or (over is not None and over.action == deadman.OVER):
        return False
    seconds = records.interval(record.lease)
    with _alone(host, within):
        ago = moments.ago(host, moments.LOOKED)
        if not scheduler.has(host, JOB) or ago is None or ago > 2 * seconds:
            _arm(host, seconds)
    return True


def _arm(host: Host, seconds: int) -> None:
    scheduler.start(host, JOB, FUNCTION, seconds, moments.LOOKED, "the dead man's switch")


@contextlib.contextmanager
def _alone(host: Host, within: float) -> Iterator[None]:
    """One at a time: two heartbeats would take the job away beneath each other."""
    try:
        with files.guarded(host.path(f"{OWN}/armed"), within):
            yield
    except BlockingIOError as err:
        raise CommandExecutionError(
            f"{host.name}: another job is arming the dead man's switch, and is not done"
        ) from err


def disarm(host: Host) -> bool:
    """End looking after failover. Returns True if the job was there."""
    return scheduler.stop(host, JOB)


def look(host: Host) -> deadman.Decision:
    """Switch failover on if its run is gone and that is safe; say loudly why not, if it is not.

    :returns: what was done, and why.
    """
    record = record_file.read(host)
    moments.now(host, moments.LOOKED)
    decision = deadman.first_look(record, moments.ago(host, moments.HEARD))
    if decision is None and record is not None:
        seen = View.of_answer({**view(host, LOOKS_AT), "record": record.to_dict()})
        # who the others are it knows by its record
        decision = deadman.decide(record, answers.in_our_words({host.name: seen})[host.name])
    if decision is None or record is None or decision.action == deadman.OVER:
        disarm(host)
        return decision or deadman.Decision(deadman.OVER, "no run is open")
    switches = decision.action in (deadman.ON, deadman.SWITCH_OFF)
    # first: an order of it that comes late changes nothing
    if switches and not record_file.give_up(host, record.run, record.epoch):
        return deadman.Decision(deadman.REST, f"run {record.run} was taken over, or has ended, meanwhile")
    if decision.action != deadman.ON:  # of what it switches off it has to know that it did
        record_file.looked_here(host, decision.noted)
    try:
        if decision.action == deadman.SWITCH_OFF:
            backend.ensure_failover(host, "off", before="on")
        elif decision.action == deadman.ON:
            backend.ensure_failover(host, "on", before="off")  # ordered whatever the table shows, which lags
    except CommandExecutionError as err:
        return _could_not(host, record, decision, str(err))
    if decision.action in (deadman.OFF, deadman.DOWN, deadman.SWITCH_OFF):
        log.error("%s: %s: %s", host.name, _loud(record.cluster, decision), decision.reason)
        _tell(host, record, journal.FAILED, decision.reason)
    elif decision.action == deadman.ON:
        record_file.looked_here(host, decision.noted)
        if record.state == records.ABORTED:
            record_file.finish(host, record)
        if not record.reindex or record.state == records.ABORTED:
            disarm(host)
        log.warning("%s: run %s is left, failover is on: %s", host.name, record.run, decision.reason)
        _tell(host, record, journal.END, decision.reason)
    return decision


def _loud(cluster: str, decision: deadman.Decision) -> str:
    """What is so, in the words that a person looks for in a log: what was not seen off is not said to be off."""
    if decision.action == deadman.DOWN:
        return f"{cluster} IS DOWN"
    if decision.action == deadman.SWITCH_OFF:
        return f"FAILOVER OF {cluster} IS SWITCHED OFF"
    return f"FAILOVER OF {cluster} {'STAYS OFF' if decision.shown == 'off' else 'MAY BE OFF'}"


def _could_not(host: Host, record: Record, decision: deadman.Decision, why: str) -> deadman.Decision:
    """Say loudly that failover could not be switched; the next look tries again."""
    on = decision.action == deadman.ON
    state = "MAY BE OFF" if on else "MAY BE ON, AND THE LEAD MAY MOVE"
    reason = f"it could not be switched {'on' if on else 'off'}: {why}"
    log.error("%s: FAILOVER OF %s %s: %s", host.name, record.cluster, state, reason)
    _tell(host, record, journal.FAILED, reason)
    return deadman.Decision(deadman.OFF, reason, decision.shown)


def _tell(host: Host, record: Record, how: str, reason: str) -> None:
    tell(host, "restore failover", how, comment=reason, run=record.run, cluster=record.cluster)

"""The dead man's switch: failover comes on again by itself when the run that switched it off is never heard of again.

It is a job of this minion's own scheduler, so it needs neither the orchestration nor its master.
"""

import logging

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import journal
from saltext.chef_backend.judge import deadman
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.node import backend, record_file
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.node.journal import tell
from saltext.chef_backend.node.view import view
from saltext.chef_backend.record import Record

JOB = "chef_backend_deadman"
FUNCTION = "chef_backend_agent.look_after_failover"
LOUD = {deadman.OFF: "FAILOVER OF {} STAYS OFF", deadman.DOWN: "{} IS DOWN"}
log = logging.getLogger(__name__)


def arm(host: Host, seconds: int) -> None:
    """Have this minion look after failover from now on, in this interval; it ends by itself with the run.

    :raises CommandExecutionError: the minion's scheduler does not take the job.
    """
    verb = "modify" if JOB in host.salt["schedule.list"](return_yaml=False) else "add"
    done = host.salt[f"schedule.{verb}"](
        JOB,
        function=FUNCTION,
        seconds=int(seconds),
        maxrunning=1,
        return_job=False,
        run_on_start=False,
        persist=True,  # a restarted minion goes on looking
    )
    if not done["result"]:
        raise CommandExecutionError(f"{host.name}: the dead man's switch cannot be armed: {done['comment']}")


def disarm(host: Host) -> bool:
    """End looking after failover. Returns True if the job was there."""
    return bool(host.salt["schedule.delete"](JOB)["result"])


def look(host: Host) -> deadman.Decision:
    """Switch failover on if its run is gone and that is safe; say loudly why not, if it is not.

    :returns: what was done, and why.
    """
    record = record_file.read(host)
    decision = deadman.first_look(record, host.clock.now())
    if decision is None and record is not None:
        seen = view(host, ["busy", "cluster_status", "status", "half_upgraded"])
        decision = deadman.decide(record, View.of_answer(seen))
    if decision is None or record is None or decision.action == deadman.OVER:
        disarm(host)
        return decision or deadman.Decision(deadman.OVER, "no run is open")
    if decision.action in LOUD:
        log.error("%s: %s: %s", host.name, LOUD[decision.action].format(record.cluster), decision.reason)
        _tell(host, record, journal.FAILED, decision.reason)
    elif decision.action == deadman.ON:
        backend.ensure_failover(host, "on")
        record_file.abandon(host, record.owner.jid)
        log.warning("%s: run %s is abandoned, failover is on: %s", host.name, record.run, decision.reason)
        _tell(host, record, journal.END, decision.reason)
    return decision


def _tell(host: Host, record: Record, how: str, reason: str) -> None:
    tell(host, "restore failover", how, comment=reason, run=record.run, cluster=record.cluster)

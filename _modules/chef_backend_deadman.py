"""The dead man's switch: failover comes on again by itself when the run that switched it off is never heard of again.

It is a job of this minion's own scheduler, so it needs neither the orchestration nor its master.
"""

import logging
import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import deadman
from saltext.chef_backend.judge.view import View

JOB = "chef_backend_deadman"
LOUD = {deadman.OFF: "FAILOVER OF {} STAYS OFF", deadman.DOWN: "{} IS DOWN"}
log = logging.getLogger(__name__)


def __virtual__():
    return True


def arm(seconds):
    """Have this minion look after failover from now on, in this interval; it ends by itself with the run.

    :param seconds: interval.
    :returns: True.
    :raises CommandExecutionError: the minion's scheduler does not take the job.

    CLI Example:

    .. code-block:: bash

        salt '*' chef_backend_deadman.arm 30
    """
    verb = "modify" if JOB in __salt__["schedule.list"](return_yaml=False) else "add"
    done = __salt__[f"schedule.{verb}"](
        JOB,
        function="chef_backend_deadman.check",
        seconds=int(seconds),
        maxrunning=1,
        return_job=False,
        run_on_start=False,
        persist=True,  # a restarted minion goes on looking
    )
    if not done["result"]:
        raise CommandExecutionError(f"{__grains__['id']}: the dead man's switch cannot be armed: {done['comment']}")
    return True


def disarm():
    """End looking after failover. Returns True if the job was there.

    CLI Example:

    .. code-block:: bash

        salt '*' chef_backend_deadman.disarm
    """
    return __salt__["schedule.delete"](JOB)["result"]


def check():
    """Switch failover on if its run is gone and that is safe; say loudly why not, if it is not.

    :returns: ``{"action": what was done, "reason": why}``.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_deadman.check
    """
    found = __salt__["chef_backend_record.read"]()
    record = records.Record.from_dict(found) if found else None
    decision = deadman.first_look(record, time.time())
    if decision is None:
        view = __salt__["chef_backend_node.view"](["busy", "cluster_status", "status", "half_upgraded"])
        decision = deadman.decide(record, View.of_answer(view))
    if decision.action == deadman.OVER:
        disarm()
    elif decision.action in LOUD:
        log.error("%s: %s: %s", __grains__["id"], LOUD[decision.action].format(record.cluster), decision.reason)
        _tell(record, "failed", decision.reason)
    elif decision.action == deadman.ON:
        __salt__["chef_backend.ensure_failover"]("on")
        __salt__["chef_backend_record.abandon"](record.owner.jid)
        log.warning("%s: run %s is abandoned, failover is on: %s", __grains__["id"], record.run, decision.reason)
        _tell(record, "end", decision.reason)
    return {"action": decision.action, "reason": decision.reason}


def _tell(record, how, reason):
    __salt__["chef_backend_progress.tell"](
        "restore failover", how, comment=reason, run=record.run, cluster=record.cluster
    )

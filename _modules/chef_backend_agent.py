"""What a run's master asks of this backend: its view, the record that it holds, the dead man's switch.

Nobody types these; what an operator types is in ``chef_backend`` and in the runner of that name. A record, and an entry
of a journal, are mappings; their fields stand in ``docs/reference/events.md``. Where this node's record cannot be read
the functions raise CommandExecutionError: unknown is not "free".
"""

from collections.abc import Mapping, Sequence
from typing import Any

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.node import backend, deadman, membership, record_file
from saltext.chef_backend.node import journal as journals
from saltext.chef_backend.node import view as views
from saltext.chef_backend.record import Record


def __virtual__() -> salt.Virtual:
    return salt.on_a_backend()


def view(
    only: Sequence[str] | None = None,
    jid: str | None = None,
    changes: Mapping[str, Any] | None = None,
    table: str | None = None,
) -> dict[str, Any]:
    """Return all that judging this node needs, in one answer; what failed stands under ``errors``.

    :param only: names of the parts to ask for; all if not given.
    :param jid: orchestration that asks; if it owns the record, this is a heartbeat of it.
    :param changes: fields of that record to change before anything is asked.
    :param table: minion id of the one backend that is to ask for cluster-status; every one if not given.
    :returns: a mapping of ``node`` (this minion's id), ``record``, ``version``, ``busy`` (list of commands at work),
        ``cluster_status`` and ``status`` (text, as printed), ``half_upgraded`` (why its upgrade has begun and not
        ended), ``leads``, ``earlier`` (seconds that each node took in the run before), ``unsynced``, ``replication``
        (one JSON object a line), and ``errors``: ``{part: why it could not be had}``; such a part is None.
    """
    return views.view(salt.host(), only, None if jid is None else str(jid), changes, table)


def ensure_failover(state: str, timeout: float = 60, before: str | None = None) -> dict[str, str]:
    """Switch failover of the whole cluster on or off and wait until cluster-status shows it.

    :param state: ``on`` or ``off``.
    :param timeout: bound in seconds for the nodes to show it.
    :param before: what failover is now, where the master has seen it; asked if not given.
    :returns: ``{"before": as read, "after": as read}``; ``unknown`` where the version does not show it.
    :raises CommandExecutionError: the command fails, or another state is shown when the bound has passed.
    """
    return backend.ensure_failover(salt.host(), state, timeout, before)


def failover_off_and_on(timeout: float = 60) -> bool:
    """Switch failover of the whole cluster off and on again, and wait until cluster-status shows it on.

    :param timeout: bound in seconds for the nodes to show it.
    :raises CommandExecutionError: a command fails, or another state is shown when the bound has passed.
    """
    backend.failover_off_and_on(salt.host(), timeout)
    return True


def create(record: Mapping[str, Any]) -> dict[str, Any]:
    """Take the lock of this node by creating its record; never replaces one.

    :returns: ``{"taken": bool, "record": the record that stands there now}``.
    """
    return _taken(record_file.create(salt.host(), Record.from_dict(record)))


def replace(jid: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the record if the orchestration ``jid`` still owns it, or if none is there any more.

    :returns: ``{"taken": bool, "record": the record that stands there now}``.
    """
    return _taken(record_file.replace(salt.host(), str(jid), Record.from_dict(record)))


def beat(jid: str) -> bool:
    """Take a heartbeat of the orchestration ``jid``. Returns True if it owns the record."""
    return record_file.beat(salt.host(), str(jid))


def wish(run: str, word: str | None) -> bool:
    """Note what the operator wishes of an open run; it heeds that at its next safe point.

    :param word: ``pause``, ``abort``, or None to take a wish back.
    :returns: True if that run is open here.
    """
    return record_file.wish(salt.host(), str(run), word)


def hold(run: str) -> bool:
    """Note that a run that waits for its window stays paused until a person resumes it. Returns True if it waited."""
    return record_file.hold(salt.host(), str(run))


def finish(jid: str, record: Mapping[str, Any]) -> bool:
    """Keep the record as the last run's and free the node, if the orchestration ``jid`` owns it.

    :returns: True if the node is free now, False if another run owns it.
    """
    return record_file.finish(salt.host(), str(jid), Record.from_dict(record))


def withdraw(jid: str) -> bool:
    """Free the node again of a run that could not be opened; the last run's record stays.

    :returns: True if the node is free now, False if another run owns it.
    """
    return record_file.withdraw(salt.host(), str(jid))


def last() -> dict[str, Any] | None:
    """Return the record of the last finished run on this node, or None."""
    record = record_file.last(salt.host())
    return record.to_dict() if record else None


def every() -> list[dict[str, Any]]:
    """Return the records of all runs that this node keeps, the open one and those that ended."""
    return [record.to_dict() for record in record_file.every(salt.host())]


def journal(run: str) -> dict[str, list[Any]]:
    """Return what this node told of a run.

    :returns: ``{"entries": list of mappings, "troubles": list of what could not be read}``.
    """
    return journals.read(salt.host(), str(run))


def arm(seconds: int) -> bool:
    """Have this minion look after failover from now on, in this interval; it ends by itself with the run.

    :param seconds: between two looks.
    :returns: True.
    :raises CommandExecutionError: the minion's scheduler does not take the job.
    """
    deadman.arm(salt.host(), seconds)
    return True


def look_after_failover() -> dict[str, str]:
    """Switch failover on if its run is gone and that is safe; say loudly why not, if it is not.

    :returns: ``{"action": what was done, "reason": why}``; the action is ``switch on``, ``keep off`` or ``keep down``
        (said in the log, too), ``rest`` (nothing to do now) or ``over`` (nothing to do any more).
    """
    decision = deadman.look(salt.host())
    return {"action": decision.action, "reason": decision.reason}


def secrets_ready(path: str) -> bool:
    """See that a copy of the cluster's secrets lies ready for this node to join.

    :param path: absolute path on this node.
    :returns: True.
    :raises CommandExecutionError: it is not ready, and what to do.
    """
    membership.secrets_ready(salt.host(), path)
    return True


def _taken(done: tuple[bool, Record]) -> dict[str, Any]:
    return {"taken": done[0], "record": done[1].to_dict()}

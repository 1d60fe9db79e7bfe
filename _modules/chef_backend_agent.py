"""What a run's master asks of this backend: its view, the record that it holds, the dead man's switch.

Nobody types these; what an operator types is in ``chef_backend`` and in the runner of that name. A record, and an entry
of a journal, are mappings; their fields stand in ``docs/reference/events.md``. Where this node's record cannot be read
the functions raise CommandExecutionError: unknown is not "free".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.node import backend, ctl, deadman, membership, record_file
from saltext.chef_backend.node import capture as captures
from saltext.chef_backend.node import journal as journals
from saltext.chef_backend.node import view as views
from saltext.chef_backend.product import command


def __virtual__() -> salt.Virtual:
    return salt.on_a_backend()


def view(
    only: Sequence[str] | None = None,
    word: Mapping[str, Any] | None = None,
    table: str | None = None,
) -> dict[str, Any]:
    """Return all that judging this node needs, in one answer; what failed stands under ``errors``.

    :param only: names of the parts to ask for; all if not given.
    :param word: the record as its owner has it now, kept before anything is asked; a heartbeat as well.
    :param table: minion id of the one backend that is to ask for cluster-status; every one if not given.
    :returns: a mapping of ``node`` (this minion's id), ``record``, ``version``, ``busy`` (list of commands at work),
        ``cluster_status`` and ``status`` (text, as printed), ``half_upgraded`` (why its upgrade has begun and not
        ended), ``leads``, ``earlier`` (seconds that each node took in the run before), ``unsynced``, ``replication``
        (one JSON object a line), and ``errors``: ``{part: why it could not be had}``; such a part is None.
    """
    return views.view(salt.host(), only, word, table)


def ensure_failover(
    state: str, timeout: float = 60, before: str | None = None, order: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Switch failover of the whole cluster on or off and wait until cluster-status shows it.

    :param state: ``on`` or ``off``.
    :param timeout: bound in seconds for the nodes to show it.
    :param before: what failover is now, where the master has seen it; asked if not given.
    :param order: of the run that orders it: it is refused where it comes too late.
    :returns: ``{"before": as read, "after": as read}``; ``unknown`` where the version does not show it.
    :raises CommandExecutionError: the command fails, or another state is shown when the bound has passed.
    """
    return backend.ensure_failover(salt.host(order), state, timeout, before)


def failover_off_and_on(timeout: float = 60, order: Mapping[str, Any] | None = None) -> bool:
    """Switch failover of the whole cluster off and on again, and wait until cluster-status shows it on.

    :param timeout: bound in seconds for the nodes to show it.
    :param order: of the run that orders it: it is refused where it comes too late.
    :raises CommandExecutionError: a command fails, or another state is shown when the bound has passed.
    """
    backend.failover_off_and_on(salt.host(order), timeout)
    return True


def accept(record: Mapping[str, Any], over: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Keep a record, if it is higher than the one that stands here: the lock is taken, or its owner changes it.

    :param over: where the lock is taken, ``{run: highest epoch of it that was seen}``: the runs that nobody drives any
        more. None for a word of the run that holds it.
    :returns: ``{"taken": whether it stands here now, "record": the record that does}``.
    :raises CommandExecutionError: what the master sends is of another version of this extension.
    """
    host = salt.host()
    word = record_file.word_of(host, record)
    if not isinstance(over, Mapping | None):
        raise CommandExecutionError(f"{host.name}: the master runs another version of this extension: sync both")
    seen = None if over is None else {str(run): int(epoch) for run, epoch in over.items()}
    taken, stands = record_file.accept(host, word, seen)
    return {"taken": taken, "record": stands.to_dict()}


def beat(jid: str, epoch: int) -> bool:
    """Take a heartbeat of the orchestration ``jid``, and see that the dead man's switch is armed still.

    :returns: True if it owns the record in that epoch.
    :raises CommandExecutionError: the switch was taken away, and cannot be armed anew; or another job is at it: no
        heartbeat waits for that, as the next would come meanwhile.
    """
    host = salt.host()
    owns = record_file.beat(host, str(jid), int(epoch))
    if owns:
        deadman.stay_armed(host, within=0)
    return owns


def wish(run: str, epoch: int, word: str | None) -> bool:
    """Note what the operator wishes of an open run; it heeds that at its next safe point.

    :param epoch: of the run, as the operator saw it.
    :param word: ``pause``, ``abort``, or None to take a wish back.
    :returns: True if that run is open here.
    """
    return record_file.wish(salt.host(), str(run), int(epoch), word)


def finish(record: Mapping[str, Any]) -> bool:
    """Keep the record as the last run's and free the node, if no other run, and no later word, stands here.

    :returns: True if the node is free now.
    """
    host = salt.host()
    return record_file.finish(host, record_file.word_of(host, record))


def withdraw(run: str, epoch: int) -> bool:
    """Free the node again of a run that could not be opened; the last run's record stays.

    :returns: True if the node is free now, False if another run stands here.
    """
    return record_file.withdraw(salt.host(), str(run), int(epoch))


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


def stay_armed() -> bool:
    """Have this minion look after failover as before, where something has taken that from it since.

    :returns: whether it looks now; False if no run is to be looked after here.
    :raises CommandExecutionError: the minion's scheduler does not take the job.
    """
    return deadman.stay_armed(salt.host())


def look_after_failover() -> dict[str, str]:
    """Switch failover on if its run is gone and that is safe; say loudly why not, if it is not.

    :returns: ``{"action": what was done, "reason": why}``; the action is ``switch on``, ``switch off``, ``keep off`` or
        ``keep down`` (said in the log, too), ``rest`` (nothing to do now) or ``over`` (nothing to do any more).
    """
    decision = deadman.look(salt.host())
    return {"action": decision.action, "reason": decision.reason}


def connected() -> list[str]:
    """Return the addresses from which somebody is connected to this node's PostgreSQL now, sorted.

    :raises CommandExecutionError: it does not tell.
    """
    return backend.connected(salt.host())


def ground() -> dict[str, Any]:
    """Return what a new run stands on here.

    :returns: ``{"clock": epoch seconds, as this node shows them, "settings": {key: value} of chef-backend.rb}``: of
        the settings those that an upgrade has to know; ``"fsync"``: seconds that one of a hundred of etcd's writes
        takes at least; ``"index"``: whether there is a search index; ``"errors"``: why one of these two is None.
    :raises CommandExecutionError: the settings cannot be read.
    """
    return backend.ground(salt.host())


def index() -> dict[str, Any]:
    """Return who made the search index, as this node's Elasticsearch tells.

    :returns: ``{"created": version of the Elasticsearch, "mapped": whether a frontend has made it}``.
    :raises CommandExecutionError: it does not tell: it is stopped, cannot start, or there is no index.
    """
    host = salt.host()
    return {"created": backend.index_created(host), "mapped": backend.index_is_mapped(host)}


def stored() -> dict[str, dict[str, Any]]:
    """Return how many objects of each kind this node's PostgreSQL holds, by organisation.

    :returns: ``{organisation: {"database": its name in the search index, "counts": {kind: how many}}}``.
    :raises CommandExecutionError: it does not tell.
    """
    return backend.stored(salt.host())


def migration_level() -> str | None:
    """Return to which level Chef Infra Server's database was migrated, such as ``1.31``; None if it does not keep it.

    :raises CommandExecutionError: it does not tell.
    """
    return backend.migration_level(salt.host())


def capture() -> dict[str, Any]:
    """Return all that this extension reads here, as it is printed, without secrets: a node of a capture."""
    return captures.of_backend(salt.host())


def remove_node(node: str, order: Mapping[str, Any] | None = None, timeout: float = 300) -> bool:
    """Have the cluster forget a node that is down for good. Fails while the node is alive.

    :param node: the node's name, as in cluster-status.
    :param order: of the run that orders it: it is refused where it comes too late.
    :param timeout: bound in seconds.
    """
    ctl.run(salt.host(order), command.remove_node(membership.known_name(node)), timeout)
    return True


def secrets_ready(path: str) -> bool:
    """See that a copy of the cluster's secrets lies ready for this node to join.

    :param path: absolute path on this node.
    :returns: True.
    :raises CommandExecutionError: it is not ready, and what to do.
    """
    membership.secrets_ready(salt.host(), path)
    return True

"""Hold a cluster, on the master: take its lock on every backend, keep the record there, give it back.

The lock is the record's file. It is taken node by node in name order, so of two runs that begin at once one
is refused on the first node already.
"""

import dataclasses
import time

import psutil
from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers


def __virtual__():
    return True


def owner(jid):
    """Describe this process as the owner of a run.

    :param jid: the orchestration's job id.
    :returns: ``chef_backend_record.Owner``.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_hold.owner 20261122120000000000
    """
    process = psutil.Process()
    return records.Owner(jid=jid, master=__opts__["id"], pid=process.pid, started=process.create_time())


def gone(held):
    """Tell why nobody drives a run any more, or None while somebody must be taken to do so.

    :param held: ``chef_backend_record.Record``.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_hold.gone '{...}'
    """
    return records.owner_is_gone(held, time.time(), master=__opts__["id"], alive=_alive)


def may_take(found, target, views):
    """Tell whether a cluster may be taken, and which unfinished run is resumed by that.

    :param found: the record that its backends hold, or None.
    :param target: version to go to.
    :param views: ``{node: view}``, as answered by the backends.
    :returns: the record of the run to resume, or None for a new run.
    :raises CommandExecutionError: a living run holds it; or a dead one to another target left a node half-upgraded.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_hold.may_take null 2.3.16 '{}'
    """
    if found is None:
        return None
    why = gone(found)
    if why is None:
        raise CommandExecutionError(f"{records.held_by(found, time.time())}: wait for its end")
    if found.target == target:
        return found
    half_upgraded = answers.half_upgraded(views)
    if half_upgraded:
        raise CommandExecutionError(
            f"run {found.run} to {found.target} left {', '.join(half_upgraded)} half-upgraded ({why}): "
            f"finish it first, with version {found.target} in the pillar"
        )
    return None


def take(wanted, found):
    """Write the record to every backend, as the lock: create it, or replace the dead owner's.

    :param wanted: ``chef_backend_record.Record`` of this run.
    :param found: the record seen before, whose owner is gone; None if there was none.
    :returns: True.
    :raises CommandExecutionError: another run was faster; what was taken is given back.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_hold.take '{...}' null
    """
    first, *others = sorted(wanted.backends)
    try:
        _claim([first], wanted, found)  # of two runs at once only one gets past this node
        _claim(others, wanted, found)
    except CommandExecutionError:
        if found is None:
            __salt__["chef_backend_nodes.ask"](wanted.backends, "chef_backend_record.withdraw", wanted.owner.jid)
        raise
    return True


def begin(jid, views, found, resumed, **fields):
    """Take a cluster for a run: its record on every backend, its signs of life, its progress on this terminal.

    :param jid: job id of the orchestration.
    :param views: ``{node: view}`` of the backends.
    :param found: the record that they hold, whose owner is gone; None if there is none.
    :param resumed: the record of the run that is gone on with, or None for a new run.
    :param fields: what a new record holds besides, see ``chef_backend_record.Record``; a resumed one keeps its own.
    :returns: the record.
    :raises CommandExecutionError: another run was faster, or a backend cannot look after failover.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_hold.begin 20261122120000000000 '{}' null null cluster=prod
    """
    now = time.time()
    told = {"owner": owner(jid), "heartbeat": now, "lease": fields["lease"], "state": records.OPEN}
    if resumed:
        told |= {"way": fields["way"], "frontends": fields["frontends"], "step": "open", "turn": None, "wish": None}
        told |= {"since": None, "waits": None}
        record = dataclasses.replace(resumed, backends=tuple(views), **told)
    else:
        record = records.Record(
            **{"run": jid, "backends": tuple(views), "opened": now, "failover": fields["failover_found"]}
            | fields
            | told
        )
    take(record, found)
    interval = max(1, record.lease // 4)
    # from now on the backends look after failover, should this orchestration not be heard of for its lease
    __salt__["chef_backend_nodes.ask_all"](record.backends, "chef_backend_deadman.arm", interval)
    __salt__["chef_backend_pulse.start"](record.backends, jid, interval)
    __salt__["chef_backend_progress.follow"](record.cluster, record.run)
    __salt__["chef_backend_probe.start"](record.cluster, record.run, jid)
    return record


def note(cluster, jid, changes):
    """Change fields of the record that this orchestration owns, on every backend that answers; one at least must.

    :param cluster: the cluster's name.
    :param jid: job id of the orchestration.
    :param changes: mapping of fields, see ``chef_backend_record.Record``.
    :returns: the record, as it is now.
    :raises CommandExecutionError: no backend answers, or another run has taken over.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_hold.note prod 20261122120000000000 '{"step": "x"}' with_pillar=True
    """
    seen = __salt__["chef_backend_nodes.views"](cluster, ["record"], jid, changes)
    return owned(cluster, jid, seen)


def owned(cluster, jid, seen):
    """Return the record in the backends' answers, if it is still this orchestration's.

    :param cluster: the cluster's name.
    :param jid: job id of the orchestration.
    :param seen: ``{node: view}``; their ``record`` is looked at.
    :raises CommandExecutionError: no backend holds it, or another run has taken over.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_hold.owned prod 20261122120000000000 '{}'
    """
    try:
        return answers.owned(seen, str(jid), time.time())
    except ValueError as err:
        raise CommandExecutionError(f"this orchestration does not hold {cluster} any more: {err}") from err


def finish(wanted):
    """Keep the record as the last run's on every backend that answers, and free the cluster.

    :param wanted: ``chef_backend_record.Record``.
    :returns: list of the nodes that are free now.
    :raises CommandExecutionError: a node could not be freed.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_hold.finish '{...}'
    """
    said = __salt__["chef_backend_nodes.ask"](
        wanted.backends, "chef_backend_record.finish", wanted.owner.jid, wanted.to_dict()
    )
    held = [answer["error"] or f"{node} is held by another run" for node, answer in said.items() if not answer["value"]]
    if held:
        raise CommandExecutionError("\n".join(held))
    return sorted(said)


def _claim(nodes, wanted, found):
    """Create the record on some nodes, or replace the dead owner's. Raises CommandExecutionError at a refusal."""
    if found is None:
        said = __salt__["chef_backend_nodes.ask"](nodes, "chef_backend_record.create", wanted.to_dict())
    else:
        args = (found.owner.jid, wanted.to_dict())
        said = __salt__["chef_backend_nodes.ask"](nodes, "chef_backend_record.replace", *args)
    for node, answer in said.items():
        if not answer["ok"]:
            raise CommandExecutionError(answer["error"])
        if not (answer["value"].get("created") or answer["value"].get("replaced")):
            holder = records.held_by(records.Record.from_dict(answer["value"]["record"]), time.time())
            raise CommandExecutionError(f"{node}: {holder}: wait for its end")


def _alive(pid, started):
    """Tell whether a process of this master is the one that began then; a pid alone may have been used again."""
    try:
        return abs(psutil.Process(pid).create_time() - started) < 1
    except psutil.Error:
        return False

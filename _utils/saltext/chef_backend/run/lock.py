"""Hold a cluster: take its lock on every backend, keep the record there, give it back.

The lock is the record's file. It is taken node by node in name order, so of two runs that begin at once one
is refused on the first node already.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.record import Owner, Record
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import heartbeat, probe, progress
from saltext.chef_backend.run.bus import ask_all
from saltext.chef_backend.run.master import Master, Process

HELD = "chef_backend.held"


def owner(master: Master) -> Owner:
    """Describe this process as the owner of a run."""
    return Owner(master.jid, master.id, master.process.pid, master.process.started)


def gone(master: Master, held: Record) -> str | None:
    """Tell why nobody drives a run any more, or None while somebody must be taken to do so."""
    return records.owner_is_gone(
        held, master.clock.now(), master=master.id, alive=lambda pid, started: master.alive(Process(pid, started))
    )


def may_take(master: Master, found: Record | None, target: str, views: Views) -> Record | None:
    """Tell whether a cluster may be taken, and which unfinished run is resumed by that.

    :param found: the record that its backends hold, or None.
    :param target: version to go to.
    :returns: the record of the run to resume, or None for a new run.
    :raises CommandExecutionError: a living run holds it; or a dead one to another target left a node half-upgraded.
    """
    if found is None:
        return None
    why = gone(master, found)
    if why is None:
        raise CommandExecutionError(f"{records.held_by(found, master.clock.now())}: wait for its end")
    if found.target == target:
        return found
    half_upgraded = answers.half_upgraded(views)
    if half_upgraded:
        raise CommandExecutionError(
            f"run {found.run} to {found.target} left {', '.join(half_upgraded)} half-upgraded ({why}): "
            f"finish it first, with version {found.target} in the pillar"
        )
    return None


def begin(
    master: Master, views: Views, found: Record | None, resumed: Record | None, lease: int, **fields: Any
) -> Record:
    """Take a cluster for a run: its record on every backend, its heartbeat, its progress on this terminal.

    :param views: of the backends.
    :param found: the record that they hold, whose owner is gone; None if there is none.
    :param resumed: the record of the run that is gone on with, or None for a new run.
    :param lease: seconds without a heartbeat after which the backends look after failover.
    :param fields: what a new record holds besides, see ``Record``; a resumed one keeps its own.
    :raises CommandExecutionError: another run was faster, or a backend cannot look after failover.
    """
    now = master.clock.now()
    told: dict[str, Any] = {"owner": owner(master), "heartbeat": now, "lease": lease, "state": records.OPEN}
    if resumed:
        told |= {"way": fields["way"], "frontends": fields["frontends"], "step": "open", "turn": None, "wish": None}
        told |= {"since": None, "waits": None}
        record = dataclasses.replace(resumed, backends=tuple(views), **told)
    else:
        base = {"run": run_id(master), "backends": tuple(views), "opened": now, "failover": fields["failover_found"]}
        record = Record(**{**base, **fields, **told})
    _take(master, record, found)
    master.kept[f"{HELD}.{record.cluster}"] = record
    interval = max(1, record.lease // 4)
    # from now on the backends look after failover, should this orchestration not be heard of for its lease
    ask_all(
        master.bus,
        record.backends,
        "chef_backend_agent.arm",
        interval,
        timeout=clusters.ask_bound(master, record.cluster),
    )
    heartbeat.start(master, record, interval)
    progress.follow(master, record)
    probe.start(master, record)
    return record


def run_id(master: Master) -> str:
    """Return the id of this orchestration's run: each hop is a run of its own."""
    hop = master.pillar.get("hop")
    return f"{master.jid}-{hop}" if hop else master.jid


def note(master: Master, cluster: str, **changes: Any) -> Record:
    """Change fields of the record that this orchestration owns, on every backend that answers; one at least must.

    :param changes: fields of ``Record``.
    :returns: the record, as it is now.
    :raises CommandExecutionError: no backend answers, or another run has taken over.
    """
    return owned(master, cluster, clusters.views(master, cluster, ["record"], master.jid, changes))


def owned(master: Master, cluster: str, seen: Views) -> Record:
    """Return the record in the backends' answers, if it is still this orchestration's.

    :raises CommandExecutionError: no backend holds it, or another run has taken over.
    """
    try:
        record = answers.owned(seen, master.jid, master.clock.now())
    except ValueError as err:
        raise CommandExecutionError(f"this orchestration does not hold {cluster} any more: {err}") from err
    master.kept[f"{HELD}.{cluster}"] = record
    return record


def held(master: Master, cluster: str) -> Record | None:
    """Return the record of the run that this process drives, as it was last seen; None if it drives none."""
    found: Record | None = master.kept.get(f"{HELD}.{cluster}")
    return found


def finish(master: Master, wanted: Record) -> None:
    """Keep the record as the last run's on every backend, and free the cluster.

    :raises CommandExecutionError: a node could not be freed.
    """
    jid, plain, bound = wanted.owner.jid, wanted.to_dict(), clusters.ask_bound(master, wanted.cluster)
    said = master.bus.ask(wanted.backends, "chef_backend_agent.finish", jid, plain, timeout=bound)
    held = [answer.error or f"{node} is held by another run" for node, answer in said.items() if not answer.value]
    if held:
        raise CommandExecutionError("\n".join(held))


def _take(master: Master, wanted: Record, found: Record | None) -> None:
    """Write the record to every backend, as the lock: create it, or replace the dead owner's.

    :raises CommandExecutionError: another run was faster; what was taken is given back.
    """
    first, *others = sorted(wanted.backends)
    try:
        _claim(master, [first], wanted, found)  # of two runs at once only one gets past this node
        _claim(master, others, wanted, found)
    except CommandExecutionError:
        if found is None:
            jid, bound = wanted.owner.jid, clusters.ask_bound(master, wanted.cluster)
            master.bus.ask(wanted.backends, "chef_backend_agent.withdraw", jid, timeout=bound)
        raise


def _claim(master: Master, nodes: Sequence[str], wanted: Record, found: Record | None) -> None:
    """Create the record on some nodes, or replace the dead owner's. Raises CommandExecutionError at a refusal."""
    plain, bound = wanted.to_dict(), clusters.ask_bound(master, wanted.cluster)
    if found is None:
        said = master.bus.ask(nodes, "chef_backend_agent.create", plain, timeout=bound)
    else:
        said = master.bus.ask(nodes, "chef_backend_agent.replace", found.owner.jid, plain, timeout=bound)
    for node, answer in said.items():
        if not answer.ok:
            raise CommandExecutionError(answer.error)
        value: Mapping[str, Any] = answer.value
        if not value["taken"]:
            holder = records.held_by(Record.from_dict(value["record"]), master.clock.now())
            raise CommandExecutionError(f"{node}: {holder}: wait for its end")

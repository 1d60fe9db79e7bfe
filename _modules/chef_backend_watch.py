"""A run, seen live from a second terminal, on the master; and the runs that were."""

import logging
import sys
import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import journal
from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers
from saltext.chef_backend.show import status as plans
from saltext.chef_backend.show import watch as shows

QUIET = 5  # seconds without an event after which the record is looked at
EVERY = 15  # seconds after which the records of many clusters are looked at
IDLE = 60  # seconds without a run after which many clusters are watched no more: a fleet begins its next one sooner
CLEAR = "\x1b[2J\x1b[H"
log = logging.getLogger(__name__)
MOVED = ("rejoin", "failover on", "failover off", "verify")  # after these, roles and versions may be others


def __virtual__():
    return True


def watch(cluster):
    """Show a cluster's run on standard error until it ends: a table where that is a terminal, else a line an event.

    :param cluster: the cluster's name.
    :returns: ``{"ok": whether it reached its target, "text", "run", "state"}``.
    :raises CommandExecutionError: no run is under way.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_watch.watch prod with_pillar=True
    """
    with __salt__["chef_backend_progress.listen"]() as bus:  # before anything is read: nothing is missed in between
        known = __salt__["chef_backend_history.runs"](cluster)
        if not known or known[0].state != records.OPEN:
            raise CommandExecutionError(f"no run of {cluster} is under way; {_last(known)}")
        entries, _ = __salt__["chef_backend_history.entries"](cluster, known[0].run)
        return _until_its_end(cluster, bus, known[0], entries, _took(known))


def every(clusters, idle=IDLE):
    """Show the runs of several clusters on standard error until none is left: a table, or a line an event.

    :param clusters: names of clusters.
    :param idle: seconds without any run after which that is so.
    :returns: ``{"ok": whether no run is left unfinished, "text", "clusters": [mapping]}``.
    :raises CommandExecutionError: no run is under way.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_watch.every '[prod, test]' with_pillar=True
    """
    with __salt__["chef_backend_progress.listen"]() as bus:
        held = _held(dict.fromkeys(clusters))
        if not any(map(_is_under_way, held.values())):
            raise CommandExecutionError(f"no run is under way, of {', '.join(clusters)}")
        shown = _until_none_is_left(bus, held, idle)
        left = [row for row in shown if row["state"] not in ("-", "done")]
        return {"ok": not left, "text": shows.clusters_text(shown), "clusters": shown}


def history(cluster, run=None):
    """Return the runs of a cluster that are known, or all that was told of one.

    :param cluster: the cluster's name.
    :param run: a run's id.
    :returns: ``{"ok": True, "text", ...}``.
    :raises CommandExecutionError: there is no such run.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_watch.history prod with_pillar=True
    """
    known = __salt__["chef_backend_history.runs"](cluster)
    if run is None:
        shown = [shows.run_row(record, _date) for record in known]
        return {"ok": True, "cluster": cluster, "runs": shown, "text": shows.history_text(shown)}
    found = [record for record in known if record.run == str(run)]
    if not found:
        names = ", ".join(record.run for record in known) or "none"
        raise CommandExecutionError(f"{cluster} has no run {str(run)!r}, known are: {names}")
    entries, troubles = __salt__["chef_backend_history.entries"](cluster, str(run))
    return {
        "ok": True,
        "run": found[0].to_dict(),
        "entries": [entry.to_dict() for entry in entries],
        "troubles": troubles,
        "exposure": shows.exposure(found[0], entries),
        "text": shows.told_text(found[0], entries, troubles, __salt__["chef_backend_progress.clock"]),
    }


def _until_its_end(cluster, bus, record, entries, took):
    clock, nodes = __salt__["chef_backend_progress.clock"], _nodes(cluster)
    terminal, looked = sys.stderr.isatty(), time.time()
    for entry in entries if not terminal else ():
        print(journal.line(entry, clock), file=sys.stderr, flush=True)
    while True:
        if terminal:
            now = time.time()
            text = shows.screen(record, shows.rows(nodes, entries, took, now), entries, now)
            print(f"{CLEAR}{text}", file=sys.stderr, flush=True)
        entry = __salt__["chef_backend_progress.wait"](cluster, bus, 1 if terminal else QUIET)
        fresh = entry is not None and entry.run == record.run and entry not in entries
        if fresh:
            entries.append(entry)
            if not terminal:
                print(journal.line(entry, clock), file=sys.stderr, flush=True)
        if fresh and terminal and entry.step in MOVED:
            nodes = _nodes(cluster)
        quiet = time.time() - max([looked, *(one.time for one in entries)]) > QUIET
        if (fresh and entry.step in (*MOVED, "close")) or quiet:
            record, looked = _same(cluster, record), time.time()
            if record.state != records.OPEN:
                return _ended(record, entries)
            gone = __salt__["chef_backend_hold.gone"](record)
            if gone:
                text = f"nobody drives run {record.run} any more: {gone}; {records.advice(record, time.time())}"
                return {"ok": False, "text": text, "run": record.run, "state": record.state}


def _until_none_is_left(bus, held, idle):
    clock, terminal, last = __salt__["chef_backend_progress.clock"], sys.stderr.isatty(), {}
    looked = ran = time.time()
    while True:
        now = time.time()
        rows = [shows.cluster_row(name, record, last.get(name), now) for name, record in held.items()]
        if now - ran > idle:
            return rows
        if terminal:
            print(f"{CLEAR}{shows.clusters_text(rows)}", file=sys.stderr, flush=True)
        entry = __salt__["chef_backend_progress.wait"](None, bus, min(idle, 1 if terminal else QUIET))
        if entry is not None and entry.cluster in held:
            last[entry.cluster] = entry
            if not terminal:
                print(f"{entry.cluster:<12} {journal.line(entry, clock)}", file=sys.stderr, flush=True)
        if (entry is not None and entry.step in ("open", "close")) or time.time() - looked > min(idle, EVERY):
            held, looked = _held(held), time.time()
            ran = looked if any(map(_is_under_way, held.values())) else ran


def _held(before):
    """The record of each cluster's unfinished run, or None; as it was before, where none of its backends tells."""
    found = dict(before)
    for name, views in __salt__["chef_backend_nodes.views_of"](list(before), ["record"]).items():
        if all(view.silent for view in views.values()):
            continue
        try:
            found[name] = answers.record(views)
        except ValueError as err:
            log.warning("%s: %s", name, err)
    return found


def _is_under_way(record):
    return record is not None and __salt__["chef_backend_hold.gone"](record) is None


def _ended(record, entries):
    off = shows.exposure(record, entries)
    text = f"run {record.run} to {record.target} is {record.state}; failover was off for {off} s"
    return {"ok": record.state == records.DONE, "text": text, "run": record.run, "state": record.state}


def _same(cluster, record):
    """Return the run's record as it is now; as it was, if it cannot be had: backends are restarted meanwhile."""
    try:
        known = __salt__["chef_backend_history.runs"](cluster)
    except CommandExecutionError:
        return record
    return next((one for one in known if one.run == record.run), record)


def _nodes(cluster):
    return plans.node_rows(__salt__["chef_backend_nodes.views"](cluster, ["version", "cluster_status"]), "")


def _took(known):
    """Return what nodes took in the newest of these runs, and where it has not come to them, in the one before."""
    before = next((one.took for one in known[1:] if one.took), {})
    return {**before, **known[0].took}


def _last(known):
    return f"the last is {known[0].run} to {known[0].target}, {known[0].state}" if known else "none is known"


def _date(moment):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))

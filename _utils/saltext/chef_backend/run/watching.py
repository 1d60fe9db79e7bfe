"""A run, seen live from a second terminal."""

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import journal, printable
from saltext.chef_backend import record as records
from saltext.chef_backend.journal import Entry
from saltext.chef_backend.judge import answers, standing
from saltext.chef_backend.judge.standing import NodeStanding
from saltext.chef_backend.record import Record, Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import history, lock, progress
from saltext.chef_backend.run.master import Listener, Master
from saltext.chef_backend.show import watch as shows

QUIET = 5  # seconds without an event after which the record is looked at
EVERY = 15  # seconds after which the records of many clusters are looked at
IDLE = 60  # seconds without a run after which many clusters are watched no more: a fleet begins its next one sooner
CLEAR = "\x1b[2J\x1b[H"
MOVED = ("rejoin", "failover on", "failover off", "verify")  # after these, roles and versions may be others
log = logging.getLogger(__name__)
Held = dict[str, Run | None]


def watch(master: Master, cluster: str) -> dict[str, Any]:
    """Show a cluster's run on standard error until it ends: a table where that is a terminal, else a line an event.

    :returns: ``{"ok": whether it reached its target, "text", "run", "state"}``.
    :raises CommandExecutionError: no run is under way.
    """
    with master.events.listen() as listener:  # before anything is read: nothing is missed in between
        known = history.runs(master, cluster)
        if not known or known[0].state != records.OPEN:
            raise CommandExecutionError(f"no run of {cluster} is under way; {_last(known)}")
        entries, _ = history.entries(master, cluster, known[0].run)
        return _until_its_end(master, listener, known[0], entries, _took(known))


def every(master: Master, names: Sequence[str], idle: float = IDLE) -> dict[str, Any]:
    """Show the runs of several clusters on standard error until none is left: a table, or a line an event.

    :param idle: seconds without any run after which that is so.
    :returns: ``{"ok": whether no run is left unfinished, "text", "clusters": [mapping]}``.
    :raises CommandExecutionError: no run is under way.
    """
    with master.events.listen() as listener:
        held = _held(master, dict.fromkeys(names))
        if not _some_is_under_way(master, held):
            raise CommandExecutionError(f"no run is under way, of {', '.join(names)}")
        shown = _until_none_is_left(master, listener, held, idle)
        left = [row for row in shown if row["state"] not in ("-", "done")]
        return {"ok": not left, "text": shows.clusters_text(shown), "clusters": shown}


def _until_its_end(
    master: Master, listener: Listener, record: Record, entries: list[Entry], took: Mapping[str, float]
) -> dict[str, Any]:
    cluster, nodes, now = record.cluster, _nodes(master, record.cluster), master.clock.now
    terminal, heard = sys.stderr.isatty(), master.clock.monotonic()  # of the nodes' clocks none is asked
    for entry in entries if not terminal else ():
        _say(journal.line(entry, progress.clock))
    while True:
        if terminal:
            rows = shows.rows(nodes, entries, took, now())
            _say(shows.screen(record, rows, entries, now()), CLEAR)
        told = progress.wait(listener, cluster, 1 if terminal else QUIET)
        fresh = told if told is not None and told.run == record.run and told not in entries else None
        if fresh:
            heard = master.clock.monotonic()
            entries.append(fresh)
            if not terminal:
                _say(journal.line(fresh, progress.clock))
            elif fresh.step in MOVED:
                nodes = _nodes(master, cluster)
        quiet = master.clock.monotonic() - heard > QUIET
        if (fresh and fresh.step in (*MOVED, "close")) or quiet:
            gone = _gone(master, record)
            record, heard = _same(master, record), master.clock.monotonic()
            if record.state != records.OPEN:
                _last_words(listener, record, entries, terminal)
                return _ended(record, entries)
            if gone:
                text = f"nobody drives run {record.run} any more: {gone}; the same command goes on from there"
                return {"ok": False, "text": text, "run": record.run, "state": record.state}


def _last_words(listener: Listener, record: Record, entries: list[Entry], terminal: bool) -> None:
    """Hear what is told when the record has ended already: that the run is closed."""
    while not any(entry.step == "close" for entry in entries):
        told = progress.wait(listener, record.cluster, 1)
        if told is None:
            return
        if told.run == record.run and told not in entries:
            entries.append(told)
            if not terminal:
                _say(journal.line(told, progress.clock))


def _until_none_is_left(master: Master, listener: Listener, held: Held, idle: float) -> list[dict[str, Any]]:
    terminal, last, now = sys.stderr.isatty(), dict[str, Entry](), master.clock.now
    looked = ran = now()
    while True:
        rows = [shows.cluster_row(name, record, last.get(name), now()) for name, record in held.items()]
        if now() - ran > idle:
            return rows
        if terminal:
            _say(shows.clusters_text(rows), CLEAR)
        entry = progress.wait(listener, None, min(idle, 1 if terminal else QUIET))
        if entry is not None and entry.cluster in held:
            last[entry.cluster] = entry
            if not terminal:
                _say(f"{entry.cluster:<12} {journal.line(entry, progress.clock)}")
        if (entry is not None and entry.step in ("open", "close")) or now() - looked > min(idle, EVERY):
            held, looked = _held(master, held), now()
            ran = looked if _some_is_under_way(master, held) else ran


def _held(master: Master, before: Held) -> Held:
    """The record of each cluster's unfinished run, or None; as it was before, where none of its backends tells."""
    found = dict(before)
    for name, views in clusters.views_of(master, list(before), ["record"]).items():
        if all(view.silent for view in views.values()):
            continue
        try:
            found[name] = answers.run(views)
        except ValueError as err:
            log.warning("%s: %s", name, err)
    return found


def _some_is_under_way(master: Master, held: Held) -> bool:
    return any(record is not None and lock.gone(master, record) is None for record in held.values())


def _ended(record: Record, entries: Iterable[Entry]) -> dict[str, Any]:
    off = shows.exposure(record, entries)
    text = f"run {record.run} to {record.target} is {record.state}; failover was off for {off} s"
    return {"ok": record.state == records.DONE, "text": text, "run": record.run, "state": record.state}


def _gone(master: Master, record: Record) -> str | None:
    """Tell why nobody drives a run any more; None while somebody does, or not all can be asked."""
    try:
        views = clusters.views(master, record.cluster, ["record"])
        run = answers.run(views)
    except (CommandExecutionError, ValueError):
        return None
    if run is not None and run.run == record.run:
        return lock.gone(master, run)
    return "no backend holds it" if not any(view.silent for view in views.values()) else None


def _same(master: Master, record: Record) -> Record:
    """Return the run's record as it is now; as it was, if it cannot be had: backends are restarted meanwhile."""
    try:
        known = history.runs(master, record.cluster)
    except CommandExecutionError:
        return record
    return next((one for one in known if one.run == record.run), record)


def _nodes(master: Master, cluster: str) -> Sequence[NodeStanding]:
    return standing.of_nodes(clusters.views(master, cluster, ["version", "cluster_status"]), "")


def _took(known: Sequence[Record]) -> Mapping[str, float]:
    """Return what nodes took in the newest of these runs, and where it has not come to them, in the one before."""
    before = next((one.took for one in known[1:] if one.took), {})
    return {**before, **known[0].took}


def _last(known: Sequence[Record]) -> str:
    return f"the last is {known[0].run} to {known[0].target}, {known[0].state}" if known else "none is known"


def _say(text: str, before: str = "") -> None:
    print(f"{before}{printable.block(text)}", file=sys.stderr, flush=True)

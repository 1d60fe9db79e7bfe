"""What ``watch`` and ``history`` show of a run: where each node is, what is waited for, what it took."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from saltext.chef_backend import journal, printable
from saltext.chef_backend.journal import Entry
from saltext.chef_backend.judge.standing import NodeStanding
from saltext.chef_backend.record import Record
from saltext.chef_backend.show import status as tables
from saltext.chef_backend.show import timeline as timelines

# steps that say where the run is, not what a command did
ASIDE = (journal.COMMAND, journal.GATE)
CLOSED = {("close", journal.END): "done", ("close", journal.FAILED): "aborted"}


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a node, or the cluster, is in a run: its last step, and since when."""

    step: str
    how: str
    since: float  # epoch seconds


def places(entries: Iterable[Entry]) -> dict[str, Place]:
    """Return ``{node: Place}`` from a run's entries."""
    found = {}
    for entry in journal.order(entries):
        if entry.step not in ASIDE:
            found[entry.node] = Place(entry.step, entry.how, entry.time)
    return found


def waits_for(entries: Iterable[Entry]) -> str | None:
    """Return what the last gate that did not hold said, or None if something else was told since."""
    last = None
    for entry in journal.order(entries):
        last = entry.comment if entry.step == journal.GATE and entry.how == journal.BEGIN else None
    return last


def rows(
    nodes: Sequence[NodeStanding], entries: Iterable[Entry], took: Mapping[str, float], now: float
) -> list[dict[str, Any]]:
    """Return one mapping a node, to be shown.

    :param entries: list of Entry.
    :param took: ``{node: seconds}`` that a node's upgrade took before, in this run or the last.
    :param now: epoch seconds.
    """
    at, shown = places(entries), []
    for node in nodes:
        place = at.get(node.node)
        row = {"node": node.node, "role": node.role, "version": node.version}
        row["step"] = f"{place.step} {journal.WORDS[place.how]}" if place else "-"
        row["elapsed"] = f"{max(0, now - place.since):.0f} s" if place and place.how == journal.BEGIN else "-"
        row["estimated"] = f"{took[node.node]:.0f} s" if node.node in took else "-"
        shown.append(row)
    return shown


def screen(record: Record, shown: Sequence[Mapping[str, Any]], entries: Iterable[Entry], now: float) -> str:
    """Return the whole of what a terminal shows of a run that is under way.

    :param record: ``Record``.
    :param shown: as returned by :func:`rows`.
    :param entries: list of Entry.
    :param now: epoch seconds.
    """
    lines = [
        f"{record.cluster}: run {record.run}, {record.way} to {record.target}, {now - record.opened:.0f} s; "
        f"at {record.step!r}; failover {record.failover}",
        "",
        tables.table(shown, ("node", "role", "version", "step", "elapsed", "estimated")),
    ]
    gate = waits_for(entries)
    lines += [f"waived for this run: {', '.join(record.waived)}"] if record.waived else []
    return "\n".join(lines + ([f"gate: {gate}"] if gate else []))


def cluster_row(name: str, record: Record | None, last: Entry | None, now: float) -> dict[str, Any]:
    """Return one cluster of many, to be shown: a mapping.

    :param name: the cluster's name.
    :param record: ``Record`` of its unfinished run, or None.
    :param last: the last Entry that was told of it since it is watched, or None.
    :param now: epoch seconds.
    """
    row = {"cluster": name, "state": "-", "target": "-", "failover": "-", "elapsed": "-", "last": "-"}
    if record is not None:
        elapsed = f"{max(0, now - record.opened):.0f} s"
        row |= {"state": record.state, "target": record.target, "failover": record.failover, "elapsed": elapsed}
    elif last is not None:  # only what is done or aborted leaves no record
        row["state"] = CLOSED.get((last.step, last.how), "ended")
    if last is not None:
        row["last"] = f"{last.node} {last.step} {journal.WORDS[last.how]}"
    return row


def clusters_text(shown: Sequence[Mapping[str, Any]]) -> str:
    """Return many clusters for a terminal.

    :param shown: list of mappings as returned by :func:`cluster_row`.
    """
    return tables.table(shown, ("cluster", "state", "target", "failover", "elapsed", "last"))


def run_row(record: Record, clock: Callable[[float], str]) -> dict[str, Any]:
    """Return a run as ``history`` lists it: a mapping.

    :param record: ``Record``.
    :param clock: function of epoch seconds that returns date and time as text.
    """
    return {
        "run": record.run,
        "way": record.way,
        "target": record.target,
        "state": record.state,
        "opened": clock(record.opened),
        "seconds": round(max(0, record.changed - record.opened)),
        "step": record.step,
        "master": record.owner.master,
    }


def history_text(shown: Sequence[Mapping[str, Any]]) -> str:
    """Return the runs of a cluster for a terminal.

    :param shown: list of mappings as returned by :func:`run_row`.
    """
    if not shown:
        return "no run is known"
    return tables.table(shown, ("run", "way", "target", "state", "opened", "seconds", "step", "master"))


def told_text(record: Record, entries: Iterable[Entry], troubles: Iterable[str], clock: Callable[[float], str]) -> str:
    """Return what was told of one run, for a terminal."""
    lines = [
        f"{record.cluster}: run {record.run}, {record.way} to {record.target}, {record.state}; failover was off for "
        f"{exposure(record, entries)} s",
        *(journal.line(entry, clock) for entry in entries),
        *map(printable.line, troubles),
    ]
    return "\n".join(lines)


def exposure(record: Record, entries: Iterable[Entry]) -> float:
    """Return for how many seconds failover has been off in a run."""
    return timelines.build(record, entries).exposure

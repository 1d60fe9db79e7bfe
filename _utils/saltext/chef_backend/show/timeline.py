"""What a run was, over time: rows of spans, what it cost, and what was done, from its journal and its record.

Entries come from several clocks, and from runs that died: an end may be missing, earlier than its begin, or there
twice, and a step may be one that nobody knows here. Whatever comes, each span lies inside the run and ends after it
begins.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from saltext.chef_backend.journal import BEGIN, COMMAND, END, FAILED, GATE, Entry
from saltext.chef_backend.record import Record

OPEN = "open"  # of a span: its end was never told; of a record: the run is under way
LEADS, PROBE, BACKUP, CLOSE = "leads", "probe", "backup", "close"
SWITCHED = {"failover off": "off", "failover on": "on", "restore failover": "on"}
SWITCH, TO_ANOTHER = "set-cluster-failover", "--failover"


@dataclasses.dataclass(frozen=True)
class Span:
    """Something that lasted."""

    begin: float  # seconds since the run was opened
    end: float
    what: str
    how: str  # end, failed or open

    @property
    def seconds(self) -> float:
        """How long it took."""
        return round(self.end - self.begin, 1)


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the timeline."""

    name: str
    spans: tuple[Span, ...]


@dataclasses.dataclass(frozen=True)
class Command:
    """A command that changed something."""

    at: float  # seconds since the run was opened, when it ended
    node: str
    argv: tuple[str, ...]
    status: int | None
    seconds: float | None


@dataclasses.dataclass(frozen=True)
class Gate:
    """One value that a gate looked at."""

    at: float
    held: bool | None  # None: it was waited for
    node: str
    what: str
    value: str
    bound: str


@dataclasses.dataclass(frozen=True)
class Backup:
    """The backup that the run took."""

    node: str
    archive: str
    size: int | None  # bytes
    members: int | None  # files and folders in it, counted by reading it to its end


@dataclasses.dataclass(frozen=True)
class Timeline:
    """A run, as the report shows it."""

    cluster: str
    run: str
    way: str
    target: str
    state: str
    opened: float  # epoch seconds
    seconds: float  # until its end, or until what was told last
    ended: bool
    rows: tuple[Row, ...]  # the nodes' steps
    failover: Row
    leads: Row
    writes: Row | None  # None if no probe looked
    exposure: float  # seconds with failover off
    still_off: bool
    longest_outage: float | None  # seconds, as the probe saw; None if none looked
    total_outage: float | None
    hand_overs: int
    gates: tuple[Gate, ...]
    commands: tuple[Command, ...]
    backup: Backup | None
    troubles: tuple[str, ...]  # what is missing or odd, one sentence each
    waived: tuple[str, ...] = ()  # reasons that a person has waived for it
    reasons: tuple[Mapping[str, Any], ...] = ()  # why it ended before its target: as judge.kinds.fields makes them


def build(record: Record, entries: Iterable[Entry], troubles: Iterable[str] = ()) -> Timeline:
    """Return the Timeline of a run.

    :param record: ``Record``.
    :param entries: what was told of it, ``Entry``, in any order.
    :param troubles: what could not be read of it, one sentence each.
    """
    entries = sorted(entries, key=lambda entry: entry.time)
    times = [entry.time for entry in entries]
    opened = min([record.opened, *times])
    ended = record.state != OPEN
    length = max([record.opened, *times, *([record.changed] if ended else [])]) - opened
    clock = _Clock(opened, length)
    failover = _states(clock, record.failover_found, _switches(entries))
    writes = _writes(clock, entries)
    refused = [span for span in writes.spans if span.how == FAILED] if writes else []
    off = [span for span in failover if span.what == "off"]
    commands = tuple(_command(clock, entry) for entry in entries if _is_command(entry))
    rows, odd = _rows(clock, entries, record)
    return Timeline(
        cluster=record.cluster,
        run=record.run,
        way=record.way,
        target=record.target,
        state=record.state,
        opened=opened,
        seconds=round(length, 1),
        ended=ended,
        rows=rows,
        failover=Row("failover", failover),
        leads=Row("leads", _states(clock, record.leader, [(e.time, e.node) for e in entries if e.step == LEADS])),
        writes=writes,
        exposure=round(sum(span.end - span.begin for span in off), 1),
        still_off=bool(failover) and failover[-1].what == "off",
        longest_outage=max((span.seconds for span in refused), default=0.0) if writes else None,
        total_outage=round(sum(span.end - span.begin for span in refused), 1) if writes else None,
        hand_overs=sum(one.status == 0 and TO_ANOTHER in one.argv for one in commands),
        gates=tuple(gate for entry in entries for gate in _gates(clock, entry)),
        commands=commands,
        backup=_backup(entries),
        troubles=(*troubles, *odd),
        waived=record.waived,
        reasons=_reasons(entries),
    )


class _Clock:
    """Turns epoch seconds into seconds of the run, never outside of it."""

    def __init__(self, opened: float, length: float) -> None:
        self.opened, self.length = opened, length

    def at(self, time: float) -> float:
        return min(max(time - self.opened, 0.0), self.length)


def _rows(clock: _Clock, entries: Iterable[Entry], record: Record) -> tuple[tuple[Row, ...], list[str]]:
    """The rows of the nodes, backends first, and what is odd about them."""
    names = [*record.backends, *record.frontends]
    names += sorted({entry.node for entry in entries if entry.step not in (LEADS, PROBE)} - set(names))
    spans: dict[str, list[Span]] = {name: [] for name in names}
    odd: list[str] = []
    waiting: dict[tuple[str, str], list[float]] = {}  # begins of a node's step whose end has not been told
    for entry in entries:
        if entry.step in (COMMAND, LEADS, PROBE):
            continue
        key = (entry.node, entry.step)
        if entry.how == BEGIN:
            waiting.setdefault(key, []).append(entry.time)
            continue
        begins = waiting.get(key)
        if begins:
            begin = begins.pop()
        else:
            begin = entry.time - (entry.seconds or 0)
            if entry.seconds is not None and entry.step != GATE:
                odd.append(f"{entry.node}: {entry.step} ended, but its begin was not told")
        spans[entry.node].append(Span(clock.at(begin), clock.at(entry.time), entry.step, entry.how))
    for (node, step), begins in waiting.items():
        if step == GATE:
            continue  # that it is waited for is told, not always that it holds
        spans[node] += [Span(clock.at(begin), clock.length, step, OPEN) for begin in begins]
        odd += [f"{node}: {step} began, but its end was not told"] * len(begins)
    rows = [Row(name, tuple(sorted(spans[name], key=lambda s: (s.begin, s.end, s.what)))) for name in names]
    return tuple(rows), odd


def _states(clock: _Clock, first: str, changes: Iterable[tuple[float, str]]) -> tuple[Span, ...]:
    """Spans of a state that lasts until the next change of it."""
    spans, what, since = [], first, 0.0
    for time, new in changes:
        if new != what:
            spans.append(Span(since, clock.at(time), what, END))
            what, since = new, clock.at(time)
    spans.append(Span(since, clock.length, what, END))
    return tuple(span for span in spans if span.end > span.begin or span is spans[-1])


def _switches(entries: Iterable[Entry]) -> list[tuple[float, str]]:
    """When failover was switched, as ``(time, on or off)``: told by the step, and by the command that does it."""
    found = []
    for entry in entries:
        if entry.how != END:
            continue
        argv = _argv(entry)
        if entry.step in SWITCHED:
            found.append((entry.time, SWITCHED[entry.step]))
        elif SWITCH in argv and argv[-1] in ("on", "off"):
            found.append((entry.time, argv[-1]))
    return found


def _writes(clock: _Clock, entries: Iterable[Entry]) -> Row | None:
    """Whether writes were taken, as the probe saw it; None if none looked."""
    told = [entry for entry in entries if entry.step == PROBE]
    if not told:
        return None
    spans, state, since = list[Span](), _seen(told[0]), clock.at(told[0].time)
    for entry in told:
        new = _seen(entry)
        if new != state:
            # a write that failed was tried this long before
            at = max(since, clock.at(entry.time - (entry.seconds or 0))) if new == "refused" else clock.at(entry.time)
            spans.append(Span(since, at, state, FAILED if state == "refused" else END))
            state, since = new, at
    spans.append(Span(since, clock.length, state, FAILED if state == "refused" else END))
    return Row("writes", tuple(spans))


def _seen(entry: Entry) -> str:
    """What the probe saw; an error before any write was taken may be its own."""
    if entry.how == BEGIN and entry.data.get("error"):
        return "unknown"
    return "refused" if entry.how == FAILED else "taken"


def _argv(entry: Entry) -> tuple[str, ...]:
    argv = entry.data.get("argv") if entry.step == COMMAND else None
    return tuple(str(word) for word in argv) if isinstance(argv, (list, tuple)) else ()


def _is_command(entry: Entry) -> bool:
    return entry.step == COMMAND and entry.how != BEGIN and bool(_argv(entry))


def _command(clock: _Clock, entry: Entry) -> Command:
    status = entry.data.get("status")
    status = status if isinstance(status, int) else None
    return Command(clock.at(entry.time), entry.node, _argv(entry), status, entry.seconds)


def _gates(clock: _Clock, entry: Entry) -> list[Gate]:
    """The values of a gate; one without any is told by its comment."""
    if entry.step != GATE:
        return []
    held = None if entry.how == BEGIN else entry.how == END
    values = entry.data.get("values")
    values = [value for value in values if isinstance(value, dict)] if isinstance(values, (list, tuple)) else []
    if not values:
        return [Gate(clock.at(entry.time), held, entry.node, entry.comment or GATE, "", "")]
    return [
        Gate(
            clock.at(entry.time),
            held,
            _text(value.get("node") or entry.node),
            _text(value.get("what")),
            _text(value.get("value")),
            _text(value.get("bound")),
        )
        for value in values
    ]


def _reasons(entries: Iterable[Entry]) -> tuple[Mapping[str, Any], ...]:
    """Why the run has ended, as was told last when it was closed."""
    told = [entry.data.get("reasons") for entry in entries if entry.step == CLOSE and entry.how != BEGIN]
    last = told[-1] if told else None
    return tuple(one for one in last if isinstance(one, Mapping)) if isinstance(last, (list, tuple)) else ()


def _backup(entries: Iterable[Entry]) -> Backup | None:
    found = None
    for entry in entries:
        archive = entry.data.get("archive")
        if entry.step == BACKUP and entry.how == END and isinstance(archive, str):
            size, members = (_whole(entry.data.get(name)) for name in ("size", "members"))
            found = Backup(entry.node, archive, size, members)
    return found


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _text(value: object) -> str:
    return "" if value is None else str(value)

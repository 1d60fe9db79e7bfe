"""The record of a run: what cannot be observed and must survive the loss of the master.

Versions, roles and health are asked; the record holds the rest. It lies on every backend as one small JSON file, which
is the cluster's lock as well. Only the run's owner writes it. Which of two copies is the truth is told by epoch and
revision, never by a clock: the epoch is one more at each take-over, the revision with each change.

What a node knows of itself is not in it, but in that node's own note (``note.py``). Here both are put together: a
:class:`Run`.
"""

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from saltext.chef_backend.product.member import Member

if TYPE_CHECKING:
    from saltext.chef_backend.note import Note

OPEN = "open"  # an orchestration owns the run
FAILED = "failed"  # it ended before its target was reached; the same command goes on
ABANDONED = "abandoned"  # its owner was not heard of any more, and a backend has switched failover on
PAUSED = "paused"  # the operator wanted it to end before the next node; the same command goes on
ABORTED = "aborted"
DONE = "done"
FRONTENDS = "frontends"  # the way of a run that upgrades the frontends themselves: no backend, no failover
REPLACE = "replace_node"  # the way of a run that replaces one backend: no version changes, failover is not switched
STATES = (OPEN, FAILED, ABANDONED, PAUSED, ABORTED, DONE)
WAYS = ("rolling", "downtime", "reindex", FRONTENDS, REPLACE)
PAUSE, ABORT = "pause", "abort"  # what an operator may wish of a run that is under way
RUN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}")  # a run's id: part of files' names


class RecordError(ValueError):
    """A record that cannot be read, or does not hold what a record holds."""


@dataclasses.dataclass(frozen=True)
class Owner:
    """The process that drives a run: one orchestration on one master."""

    jid: str
    master: str
    boot: str  # of the master's host: a process of before is no more
    pid: int
    ticks: int  # of the clock since that boot, when the process began: tells a reused pid apart


@dataclasses.dataclass(frozen=True)
class Record:
    """One upgrade of one cluster."""

    run: str
    cluster: str
    way: str
    target: str
    leader: str  # who led when the run was opened, or, in the way with downtime, before the first node went down
    failover_found: str
    backends: tuple[str, ...]
    frontends: tuple[str, ...]
    owner: Owner
    opened: float  # epoch seconds, as all times here for people only: nothing is decided by them
    changed: float
    lease: int  # seconds without a heartbeat for which the owner is taken for alive
    epoch: int = 1  # one more at each take-over: the token by which late orders are known
    revision: int = 1  # one more with each change
    state: str = OPEN
    step: str = "open"
    turn: str | None = None  # the nodes whose turn it is, from before their gates until the next step
    failover: str = "on"  # off from before this run switches it off until it was seen on
    took: Mapping[str, float] = dataclasses.field(default_factory=dict)  # {node: seconds that its turn lasted}
    waits: str | None = None  # why a paused run goes on by itself: what its window said; None if a person paused it
    reindex: bool = False  # the index is too old for the target: Elasticsearch is not well before it has a new one
    backup: str | None = None  # the node that is asked for this run's backup, from before it is
    waived: tuple[str, ...] = ()  # reasons that a person has waived for this run, each CODE of NODE
    down: bool = False  # from before this run takes the first node down until the cluster was seen whole
    # {minion id: name, guid and address in cluster-status}, as it was seen when the run was opened
    members: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Any) -> "Record":
        """Build a record from what JSON gave back.

        :param data: mapping as made by :meth:`to_dict`.
        :raises RecordError: naming every field that is missing, unknown or of the wrong type.
        """
        if not isinstance(data, dict):
            raise RecordError(f"a record is a mapping, found {type(data).__name__}")
        names = {field.name for field in dataclasses.fields(cls)}
        required = {f.name for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING}
        problems = [f"{name} is missing" for name in sorted(required - set(data))]
        problems += [f"{name} is unknown" for name in sorted(map(str, set(data) - names))]
        unknown = set(data) - names
        for name in sorted(names & set(data)):
            fits, expected = _FITS.get(name, (_is_text, "text"))
            if not fits(data[name]):
                problems.append(f"{name} is {data[name]!r}, not {expected}")
                unknown |= {name} & {"state", "way"}  # later versions may have others
        if unknown and not required - set(data):
            problems.append("it is of another version of this extension: run saltutil.sync_all there and on the master")
        if problems:
            raise RecordError("not a record: " + ", ".join(problems))
        lists = {name: tuple(data[name]) for name in _LISTS if name in data}
        return cls(**{**data, **lists, "owner": Owner(**data["owner"]), "lease": int(data["lease"])})

    @classmethod
    def from_json(cls, text: str) -> "Record":
        """Build a record from a file's text. Raises :class:`RecordError`, quoting what cannot be read."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as err:
            raise RecordError(f"not JSON: {text[:80]!r}") from err
        return cls.from_dict(data)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain lists, mappings, strings and numbers."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(Record)}  # of a Run this alone
        plain: dict[str, Any] = json.loads(json.dumps({**own, "owner": dataclasses.asdict(self.owner)}))
        return plain

    @property
    def word(self) -> tuple[int, int]:
        """Epoch and revision: of two copies of one run the higher is the truth."""
        return self.epoch, self.revision

    @property
    def record(self) -> "Record":
        """The record alone, without what nodes know of themselves."""
        return Record.from_dict(self.to_dict())

    def member(self, node: str) -> Member | None:
        """Return a backend as it was in cluster-status when the run was opened; None if it was not looked at."""
        return self.who.get(node)

    @property
    def who(self) -> dict[str, Member]:
        """Every backend that was looked at when the run was opened, as it was in cluster-status, by minion id."""
        return {node: Member(**one) for node, one in self.members.items()}

    def changed_to(self, now: float, **changes: Any) -> "Record":
        """Return the record's next revision, with ``changes``. Raises :class:`RecordError`.

        :param now: epoch seconds, for people.
        """
        fields = {**self.to_dict(), **changes, "revision": self.revision + 1, "changed": now}
        return Record.from_dict(fields)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_time(value: Any) -> bool:
    # JSON knows NaN, infinity and numbers of any length; none of them is a time
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12


def _are_names(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(map(_is_text, value))


def _are_durations(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value)) and all(map(_is_time, value.values()))


def _are_members(value: Any) -> bool:
    if not isinstance(value, dict) or not all(map(_is_text, value)):
        return False
    keys = {field.name for field in dataclasses.fields(Member)}
    rows = value.values()
    return all(isinstance(row, dict) and set(row) == keys and all(map(_is_text, row.values())) for row in rows)


def _is_owner(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {field.name for field in dataclasses.fields(Owner)}:
        return False
    return all(_is_text(value[name]) for name in ("jid", "master", "boot")) and all(
        _is_count(value[name]) for name in ("pid", "ticks")
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 1e15


def _is_run(value: object) -> bool:
    return isinstance(value, str) and RUN.fullmatch(value) is not None


_LISTS = ("backends", "frontends", "waived")
# what a field holds, and how to call it; all others are text
_FITS = {
    "run": (_is_run, "a run's id"),
    "state": (lambda value: value in STATES, f"one of {', '.join(STATES)}"),
    "way": (lambda value: value in WAYS, f"one of {', '.join(WAYS)}"),
    "owner": (_is_owner, "a mapping of jid, master, boot, pid and ticks"),
    "backends": (_are_names, "a list of names"),
    "frontends": (_are_names, "a list of names"),
    "waived": (_are_names, "a list of waivers"),
    "opened": (_is_time, "a time in seconds"),
    "changed": (_is_time, "a time in seconds"),
    "lease": (_is_time, "a number of seconds"),
    "epoch": (_is_count, "a number from 1"),
    "revision": (_is_count, "a number from 1"),
    "reindex": (lambda value: isinstance(value, bool), "true or false"),
    "down": (lambda value: isinstance(value, bool), "true or false"),
    "turn": (lambda value: value is None or _is_text(value), "names or nothing"),
    "members": (_are_members, "a mapping of minion ids and their name, guid and address"),
    "took": (_are_durations, "a mapping of names and seconds"),
    "backup": (lambda value: value is None or _is_text(value), "a name or nothing"),
    "waits": (lambda value: value is None or _is_text(value), "text or nothing"),
}


@dataclasses.dataclass(frozen=True)
class Run(Record):
    """A run, as all backends tell of it together: its record, and what the nodes know of themselves.

    Its ``state`` is abandoned where a backend has given the open run up.
    """

    inside: tuple[str, ...] = ()  # nodes whose upgrade has begun and not ended
    upgraded: tuple[str, ...] = ()  # of these: those that have only to rejoin
    finished: tuple[str, ...] = ()  # nodes that this run has upgraded
    taken_down: tuple[str, ...] = ()  # nodes that this run has taken down, until the cluster was seen whole
    emptied: tuple[str, ...] = ()  # nodes whose copy of the search index was deleted for this run
    wish: str | None = None  # what the operator wants at the next safe point
    unheard: float | None = None  # seconds since any of them heard of its owner; None if none can tell
    switched: bool = False  # a backend has switched failover off by itself, as the lead could not stay anywhere


def together(told: Mapping[str, tuple[Record | None, "Note | None", float | None]]) -> Run | None:
    """Put together what nodes tell of a run; None if none holds a record.

    The copy with the highest epoch and revision is the truth; of several runs, the one that was opened over the others
    has the highest epoch. Of two owners that took the run at once, the one that more nodes hold has it. What a node
    notes counts for that run alone.

    :param told: ``{node: its copy of the record, its own note, and the seconds since it heard of the run's owner}``.
    """
    copies = [record for record, _, _ in told.values() if record is not None]
    if not copies:
        return None
    truth = max(copies, key=lambda copy: (copy.word, copies.count(copy)))
    notes = {node: note for node, (_, note, _) in sorted(told.items()) if note is not None and note.run == truth.run}
    # a node that missed a take-over hears the owner before, who has nothing to say any more
    owned = (truth.run, truth.epoch)
    ours = [seconds for record, _, seconds in told.values() if record and (record.run, record.epoch) == owned]
    heard = [seconds for seconds in ours if seconds is not None]
    given_up = truth.state == OPEN and any(note.gave_up == truth.epoch for note in notes.values())
    return Run(
        **{**vars(truth), "state": ABANDONED if given_up else truth.state},
        inside=tuple(node for node, note in notes.items() if note.inside),
        upgraded=tuple(node for node, note in notes.items() if note.inside and note.upgraded),
        finished=tuple(node for node, note in notes.items() if note.finished),
        taken_down=tuple(node for node, note in notes.items() if note.down) if truth.down else (),
        emptied=tuple(node for node, note in notes.items() if note.emptied),
        wish=next((note.wish for note in notes.values() if note.wish and note.wished == truth.epoch), None),
        unheard=min(heard, default=None),
        switched=any(note.switched and note.looked == truth.epoch for note in notes.values()),
    )


def highest(copies: Iterable[Record | None]) -> Record | None:
    """Return the copy of highest epoch and revision, or None if there is none; one that was given up before others."""
    there = (copy for copy in copies if copy is not None)
    return max(there, key=lambda copy: (copy.word, copy.state == ABANDONED), default=None)


def frontends_may_serve(run: Run) -> bool:
    """Whether no backend has been touched yet by a run that ends here, so that clients find all as it was."""
    if run.way not in ("downtime", "reindex"):
        return False  # none was taken out of service for the backends' sake
    return not run.down and not run.finished and (run.way == "downtime" or not run.inside)


def may_be_left(run: Run) -> bool:
    """Whether a run may be ended for good where it is: else frontends would stay out of service for ever."""
    return run.way in ("rolling", FRONTENDS, REPLACE) or frontends_may_serve(run)


def switches_failover(record: Record) -> bool:
    """Whether a run of this way switches failover; else it is left as it is found."""
    return record.way not in (FRONTENDS, REPLACE)


def interval(lease: float) -> int:
    """Return the seconds between two heartbeats of a run, and two looks of the dead man's switch, by its lease."""
    return max(1, int(lease) // 4)


def owner_is_gone(run: Run, *, master: str, alive: Callable[[Owner], bool]) -> str | None:
    """Tell why the owner of a run is gone, or None while it must be taken for alive.

    :param master: id of the master that asks.
    :param alive: whether a process of this master is the owner.
    """
    if run.state != OPEN:
        return f"the run ended as {run.state}"
    owner, lease = run.owner, run.lease
    if owner.master == master:
        return None if alive(owner) else f"process {owner.pid} is no more"
    if run.unheard is not None and run.unheard > lease:
        return f"silent for {run.unheard:.0f} s (lease {lease} s)"
    return None


def held_by(record: Record, now: float) -> str:
    """Say who holds a cluster: for the refusal of a second run."""
    return (
        f"run {record.run} to {record.target} holds {record.cluster}: started by master {record.owner.master} "
        f"(process {record.owner.pid}), {now - record.opened:.0f} s old, at step {record.step!r}"
    )


def advice(run: Run | None) -> str:
    """Say what to do about a run that is not under way any more; empty if it is, or if there is none."""
    if run is None:
        return ""
    record, state = run, run.state
    if state == ABANDONED:
        return given_up(record)
    if state in (FAILED, PAUSED):
        waits = f" (it waits: {record.waits})" if record.waits else ""
        return f"run {record.run} {state} at {record.step!r}{waits}: the same command goes on from there"
    if run.unheard is None or run.unheard <= record.lease:
        return ""
    return (
        f"run {record.run} has been silent for {run.unheard:.0f} s (lease {record.lease} s) at {record.step!r}: if its "
        "salt-run is gone, the same command goes on from there"
    )


def given_up(record: Record) -> str:
    """Say that a run has been abandoned, and what to do."""
    return (
        f"run {record.run} was not heard of for its lease of {record.lease} s: the backends gave it up and look after "
        "failover themselves; the same command goes on from here"
    )

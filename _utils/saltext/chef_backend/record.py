"""The record of a run: what cannot be observed and must survive the loss of the master.

Versions, roles and health are asked; the record holds the rest. It lies on every backend as one small JSON
file, and the same file is the cluster's lock: whoever creates it owns the run.
"""

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

OPEN = "open"  # an orchestration owns the run
FAILED = "failed"  # it ended before its target was reached; the same command goes on
ABANDONED = "abandoned"  # its owner was not heard of any more, and a backend has switched failover on
PAUSED = "paused"  # the operator wanted it to end before the next node; the same command goes on
ABORTED = "aborted"
DONE = "done"
FRONTENDS = "frontends"  # the way of a run that upgrades the frontends themselves: no backend, no failover
REPLACE = "replace_node"  # the way of a run that replaces one backend: no version changes, failover is not switched
PAUSE, ABORT = "pause", "abort"  # what an operator may wish of a run that is under way
RUN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}")  # a run's id: part of files' names


class RecordError(ValueError):
    """A record that cannot be read, or does not hold what a record holds."""


@dataclasses.dataclass(frozen=True)
class Owner:
    """The process that drives a run: one orchestration on one master."""

    jid: str
    master: str
    pid: int
    started: float  # when the process began, epoch seconds: tells a reused pid apart


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
    opened: float
    heartbeat: float
    lease: int  # seconds after the heartbeat for which the owner is taken for alive
    state: str = OPEN
    step: str = "open"
    node: str | None = None  # the node inside its upgrade, if one is; noted by that node itself
    turn: str | None = None  # the node whose turn it is, from before its gates until failover is switched again
    failover: str = "on"  # as this run last set it
    wish: str | None = None  # what the operator wants at the next safe point
    finished: tuple[str, ...] = ()  # nodes this run upgraded, in order
    since: float | None = None  # when the turn began, by the clock of the node that this copy lies on
    took: Mapping[str, float] = dataclasses.field(
        default_factory=dict
    )  # {node: seconds from its gates to the next step}
    waits: str | None = None  # why a paused run goes on by itself: what its window said; None if a person paused it
    reindex: bool = False  # the index is too old for the target: Elasticsearch is not well before it has a new one
    down: tuple[str, ...] = ()  # nodes that this run took down, in order; empty again when the cluster was seen whole

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
        for name in sorted(names & set(data)):
            fits, expected = _FITS.get(name, (_is_text, "text"))
            if not fits(data[name]):
                problems.append(f"{name} is {data[name]!r}, not {expected}")
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
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain

    def amended(self, changes: Any) -> "Record":
        """Return the record with ``changes``, a mapping of fields. Raises :class:`RecordError`.

        When the turn passes on, what the node before took is measured, if this is its own copy and it has finished.
        """
        fields = {**self.to_dict(), **changes}
        if "turn" in changes and changes["turn"] != self.turn:
            if self.since is not None and self.turn in self.finished:
                fields["took"] = {**self.took, self.turn: round(max(0, fields["heartbeat"] - self.since), 1)}
            fields["since"] = fields["heartbeat"] if changes["turn"] else None
        return type(self).from_dict(fields)

    def at(self, now: float, **changes: Any) -> "Record":
        """Return the record with ``changes`` and a heartbeat at ``now`` (epoch seconds)."""
        return dataclasses.replace(self, heartbeat=now, **changes)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_time(value: Any) -> bool:
    # JSON knows NaN, infinity and numbers of any length; none of them is a time
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12


def _are_names(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(map(_is_text, value))


def _are_durations(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value)) and all(map(_is_time, value.values()))


def _is_owner(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {field.name for field in dataclasses.fields(Owner)}:
        return False
    pid = value["pid"]
    if not isinstance(pid, int) or isinstance(pid, bool) or pid < 1:
        return False
    return _is_text(value["jid"]) and _is_text(value["master"]) and _is_time(value["started"])


def _is_run(value: object) -> bool:
    return isinstance(value, str) and RUN.fullmatch(value) is not None


_LISTS = ("backends", "frontends", "finished", "down")
# what a field holds, and how to call it; all others are text
_FITS = {
    "run": (_is_run, "a run's id"),
    "owner": (_is_owner, "a mapping of jid, master, pid and started"),
    "backends": (_are_names, "a list of names"),
    "frontends": (_are_names, "a list of names"),
    "finished": (_are_names, "a list of names"),
    "down": (_are_names, "a list of names"),
    "opened": (_is_time, "a time in seconds"),
    "heartbeat": (_is_time, "a time in seconds"),
    "lease": (_is_time, "a number of seconds"),
    "node": (lambda value: value is None or _is_text(value), "a name or nothing"),
    "reindex": (lambda value: isinstance(value, bool), "true or false"),
    "turn": (lambda value: value is None or _is_text(value), "a name or nothing"),
    "since": (lambda value: value is None or _is_time(value), "a time in seconds or nothing"),
    "took": (_are_durations, "a mapping of names and seconds"),
    "waits": (lambda value: value is None or _is_text(value), "text or nothing"),
    "wish": (lambda value: value in (None, PAUSE, ABORT), "pause, abort or nothing"),
}


def frontends_may_serve(record: Record) -> bool:
    """Whether no backend has been touched yet by a run that ends here, so that clients find all as it was."""
    if record.way not in ("downtime", "reindex"):
        return False  # none was taken out of service for the backends' sake
    return not record.down and not record.finished and (record.way == "downtime" or record.node is None)


def may_be_left(record: Record) -> bool:
    """Whether a run may be ended for good where it is: else frontends would stay out of service for ever."""
    return record.way in ("rolling", FRONTENDS, REPLACE) or frontends_may_serve(record)


def switches_failover(record: Record) -> bool:
    """Whether a run of this way switches failover; else it is left as it is found."""
    return record.way not in (FRONTENDS, REPLACE)


def owner_is_gone(record: Record, now: float, *, master: str, alive: Callable[[int, float], bool]) -> str | None:
    """Tell why the owner of a record is gone, or None while it must be taken for alive.

    :param now: epoch seconds.
    :param master: id of the master that asks.
    :param alive: function ``(pid, started) -> bool`` for processes of this master.
    :returns: the reason as text, or None.
    """
    if record.state != OPEN:
        return f"the run ended as {record.state}"
    owner = record.owner
    if owner.master == master:
        return None if alive(owner.pid, owner.started) else f"process {owner.pid} is no more"
    silent = now - record.heartbeat
    if silent > record.lease:
        return f"silent for {silent:.0f} s (lease {record.lease} s)"
    return None


def held_by(record: Record, now: float) -> str:
    """Say who holds a cluster: for the refusal of a second run."""
    return (
        f"run {record.run} to {record.target} holds {record.cluster}: started by master {record.owner.master} "
        f"(process {record.owner.pid}), {now - record.opened:.0f} s old, "
        f"at step {record.step!r}{f' on {record.node}' if record.node else ''}"
    )


def advice(record: Record | None, now: float) -> str:
    """Say what to do about a run that is not under way any more; empty if it is, or if there is none.

    :param now: epoch seconds.
    """
    if record is None:
        return ""
    if record.state == ABANDONED:
        return given_up(record)
    if record.state in (FAILED, PAUSED):
        waits = f" (it waits: {record.waits})" if record.waits else ""
        return f"run {record.run} {record.state} at {record.step!r}{waits}: the same command goes on from there"
    silent = now - record.heartbeat
    if silent <= record.lease:
        return ""
    return (
        f"run {record.run} has been silent for {silent:.0f} s (lease {record.lease} s) at {record.step!r}: if its "
        "salt-run is gone, the same command goes on from there"
    )


def given_up(record: Record) -> str:
    """Say that a run has been abandoned, and what to do."""
    return (
        f"run {record.run} was not heard of for its lease of {record.lease} s: the backends gave it up and switched "
        "failover on; the same command goes on from here"
    )


def newest(records: Iterable[Record | None]) -> Record | None:
    """Return what several copies of a record say together, or None if there is none.

    The latest heartbeat counts. What may stand in one copy only counts from any copy of that run: what a node notes
    itself, that it went down, is inside its upgrade, has finished it and how long that took, that it gave this owner's
    run up, and the operator's wish.
    """
    copies = sorted((r for r in records if r is not None), key=lambda r: -r.heartbeat)
    if not copies:
        return None
    copies = [copy for copy in copies if copy.run == copies[0].run]
    finished = tuple(dict.fromkeys(node for copy in reversed(copies) for node in copy.finished))
    down = tuple(dict.fromkeys(node for copy in reversed(copies) for node in copy.down))
    inside = (copy.node for copy in copies if copy.node and copy.node not in finished)
    wish = next((copy.wish for copy in copies if copy.wish), None)
    took = {node: seconds for copy in reversed(copies) for node, seconds in copy.took.items()}
    abandoned = any(copy.state == ABANDONED and copy.owner == copies[0].owner for copy in copies)
    state = ABANDONED if abandoned and copies[0].state == OPEN else copies[0].state
    return dataclasses.replace(
        copies[0], state=state, finished=finished, down=down, node=next(inside, None), wish=wish, took=took
    )

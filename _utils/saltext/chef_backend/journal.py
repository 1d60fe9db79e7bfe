"""The journal of a run: what was told when, by which node. Entries are news for people; nothing acts on them."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from saltext.chef_backend import printable

BEGIN, END, FAILED = "begin", "end", "failed"
PREFIX = "chef_backend"  # of the tags of events
WORDS = {BEGIN: "...", END: "done", FAILED: "FAILED"}
GATE = "gate"  # when the gates hold before a node's turn, data has its number, and the count of turns
COMMAND = "command"  # a command that changes something: data holds argv and status


@dataclasses.dataclass(frozen=True)
class Entry:
    """One thing that was told."""

    time: float  # epoch seconds, of the clock of whoever told it
    cluster: str
    run: str
    node: str  # a node, or the cluster's name
    step: str
    how: str
    seconds: float | None = None  # how long it took
    comment: str | None = None  # for a person
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_dict(cls, given: Any) -> "Entry":
        """Build an entry from what JSON gave back. Raises ValueError, quoting what is no entry."""
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(given, dict) or not set(given) <= names:
            raise ValueError(f"no entry of a journal: {printable.shown(given)}")
        texts = [given.get(name) for name in ("cluster", "run", "node", "step")]
        numbers = [given.get("time"), given.get("seconds") or 0]
        fits = (
            all(isinstance(text, str) for text in texts)
            and all(isinstance(number, (int, float)) and 0 <= number < 1e12 for number in numbers)
            and given.get("how") in WORDS
            and isinstance(given.get("comment"), (str, type(None)))
            and isinstance(given.get("data", {}), dict)
        )
        if not fits:
            raise ValueError(f"no entry of a journal: {printable.shown(given)}")
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as a mapping."""
        return dataclasses.asdict(self)

    @property
    def tag(self) -> str:
        """The tag of the event by which it is told."""
        return f"{PREFIX}/{self.cluster}/{self.run}/{self.node}/{self.step}/{self.how}"


def read(text: str) -> tuple[list[Entry], list[str]]:
    """Read a journal's file, one entry a line.

    :returns: list of Entry, and list of what could not be read, one sentence each.
    """
    entries, troubles = [], []
    for line in text.splitlines():
        try:
            entries.append(Entry.from_dict(json.loads(line)))
        except (ValueError, RecursionError):
            troubles.append(f"a line of the journal cannot be read: {printable.shown(line)}")
    return entries, troubles


def line(entry: Entry, clock: Callable[[float], str]) -> str:
    """Return an entry as one line for a terminal.

    :param clock: function of epoch seconds that returns what a clock shows, as text.
    """
    words = entry.step
    if entry.step == COMMAND:
        words = " ".join(map(str, entry.data.get("argv", ())))
        words += f" (status {entry.data.get('status')})" if entry.how == FAILED else ""
    number, count = entry.data.get("number"), entry.data.get("count")
    words += f" {number} of {count}" if number and count else ""
    seconds = f" ({entry.seconds} s)" if entry.seconds is not None else ""
    comment = f": {entry.comment}" if entry.comment else ""
    return printable.line(f"{clock(entry.time)}  {entry.node:<8} {words} {WORDS[entry.how]}{seconds}{comment}")


def order(entries: Iterable[Entry]) -> list[Entry]:
    """Sort entries by time; those of one moment stay as they were told."""
    return sorted(entries, key=lambda entry: entry.time)

"""What really happened in a night, as nobody in it knows: invariants are checked against it, stories told from it."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Event:
    """One thing that happened."""

    time: float  # seconds since the night's begin
    where: str  # a host, or whoever did it
    what: str  # a word of this module
    about: str = ""  # for people
    data: dict[str, Any] = dataclasses.field(default_factory=dict)


# what there is to happen
TYPED, EXITED = "types", "exit"  # an operator's command begins, and ends
STEP = "step"  # a step of an orchestration has ended
OPENED, ENDED = "run opened", "run ended"
BEGUN, DONE = "command begins", "command ends"  # data: argv, number, status
LEADS, LEADS_NO_MORE = "leads", "leads no more"
BLOCKED, FREED = "failover is off", "failover is on"
LOST = "writes are lost"  # data: count, excuse
REFUSES, SERVES, MISLEADS = "refuses clients", "serves clients", "serves clients wrongly"
ORDERED = "order begins"
LOUD = "says loudly"
RESTORED = "switches failover on by itself"
BROKEN = "a step is broken"  # an exception that nobody told in words
FAULT = "fault"


class History:
    """All that happened, in its order.

    Args:
        now: Seconds since the night's begin.
        root: The folder of the night's hosts. It has another name each night, which a story must not tell.
    """

    def __init__(self, now: Callable[[], float], root: Path) -> None:
        self._now, self._root = now, str(root)
        self.events: list[Event] = []

    def note(self, where: str, what: str, about: str = "", **data: Any) -> None:
        """Something happened just now."""
        self.events.append(Event(self._now(), where, what, about.replace(self._root, ""), data))

    def of(self, *what: str) -> Iterator[Event]:
        """What happened of some kinds."""
        return (event for event in self.events if event.what in what)

"""This master, as a run uses it: its pillar, the bus, time, its events, and what it keeps."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from saltext.chef_backend.clock import Clock, RealClock
from saltext.chef_backend.journal import Entry
from saltext.chef_backend.judge.fitness import Hub
from saltext.chef_backend.record import Owner
from saltext.chef_backend.run import apart
from saltext.chef_backend.run.bus import Bus
from saltext.chef_backend.run.signals import Signals


@dataclasses.dataclass(frozen=True)
class Event:
    """One event of the master's bus."""

    tag: str
    data: Mapping[str, Any]


class Listener(Protocol):
    """The master's event bus, listened to."""

    def get(self, tag: str, seconds: float) -> Event | None:
        """Return the next event whose tag begins so; None if none comes in time."""


class Events(Protocol):
    """The master's event bus."""

    def fire(self, tag: str, data: Mapping[str, Any]) -> None:
        """Fire an event."""

    def listen(self) -> AbstractContextManager[Listener]:
        """Listen from now on: no event from here on is missed."""


class Told(Protocol):
    """What this master has told of runs, kept beyond the process."""

    def keep(self, entry: Entry) -> None:
        """Keep an entry; what cannot be kept is logged, and fails nothing."""

    def of(self, cluster: str, run: str) -> Iterator[Any]:
        """Return the entries of a run, as mappings."""


class Notes(Protocol):
    """Small notes of this master, which its other processes see."""

    def read(self, name: str) -> str | None:
        """Return what is noted, or None."""

    def write(self, name: str, text: str) -> None:
        """Replace a note. Raises OSError."""

    def alone(self) -> AbstractContextManager[None]:
        """Hold all notes against this master's other processes and threads, for what is read and then written."""

    def received(self, node: str, path: str) -> bytes | None:
        """Take a file that a minion has pushed, by its path there; None if this master has not got it."""

    def keep(self, name: str, content: str | bytes) -> str:
        """Keep a file for a person, by its name below this master's own folder; return its path.

        :raises CommandExecutionError: it cannot be written.
        """


@dataclasses.dataclass(frozen=True)
class Master:
    """The master that this code runs on, and the job that it runs for."""

    id: str
    pillar: Mapping[str, Any]
    bus: Bus
    events: Events
    told: Told
    notes: Notes
    kept: MutableMapping[str, Any]  # lives as long as this process
    process: tuple[str, int, int]  # this one: the boot of its host, its pid, and the ticks since the boot when it began
    alive: Callable[[Owner], bool]  # whether the owner of a run, a process of this master, still runs
    start: Callable[[str, Mapping[str, Any]], str]  # a runner as a process of its own; returns its job id
    environment: Callable[[], Hub]  # what this master's Salt is
    package_size: Callable[[str], int | None]  # bytes of a package, by its source; None where this master serves none
    signals: Signals = dataclasses.field(default_factory=Signals)  # to this process
    salt: Mapping[str, Callable[..., Any]] = dataclasses.field(default_factory=dict)  # the master's own functions
    apart: Callable[[Callable[[], object], float], str | None] = apart.call  # how one of the site's is called
    jid: str = ""  # job id of the orchestration; outside of one there is none
    test: bool = False  # say only what would be
    saltenv: str | None = None
    clock: Clock = dataclasses.field(default_factory=RealClock)

"""Hosts and what is between them: power, clocks, files that stay, cables that can be cut."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import cast

from saltext.chef_backend.clock import Came, Clock
from tests.simulation.disk import Disk
from tests.simulation.engine import Engine, Process

BACKENDS = {"be1": "203.0.113.11", "be2": "203.0.113.12", "be3": "203.0.113.13"}  # and their addresses
FRONTENDS = {"fe1": "203.0.113.21", "fe2": "203.0.113.22"}
EPOCH = 1_795_348_800.0  # what the clocks show when the night begins: 2026-11-22 12:00 UTC


class Place:
    """One host."""

    def __init__(self, engine: Engine, name: str, root: Path) -> None:
        self.engine, self.name = engine, name
        self.disk = Disk(name, root)
        self.power = True
        self.boots = 1
        self.booted = -86400.0
        self.offset = 0.0  # of its clock, seconds
        self.processes: dict[Process, None] = {}  # that live
        self._pids = itertools.count(1200)

    def now(self) -> float:
        """What its clock shows, epoch seconds."""
        return EPOCH + self.engine.now + self.offset

    @property
    def boot(self) -> str:
        """The id of its boot."""
        return f"boot-{self.boots}-of-{self.name}"

    def pid(self) -> int:
        """A process id that was not used before."""
        return next(self._pids)

    def process(self, name: str, kind: str) -> Process:
        """Begin a process here."""
        process = Process(name, self, kind)
        self.processes[process] = None
        process.ended.append(lambda ended: self.processes.pop(ended, None) and None)
        return process

    def lose_power(self) -> None:
        """Everything that runs here is gone at once; files stay."""
        self.power = False
        for process in list(self.processes):
            self.engine.die(process)

    def get_power(self) -> None:
        """Boot."""
        self.power = True
        self.boots += 1
        self.booted = self.engine.now

    def path(self, relative: str) -> Path:
        """Where a file of it lies; as much of a ``Path`` as is asked of it."""
        return cast(Path, self.disk / relative)


class PlaceClock(Clock):
    """Time as a process of a place sees it."""

    def __init__(self, place: Place, process: Process) -> None:
        self._place, self._process, self._engine = place, process, place.engine

    def now(self) -> float:
        return self._place.now()

    def monotonic(self) -> float:
        return self._engine.now - self._place.booted

    def boot(self) -> tuple[str, float]:
        return self._place.boot, self._engine.now - self._place.booted

    def sleep(self, seconds: float) -> None:
        self._engine.point("wait", f"{seconds:.1f} s")
        self._engine.sleep(seconds)

    def every(self, seconds: float, work: Callable[[], None], at_hand: float = 0) -> Callable[[], None]:
        engine, ended = self._engine, list[bool]()

        def loop() -> None:
            while not ended:
                engine.sleep(seconds)
                if ended:
                    return
                try:
                    work()
                except Exception:  # as the real one: the next time is due all the same
                    continue

        engine.spawn(self._process, loop)
        return lambda: ended.append(True)

    def within(self, seconds: float, work: Callable[[], Came]) -> Came:
        return work()


class Network:
    """Which hosts reach each other. A cut is silent: what is sent is lost, or comes late when the cut heals."""

    def __init__(self) -> None:
        self._cut: set[frozenset[str]] = set()
        self._alone: set[str] = set()
        self.changed: Callable[[], None] = lambda: None

    def linked(self, one: str, other: str) -> bool:
        """Whether two hosts reach each other."""
        if one == other:
            return True
        if one in self._alone or other in self._alone:
            return False
        return not self._cut or frozenset((one, other)) not in self._cut

    def cut(self, one: str, other: str | None = None) -> None:
        """Cut one host off another, or off all."""
        if other is None:
            self._alone.add(one)
        else:
            self._cut.add(frozenset((one, other)))
        self.changed()

    def heal(self, one: str, other: str | None = None) -> None:
        """Take a cut back."""
        if other is None:
            self._alone.discard(one)
        else:
            self._cut.discard(frozenset((one, other)))
        self.changed()

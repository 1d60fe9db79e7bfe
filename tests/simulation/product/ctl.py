"""Commands at work on a host: each a process of its own, with an output and an exit status.

A command is a function over a :class:`Call`; where it may be cut off, it says :meth:`Call.step`. It ends by returning,
or by :class:`Failed`.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from tests.simulation import history as happened
from tests.simulation.engine import Engine, Process, Task
from tests.simulation.history import History
from tests.simulation.place import Place


class Failed(Exception):
    """A command ends with this message on standard error, and a status that is not 0."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


class Ends(Exception):
    """A fault has a command end here, with this status and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def typed(place: Place, argv: Sequence[str]) -> str:
    """A command line as a story tells it: of a file below the night's own folder, another one each time, the name."""
    own = f"{place.disk.root}/"
    return " ".join(word.rpartition("/")[2] if word.startswith(own) else word for word in argv)


@dataclasses.dataclass
class Call:
    """One call of a command that changes something."""

    number: int
    place: Place
    argv: tuple[str, ...]
    process: Process
    ordered_by: str  # name of the process that asked for it
    began: float
    out: list[str] = dataclasses.field(default_factory=list)
    err: list[str] = dataclasses.field(default_factory=list)
    status: int | None = None  # None while it works, and for ever if it was killed
    typed: bool = False  # by a person, and not started by the extension
    boot: str = ""  # of its host
    ended: float | None = None  # seconds since the night's begin, where the status is known
    fault: Ends | None = None  # what a schedule has it end with at its next step
    waiting: list[Task] = dataclasses.field(default_factory=list)
    passed: int = 0  # its steps until now

    @property
    def engine(self) -> Engine:
        """The night's clock."""
        return self.place.engine

    @property
    def works(self) -> bool:
        """Whether it is at work."""
        return self.process.alive

    @property
    def line(self) -> str:
        """Its command line."""
        return typed(self.place, self.argv)

    def step(self, what: str, seconds: float = 0.0) -> None:
        """Take some time, and go on to another part; raises Ends where a schedule says so."""
        if seconds:
            self.engine.sleep(seconds)
        self.passed += 1
        self.engine.point("command", f"{self.line}: {what}")
        if self.fault is not None:
            raise self.fault

    def say(self, text: str) -> None:
        """Print a line."""
        self.out.append(text)


class Calls:
    """The commands that were begun on one host, and how."""

    def __init__(
        self, place: Place, history: History, numbers: Callable[[], int], seen: Callable[[Process], dict[str, Any]]
    ) -> None:
        self.place, self._history, self._numbers, self._seen = place, history, numbers, seen
        self.begun: list[Call] = []

    def start(self, argv: Sequence[str], work: Callable[[Call], None], by: Process) -> Call:
        """Begin a command, apart from whoever asked for it."""
        number = self._numbers()
        process = self.place.process(f"{self.place.name} {argv[0]}", "command")
        call = Call(number, self.place, tuple(argv), process, by.name, self.place.engine.now, boot=self.place.boot)
        self.begun.append(call)
        process.own = call

        def run() -> None:
            self._history.note(
                self.place.name, happened.BEGUN, call.line, argv=call.argv, number=number, by=by, **self._seen(by)
            )
            try:
                call.step("begins")
                work(call)
                call.step("ends")
                call.status = 0
            except Failed as err:
                call.err.append(str(err))
                call.status = err.status
            except Ends as err:
                call.err.append(str(err))
                call.status = err.status

        def ended(_: Process) -> None:
            if self.place.disk.full:  # what notes its status finds no room: nobody knows how it ended
                call.status = None
            status = "unknown" if call.status is None else call.status
            self._history.note(
                self.place.name, happened.DONE, f"{call.line} ({status})", number=number, status=call.status
            )
            call.ended = None if call.status is None else self.place.engine.now
            for task in call.waiting:
                self.place.engine.wake(task)

        process.ended.append(ended)
        self.place.engine.spawn(process, run)
        return call

    def at_work(self) -> list[Call]:
        """Those that are at work now."""
        return [call for call in self.begun if call.works]

    def await_end(self, call: Call, seconds: float | None) -> bool:
        """Have the current task wait for a command's end, at most for some seconds. Returns whether it ended."""
        engine = self.place.engine
        until = None if seconds is None else engine.now + seconds
        while call.works:
            task = engine.current
            assert task is not None
            call.waiting.append(task)
            engine.wait(None if until is None else until - engine.now)
            if until is not None and engine.now >= until - 1e-9:
                break
        return not call.works

"""Signals to the process that drives a run: they end the step at hand like a failure, so that the run is closed.

Salt's own way with them ends the process at once, and with failover off: the backends would restore it, after their
lease. So from the first step on, until the run is closed, they are heard here.
"""

import contextlib
import dataclasses
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import outcome
from saltext.chef_backend.errors import InVain
from saltext.chef_backend.outcome import Result

Heard = Callable[[str, FrameType | None], None]
Listen = Callable[[Heard, Callable[[], str | None]], Callable[[], None]]
PATIENCE = 10  # looks, one a second, until what a signal raised counts as dropped
BESIDE = (contextlib.__name__, outcome.__name__, __name__)  # what enters and leaves a step, and hears a signal


class Interrupted(SystemExit):
    """A signal came while a step was at work.

    A SystemExit, for an event loop goes on after whatever else one of its callbacks raises, and Salt's bus takes a
    KeyboardInterrupt for its own end.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.troubles: list[str] = []  # what had failed until then, for whoever tells it


@dataclasses.dataclass
class Raised:
    """What a signal has raised in a step that has not ended yet."""

    looks: int = 0  # since then

    @property
    def again(self) -> bool:
        """Whether it counts as dropped: the next signal stops the step once more."""
        return self.looks >= PATIENCE


class Signals:
    """What came to this process, and what that stops.

    :param listen: has a function called, in the main thread, with the name of each signal that comes and the frame
        that it came in, and another one asked once a second which signal has to come again; returns what ends that.
    """

    def __init__(self, listen: Listen = lambda heard, dropped: lambda: None) -> None:
        self._listen = listen
        self._end: Callable[[], None] | None = None
        self._may_stop = False
        self._raised: Raised | None = None
        self._entered: FrameType | None = None  # of the function that is the step
        self._closing = False
        self.came: str | None = None

    def hear(self) -> None:
        """Hear signals from now on, instead of dying of them."""
        if self._end is None:
            self._end = self._listen(self.arrive, self.dropped)

    def arrive(self, name: str, frame: FrameType | None = None) -> None:
        """Note a signal, and stop the step at hand, if there is one.

        Where a step is entered or left, nobody would make a failure of it: there it comes again.

        :param frame: in which it came, if known.
        """
        self.came = name
        stops = self._stops(frame)  # first: another one may come while this one is said
        _say(f"{name}: nothing more is begun, the run is being closed")
        if stops:
            raise Interrupted(name)

    def _stops(self, frame: FrameType | None) -> bool:
        """Decide whether what came stops the step now; where it has to come again, that is noted."""
        again = self._raised is not None and self._raised.again
        if self._closing or not (self._may_stop or again):
            return False
        self._may_stop = False  # a second one must not stop what the first has begun
        # Python 3.10 still is in the function itself where its 'with' begins to handle what failed, not a second later
        begins = frame is self._entered and not again
        later = frame is not None and (begins or frame.f_globals.get("__name__") in BESIDE)
        self._raised = Raised(PATIENCE - 1 if later else 0)
        return not later

    def dropped(self) -> str | None:
        """Return the signal that has to come again, as the step that it has stopped goes on; None if none.

        Whatever was at work when it came may have dropped what it raised: a finaliser, an import of Salt's loader.
        """
        raised = self._raised  # the step may end beside this
        if raised is None:
            return None
        raised.looks += 1
        return self.came if raised.again else None

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Result]:
        """Give a state of a run its result: a gate that does not hold, or a signal, is a failure in plain words."""
        self.hear()
        entered = sys._getframe(1)  # of whoever writes 'with'
        while entered.f_back is not None and entered.f_globals.get("__name__") == contextlib.__name__:
            entered = entered.f_back
        with outcome.on_master(name) as ret:
            try:
                try:
                    self._entered, self._may_stop = entered, True
                    yield ret
                finally:
                    self._may_stop, self._raised, self._entered = False, None, None
            except Interrupted as err:  # outside, as it may come where the inner one ends
                said = f"interrupted by {err}: what a node was told to do may still be at work there"
                raise CommandExecutionError("\n".join([said, *err.troubles])) from err

    def refuse(self) -> None:
        """Begin nothing more after a signal, but for what closes the run.

        :raises InVain: one came; whoever waits for something waits no longer.
        """
        if self.came and not self._closing:
            raise InVain(f"interrupted by {self.came}: nothing more is begun")

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """Within this the run is closed, whatever came; afterwards signals do what they did before."""
        self._closing, self._raised = True, None
        try:
            yield
        finally:
            self._closing = False
            if self._end is not None:
                self._end()
                self._end = None


def _say(text: str) -> None:
    """Write a line to standard error, if it takes one now: a run is closed also where nobody reads what it prints.

    Not by ``print``: whatever the signal has interrupted, or another thread, may be inside of that, and wait.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):  # the terminal is gone, or was never there
        descriptor = sys.stderr.fileno()
        if select.select([], [descriptor], [], 0)[1]:
            os.write(descriptor, f"{text}\n".encode())


def of_process(heard: Heard, dropped: Callable[[], str | None]) -> Callable[[], None]:
    """Have a function called with each signal that would end this process, and its frame; return what ends that.

    One that is ignored here, as under nohup, stays so.

    :param dropped: asked once a second which signal has to come again.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main:
        return lambda: None  # of a daemon: it ends its threads itself
    before, ended = {}, threading.Event()
    names = {int(number): number.name for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number in names:
        if signal.getsignal(number) in (signal.SIG_IGN, None):  # None: of another language, which cannot be put back
            continue
        before[number] = signal.signal(number, lambda came, frame: heard(names[came], frame))

    def looks() -> None:
        while not ended.wait(1):
            name = dropped()
            if name and main.ident is not None:
                signal.pthread_kill(main.ident, signal.Signals[name])  # it may wait in the kernel

    threading.Thread(target=looks, name="chef_backend signals", daemon=True).start()

    def end() -> None:
        ended.set()
        for number, handler in before.items():
            signal.signal(number, handler)

    return end

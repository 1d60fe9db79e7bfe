"""Signals to the process that drives a run: they end the step at hand like a failure, so that the run is closed.

Salt's own way with them ends the process at once, and with failover off: the backends would restore it, after their
lease. So from the first step on, until the run is closed, they are heard here.
"""

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import outcome
from saltext.chef_backend.errors import InVain
from saltext.chef_backend.outcome import Result

Listen = Callable[[Callable[[str], None]], Callable[[], None]]


class Interrupted(BaseException):
    """A signal came while a step was at work."""


class Signals:
    """What came to this process, and what that stops.

    :param listen: has a function called, in the main thread, with the name of each signal that comes; returns what
        ends that.
    """

    def __init__(self, listen: Listen = lambda heard: lambda: None) -> None:
        self._listen = listen
        self._end: Callable[[], None] | None = None
        self._may_stop = False
        self._closing = False
        self.came: str | None = None

    def hear(self) -> None:
        """Hear signals from now on, instead of dying of them."""
        if self._end is None:
            self._end = self._listen(self.arrive)

    def arrive(self, name: str) -> None:
        """Note a signal, and stop the step at hand, if there is one."""
        self.came = name
        _say(f"{name}: nothing more is begun, the run is being closed")
        if self._may_stop:
            self._may_stop = False  # a second one must not stop what the first has begun
            raise Interrupted(name)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Result]:
        """Give a state of a run its result: a gate that does not hold, or a signal, is a failure in plain words."""
        self.hear()
        with outcome.on_master(name) as ret:
            self._may_stop = True
            try:
                yield ret
            except Interrupted as err:
                raise CommandExecutionError(
                    f"interrupted by {err}: what a node was told to do may still be at work there"
                ) from err
            finally:
                self._may_stop = False

    def refuse(self) -> None:
        """Begin nothing more after a signal, but for what closes the run.

        :raises InVain: one came; whoever waits for something waits no longer.
        """
        if self.came and not self._closing:
            raise InVain(f"interrupted by {self.came}: nothing more is begun")

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """Within this the run is closed, whatever came; afterwards signals do what they did before."""
        self._closing = True
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


def of_process(heard: Callable[[str], None]) -> Callable[[], None]:
    """Have a function called with the name of each signal that would end this process; return what ends that."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None  # of a daemon: it ends its threads itself
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        before[number] = signal.signal(number, lambda came, _: heard(signal.Signals(came).name))

    def end() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return end

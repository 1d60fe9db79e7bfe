"""Time, through one door: a simulation puts its own in its place."""

import concurrent.futures
import contextvars
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

Came = TypeVar("Came")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
STEP = 0.5  # seconds after which the end of a process is noticed
log = logging.getLogger(__name__)


class Clock(Protocol):
    """What this extension asks of time."""

    def now(self) -> float:
        """Return epoch seconds, as this host's clock shows them; it may be set back."""

    def monotonic(self) -> float:
        """Return seconds that only grow."""

    def boot(self) -> tuple[str, float]:
        """Return the id of this host's boot, and the seconds since: together a time that nobody can set."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def every(self, seconds: float, work: Callable[[], None], at_hand: float = 0) -> Callable[[], None]:
        """Do some work again and again in this interval, beside all else; return what ends that.

        It ends with this process.

        :param at_hand: seconds for which the end of this process waits for the work at hand.
        """

    def within(self, seconds: float, work: Callable[[], Came]) -> Came:
        """Do some work once, and return what it returns, or raise what it raises; but wait for it no longer.

        It cannot be ended: whoever wants it sees to it that it does no harm late. It ends with this process.

        :param seconds: bound.
        :raises TimeoutError: the bound has passed.
        """


class RealClock:
    """The host's own time."""

    def now(self) -> float:
        """Return epoch seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        return time.monotonic()

    def boot(self) -> tuple[str, float]:
        """Return the id of this host's boot, and the seconds since."""
        return BOOT_ID.read_text(encoding="ascii").strip(), time.clock_gettime(time.CLOCK_BOOTTIME)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def every(self, seconds: float, work: Callable[[], None], at_hand: float = 0) -> Callable[[], None]:
        """Do some work in this interval, from a thread that ends with the process at the latest; see :class:`Clock`."""
        end, main, working = threading.Event(), threading.main_thread(), threading.Lock()

        def loop() -> None:
            while not end.wait(seconds):
                with working:
                    if not main.is_alive():
                        return
                    try:
                        work()
                    except BaseException:  # whatever it is, the next time is due all the same
                        log.exception("what is done every %s s failed", seconds)

        def see_it_end() -> None:
            while main.is_alive() and not end.wait(STEP):
                pass
            working.acquire(timeout=at_hand)

        threading.Thread(target=loop, daemon=True).start()
        if at_hand:  # Python waits for this one, and so ends its clients of Salt in the middle of no request
            threading.Thread(target=see_it_end, daemon=False).start()
        return end.set

    def within(self, seconds: float, work: Callable[[], Came]) -> Came:
        """Do some work, from a thread that ends with the process at the latest; see :class:`Clock`."""
        context, came = contextvars.copy_context(), concurrent.futures.Future[Came]()  # Salt's dunders are found by it

        def do() -> None:
            try:
                came.set_result(context.run(work))
            except BaseException as err:
                came.set_exception(err)

        threading.Thread(target=do, daemon=True).start()
        concurrent.futures.wait([came], seconds)
        if not came.done():
            raise TimeoutError(f"not done within {seconds:g} s")
        return came.result()

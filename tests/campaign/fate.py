"""Has the faults of a schedule happen at their moments, beside the operator."""

import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.campaign import faults
from tests.campaign.faults import Mend, Missed, Scene
from tests.campaign.schedules import Fault, Moment
from tests.campaign.tail import Tail
from tests.lab.common import LabError
from tests.lab.evidence import Event

PAUSE = 0.05  # seconds between two looks


@dataclass
class Struck:
    """A fault that has happened. Times are seconds since the epoch; `missed` says why it did nothing."""

    fault: Fault
    where: str
    began: float
    ended: float | None = None
    missed: str = ""


def came(moment: Moment, events: Sequence[Event], told: int, began: float) -> float | None:
    """Return when what a moment names was so, in seconds since the epoch; None if it has not been yet.

    :param events: the journal's lines of the night. :param told: lines that the run has printed.
    :param began: when the night began.
    """
    if moment.of == "start":
        return began
    if moment.of == "told":
        return time.time() if told >= moment.number else None
    of, words = moment.of.removesuffix("s"), moment.what.split()
    times = [event["time"] for event in events if event["event"] == of and event["argv"][: len(words)] == words]
    return float(times[moment.number - 1]) if len(times) >= moment.number else None


class Fate(threading.Thread):
    """Strikes until it is closed. What it could not do because the lab failed is raised by `close`."""

    def __init__(self, scene: Scene, tail: Tail, several: Sequence[Fault]) -> None:
        super().__init__(daemon=True)
        self.scene, self.tail = scene, tail
        self.struck: list[Struck] = []
        self.began = time.time()
        self._left = list(several)
        self._due: dict[int, float] = {}  # by fault: when, once its moment has come
        self._lasting: list[tuple[float, Struck, Mend]] = []
        self._closed = threading.Event()
        self._error: Exception | None = None

    @property
    def over(self) -> bool:
        """Whether all has happened, and nothing lasts."""
        return not self._left and not self._lasting

    def run(self) -> None:
        """Look again and again."""
        try:
            while not self._closed.wait(PAUSE):
                self._look()
        except Exception as error:
            self._error = error

    def close(self) -> list[Fault]:
        """Let nothing more happen, end what lasts; return the faults whose moment never came."""
        self._closed.set()
        self.join(120)
        if self.is_alive():
            raise LabError("a fault does not come to its end")
        if self._error is not None:
            raise LabError(f"a fault could not be done: {self._error!r}") from self._error
        for _, struck, mend in self._lasting:
            self._end(struck, mend)
        self._lasting = []
        return self._left

    def _look(self) -> None:
        self.scene.terminal.look()
        for until, struck, mend in [each for each in self._lasting if each[0] <= time.time()]:
            self._end(struck, mend)
            self._lasting.remove((until, struck, mend))
        if not self._left:
            return
        events, told = self.tail.events(), sum(len(typed.lines()) for typed in self.scene.terminal.typed)
        for fault in self._left:
            if id(fault) not in self._due:
                moment = came(fault.moment, events, told, self.began)
                if moment is None:
                    continue
                self._due[id(fault)] = moment + fault.moment.after
            if self._due[id(fault)] <= time.time():
                self._strike(fault)
        self._left = [fault for fault in self._left if not any(struck.fault is fault for struck in self.struck)]

    def _strike(self, fault: Fault) -> None:
        struck = Struck(fault, fault.where, time.time())
        self.struck.append(struck)
        try:
            struck.where = faults.where(self.scene, fault)
            mend = faults.KINDS[fault.kind](self.scene, fault, struck.where)
        except (Missed, LabError, OSError, subprocess.SubprocessError) as error:
            struck.missed, struck.ended = str(error) or repr(error), time.time()
            return
        if mend is None:
            struck.ended = time.time()
        else:
            self._lasting.append((struck.began + fault.seconds, struck, mend))

    def _end(self, struck: Struck, mend: Mend) -> None:
        try:
            mend()
        except (LabError, OSError, subprocess.SubprocessError) as error:  # the host is off: all is mended at the end
            struck.missed = f"its end: {error}"
        struck.ended = time.time()

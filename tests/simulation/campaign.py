"""Many nights, shared between processes: the whole enumeration, and random ones from a seed."""

import collections
import dataclasses
import gc
import multiprocessing
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import hypothesis

from tests.simulation import schedules
from tests.simulation.night import Outcome, Schedule, spend

DRAWN = 250  # schedules at once: hypothesis draws others where it is to draw more
PORTION = 25  # nights that a process takes at once


@dataclasses.dataclass
class Found:
    """Nights that went wrong in one way."""

    kind: str  # the violation, its numbers and hosts left out
    violation: str
    schedule: Schedule  # the first of them, with as few faults as it needs
    nights: int = 1


@dataclasses.dataclass
class Result:
    """What a campaign came to."""

    nights: int = 0
    seconds: float = 0.0  # of one processor each
    simulated: float = 0.0  # that the nights lasted
    found: dict[str, Found] = dataclasses.field(default_factory=dict)
    faults: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def add(self, other: "Result") -> None:
        """Put another part's to this one's."""
        self.nights += other.nights
        self.seconds += other.seconds
        self.simulated += other.simulated
        self.faults += other.faults
        for kind, one in other.found.items():
            if kind in self.found:
                self.found[kind].nights += one.nights
            else:
                self.found[kind] = one


def kind_of(violation: str) -> str:
    """A violation without its numbers and hosts."""
    return re.sub(r"\b(be|fe)[0-9]\b", "NODE", re.sub(r"[0-9]{2,}[0-9.b]*", "N", violation))[:160]


def spent(several: Iterable[Schedule]) -> Result:
    """Spend nights, one after another."""
    result = Result()
    gc.collect()
    gc.freeze()  # what a night leaves behind is collected after all of these
    gc.disable()
    for schedule in several:
        began = time.process_time()
        outcome = _spend(schedule)
        result.seconds += time.process_time() - began
        result.nights += 1
        result.simulated += outcome.seconds
        result.faults.update(fault.kind for fault in schedule.faults)
        for violation in outcome.violations:
            kind = kind_of(violation)
            if kind in result.found:
                result.found[kind].nights += 1
            else:
                result.found[kind] = Found(kind, violation, fewer(schedule, kind))
    gc.enable()
    return result


def _spend(schedule: Schedule) -> Outcome:
    try:
        return spend(schedule)
    except Exception as err:
        raise RuntimeError(f"the simulation itself fails at: {schedule!r}") from err


def fewer(schedule: Schedule, kind: str) -> Schedule:
    """Leave out the faults that a violation does not need."""
    for at in range(len(schedule.faults) - 1, -1, -1):
        if len(schedule.faults) == 1:
            break
        less = dataclasses.replace(schedule, faults=schedule.faults[:at] + schedule.faults[at + 1 :])
        if any(kind_of(violation) == kind for violation in _spend(less).violations):
            schedule = less
    return schedule


def enumerated(ways: Sequence[str], every: int = 1) -> list[Schedule]:
    """Every single fault at every point of these ways, or every so-manieth of them."""
    return [schedule for way in ways for schedule in schedules.every(way)][::every]


def drawn(nights: int, seed: int, way: str | None = None) -> list[Schedule]:
    """Random schedules, drawn by hypothesis; the same ones from the same seed, however many are drawn."""
    found: list[Schedule] = []
    while len(found) < nights:
        found += _drawn(f"{seed} {len(found)}", way)
    return found[:nights]


def _drawn(seed: str, way: str | None) -> list[Schedule]:
    several: list[Schedule] = []
    calm = hypothesis.settings(
        max_examples=DRAWN,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )

    @hypothesis.seed(seed)
    @calm
    @hypothesis.given(schedules.several(way))
    def draw(schedule: Schedule) -> None:
        several.append(schedule)

    draw()
    return several[:DRAWN]


def campaign(several: Sequence[Schedule], jobs: int, told: Callable[[Result], None] = lambda result: None) -> Result:
    """Spend nights in several processes.

    :param told: called with what it came to until now, now and then.
    """
    portions = [several[at : at + PORTION] for at in range(0, len(several), PORTION)]
    result = Result()
    for part in _side_by_side(portions, jobs):
        result.add(part)
        told(result)
    return result


def _side_by_side(portions: Sequence[Sequence[Schedule]], jobs: int) -> Iterator[Result]:
    if jobs == 1:
        yield from map(spent, portions)
        return
    spent([Schedule(way) for way in schedules.WAYS])  # Salt has compiled all before the processes part
    # a process that was forked is ended after some time: what a killed greenlet held may stay in memory
    with multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=40) as pool:
        yield from pool.imap_unordered(spent, portions)


def processors() -> int:
    """How many processes there may be at once."""
    return len(os.sched_getaffinity(0))

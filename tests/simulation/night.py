"""A night: a way that an operator goes, what happens to it, and how it ends; the same schedule, the same night."""

import contextlib
import dataclasses
import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.simulation import doors, faults, invariants, memo, truth
from tests.simulation import history as happened
from tests.simulation.engine import Asleep, Point
from tests.simulation.faults import Fault
from tests.simulation.master import Hub, SaltRun
from tests.simulation.world import SCENES, SLS, World

TRIES = 5  # of the same command, before the operator gives the run up
PATIENCE = 12  # times that the operator waits for the end of a run that somebody else is said to drive
LONGEST = 6 * 3600.0  # seconds within which a night is over: every wait has a bound
QUIET = 240.0  # seconds that the dead man's switch, and whatever else comes late, get at the end
CLUSTER = "prod"


@dataclasses.dataclass(frozen=True)
class Schedule:
    """What a night is made of."""

    way: str
    faults: tuple[Fault, ...] = ()
    idle: float = 30.0  # seconds until the operator types the same command again

    def __str__(self) -> str:
        return f"{self.way}, {self.idle:.0f} s between two tries, " + (", ".join(map(str, self.faults)) or "no fault")


@dataclasses.dataclass(frozen=True)
class Spot:
    """A point of a night, and what was so there."""

    number: int
    kind: str
    shown: str
    signature: int


@dataclasses.dataclass
class Outcome:
    """How a night went."""

    schedule: Schedule
    violations: list[str]
    events: list[happened.Event]
    seconds: float  # that it lasted, in its own time
    points: int
    seen: list[Spot]  # the points, where they were asked for

    def story(self) -> str:
        """Tell the night as the operator would, who knows all."""
        lines = [f"A night: {self.schedule}", ""]
        lines += [f"{event.time:8.1f}  {event.where:<16} {event.what}{_about(event)}" for event in self.events]
        return "\n".join([*lines, "", *(f"VIOLATION {line}" for line in self.violations)])


def _about(event: happened.Event) -> str:
    first, *more = event.about.splitlines() or [""]
    return f": {first}{f' (and {len(more)} lines)' if more else ''}" if first else ""


class Night:
    """One schedule at work in a world."""

    def __init__(self, world: World, schedule: Schedule, keep_points: bool = False) -> None:
        self.world, self.schedule = world, schedule
        self.over = False
        self.ended_well = False
        self.violations: list[str] = []
        self.seen: list[Spot] = []
        self._keep = keep_points
        self._left = list(schedule.faults)
        self._since = 0  # points since the last fault
        world.engine.watch = self._watch

    def _watch(self, point: Point) -> None:
        self._since += 1
        if self._keep:
            self.seen.append(Spot(point.number, point.kind, str(point), truth.signature(self.world)))
        while self._left and self._since >= self._left[0].after:
            fault = self._left.pop(0)
            self._since = 0
            self.world.history.note("fate", happened.FAULT, f"{fault} at {point}")
            faults.strike(self.world, fault, point)

    def operate(self) -> None:
        """What the operator does, and after them whoever has begun another run: each stays with what they began."""
        engine = self.world.engine
        if self._goes_on(SLS[self.schedule.way], {"cluster": CLUSTER}):
            self.violations += invariants.reached(self.world)
        engine.sleep(QUIET)
        while engine.now < self.world.mended_at + QUIET:
            engine.sleep(QUIET)
        if self.world.others and truth.record(self.world) is not None:
            self.ended_well = False
            self._goes_on(*self.world.others[-1])
            engine.sleep(QUIET)
        self.over = True

    def _goes_on(self, sls: str, pillar: Mapping[str, Any]) -> bool:
        """Type the same command up to five times after all is mended, else abort; tell whether the command did it."""
        engine = self.world.engine
        tries = refused = early = 0
        while tries < TRIES:
            mended = self.world.mended_at
            late = engine.now >= mended
            run = self._typed(self._hub().orchestrate(sls, pillar))
            if run.status == 0:
                self.ended_well = True
                return True
            waits = "wait for its end" in run.said and refused < PATIENCE
            refused += waits
            tries += (
                late and not waits and self.world.mended_at == mended
            )  # what struck meanwhile is no fault of theirs
            self._ask_around(run)
            if "finish it first" in run.said and self.world.others[-1:] not in ([], [(sls, pillar)]):
                self._goes_on(*self.world.others[-1])  # as the refusal says, with that version in the pillar
                return False
            engine.sleep(self.schedule.idle * (1 if late else 2 ** min(early, 5)))
            early += not late
            self.violations += invariants.left_alone(self.world) + invariants.restless(self.world)
        if truth.record(self.world) is not None:
            self._abort()
        self.ended_well = self.ended_well or truth.record(self.world) is None  # by somebody else
        return False

    def _abort(self) -> None:
        for _ in range(2):
            run = self._typed(self._hub().verb("abort", CLUSTER))
            if run.status == 0:
                self.ended_well = True
                return
            self.world.engine.sleep(max(self.schedule.idle, 90.0))
        self.violations.append(f"I5: neither the same command nor abort leads on: {run.said}")

    def _ask_around(self, run: SaltRun) -> None:
        """Find out who else has switched failover off, where the run says that somebody has; they take it back."""
        switched = [event.where for event in self.world.history.of(happened.BLOCKED)]
        if "find out who" in run.said and switched[-1:] == ["somebody"]:
            self.world.cluster.block(False, "somebody")

    def _hub(self) -> Hub:
        """Where the operator types: at the first master that is there."""
        hubs = list(self.world.hubs.values())
        return next((hub for hub in hubs if hub.daemon and hub.place.power), hubs[-1])

    def _typed(self, run: SaltRun) -> SaltRun:
        while run.works:
            self.world.engine.sleep(5.0)
        self.violations += invariants.inside_a_turn(self.world, run)
        return run


@contextmanager
def simulated(schedule: Schedule) -> Iterator[World]:
    """Make a world for a night, whose doors the extension finds while the body runs."""
    world = World(_doors(), SCENES[schedule.way])
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # what is logged is told by the history
    with memo.installed(), doors.installed(world), contextlib.redirect_stderr(io.StringIO()):
        try:
            yield world
        finally:
            world.forget()
            logging.disable(before)


_loaded: list[doors.Doors] = []


def _doors() -> doors.Doors:
    if not _loaded:
        _loaded.append(doors.Doors())
    return _loaded[0]


def spend(schedule: Schedule, keep_points: bool = False) -> Outcome:
    """Let a night pass, and tell how it went."""
    with simulated(schedule) as world:
        night = Night(world, schedule, keep_points)
        process = world.places["hub"].process("operator", "operator")
        world.places["hub"].processes.pop(process)  # a person does not die with a host
        world.engine.spawn(process, night.operate)
        try:
            world.engine.run(lambda: night.over, LONGEST)
        except Asleep as err:
            night.violations.append(f"I5: the night does not end: {err}")
        violations = [*night.violations, *invariants.broken(world, night.ended_well)]
        return Outcome(
            schedule,
            list(dict.fromkeys(violations)),
            world.history.events,
            world.engine.now,
            world.engine.points,
            night.seen,
        )

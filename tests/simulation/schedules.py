"""Schedules: every single fault at every point of a way, and random ones of several faults, for hypothesis to draw."""

from collections.abc import Iterator, Sequence

from hypothesis import strategies

from tests.simulation.faults import KINDS, Fault
from tests.simulation.night import Schedule, Spot, spend
from tests.simulation.world import SCENES

WAYS = tuple(SCENES)
OF_COMMANDS = ("command fails", "command lies", "command hangs", "command dies")  # only where a command is at work
OF_ASKING = ("asking fails", "asking hangs")
OF_HOSTS = (
    "minion killed", "minion restarted", "minion stunned", "find_job missed", "node busy with a highstate",
    "node without power", "node cut off", "node cut off from the masters", "node cut off from the nodes", "clock steps",
    "disk full", *OF_ASKING,
)  # fmt: skip
OF_ORDERS = ("order late", "order doubled", "order lost")  # the next one
SHORT, LONG = 20.0, 300.0  # seconds: within the lease and the bounds, and beyond
IDLE = (30.0, 250.0)  # seconds until the operator is back: before the dead man's switch has looked, and after all looks
HOURS = (-7200.0, 7200.0)
LASTS: dict[str, Sequence[float]] = {
    **dict.fromkeys(("orchestration stopped", "master cut off", "salt-master down", *OF_HOSTS), (SHORT, LONG)),
    "command hangs": (SHORT, LONG),
    "order late": (8.0, 22.0, 40.0, 200.0),
    "order doubled": (8.0, 22.0, 40.0, 200.0),
    "clock steps": HOURS,
    "Elasticsearch restarted": (8.0, 32.0),  # leaderl moves the lead after 30
}
AT_MASTERS = ("pause typed", "resume typed", "abort typed", "same command typed", "another target typed")


def places(kind: str) -> Sequence[str]:
    """Where a fault of a kind may strike: at the host of its point, at the leader, a frontend, or at which master."""
    if kind in AT_MASTERS:
        return ("hub", "hub2")
    if kind == "clock steps":
        return ("here", "leader", "hub")
    return ("here", "leader", "fe1") if kind in OF_HOSTS else ("here",)


DISTINCT = ("order", "ask", "order answered", "ask answered", "command", "step", "state")


def spots(way: str) -> list[Spot]:
    """The points of a way with no fault in it; of those between which nothing changed that lasts, the first."""
    found, before = list[Spot](), None
    for spot in spend(Schedule(way), keep_points=True).seen:
        if spot.signature != before or spot.kind in DISTINCT:
            found.append(spot)
        before = spot.signature
    return found


def every(way: str) -> Iterator[Schedule]:
    """Every single fault at every point of a way."""
    there = spots(way)
    for kind in KINDS:
        for number, spot in enumerate(there):
            if kind in OF_COMMANDS and spot.kind != "command":
                continue
            if kind in OF_ORDERS and spot.kind not in ("order", "ask"):
                continue
            lasts, where = LASTS.get(kind, (0.0,)), places(kind)
            # of durations and places each in its turn, so that over the points all meet all
            seconds, place = lasts[number % len(lasts)], where[number // len(lasts) % len(where)]
            idle = IDLE[number // 4 % len(IDLE)]
            yield Schedule(way, (Fault(spot.number, kind, place, seconds),), idle)


GROUPS = (
    ("orchestration gets signal 9", "orchestration gets signal 2", "orchestration gets signal 15",
     "orchestration gets signal 1", "orchestration stopped", "master lost for good", "master cut off",
     "salt-master down"),
    ("minion killed", "minion restarted", "minion stunned", "find_job missed", "node busy with a highstate",
     "node cut off from the masters", "schedules cleaned"),
    ("node without power", "node cut off", "node cut off from the nodes", "clock steps", "disk full"),
    OF_ORDERS,
    OF_COMMANDS,
    OF_ASKING,
    ("lead moves by itself", "failover typed off", "failover typed on", "Elasticsearch restarted"),
    AT_MASTERS,
)  # fmt: skip


def faults(points: strategies.SearchStrategy[int]) -> strategies.SearchStrategy[Fault]:
    """Draw a fault; each group of kinds as often as another.

    :param points: after how many points.
    """

    def of(kind: str) -> strategies.SearchStrategy[Fault]:
        return strategies.builds(
            Fault,
            points,
            strategies.just(kind),
            strategies.sampled_from(places(kind)),
            strategies.sampled_from(LASTS.get(kind, (0.0,))),
        )

    return strategies.sampled_from(GROUPS).flatmap(strategies.sampled_from).flatmap(of)


SOON = 40  # points
POINTS = {"rolling": 600, "downtime": 720, "reindex": 880, "frontends": 360}  # about as many as a way has


def several(way: str | None = None) -> strategies.SearchStrategy[Schedule]:
    """Draw a schedule of one to four faults."""

    def of(chosen: str) -> strategies.SearchStrategy[Schedule]:
        first = faults(strategies.integers(1, POINTS[chosen]))
        soon = strategies.integers(1, SOON)  # what comes together hurts most
        later = faults(soon | strategies.integers(1, POINTS[chosen] // 2))
        return strategies.builds(
            lambda one, more, idle: Schedule(chosen, (one, *more), idle),
            first,
            strategies.lists(later, max_size=3),
            strategies.sampled_from(IDLE),
        )

    return strategies.sampled_from([way] if way else WAYS).flatmap(of)

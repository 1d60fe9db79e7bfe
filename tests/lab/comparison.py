"""The same upgrade, done each way, in numbers: the table of `make bench`, its goals, and what the times consist of."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.lab import evidence
from tests.lab.measure import MAX_EXPOSURE, Run
from tests.lab.report import gaps, kinds

OURS, SALT, LOOP, ANSIBLE = "orchestration", "bare Salt", "shell loop", "Ansible"

Round = Mapping[str, Run]


@dataclass(frozen=True)
class Goal:
    """A number of a round that should be at most so much, by the median of all rounds; `unit`: printed after it."""

    what: str
    number: Callable[[Round], float]
    most: float
    unit: str = " x"


def goals(ctl_cost: float) -> tuple[Goal, ...]:
    """The goals, by the seconds that each call of ctl costs in these rounds."""
    if ctl_cost:
        return (Goal(f"wall time, against Ansible's, each call of ctl costing {ctl_cost:g} s", _wall(ANSIBLE), 1.0),)
    return (
        Goal("wall time, against the shell loop's", _wall(LOOP), 2.2),
        Goal("wall time, against Ansible's", _wall(ANSIBLE), 0.65),
        Goal(
            "seconds that failover is off, against Ansible's",
            lambda one: one[OURS].exposure / one[ANSIBLE].exposure,
            0.5,
        ),
        Goal(
            "seconds that failover is off, against the nodes' installation, upgrade and rejoin",
            lambda one: one[OURS].exposure / one[OURS].upgrading,
            MAX_EXPOSURE,
        ),
        Goal("asking commands", lambda one: len(evidence.asking(one[OURS].calls)), 30, ""),
    )


def _wall(other: str) -> Callable[[Round], float]:
    """How many times another way's wall time the orchestration's is."""
    return lambda one: one[OURS].wall / one[other].wall


def table(rounds: Sequence[Round], ctl_cost: float, settle: float) -> str:
    """The numbers of all rounds and their medians, the goals, and what the times of the last round consist of.

    ctl_cost: seconds that each call of ctl cost; settle: the settle time in seconds.
    """
    lines = [f"{'':<9}{'':<15}{'wall':>7}{'x loop':>8}{'x Ansible':>11}{'commands':>10}{'off':>7}{'asking':>8}"]
    for number, one in enumerate(rounds, 1):
        lines += _rows(f"round {number}", [one])
    if len(rounds) > 1:
        lines += _rows("median", rounds)
    lines += [
        "",
        "wall, commands (the changing ones, one inside another counted once) and off (failover was) in seconds;",
        "asking: how many commands only looked; x: wall time against the shell loop's and Ansible's",
        *(_judged(goal, rounds) for goal in goals(ctl_cost)),
        "",
        "What the wall time of the last round consists of, each moment counted at the first that fits (seconds):",
        f"{'':<15}{''.join(f'{name:>12}' for name in next(iter(rounds[-1].values())).consists)}",
        *(_consists(name, run) for name, run in rounds[-1].items()),
        "rest: no command of the product runs and no node is coming back. With the orchestration and with Ansible it",
        f"holds the settle time, up to {settle:g} s a backend; else it is what jobs of Salt and tasks of Ansible cost.",
    ]
    for name, run in rounds[-1].items():
        lines += [
            f"  {name}",
            f"    commands  {kinds(evidence.changing(evidence.outermost(run.calls)))}",
            f"    asking    {kinds(evidence.asking(run.calls))}",
            f"    gaps      {gaps(run.parts)}",
        ]
    return "\n".join(lines)


def _rows(title: str, rounds: Sequence[Round]) -> Iterator[str]:
    """A line for each way, with the medians of some rounds (of one: its numbers)."""
    for name in rounds[0]:
        wall, loops, ansibles, commands, off, asking = (
            statistics.median(number(one, one[name]) for one in rounds)
            for number in (
                lambda _, run: run.wall,
                lambda one, run: run.wall / one[LOOP].wall,
                lambda one, run: run.wall / one[ANSIBLE].wall,
                lambda _, run: run.commands,
                lambda _, run: run.exposure,
                lambda _, run: len(evidence.asking(run.calls)),
            )
        )
        yield f"{title:<9}{name:<15}{wall:7.1f}{loops:8.2f}{ansibles:11.2f}{commands:10.1f}{off:7.1f}{asking:8g}"
        title = ""


def _judged(goal: Goal, rounds: Sequence[Round]) -> str:
    found = statistics.median(goal.number(one) for one in rounds)
    mark = "met    " if found <= goal.most else "NOT met"
    return f"goal: {mark}  {goal.what}: {found:.3g}{goal.unit}, at most {goal.most:g}{goal.unit}"


def _consists(name: str, run: Run) -> str:
    return f"  {name:<13}{''.join(f'{seconds:12.1f}' for seconds in run.consists.values())}"

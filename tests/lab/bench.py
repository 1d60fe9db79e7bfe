"""`make bench`: the orchestration against a bare shell loop of the same commands, alternating, on equal labs.

Every upgrade starts from the same snapshot. Runs inside a world:
python -m tests.lab run -- .cache/venv/bin/python -m tests.lab.bench [--pairs 3] [--speed 6] [--writers]
"""

import argparse
import json
import os
import statistics
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from tests.lab import evidence
from tests.lab.clients.crowd import Crowd
from tests.lab.clients.writers import WriterError
from tests.lab.common import CACHE, LabError
from tests.lab.hosts import Lab
from tests.lab.measure import Run, measured
from tests.lab.report import gaps, kinds
from tests.lab.ways import Stage, by_hand, failures, in_a_world, orchestrate, write_pillar

OLD, NEW = "2.2.0", "2.3.16"
MAX_RATIO = 1.5
LOG = CACHE / "bench.log"
RESULT = CACHE / "bench.json"


@dataclass(frozen=True)
class Pair:
    """The same upgrade, done both ways."""

    orchestrated: Run
    by_hand: Run

    @property
    def wall(self) -> float:
        """How many times as long the orchestration took."""
        return self.orchestrated.wall / self.by_hand.wall

    @property
    def exposure(self) -> float:
        """How many times as long failover was off."""
        return self.orchestrated.exposure / self.by_hand.exposure


def main() -> int:
    """Run the pairs, print the table; returns 0 if the median ratio of wall times is within the goal, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=_positive, default=3, metavar="N")
    parser.add_argument("--speed", type=float, default=6.0, metavar="N", help="divide the product's times by N")
    parser.add_argument("--writers", action="store_true", help="clients write meanwhile (they use the machine, too)")
    options = parser.parse_args()
    with Stage("Lab up, and its snapshot"):
        lab = Lab.boot(backends=OLD, speed=options.speed)
        write_pillar(lab, NEW)
        lab.package(NEW)
        lab.save("bench")
    pairs = []
    for number in range(1, options.pairs + 1):
        # Who begins alternates, so that neither way always has the warmer machine.
        order = (_orchestration, _loop) if number % 2 else (_loop, _orchestration)
        done = {way: _one(lab, way, number, options.writers) for way in order}
        pairs.append(Pair(done[_orchestration], done[_loop]))
    print(f"\n{table(pairs)}")
    RESULT.write_text(json.dumps([_numbers(pair) for pair in pairs], indent=1) + "\n")
    return 0 if statistics.median(pair.wall for pair in pairs) <= MAX_RATIO else 1


def _orchestration(lab: Lab) -> int:
    return orchestrate(lab, LOG, show=False)


def _loop(lab: Lab) -> int:
    return by_hand(lab, NEW, LOG)


def _one(lab: Lab, way: Callable[[Lab], int], number: int, writers: bool) -> Run:
    """One upgrade from the snapshot. Raises LabError unless it succeeds: a ratio of failures says nothing."""
    name = way.__name__.strip("_")
    with Stage(f"{name} {number} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)"):
        lab.restore("bench")
        try:
            with Crowd(lab, f"{name}-{number}") if writers else nullcontext() as crowd:
                run = measured(lab, NEW, lambda: way(lab), crowd)
        except WriterError as error:
            raise LabError(str(error)) from error
    if run.status or run.unhealthy or any(set(found) != {NEW} for found in run.versions.values()):
        raise LabError(
            f"{name}: exit status {run.status}, versions {run.versions}, "
            f"cluster {run.unhealthy or 'healthy'}\n{failures(LOG)}"
        )
    return run


def table(pairs: Sequence[Pair]) -> str:
    """The numbers of all pairs, the medians, and what the difference consists of."""
    head = f"{'':<6}{'orchestration (s)':^34}{'shell loop (s)':^34}{'ratio':^18}"
    columns = f"{'wall':>8}{'commands':>10}{'gaps':>7}{'off':>7}  "
    lines = [head, f"{'pair':<6}{columns}{columns}{'wall':>8}{'exposure':>10}"]
    for number, pair in enumerate(pairs, 1):
        lines.append(f"{number:<6}{_row(pair.orchestrated)}{_row(pair.by_hand)}{pair.wall:8.2f}{pair.exposure:10.2f}")
    wall = statistics.median(pair.wall for pair in pairs)
    exposure = statistics.median(pair.exposure for pair in pairs)
    lines.append(f"{'median':<6}{'':>34}{'':>34}{wall:8.2f}{exposure:10.2f}")
    last = pairs[-1]
    lines += [
        "",
        "commands: the changing ones, one inside another counted once; gaps: no such ran; off: failover was off",
        f"goal: wall time at most {MAX_RATIO} x the loop's: {'met' if wall <= MAX_RATIO else 'NOT met'} ({wall:.2f})",
        "",
        "What dominates, in the last pair (seconds):",
    ]
    for name, run in (("orchestration", last.orchestrated), ("shell loop", last.by_hand)):
        asking = evidence.asking(run.calls)
        lines += [
            f"  {name}",
            f"    commands  {kinds(evidence.changing(evidence.outermost(run.calls)))}",
            f"    asking    {kinds(asking)}",
            f"    gaps      {gaps(run.parts)}",
        ]
    return "\n".join(lines)


def _row(run: Run) -> str:
    idle = sum(part.seconds for part in run.parts if part.gap)
    return f"{run.wall:8.1f}{run.commands:10.1f}{idle:7.1f}{run.exposure:7.1f}  "


def _numbers(pair: Pair) -> dict:
    return {
        name: {"wall": run.wall, "commands": run.commands, "exposure": run.exposure, "began": run.began}
        for name, run in (("orchestration", pair.orchestrated), ("loop", pair.by_hand))
    }


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number of pairs, 1 or more")
    return int(text)


if __name__ == "__main__":
    in_a_world(main)

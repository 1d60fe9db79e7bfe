"""`make bench`: the orchestration, and the same commands as a bare shell loop and as bare steps of Salt, on equal labs.

Every upgrade starts from the same snapshot. Runs inside a world:
python -m tests.lab run -- .cache/venv/bin/python -m tests.lab.bench [--rounds 3] [--speed 6] [--writers]
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
from tests.lab.measure import MAX_EXPOSURE, Run, measured
from tests.lab.report import gaps, kinds
from tests.lab.ways import Stage, by_bare_salt, by_hand, failures, in_a_world, orchestrate, write_pillar

OLD, NEW = "2.2.0", "2.3.16"
MAX_RATIO = 1.5
LOG = CACHE / "bench.log"
RESULT = CACHE / "bench.json"


@dataclass(frozen=True)
class Round:
    """The same upgrade, done each way."""

    orchestrated: Run
    bare_salt: Run
    by_hand: Run

    @property
    def wall(self) -> float:
        """How many times as long as the shell loop the orchestration took."""
        return self.orchestrated.wall / self.by_hand.wall

    @property
    def salts_own(self) -> float:
        """How many times as long as the shell loop the same commands took as bare steps of Salt."""
        return self.bare_salt.wall / self.by_hand.wall

    @property
    def exposure(self) -> float:
        """How many times as long as the nodes' installation, upgrade and rejoin failover was off."""
        return self.orchestrated.exposure / self.orchestrated.upgrading


def main() -> int:
    """Run the rounds and print the table; returns 0, whether goals are met or not: they depend on the machine."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=_positive, default=3, metavar="N")
    parser.add_argument("--speed", type=float, default=6.0, metavar="N", help="divide the product's times by N")
    parser.add_argument("--writers", action="store_true", help="clients write meanwhile (they use the machine, too)")
    options = parser.parse_args()
    with Stage("Lab up, and its snapshot"):
        lab = Lab.boot(backends=OLD, speed=options.speed)
        write_pillar(lab, NEW)
        lab.package(NEW)
        lab.save("bench")
    rounds = []
    for number in range(1, options.rounds + 1):
        # Who begins alternates, so that no way always has the warmer machine.
        order = (_orchestration, _salt, _loop) if number % 2 else (_loop, _salt, _orchestration)
        done = {way: _one(lab, way, number, options.writers) for way in order}
        rounds.append(Round(done[_orchestration], done[_salt], done[_loop]))
    print(f"\n{table(rounds)}")
    RESULT.write_text(json.dumps([_numbers(one) for one in rounds], indent=1) + "\n")
    return 0


def _orchestration(lab: Lab) -> int:
    return orchestrate(lab, LOG, show=False)


def _salt(lab: Lab) -> int:
    return by_bare_salt(lab, NEW, LOG)


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


def table(rounds: Sequence[Round]) -> str:
    """The numbers of all rounds, the medians, and what the difference consists of."""
    columns = f"{'wall':>8}{'commands':>10}{'off':>7}  "
    lines = [
        f"{'':<7}{'orchestration (s)':^27}{'bare Salt (s)':^27}{'shell loop (s)':^27}{'times as long':^27}",
        f"{'round':<7}{columns * 3}{'wall':>8}{'Salt':>8}{'exposure':>10}",
    ]
    for number, one in enumerate(rounds, 1):
        runs = f"{_row(one.orchestrated)}{_row(one.bare_salt)}{_row(one.by_hand)}"
        lines.append(f"{number:<7}{runs}{one.wall:8.2f}{one.salts_own:8.2f}{one.exposure:10.2f}")
    wall, own, exposure = (
        statistics.median(ratio(one) for one in rounds)
        for ratio in (lambda one: one.wall, lambda one: one.salts_own, lambda one: one.exposure)
    )
    lines += [
        f"{'median':<7}{'':>81}{wall:8.2f}{own:8.2f}{exposure:10.2f}",
        "",
        "commands: the changing ones, one inside another counted once; off: failover was off;",
        "wall and Salt: against the shell loop; exposure: against the nodes' installation, upgrade and rejoin",
        _goal(f"wall time at most {MAX_RATIO} x the loop's", wall, MAX_RATIO),
        f"                     (bare steps of Salt, without gate, lock, record or settle time: {own:.2f})",
        _goal(f"exposure at most {MAX_EXPOSURE} x what the nodes took", exposure, MAX_EXPOSURE),
        "",
        "What dominates, in the last round (seconds):",
    ]
    last = rounds[-1]
    for name, run in (
        ("orchestration", last.orchestrated),
        ("bare Salt", last.bare_salt),
        ("shell loop", last.by_hand),
    ):
        asking = evidence.asking(run.calls)
        lines += [
            f"  {name}",
            f"    commands  {kinds(evidence.changing(evidence.outermost(run.calls)))}",
            f"    asking    {kinds(asking)}",
            f"    gaps      {gaps(run.parts)}",
        ]
    return "\n".join(lines)


def _goal(what: str, found: float, most: float) -> str:
    return f"goal: {what}: {'met' if found <= most else 'NOT met'} ({found:.2f})"


def _row(run: Run) -> str:
    return f"{run.wall:8.1f}{run.commands:10.1f}{run.exposure:7.1f}  "


def _numbers(one: Round) -> dict:
    runs = {"orchestration": one.orchestrated, "bare Salt": one.bare_salt, "loop": one.by_hand}
    return {
        name: {"wall": run.wall, "commands": run.commands, "exposure": run.exposure, "began": run.began}
        for name, run in runs.items()
    }


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number of rounds, 1 or more")
    return int(text)


if __name__ == "__main__":
    in_a_world(main)

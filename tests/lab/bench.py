"""`make bench`: the orchestration, its bare commands as a shell loop and as steps of Salt, and Ansible, on equal labs.

Every upgrade starts from the same snapshot. Runs inside a world:
python -m tests.lab run -- .cache/venv/bin/python -m tests.lab.bench [--rounds 3] [--speed 6] [--writers]
[--ctl-cost 0] [--forks N]
"""

import argparse
import json
import os
from collections.abc import Callable
from contextlib import nullcontext

from tests.lab import evidence, ssh
from tests.lab.clients.crowd import Crowd
from tests.lab.clients.writers import WriterError
from tests.lab.common import CACHE, LabError
from tests.lab.comparison import ANSIBLE, LOOP, OURS, SALT, Round, table
from tests.lab.hosts import Lab
from tests.lab.measure import Run, measured
from tests.lab.snapshot import FAULTS
from tests.lab.ways import (
    Stage,
    by_ansible,
    by_bare_salt,
    by_hand,
    failures,
    in_a_world,
    need_ansible,
    orchestrate,
    settle_seconds,
    write_pillar,
)

OLD, NEW = "2.2.0", "2.3.16"
LOG = CACHE / "bench.log"
RESULT = CACHE / "bench.json"


def main() -> int:
    """Run the rounds and print the table; returns 0, whether goals are met or not: they depend on the machine."""
    options = _parser().parse_args()
    need_ansible()
    with Stage("Lab up, and its snapshot"):
        lab = Lab.boot(backends=OLD, speed=options.speed)
        write_pillar(lab, NEW)
        lab.package(NEW)
        lab.save("bench")
    ways = _ways(lab, options)
    rounds = []
    for number in range(1, options.rounds + 1):
        # Who begins alternates, so that no way always has the warmer machine.
        order = ways if number % 2 else reversed(ways)
        done = {name: _one(lab, name, ways[name], number, options) for name in order}
        rounds.append({name: done[name] for name in ways})
    print(f"\n{table(rounds, options.ctl_cost, settle_seconds(lab))}")
    RESULT.write_text(json.dumps([_numbers(one) for one in rounds], indent=1) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=_positive, default=3, metavar="N")
    parser.add_argument("--speed", type=float, default=6.0, metavar="N", help="divide the product's times by N")
    parser.add_argument("--writers", action="store_true", help="clients write meanwhile (they use the machine, too)")
    parser.add_argument(
        "--ctl-cost",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="each call of ctl sleeps so long first: the real one is a Ruby program of 1 to 2 s",
    )
    parser.add_argument("--forks", type=_positive, metavar="N", help="Ansible's (default: as its ansible.cfg says)")
    return parser


def _ways(lab: Lab, options: argparse.Namespace) -> dict[str, Callable[[], int]]:
    return {
        OURS: lambda: orchestrate(lab, LOG, show=False),
        SALT: lambda: by_bare_salt(lab, NEW, LOG),
        LOOP: lambda: by_hand(lab, NEW, LOG),
        ANSIBLE: lambda: by_ansible(lab, NEW, LOG, options.forks),
    }


def _one(lab: Lab, name: str, way: Callable[[], int], number: int, options: argparse.Namespace) -> Run:
    """One upgrade from the snapshot. Raises LabError unless it succeeds: a ratio of failures says nothing."""
    with Stage(f"{name} {number} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)"):
        lab.restore("bench")
        if options.ctl_cost:
            for host in lab.hosts:
                lab.put(host, f"/{FAULTS}", json.dumps({"ctl_seconds": options.ctl_cost}))
        try:
            writers = Crowd(lab, f"{name.replace(' ', '-')}-{number}") if options.writers else nullcontext()
            with ssh.served(lab) if name == ANSIBLE else nullcontext(), writers as crowd:
                run = measured(lab, NEW, way, crowd)
        except WriterError as error:
            raise LabError(str(error)) from error
    if run.status or run.unhealthy or any(set(found) != {NEW} for found in run.versions.values()):
        raise LabError(
            f"{name}: exit status {run.status}, versions {run.versions}, "
            f"cluster {run.unhealthy or 'healthy'}\n{failures(LOG)}"
        )
    return run


def _numbers(one: Round) -> dict[str, dict[str, object]]:
    return {
        name: {
            "wall": run.wall,
            "commands": run.commands,
            "exposure": run.exposure,
            "asking": len(evidence.asking(run.calls)),
            "consists": run.consists,
            "began": run.began,
        }
        for name, run in one.items()
    }


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number, 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 60:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected seconds, 0 to 60")
    return seconds


if __name__ == "__main__":
    in_a_world(main)

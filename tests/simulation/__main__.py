"""python -m tests.simulation: the whole enumeration and many random nights; or one night, told as a story.

python -m tests.simulation many [--nights 10000] [--seed 1] [--ways rolling,downtime] [--every 1] [--jobs 2]
python -m tests.simulation night --seed 1 4711          the 4711th random night of that seed
python -m tests.simulation one rolling 120 "orchestration gets signal 9" here 0 30
"""

import argparse
import functools
import multiprocessing
import sys
import time

from tests.simulation import campaign, mutants, mutations, schedules
from tests.simulation.campaign import Result
from tests.simulation.faults import KINDS, Fault
from tests.simulation.night import Schedule, spend


def many(options: argparse.Namespace) -> int:
    """Spend the enumeration and random nights; print how fast, and the story of each violation."""
    ways = options.ways.split(",")
    enumerated = campaign.enumerated(ways, options.every) if options.every else []
    random = campaign.drawn(options.nights, options.seed, ways[0] if len(ways) == 1 else None) if options.nights else []
    without = set(filter(None, options.without.split(",")))
    enumerated, random = (
        [one for one in several if one.way in ways and not without & {fault.kind for fault in one.faults}]
        for several in (enumerated, random)
    )
    found: set[str] = set()
    for name, several in (("every single fault at every point", enumerated), (f"random, seed {options.seed}", random)):
        if not several:
            continue
        began = time.monotonic()

        def told(result: Result, began: float = began, whole: int = len(several)) -> None:
            rate = result.nights / max(0.1, time.monotonic() - began)
            line = f"\r{result.nights} of {whole} nights, {rate:.0f}/s, {len(result.found)} kinds of violation "
            print(line, end="", file=sys.stderr, flush=True)

        result = campaign.campaign(several, options.jobs, told if sys.stderr.isatty() else lambda result: None)
        _print(name, result, time.monotonic() - began, options.brief)
        found |= set(result.found)
    return 1 if found else 0


def _print(name: str, result: Result, seconds: float, brief: bool) -> None:
    core = result.nights / max(0.1, result.seconds)
    print(
        f"{name}: {result.nights} nights, {result.simulated / 86400:.0f} days of them, in {seconds:.0f} s: "
        f"{core:.0f} a second and core"
    )
    print(f"  of {len(result.faults)} kinds of fault, the rarest {min(result.faults.values(), default=0)} times")
    for one in sorted(result.found.values(), key=lambda one: -one.nights):
        print(f"\n{one.nights} nights: {one.violation}\n  such as {one.schedule!r}\n")
        if not brief:
            print(spend(one.schedule).story())
    print(f"  {sum(one.nights for one in result.found.values())} violations")


def one(options: argparse.Namespace) -> int:
    """Tell one night with one fault."""
    fault = Fault(options.after, options.kind, options.where, options.seconds)
    return _told(Schedule(options.way, (fault,), options.idle))


def this(options: argparse.Namespace) -> int:
    """Tell the night of a schedule as it is printed."""
    return _told(eval(options.schedule, {"Schedule": Schedule, "Fault": Fault}))


def night(options: argparse.Namespace) -> int:
    """Tell one night of a seed."""
    return _told(campaign.drawn(options.number, options.seed)[options.number - 1])


def found(options: argparse.Namespace) -> int:
    """Print which mechanisms, taken out, the simulation misses, and after how many nights it finds the others."""
    wanted = [mutant for mutant in mutations.MUTANTS if options.only in mutant.name]
    with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
        missed = 0
        for caught in pool.imap_unordered(functools.partial(mutants.catch, most=options.nights), wanted):
            missed += caught.violation is None
            said = caught.violation or "NOT FOUND"
            print(f"{caught.mutant.name} | {caught.nights} nights | {said} | {caught.schedule!r}", flush=True)
    return 1 if missed else 0


def _told(schedule: Schedule) -> int:
    outcome = spend(schedule)
    print(outcome.story())
    return 1 if outcome.violations else 0


def main() -> int:
    """Do what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("many")
    verb.add_argument("--nights", type=int, default=10000)
    verb.add_argument("--seed", type=int, default=1)
    verb.add_argument("--ways", default=",".join(schedules.WAYS))
    verb.add_argument("--every", type=int, default=1, help="of the enumeration; 0 leaves it out")
    verb.add_argument("--jobs", type=int, default=campaign.processors())
    verb.add_argument("--without", default="", help="kinds of fault that are left out, with commas between them")
    verb.add_argument("--brief", action="store_true", help="no stories")
    verb.set_defaults(do=many)
    verb = verbs.add_parser("one")
    verb.add_argument("way", choices=schedules.WAYS)
    verb.add_argument("after", type=int)
    verb.add_argument("kind", choices=sorted(KINDS))
    verb.add_argument("where", nargs="?", default="here")
    verb.add_argument("seconds", nargs="?", type=float, default=0.0)
    verb.add_argument("idle", nargs="?", type=float, default=30.0)
    verb.set_defaults(do=one)
    verb = verbs.add_parser("night")
    verb.add_argument("number", type=int)
    verb.add_argument("--seed", type=int, default=1)
    verb.set_defaults(do=night)
    verb = verbs.add_parser("this")
    verb.add_argument("schedule", help="as it is printed: Schedule(...)")
    verb.set_defaults(do=this)
    verb = verbs.add_parser("mutants")
    verb.add_argument("--nights", type=int, default=600, help="after which a mutant counts as not found")
    verb.add_argument("--only", default="", help="part of a mutant's name")
    verb.add_argument("--jobs", type=int, default=campaign.processors())
    verb.set_defaults(do=found)
    options = parser.parse_args()
    status: int = options.do(options)
    return status


if __name__ == "__main__":
    sys.exit(main())

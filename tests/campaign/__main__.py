"""The campaign's command, inside a world: `python -m tests.lab run -- python -m tests.campaign --schedules 200`.

`--table` prints what was seen, and needs no world.
"""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tests.campaign import keeping, ledger, schedules
from tests.campaign.night import spend
from tests.campaign.schedules import ROLLING, Schedule
from tests.integration.house import House
from tests.lab.common import CHECKOUT, LabError

FOLDER = CHECKOUT / ".cache/campaign"
BOUND = 3000  # seconds within which a night is over, whatever happens
BLOCK = 25  # schedules that are sorted by their way: another way needs another lab, which takes a minute
DEAD = 3  # nights in a row in which the lab fails, after which it is no use to go on


class Endless(Exception):
    """A night was not over within its bound."""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line. Returns the exit status: 1 if an invariant was violated, 2 if something was not seen."""
    options = _parser().parse_args(words)
    path = FOLDER / f"{options.seed}.jsonl"
    if not options.table:
        _spend(path, options)
    lines = ledger.read(path)
    print(ledger.table(lines))
    told = ledger.seen(lines)
    if any(line.violations for line in told):
        return 1
    return 0 if options.table or not _pending(lines, options) else 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="which campaign (default 1)")
    parser.add_argument("--schedules", type=int, default=200, metavar="N", help="numbers 1 to N of it (default 200)")
    parser.add_argument("--only", type=int, nargs="+", metavar="I", help="these numbers, also if they were seen before")
    parser.add_argument("--at-most", type=int, metavar="K", help="no more than K of those that are not there yet")
    parser.add_argument(
        "--table", action="store_true", help="print what was seen so far, as Markdown, and nothing else"
    )
    return parser


def _pending(lines: Sequence[ledger.Line], options: argparse.Namespace) -> list[Schedule]:
    """What is to be spent now, in blocks, the rolling ones of each first."""
    there = {line.number for line in ledger.seen(lines)}
    numbers = options.only or [number for number in range(1, options.schedules + 1) if number not in there]
    drawn = [schedules.draw(options.seed, number) for number in numbers]
    drawn.sort(key=lambda one: ((one.number - 1) // BLOCK, one.way != ROLLING, one.number))
    return drawn[: options.at_most]


def _spend(path: Path, options: argparse.Namespace) -> None:
    house, dead = House(minions=True), 0
    for schedule in _pending(ledger.read(path), options):
        line = _night(house, schedule, keeping.folder_of(path.with_suffix(""), schedule))
        ledger.append(path, line)
        verdict = line.lab or f"{line.outcome}, {line.retries} retries, {line.writes} writes, {line.lost} lost"
        print(f"{schedule}\n  {line.seconds:.0f} s: {verdict}", *line.violations, sep="\n  ", flush=True)
        dead = dead + 1 if line.lab else 0
        if dead == DEAD:
            raise LabError(f"the lab failed {DEAD} times in a row: {line.lab}")
    house.close()


def _night(house: House, schedule: Schedule, folder: Path) -> ledger.Line:
    """Spend one; what the lab fails with is noted, and the next one gets another lab."""
    try:
        with _bound(BOUND):
            seen = spend(house, schedule, folder)
        line = ledger.line_of(seen)
        keeping.keep(folder, seen, line.violations)
        if line.violations and house.lab is not None:
            keeping.keep_disks(folder, house.lab)
        return line
    except Exception as error:  # of the lab or of the campaign: such a night tells nothing of the product
        line = ledger.failed(schedule, error)
        _leave(house, folder)
        return line


def _leave(house: House, folder: Path) -> None:
    """Keep what a lab that has failed tells, and take it down."""
    try:
        if house.lab is not None:
            keeping.keep_disks(folder, house.lab)
        house.close()
    except Exception as error:
        print(f"lab: {error}", file=sys.stderr, flush=True)
        house.lab = house.kind = None


@contextmanager
def _bound(seconds: int) -> Iterator[None]:
    """Raise Endless in the body after so many seconds."""

    def over(number: int, frame: FrameType | None) -> None:
        raise Endless(f"the night was not over after {seconds} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"lab: {error}")

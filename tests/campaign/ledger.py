"""The file of a campaign: one JSON line for each schedule, as soon as it has ended."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tests.campaign import invariants
from tests.campaign.schedules import CUTTING, ROLLING, Schedule
from tests.campaign.seen import Seen


@dataclass(frozen=True)
class Line:
    """What became of a schedule. lab: why it tells nothing, if the lab itself has failed; the rest is empty then.

    faults: kind and place of what has happened; missed: of those, what struck nothing, by kind; seconds and pause:
    seconds.
    """

    number: int
    way: str
    told: str
    lab: str = ""
    outcome: str = ""
    seconds: float = 0.0
    retries: int = 0
    advised: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    writes: int = 0
    lost: int = 0
    excused: int = 0
    revived: int = 0
    pause: float = 0.0
    violations: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return it as a line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Line":
        """Read a line. Raises ValueError if it is none."""
        data: dict[str, Any] = json.loads(text)
        known = {field.name for field in fields(cls)}
        told: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in known}
        return cls(**told)


def line_of(seen: Seen) -> Line:
    """Sum a night up, and judge it."""
    struck = [one for one in seen.struck if one.ended is None or not one.missed or one.missed.startswith("its end")]
    excused = [write for write in seen.lost if invariants.excused(seen, write.at)]
    return Line(
        number=seen.schedule.number,
        way=seen.schedule.way,
        told=str(seen.schedule),
        outcome=seen.outcome,
        seconds=round(seen.ended - seen.began, 1),
        retries=seen.retries,
        advised=tuple(seen.advised),
        faults=tuple(one.fault.kind for one in struck),
        missed=tuple(one.fault.kind for one in seen.struck if one not in struck),
        writes=seen.writes,
        lost=len(seen.lost) - len(excused),
        excused=len(excused),
        revived=seen.revived,
        pause=round(seen.pause, 1),
        violations=tuple(invariants.broken(seen)),
    )


def failed(schedule: Schedule, error: BaseException) -> Line:
    """The line of a schedule that the lab has failed in."""
    text = str(error).strip() or repr(error)
    return Line(schedule.number, schedule.way, str(schedule), lab=f"lab: {type(error).__name__}: {text[-600:]}")


def read(path: Path) -> list[Line]:
    """All lines, in the order in which they were written; a last one that was cut off is left out."""
    if not path.exists():
        return []
    return [Line.from_json(text) for text in path.read_text().rpartition("\n")[0].splitlines()]


def append(path: Path, line: Line) -> None:
    """Write a line at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_bytes().rpartition(b"\n") if path.exists() else (b"", b"", b"")
    with path.open("ab") as file:
        file.truncate(len(before[0]) + len(before[1]))  # a last line that was cut off goes
        file.write(line.to_json().encode() + b"\n")


def seen(lines: Sequence[Line]) -> list[Line]:
    """The lines that tell something: of each schedule the last one, those of a failed lab left out."""
    return list({line.number: line for line in lines if not line.lab}.values())


def table(lines: Sequence[Line]) -> str:
    """Return what was seen, as Markdown."""
    told = seen(lines)
    failures = len({line.number for line in lines if line.lab} - {line.number for line in told})
    writes, lost = sum(line.writes for line in told), sum(line.lost for line in told)
    hours = sum(line.seconds for line in told) / 3600
    ways = Counter(line.way for line in told)
    parts = [
        f"{len(told)} schedules ({', '.join(f'{count} {way}' for way, count in sorted(ways.items()))}), "
        f"{hours:.1f} hours; {failures} not seen yet, because the lab failed.",
        _rows(
            ("what", "found"),
            [
                ("writes acknowledged", f"{writes}"),
                ("of those lost", f"{lost}"),
                ("lost with a leader that crashed, within a second of it", f"{sum(line.excused for line in told)}"),
                ("refused, and stored all the same", f"{sum(line.revived for line in told)}"),
                ("longest pause of the clients' writes", _pause(told)),
                ("longest one where no fault cut clients or leader off, nor the way does", _pause(_uncut(told))),
                ("the command typed again, at most", f"{max((line.retries for line in told), default=0)}"),
                ("typed again, on average", f"{sum(line.retries for line in told) / max(1, len(told)):.1f}"),
            ],
        ),
        _rows(("how it ended", "schedules"), _counted(line.outcome for line in told)),
        _rows(("what else was advised, and done", "times"), _counted(what for line in told for what in line.advised)),
        _faults(told),
        _violations(told),
    ]
    return "\n\n".join(parts)


def _pause(told: Sequence[Line]) -> str:
    return f"{max((line.pause for line in told), default=0):.1f} s"


def _uncut(told: Sequence[Line]) -> list[Line]:
    return [line for line in told if line.way == ROLLING and not CUTTING & set(line.faults)]


def _faults(told: Sequence[Line]) -> str:
    struck = Counter(kind for line in told for kind in line.faults)
    missed = Counter(kind for line in told for kind in line.missed)
    rows = [(kind, str(struck[kind]), str(missed[kind])) for kind in sorted(struck | missed)]
    return _rows(("fault", "happened", "met nothing"), rows)


def _violations(told: Sequence[Line]) -> str:
    found = Counter(line.partition(":")[0] for each in told for line in each.violations)
    rows = [(name, str(found[name])) for name in invariants.NAMES]
    each = [f"- schedule {line.number}: {text}" for line in told for text in line.violations]
    return "\n\n".join([_rows(("invariant", "violations"), rows), *(["\n".join(each)] if each else [])])


def _counted(words: Iterable[str]) -> list[tuple[str, str]]:
    return [(word, str(count)) for word, count in sorted(Counter(words).items())]


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

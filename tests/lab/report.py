"""A measured run in words, for a terminal."""

from collections import defaultdict
from collections.abc import Iterable

from tests.lab import evidence
from tests.lab.clients.tally import ACKNOWLEDGED, IN_DOUBT, REFUSED, Tally
from tests.lab.measure import Check, Run, checks

GAPS = 5  # the longest ones are named


def report(run: Run) -> str:
    """Everything worth knowing about a run, several lines; ends with the goals."""
    lines = ["Report, from the journal, the disks and the clients (not from what the extension says of itself)", ""]
    for what, tallies in (("rows", run.rows), ("nodes", run.nodes)):
        lines += [_told(run, what, tally) for tally in tallies]
    lines += [
        _line("order", _order(run)),
        _line("leader", _leaders(run)),
        _line("exposure", f"{run.exposure:.1f} s: failover off {len(run.exposures)} times"),
    ]
    for one in run.exposures:
        never = "" if one.closed else ", NEVER ENDED"
        lines.append(_line("", f"{one.seconds:5.1f} s from {_at(run, one.begin)}{never}: {consists(one.parts)}"))
    asking = evidence.asking(run.calls)
    ratio = run.wall / max(run.commands, 0.001)
    lines += [
        _line("wall time", f"{run.wall:.1f} s = {ratio:.2f} x the {run.commands:.1f} s of its changing commands"),
        _line("", f"changing commands, by kind: {kinds(evidence.changing(evidence.outermost(run.calls)))}"),
        _line("", f"{len(asking)} asking commands took {evidence.seconds(asking):.1f} s: {kinds(asking)}"),
        _line("", f"longest gaps: {gaps(run.parts)}"),
        "",
        "Goals",
        *(goal(check) for check in checks(run)),
    ]
    return "\n".join(lines)


def goal(check: Check) -> str:
    """One goal with its mark."""
    return f"  {'met    ' if check.met else 'NOT met'}  {check.what}: {check.found}"


def consists(parts: Iterable[evidence.Part]) -> str:
    """What a stretch of time consists of: the commands by name, and all gaps together."""
    parts = tuple(parts)
    known = ", ".join(f"{part.what} {part.seconds:.1f}" for part in parts if not part.gap)
    return f"{known}, gaps {sum(part.seconds for part in parts if part.gap):.1f}"


def kinds(calls: Iterable[evidence.Command]) -> str:
    """Seconds by kind of command, longest first."""
    sums: dict[str, list[float]] = defaultdict(list)
    for call in calls:
        sums[call.verb].append(call.seconds)
    longest = sorted(sums.items(), key=lambda item: -sum(item[1]))
    return ", ".join(f"{verb} {sum(took):.1f} ({len(took)})" for verb, took in longest) or "none"


def gaps(parts: Iterable[evidence.Part], count: int = GAPS) -> str:
    """All gaps together, and the longest ones with what stands around them."""
    found = sorted((part for part in parts if part.gap), key=lambda part: -part.seconds)
    named = "; ".join(f"{part.what} {part.seconds:.1f}" for part in found[:count])
    return f"{sum(part.seconds for part in found):.1f} s in {len(found)}: {named}"


def _order(run: Run) -> str:
    pairs = zip(run.upgrades, run.rejoins, strict=True)
    told = [f"{span.host} (upgrade {span.seconds:.1f} s, rejoin {rejoin:.1f} s)" for span, rejoin in pairs]
    return " -> ".join(told) or "none upgraded"


def _leaders(run: Run) -> str:
    first = evidence.leader_at(run.history, run.began)
    moved = "; ".join(f"{lead.how} to {lead.host} at {_at(run, lead.time)}" for lead in run.leaders)
    return f"{first} at the begin; {moved or 'no change'}"


def _told(run: Run, what: str, tally: Tally) -> str:
    outage = tally.outage
    during = [
        str(call) for call in evidence.changing(run.calls) if call.begin <= outage.end and outage.begin <= call.ended
    ]
    return _line(
        what,
        f"{tally.writer}: {tally.count(ACKNOWLEDGED)} acknowledged ({tally.rate:.0f}/s), LOST {len(tally.lost)}; "
        f"{tally.count(IN_DOUBT)} in doubt, {tally.count(REFUSED)} refused; longest write outage "
        f"{outage.seconds * 1000:.0f} ms at {_at(run, outage.begin)}, during {', '.join(during) or 'no command'}",
    )


def _at(run: Run, time: float) -> str:
    return f"{time - run.began:+.1f} s"


def _line(what: str, text: str) -> str:
    return f"  {what:<10} {text}"

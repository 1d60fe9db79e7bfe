"""A run's report as text and as a mapping for JSON."""

import dataclasses
import datetime
from typing import Any

from saltext.chef_backend import printable
from saltext.chef_backend.show.timeline import Backup, Command, Gate, Span, Timeline

RUNNING = "under way"


def mapping(timeline: Timeline) -> dict[str, Any]:
    """Return the report as plain lists, mappings, strings and numbers; times in seconds since the run was opened."""
    return {**dataclasses.asdict(timeline), "opened_utc": moment(timeline.opened)}


def text(timeline: Timeline) -> str:
    """Return the report as text for a terminal."""
    lines = [f"cluster {printable.line(timeline.cluster)}, run {printable.line(timeline.run)}: {state(timeline)}"]
    lines += [f"  {name:<16} {printable.line(value)}" for name, value in facts(timeline)]
    rows = [*timeline.rows, timeline.failover, timeline.leads]
    rows += [timeline.writes] if timeline.writes else []
    for row in rows:
        lines += ["", printable.line(row.name)]
        lines += [f"  {span.begin:9.1f} s  {span_text(span)}" for span in row.spans] or ["  nothing was told"]
    if timeline.gates:
        lines += ["", "gates"]
        lines += [f"  {gate.at:9.1f} s  {gate_text(gate)}" for gate in timeline.gates]
    if timeline.commands:
        lines += ["", "commands"]
        lines += [f"  {one.at:9.1f} s  {command_text(one)}" for one in timeline.commands]
    if timeline.troubles:
        lines += ["", "what is missing or odd", *(f"  {printable.line(trouble)}" for trouble in timeline.troubles)]
    return "\n".join(lines)


def facts(timeline: Timeline) -> list[tuple[str, str]]:
    """Return what a reader wants first, as pairs of a name and a text."""
    failed = sum(one.status != 0 for one in timeline.commands)
    pairs = [
        ("way", f"{timeline.way} to {timeline.target}"),
        ("opened", moment(timeline.opened)),
        ("took", f"{timeline.seconds} s" + ("" if timeline.ended else f", {RUNNING}")),
        ("exposure", f"{timeline.exposure} s with failover off" + (", and it is off still" * timeline.still_off)),
        ("hand-overs", str(timeline.hand_overs)),
        ("write outage", outage(timeline)),
        ("commands", f"{len(timeline.commands)}, failed: {failed}"),
        ("backup", backup(timeline.backup)),
    ]
    first = [str(one.get("text", "")) for one in timeline.reasons][:1]  # it explains the others
    pairs += [("waived", ", ".join(timeline.waived))] if timeline.waived else []
    return pairs + [("why it ended", text.partition("\n")[0]) for text in first]


def state(timeline: Timeline) -> str:
    """Return how the run ended, or that it is under way."""
    return timeline.state if timeline.ended else RUNNING


def outage(timeline: Timeline) -> str:
    """Return how long writes were refused, in words."""
    if timeline.writes is None:
        return "not measured: no probe looked"
    if not timeline.total_outage:
        known = any(span.what == "taken" for span in timeline.writes.spans)
        return "none seen by the probe" if known else "unknown: the probe got no write through"
    return f"longest {timeline.longest_outage} s, in all {timeline.total_outage} s"


def backup(found: Backup | None) -> str:
    """Return which backup was taken, in words."""
    if found is None:
        return "none told"
    size = "size unknown" if found.size is None else f"{found.size} bytes"
    members = "" if found.members is None else f", {found.members} members"
    return f"{found.archive} on {found.node}, {size}{members}"


def span_text(span: Span) -> str:
    """Return a span in words."""
    word = {"failed": ", failed", "open": ", its end was not told"}.get(span.how, "")
    return printable.line(f"{span.what}, {span.seconds} s{'' if span.what == 'refused' else word}")


def gate_text(gate: Gate) -> str:
    """Return a gate's value and bound in words."""
    bound = f" (bound {gate.bound})" if gate.bound else ""
    value = f": {gate.value}{bound}" if gate.value or bound else ""
    return printable.line(f"{held(gate)}  {gate.node}  {gate.what}{value}")


def held(gate: Gate) -> str:
    """Return whether a gate held, in words."""
    return {None: "waited", True: "holds"}.get(gate.held, "DOES NOT HOLD")


def command_text(one: Command) -> str:
    """Return a command with its status and duration."""
    took = "" if one.seconds is None else f", {one.seconds} s"
    status = "unknown" if one.status is None else one.status
    return printable.line(f"{one.node}  {' '.join(one.argv)}  status {status}{took}")


def moment(time: float) -> str:
    """Return an epoch time as text, in UTC."""
    try:
        return datetime.datetime.fromtimestamp(time, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{time} s since 1970"

"""What the journal proves about a run: pure functions over its lines, which neither ctl nor the extension can touch.

Words: a *command* is one invocation with its begin and its end; a *span* is the time a backend is in upgrade, from the
begin of its package's installation to the end of `upgrade`; its *rejoin* follows, until Elasticsearch is green on every
backend again and each has posted what cluster-status is to show (`upgrade` itself waits for the rest); *exposure* is
the time during which failover is off.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Event = Mapping[str, Any]  # a line of a journal, as README.md tells

# Subcommands that only look. All others are taken to change something, so that an unknown one is never overlooked.
READING = {
    "chef-backend-ctl": {
        *("cluster-status", "gather-logs", "gen-sample-backend-config", "gen-server-config", "help", "service-list"),
        *("show-config", "status", "tail", "version"),
    },
    "chef-server-ctl": {"gather-logs", "help", "service-list", "show-config", "status", "tail", "version"},
}
FAILOVER = {"on": True, "true": True, "enabled": True, "off": False, "false": False, "disabled": False}


@dataclass(frozen=True)
class Command:
    """One invocation. Times are seconds since the epoch; `end` and `status` are None if it was killed or still runs."""

    host: str
    argv: tuple[str, ...]
    begin: float
    end: float | None
    status: int | None

    @property
    def program(self) -> str:
        return self.argv[0]

    @property
    def verb(self) -> str:
        """The subcommand, or the program itself for dpkg, rpm and dnf: the journal holds only what changes packages."""
        return self.argv[1] if self.program in READING and len(self.argv) > 1 else self.program

    @property
    def ended(self) -> float:
        """When it ended; math.inf if it never did."""
        return math.inf if self.end is None else self.end

    @property
    def seconds(self) -> float:
        return 0.0 if self.end is None else self.end - self.begin

    @property
    def changes(self) -> bool:
        """Whether it may change something (a call without a subcommand prints help)."""
        return self.program not in READING or (len(self.argv) > 1 and self.verb not in READING[self.program])

    @property
    def installs(self) -> bool:
        return self.program in ("dpkg", "rpm", "dnf")

    def __str__(self) -> str:
        return f"{self.host} {self.verb}"


@dataclass(frozen=True)
class Lead:
    """A backend began to serve as leader; `how`: hand-over, crash or start."""

    host: str
    time: float
    how: str


@dataclass(frozen=True)
class Span:
    """A backend was in upgrade from `begin` to `end` (math.inf: never ended); `steps`: installation and `upgrade`."""

    host: str
    begin: float
    end: float
    steps: tuple[Command, ...]

    @property
    def seconds(self) -> float:
        """The sum of its commands."""
        return sum(step.seconds for step in self.steps)


@dataclass(frozen=True)
class Part:
    """A piece of a stretch of time: a command (or what of it lies inside), or a gap in which no command ran."""

    what: str
    begin: float
    seconds: float
    gap: bool


@dataclass(frozen=True)
class Exposure:
    """Failover was off from the begin of the command that switched it off to the end of the one that switched it on.

    Both commands count wholly, so it is never less than the real one. `closed` is False if nothing switched it on.
    """

    begin: float
    end: float
    closed: bool
    parts: tuple[Part, ...]

    @property
    def seconds(self) -> float:
        return self.end - self.begin


def commands(events: Iterable[Event], since: float = 0.0, until: float = math.inf) -> tuple[Command, ...]:
    """Pair the begin and end lines of a journal.

    :param events: journal lines, any order; lines of other kinds are passed over.
    :param since: leave out what began before this time (seconds since the epoch).
    :param until: leave out what began after this time.
    :returns: the commands, by their begin.
    :raises ValueError: if an id ends without a begin, or begins or ends twice: such a journal proves nothing.
    """
    begins: dict[str, Event] = {}
    ends: dict[str, Event] = {}
    for event in events:
        lines = {"begin": begins, "end": ends}.get(event["event"])
        if lines is None:
            continue
        if event["id"] in lines:
            raise ValueError(f"journal: two {event['event']} lines of {event['id']}: {event['host']} {event['argv']}")
        lines[event["id"]] = event
    for ident in ends.keys() - begins.keys():
        raise ValueError(f"journal: an end without a begin: {ends[ident]['host']} {ends[ident]['argv']}")
    found = []
    for ident, line in begins.items():
        end = ends.get(ident, {"time": None, "status": None})
        if since <= line["time"] <= until:
            found.append(Command(line["host"], tuple(line["argv"]), line["time"], end["time"], end["status"]))
    return tuple(sorted(found, key=lambda command: command.begin))


def changing(calls: Iterable[Command], hosts: Iterable[str] | None = None) -> tuple[Command, ...]:
    """The commands that may have changed something; with `hosts`, on these only (empty: they were left alone)."""
    wanted = None if hosts is None else set(hosts)
    return tuple(call for call in calls if call.changes and (wanted is None or call.host in wanted))


def asking(calls: Iterable[Command]) -> tuple[Command, ...]:
    """The commands that only look."""
    return tuple(call for call in calls if not call.changes)


def outermost(calls: Sequence[Command]) -> tuple[Command, ...]:
    """Without the commands that ran inside another one of the same host (apt's dpkg, ...): what may be summed up."""
    kept: list[Command] = []
    for call in calls:
        inside = any(
            other.host == call.host and other.end is not None and call.end is not None and call.end <= other.end
            for other in kept
        )
        if not inside:
            kept.append(call)
    return tuple(kept)


def spans(calls: Sequence[Command], backends: Iterable[str] | None = None) -> tuple[Span, ...]:
    """When each backend was in upgrade, by begin; one span for each `upgrade`, with the installation before it.

    :param backends: look at these hosts only (a frontend's packages are no backend in upgrade).

    An installation without a later `upgrade` on its host is a span of its own that never ended.
    """
    found: list[Span] = []
    installed: dict[str, list[Command]] = {}
    wanted = None if backends is None else set(backends)
    for call in (call for call in calls if wanted is None or call.host in wanted):
        if call.installs:
            installed.setdefault(call.host, []).append(call)
        elif call.program == "chef-backend-ctl" and call.verb == "upgrade":
            steps = (*installed.pop(call.host, ()), call)
            found.append(Span(call.host, steps[0].begin, call.ended, steps))
    found += [Span(host, steps[0].begin, math.inf, tuple(steps)) for host, steps in installed.items()]
    return tuple(sorted(found, key=lambda span: span.begin))


def rejoins(events: Iterable[Event], upgrades: Sequence[Span], until: float) -> tuple[float, ...]:
    """Seconds from the end of each `upgrade` until the cluster is whole again, and cluster-status can show it.

    :param upgrades: by begin. :param until: end of the run (seconds since the epoch).

    A rejoin that the next node's upgrade, or the end of the run, interrupts counts until then.
    """
    lines = sorted((line for line in events if line["event"] in ("elasticsearch", "posted")), key=lambda e: e["time"])
    found = []
    nexts = [*(span.begin for span in upgrades), until][1:]
    for span, following in zip(upgrades, nexts, strict=True):
        seen: dict[tuple[str, str], Event] = {}
        end = span.end
        for line in (line for line in lines if line["time"] < following):
            if line["time"] > span.end and _whole(seen):
                break
            seen[line["event"], line["host"]] = line
            end = max(span.end, line["time"])
        found.append(0.0 if math.isinf(span.end) else max(0.0, (end if _whole(seen) else following) - span.end))
    return tuple(found)


def _whole(seen: Mapping[tuple[str, str], Event]) -> bool:
    """Elasticsearch is green wherever it runs; of what the nodes posted last, one leads and one is its master."""
    green = {line["status"] for (what, _), line in seen.items() if what == "elasticsearch"}
    posted = [line for (what, _), line in seen.items() if what == "posted"]
    roles = sorted((line["role"], line["pg"]) for line in posted)
    masters = [line for line in posted if line["es"] == "master"]
    one_leads = roles == [("follower", "follower")] * 2 + [("leader", "leader")]
    return green == {"green"} and one_leads and len(masters) == 1


def at_once(upgrades: Sequence[Span]) -> tuple[tuple[str, str], ...]:
    """Pairs of backends that were in upgrade at the same time. I1 holds if there is none."""
    return tuple(
        (one.host, other.host)
        for index, one in enumerate(upgrades)
        for other in upgrades[index + 1 :]
        if other.host != one.host and other.begin < one.end
    )


def leads(events: Iterable[Event]) -> tuple[Lead, ...]:
    """Every time a backend began to serve as leader, by time."""
    lines = sorted((event for event in events if event["event"] == "leads"), key=lambda event: event["time"])
    return tuple(Lead(line["host"], line["time"], line["how"]) for line in lines)


def leader_at(history: Sequence[Lead], time: float) -> str | None:
    """Who led at a time, None if nobody had led before."""
    before = [lead.host for lead in history if lead.time <= time]
    return before[-1] if before else None


def changes_of_leader(history: Sequence[Lead], since: float, until: float = math.inf) -> tuple[Lead, ...]:
    """The `leads` lines after `since`; the one that says who led at the start is not among them."""
    return tuple(lead for lead in history if since < lead.time <= until)


def leader_last(upgrades: Sequence[Span], history: Sequence[Lead]) -> str | None:
    """What speaks against I2; None if the leader came last, after one hand-over to a node that was upgraded."""
    if not upgrades:
        return "no backend was upgraded"
    begin, last = upgrades[0].begin, upgrades[-1]
    leader = leader_at(history, begin)
    moved = changes_of_leader(history, begin, last.end)
    if last.host != leader:
        return f"{leader} led when the upgrades began, but {last.host} was upgraded last"
    if [lead.how for lead in moved] != ["hand-over"]:
        told = ", ".join(f"{lead.how} to {lead.host}" for lead in moved) or "none"
        return f"expected one hand-over, found: {told}"
    ready = [span for span in upgrades if span.host == moved[0].host and span.end <= moved[0].time]
    return None if ready else f"{moved[0].host} took over before it was upgraded"


def failover(calls: Iterable[Command]) -> bool | None:
    """What the last successful `set-cluster-failover` left behind: True for on, None if there was none."""
    switches = _switches(calls)
    return switches[-1][1] if switches else None


def exposures(calls: Sequence[Command], until: float) -> tuple[Exposure, ...]:
    """The times during which failover was off, with what each consists of.

    :param calls: the commands of all hosts.
    :param until: where an exposure ends that nothing closed (seconds since the epoch).
    """
    found, begin = [], None
    for call, on in _switches(calls):
        if not on and begin is None:
            begin = call.begin
        elif on and begin is not None:
            found.append(Exposure(begin, call.ended, True, parts(calls, begin, call.ended)))
            begin = None
    if begin is not None:
        found.append(Exposure(begin, until, False, parts(calls, begin, until)))
    return tuple(found)


def _switches(calls: Iterable[Command]) -> list[tuple[Command, bool]]:
    switches = [call for call in calls if call.verb == "set-cluster-failover" and call.status == 0]
    return [(call, FAILOVER[call.argv[2]]) for call in sorted(switches, key=lambda call: call.ended)]


def parts(calls: Sequence[Command], begin: float, end: float) -> tuple[Part, ...]:
    """Cut a stretch of time into what changed something there, and the gaps: each moment in exactly one part.

    Where commands run at the same time, the one that began first is named. Commands that only look are part of the
    gaps: asking is what a gap is spent on.
    """
    found, now, before = [], begin, "the begin"
    for call in sorted(changing(calls), key=lambda call: call.begin):
        from_, to = max(call.begin, now), min(call.ended, end)
        if to <= from_:
            continue
        if from_ > now:
            found.append(Part(f"{before} .. {call}", now, from_ - now, True))
        found.append(Part(str(call), from_, to - from_, False))
        now, before = to, str(call)
    if end > now:
        found.append(Part(f"{before} .. the end", now, end - now, True))
    return tuple(found)


def times(calls: Iterable[Command]) -> list[tuple[float, float]]:
    """Begin and end of some commands; one that never ended has no end."""
    return [(call.begin, call.ended) for call in calls]


def shares(layers: Sequence[Iterable[tuple[float, float]]], begin: float, end: float) -> list[float]:
    """The seconds between begin and end that lie in each layer and in none before it.

    :param layers: each some stretches of time (begin, end), which may overlap.
    """
    found: list[float] = []
    stretches: list[tuple[float, float]] = []
    for layer in layers:
        stretches += layer
        covered, now = 0.0, begin
        for from_, to in sorted(stretches):
            from_, to = max(from_, now), min(to, end)
            if to > from_:
                covered += to - from_
                now = to
        found.append(covered - sum(found))
    return found


def seconds(calls: Iterable[Command]) -> float:
    """The sum of what some commands took."""
    return sum(call.seconds for call in calls)

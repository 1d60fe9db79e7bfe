"""What was seen of a night: plain facts, from the lab's journal, disks and clients, to hold invariants against."""

import dataclasses
import math
from collections.abc import Sequence

from tests.campaign.fate import Struck
from tests.campaign.schedules import Schedule
from tests.lab import evidence
from tests.lab.evidence import Command, Event, Lead

GOAL, ABORTED, STUCK = "target reached", "aborted", "stuck"
SLACK = 1.0  # seconds by which the begin of a command may be seen late


@dataclasses.dataclass(frozen=True)
class Said:
    """A command that somebody typed, and how it ended.

    status: None if it was killed; drives: whether it drives a run; late: it did not end within its bound.
    """

    who: str
    words: tuple[str, ...]
    began: float
    ended: float
    status: int | None
    drives: bool
    text: str
    late: bool = False


@dataclasses.dataclass(frozen=True)
class Left:
    """How it stood when a run had been left alone for longer than its lease.

    failover: on or off, by etcd; loud: whether somebody says that it stays off; armed: the backends that look after it.
    """

    at: float
    failover: str
    loud: bool
    armed: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class End:
    """How it stood at the end.

    versions: for each backend (installed, running); unhealthy: by the lab, None if nothing; failover: on or off, by
    etcd; open: the backends that hold the record of a run that has not ended; armed: those whose dead man's switch
    is; out: frontends that refuse their clients; unserved: clients who cannot write; unfound: nodes that a search
    through a frontend does not find.
    """

    versions: dict[str, tuple[str, str]]
    unhealthy: str | None
    failover: str
    open: tuple[str, ...]
    armed: tuple[str, ...]
    out: tuple[str, ...] = ()
    unserved: tuple[str, ...] = ()
    unfound: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Write:
    """An acknowledged write that is lost, and when it was acknowledged."""

    key: str
    at: float


@dataclasses.dataclass(frozen=True)
class Seen:
    """A night. Times are seconds since the epoch; writes: acknowledged ones, rows and nodes; pause: the longest time
    without one, in seconds; runs: how many there were, by the backends' own journals of them; advised: what else the
    operator did, because it was advised."""

    schedule: Schedule
    target: str
    leader: str
    began: float
    ended: float
    outcome: str
    events: Sequence[Event]
    said: Sequence[Said]
    struck: Sequence[Struck]
    left: Sequence[Left]
    end: End
    writes: int = 0
    lost: Sequence[Write] = ()
    revived: int = 0
    pause: float = 0.0
    runs: int = 1
    retries: int = 0
    advised: Sequence[str] = ()

    @property
    def commands(self) -> list[Command]:
        """The commands of the product, in the order of their begins."""
        begun = {event["id"] for event in self.events if event["event"] == "begin"}
        return list(evidence.commands(e for e in self.events if e["event"] != "end" or e["id"] in begun))

    @property
    def leads(self) -> list[Lead]:
        """Who led when: the one of the beginning first."""
        return [Lead(self.leader, self.began, "start"), *evidence.leads(self.events)]

    def hit(self, *kinds: str) -> list[Struck]:
        """The faults of these kinds that did something."""
        return [one for one in self.struck if one.fault.kind in kinds and not one.missed]

    def until(self, command: Command) -> float:
        """Return when a command was over: at its end, or when its host lost its power; math.inf if never."""
        if command.end is not None:
            return command.end
        cuts = [one.began for one in self.hit("power off") if one.where == command.host]
        return min((cut for cut in cuts if cut > command.begin - SLACK), default=math.inf)

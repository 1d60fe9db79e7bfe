"""What one night of the campaign is made of, and how it is drawn: number i of seed s is always the same."""

import dataclasses
import random
from collections.abc import Mapping
from typing import Any

BACKENDS = ("be1", "be2", "be3")
FRONTENDS = ("fe1", "fe2")
LEADER = "leader"  # whoever leads at that moment
ROLLING, REINDEX = "rolling", "reindex"

UPGRADE = "chef-backend-ctl upgrade"
SWITCH = "chef-backend-ctl set-cluster-failover"
BACKUP = "chef-backend-ctl backup"
TABLE = "chef-backend-ctl cluster-status"
RECONFIGURE = "chef-server-ctl reconfigure"

#: Commands of a way that moments are named by, and how many of each there are about.
OF_ALL = {UPGRADE: 3, SWITCH: 4, TABLE: 25, "dpkg": 3, RECONFIGURE: 2}
COMMANDS: dict[str, dict[str, int]] = {
    ROLLING: OF_ALL,
    REINDEX: OF_ALL
    | {
        "chef-server-ctl maintenance on": 2,
        "chef-backend-ctl stop elasticsearch": 3,
        "chef-backend-ctl start elasticsearch": 3,
        "chef-server-ctl reindex": 2,
        "chef-server-ctl maintenance off": 2,
    },
}
#: Verbs that a stand-in can fail, hang in, or lie about: on a backend, on a frontend.
VERBS = {
    ROLLING: (("upgrade", "set-cluster-failover", "cluster-status", "backup"), ("reconfigure",)),
    REINDEX: (
        ("upgrade", "set-cluster-failover", "cluster-status", "stop", "start"),
        ("reconfigure", "maintenance", "reindex"),
    ),
}

SIGNALS = ("SIGKILL", "SIGINT", "SIGTERM", "SIGHUP")
#: The kinds of fault; each group is drawn as often as another.
GROUPS: tuple[tuple[str, ...], ...] = (
    tuple(f"salt-run gets {name}" for name in SIGNALS),
    ("salt-master killed", "salt-master killed", "masters cut off"),
    ("minion killed", "minion killed with its jobs", "minion stopped", "busy with a highstate"),
    ("host stopped", "host cut off", "power off"),
    ("command fails", "command hangs", "command lies"),
    ("lead moved by demote", "lead moved by promote", "leaderl stopped", "failover typed off", "failover typed on"),
    ("pause typed", "resume typed", "abort typed", "same command typed", "same command typed twice"),
)
KINDS = tuple(dict.fromkeys(kind for group in GROUPS for kind in group))
LASTING = {
    "salt-master killed", "masters cut off", "minion killed", "minion killed with its jobs", "minion stopped",
    "busy with a highstate", "host stopped", "host cut off", "power off", "command hangs", "leaderl stopped",
}  # fmt: skip
OF_HOSTS = {
    "minion killed", "minion killed with its jobs", "minion stopped", "busy with a highstate",
    "host stopped", "host cut off", "power off",
}  # fmt: skip
#: After these the lead may have moved, and not by the run.
MOVING = {
    "lead moved by demote", "lead moved by promote", "leaderl stopped", "host stopped", "host cut off", "power off",
}  # fmt: skip
#: These cut clients off, or the leader: writes pause for as long as they last.
CUTTING = {"masters cut off", "host stopped", "host cut off", "power off", "leaderl stopped"}
LINES = 30  # that a run prints while it is at work
SHORT, LONG = 5.0, 40.0  # seconds that a lasting fault may last


@dataclasses.dataclass(frozen=True)
class Moment:
    """When a fault strikes: `after` seconds from what it names.

    of: `start` (of the night), `begins` or `ends` (the number-th command that begins with these words, on any host),
    or `told` (the number-th line that salt-run prints while it is at work).
    """

    of: str
    what: str = ""
    number: int = 1
    after: float = 0.0

    def __str__(self) -> str:
        later = f"{self.after:g} s after " if self.after else "when "
        if self.of == "start":
            return f"{self.after:g} s after the start"
        if self.of == "told":
            return f"{later}line {self.number} is told"
        return f"{later}{self.what} {self.of} for the {self.number}. time"


@dataclasses.dataclass(frozen=True)
class Fault:
    """Something that happens. where: a host's name, or `leader`; what: a ctl's verb; seconds: how long it lasts."""

    kind: str
    moment: Moment
    where: str = ""
    what: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        about = " ".join(word for word in (self.what, f"({self.where})" if self.where else "") if word)
        lasts = f" for {self.seconds:g} s" if self.seconds else ""
        return f"{self.kind}{f' {about}' if about else ''}{lasts}, {self.moment}"


@dataclasses.dataclass(frozen=True)
class Schedule:
    """What a night is made of. idle: seconds until the operator types again; slow: commands take three seconds more."""

    number: int
    way: str
    faults: tuple[Fault, ...]
    backup: bool = False
    slow: bool = False
    idle: float = 3.0

    def __str__(self) -> str:
        more = [word for word, holds in (("backup", self.backup), ("slow", self.slow)) if holds]
        told = [", ".join([self.way, *more, f"idle {self.idle:g} s"]), *map(str, self.faults)]
        return f"{self.number}: {'; '.join(told)}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Schedule":
        """Build it from what JSON gave back."""
        faults = tuple(Fault(**{**fault, "moment": Moment(**fault["moment"])}) for fault in data["faults"])
        return cls(**{**data, "faults": faults})


def draw(seed: int, number: int) -> Schedule:
    """Draw a schedule. The same seed and number always give the same one, however many are drawn."""
    chance = random.Random(f"campaign {seed} {number}")
    way = REINDEX if number % 5 == 0 else ROLLING
    backup = way == ROLLING and chance.random() < 0.25
    slow = chance.random() < 0.5
    idle = chance.choice((3.0, 3.0, 40.0))  # within the lease, and so long that the backends look after failover
    count = chance.choice((1, 2, 2, 3))
    faults = tuple(_fault(chance, way, backup) for _ in range(count))
    return Schedule(number, way, faults, backup, slow, idle)


def _fault(chance: random.Random, way: str, backup: bool) -> Fault:
    kind = chance.choice(chance.choice(GROUPS))
    seconds = round(chance.uniform(SHORT, LONG)) if kind in LASTING else 0.0
    where = what = ""
    if kind.startswith("command "):
        on_backend = chance.random() < 0.75
        verbs = [verb for verb in VERBS[way][0 if on_backend else 1] if backup or verb != "backup"]
        where, what = chance.choice(BACKENDS if on_backend else FRONTENDS), chance.choice(verbs)
        # it waits there for the next such command
        return Fault(kind, Moment("start", after=float(chance.choice((0, 0, 15)))), where, what, seconds)
    if kind in OF_HOSTS:
        where = chance.choice((*BACKENDS, *BACKENDS, LEADER, *FRONTENDS))
    elif kind in ("lead moved by promote", "failover typed off", "failover typed on", "lead moved by demote"):
        where = chance.choice(BACKENDS)
    elif kind == "leaderl stopped":
        where = chance.choice((LEADER, LEADER, *BACKENDS))
    return Fault(kind, _moment(chance, COMMANDS[way] | ({BACKUP: 1} if backup else {})), where, what, seconds)


def _moment(chance: random.Random, commands: Mapping[str, int]) -> Moment:
    of = chance.choice(("begins", "begins", "begins", "ends", "told", "start"))
    after = round(chance.choice((0.0, chance.uniform(0, 3))), 1)
    if of == "start":
        return Moment(of, after=round(chance.uniform(2, 40), 1))
    if of == "told":
        return Moment(of, number=chance.randint(1, LINES), after=after)
    what = chance.choice([UPGRADE, *sorted(commands)])  # where it hurts most, twice as often
    return Moment(of, what, chance.randint(1, commands[what]), after)

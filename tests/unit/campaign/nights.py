"""Nights made by hand: a good one, to be spoiled."""

import itertools
from typing import Any

from tests.campaign.fate import Struck
from tests.campaign.schedules import Fault, Moment, Schedule
from tests.campaign.seen import GOAL, End, Said, Seen
from tests.lab.evidence import Event

BEGAN = 1000.0
OLD, NEW = "2.2.0", "2.3.16"
GOOD = End({name: (NEW, NEW) for name in ("be1", "be2", "be3")}, None, "on", (), ())
_ids = itertools.count()


def command(host: str, words: str, at: float, until: float | None = None, status: int = 0) -> list[Event]:
    """A command's lines, at seconds of the night; without `until` it never ended."""
    line = {"id": str(next(_ids)), "host": host, "argv": words.split()}
    begin = {**line, "event": "begin", "time": BEGAN + at}
    if until is None:
        return [begin]
    return [begin, {**line, "event": "end", "time": BEGAN + until, "status": status}]


def leads(host: str, at: float, how: str = "hand-over") -> list[Event]:
    """The line of a node that begins to lead."""
    return [{"event": "leads", "host": host, "time": BEGAN + at, "how": how}]


def switch(word: str, at: float, host: str = "be1") -> list[Event]:
    """Failover is switched, at once."""
    return command(host, f"chef-backend-ctl set-cluster-failover {word}", at, at + 0.1)


def upgrade(host: str, at: float, until: float | None, status: int = 0, words: str = "") -> list[Event]:
    """An upgrade."""
    return command(host, f"chef-backend-ctl upgrade {words}", at, until, status)


#: The parts of a good run, by name: what is replaced is spoiled.
PARTS: dict[str, list[Event]] = {
    "off": switch("off", 5),
    "first": upgrade("be2", 10, 13),
    "second": upgrade("be3", 20, 23),
    "on": switch("on", 25),
    "leader": upgrade("be1", 30, 35, words="--failover"),
    "hand-over": leads("be2", 31),
    "close": switch("off", 40) + switch("on", 41),
    "frontends": command("fe1", "chef-server-ctl reconfigure", 45, 46),
}


def said(began: float = 0.0, ended: float = 60.0, status: int | None = 0, **more: Any) -> Said:
    """The one command, as the operator has typed it."""
    words = ("salt-run", "state.orchestrate", "orch.chef_backend_rolling")
    return Said("operator", words, BEGAN + began, BEGAN + ended, status, **{"drives": True, "text": "", **more})


def struck(kind: str, where: str = "", at: float = 10.0, until: float | None = None, **more: Any) -> Struck:
    """A fault that has happened."""
    fault = Fault(kind, Moment("start", after=at), where, **more)
    return Struck(fault, where, BEGAN + at, BEGAN + (at if until is None else until))


def night(*faults: Struck, extra: list[Event] | None = None, **spoiled: Any) -> Seen:
    """A good night, but for what is given: parts by name (with `_` for `-`), `extra` lines, or fields of `Seen`."""
    parts = {name: spoiled.pop(name.replace("-", "_"), lines) for name, lines in PARTS.items()}
    events = sorted([*itertools.chain(*parts.values()), *(extra or [])], key=lambda event: float(event["time"]))
    fields: dict[str, Any] = {
        "schedule": Schedule(1, "rolling", tuple(one.fault for one in faults)),
        "target": NEW,
        "leader": "be1",
        "began": BEGAN,
        "ended": BEGAN + 100,
        "outcome": GOAL,
        "said": [said()],
        "left": [],
        "end": GOOD,
        "writes": 1000,
    }
    return Seen(**{**fields, **spoiled, "events": events, "struck": list(faults)})

"""A master without Salt: its nodes answer from functions, its clock moves only when somebody sleeps."""

import contextlib
import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.clock import Came
from saltext.chef_backend.journal import Entry
from saltext.chef_backend.record import ABANDONED, OPEN, Record, Run
from saltext.chef_backend.run import apart
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run.bus import Answer
from saltext.chef_backend.run.master import Event, Master
from tests import fit
from tests.functional.pillars import example
from tests.unit.answered import RECORD, answer, notes

NOW = 2100.0  # epoch seconds at which a test begins; the owner of RECORD was heard of then
ADDRESSES = {"be1": "10.0.0.1", "be2": "10.0.0.2", "be3": "10.0.0.3", "fe1": "10.0.0.4", "fe2": "10.0.0.5"}
CLIENTS = ("10.0.0.2", "10.0.0.4", "10.0.0.5")  # of the leader's PostgreSQL
WELL = {"settings": {}, "fsync": 0.002, "index": True, "errors": {}}  # what a backend says a new run stands on
PROCESS = (RECORD.owner.boot, RECORD.owner.pid, RECORD.owner.ticks)
Views = Mapping[str, Mapping[str, Any] | None]  # what is changed in the answers, by node


class Clock:
    """Time that passes when somebody waits for it; ``work``: what is done again and again beside all else."""

    def __init__(self, now: float = NOW):
        self.time = now
        self.work: list[Callable[[], None]] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def boot(self) -> tuple[str, float]:
        return "b1", self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def every(self, seconds: float, work: Callable[[], None], at_hand: float = 0) -> Callable[[], None]:
        self.work.append(work)
        return lambda: self.work.remove(work)

    def within(self, seconds: float, work: Callable[[], Came]) -> Came:
        return work()


class Bus:
    """Nodes that answer: ``does`` maps a function's name to one called with the node's name and the arguments.

    What it returns is the answer, what it raises is an error of that node; :class:`Answer` stands for itself.
    """

    def __init__(self, **does: Any):
        self.does = does
        self.calls: list[tuple[Any, ...]] = []  # node, function, arguments
        self.no_key: set[str] = set()
        self.sent: list[tuple[Any, ...]] = []  # nodes, function, arguments
        self.orders: list[tuple[str, str, Any]] = []  # node, function, and the order by which it was called

    def ask(
        self,
        nodes: Sequence[str],
        function: str,
        *args: Any,
        timeout: float,
        kwargs: Mapping[str, Any] | None = None,
        heard: MutableMapping[str, Answer] | None = None,
    ) -> dict[str, Answer]:
        heard = {} if heard is None else heard
        for node in nodes:
            heard[node] = self._said(node, function, args, kwargs or {})
        return dict(heard)

    def _said(self, node: str, function: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Answer:
        self.calls.append((node, function, *args))
        given = dict(kwargs)
        if "order" in given:
            self.orders.append((node, function, given.pop("order")))
        try:
            said = self.does[function](node, *args, **given)
        except CommandExecutionError as err:
            return Answer(False, error=str(err))
        return said if isinstance(said, Answer) else Answer(True, said)

    def send(self, nodes: Sequence[str], function: str, *args: Any) -> None:
        self.sent.append((tuple(nodes), function, *args))

    def matching(self, target: str) -> list[str]:
        return ["fe1", "fe2"]

    def accepted(self, nodes: Sequence[str]) -> list[str]:
        return [node for node in nodes if node not in self.no_key]

    def own(self) -> "Bus":
        return self

    def asked(self, function: str) -> list[tuple[Any, ...]]:
        """Return the calls of one function, without its name."""
        return [(node, *args) for node, name, *args in self.calls if name == function]


class Events:
    """The event bus: ``fired`` are ours, ``heard`` is what a listener is given, one after another, or None."""

    def __init__(self, clock: Clock):
        self.clock = clock
        self.fired: list[Event] = []
        self.heard: list[Event | None] = []

    def fire(self, tag: str, data: Mapping[str, Any]) -> None:
        self.fired.append(Event(tag, data))

    def listen(self) -> contextlib.AbstractContextManager["Events"]:
        return contextlib.nullcontext(self)

    def get(self, tag: str, seconds: float) -> Event | None:
        self.clock.sleep(seconds if not self.heard else 0)
        return self.heard.pop(0) if self.heard else None


class Told:
    def __init__(self) -> None:
        self.kept: list[Entry] = []

    def keep(self, entry: Entry) -> None:
        self.kept.append(entry)

    def of(self, cluster: str, run: str) -> Iterator[dict[str, Any]]:
        return (entry.to_dict() for entry in self.kept if (entry.cluster, entry.run) == (cluster, run))


class Notes:
    def __init__(self) -> None:
        self.notes: dict[str, Any] = {}

    def read(self, name: str) -> str | None:
        return self.notes.get(name)

    def write(self, name: str, text: str) -> None:
        self.notes[name] = text

    def alone(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def received(self, node: str, path: str) -> bytes | None:
        came: bytes | None = self.notes.pop(f"{node}:{path}", None)
        return came

    def keep(self, name: str, content: str | bytes) -> str:
        self.notes[name] = content
        return f"/{name}"


class Backends:
    """Backends that answer their view, and hold the record of a run, for its owner.

    :param told: what is changed in their answers, as for ``tests.unit.answered.views``; several are told in turn, the
        last one for ever; None for a node is a minion that does not answer.
    """

    def __init__(self, clock: Clock, *told: Views, record: Record | None = None):
        self.clock, self.told, self.record = clock, told or ({},), record and record.record
        if self.record and self.record.state == ABANDONED:  # which is told by a note, not by the record itself
            self.record = dataclasses.replace(self.record, state=OPEN)
        self.notes = notes(record) if isinstance(record, Run) else {}
        self.looks: defaultdict[str, int] = defaultdict(int)

    def view(
        self,
        node: str,
        only: Sequence[str] | None = None,
        word: Mapping[str, Any] | None = None,
        table: Any = None,
    ) -> Answer | dict[str, Any]:
        told = self.told[min(self.looks[node], len(self.told) - 1)].get(node, {})
        self.looks[node] += 1
        if told is None:
            return Answer(False, error=f"{node} does not answer")
        if word is not None:
            self.accept(node, word)
        held: dict[str, Any] = {"record": self.record.to_dict()} if self.record else {}
        own = {"names": [node], "addresses": [ADDRESSES[node]] if node in ADDRESSES else []}
        return answer(node, own=own, **held, note=self.notes.get(node), **told)

    def accept(self, node: str, record: Mapping[str, Any], over: Mapping[str, int] | None = None) -> dict[str, Any]:
        wanted = Record.from_dict(record)
        if self.record is None or wanted.word >= self.record.word:
            self.record = wanted
        return {"taken": self.record == wanted, "record": self.record.to_dict()}

    def stay_armed(self, node: str) -> Answer | bool:
        if self.told[-1].get(node, {}) is None:
            return Answer(False, error=f"{node} does not answer")
        return True

    def finish(self, node: str, record: Mapping[str, Any]) -> bool:
        self.record = None
        return True

    def withdraw(self, node: str, run: str, epoch: int) -> bool:
        self.record = None
        return True


def master(
    *told: Views, record: Record | None = None, does: Mapping[str, Callable[..., Any]] | None = None, **more: Any
) -> Master:
    """Return a master whose cluster prod is the example's; ``backends`` are its backends' answers, see Backends.

    :param told: what is changed in the backends' answers.
    :param record: the record that they hold.
    :param does: functions of nodes, besides those of ``chef_backend_agent`` that a run needs.
    :param more: fields of ``Master``, and settings of the cluster.
    """
    clock = Clock()
    backends = Backends(clock, *told, record=record)
    agent: dict[str, Callable[..., Any]] = {
        f"chef_backend_agent.{name}": getattr(backends, name)
        for name in ("view", "accept", "finish", "withdraw", "stay_armed")
    } | {
        "chef_backend_agent.arm": lambda node, seconds: True,
        "chef_backend_agent.connected": lambda node: list(CLIENTS),
        "chef_backend_environment.environment": lambda node, saltenv, fire: fit.environment(clock.now()),
        "test.ping": lambda node: True,
        "chef_backend_agent.ground": lambda node: {"clock": clock.now(), **WELL},
        "grains.item": lambda node, *names: {"ipv4": [ADDRESSES[node]], "ipv6": []},
        "chef_server_agent.accept": lambda node, record: {"taken": True, "record": record, "at": ["b1", 0.0]},
        "chef_server_agent.finish": lambda node, record: True,
        "chef_server_agent.epoch": lambda node: 0,
    }
    fields = {field.name for field in dataclasses.fields(Master)}
    given: dict[str, Any] = {
        "id": "hub",
        "pillar": example(**{name: more.pop(name) for name in set(more) - fields}),
        "bus": Bus(**{**agent, **(does or {})}),
        "events": Events(clock),
        "told": Told(),
        "notes": Notes(),
        "kept": {},
        "process": PROCESS,
        "alive": lambda process: False,
        "start": lambda function, kwargs: "job",
        "environment": lambda: fit.HUB,
        "package_size": lambda source: 300 << 20,
        "apart": lambda work, seconds: apart.trouble(work),
        "clock": clock,
    }
    if record is not None and more.get("jid") == record.owner.jid:  # this process has taken it
        given["kept"][f"{clusters.HELD}.{record.cluster}"] = record.record
    return Master(**given | more)


def backends(hub: Master) -> Backends:
    """Return the :class:`Backends` of a master."""
    assert isinstance(hub.bus, Bus)
    found: Backends = hub.bus.does["chef_backend_agent.view"].__self__
    return found

"""Salt's bus, from a master to its minions: asked as Salt's client asks, over cables that can be cut."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import salt_bus
from saltext.chef_backend.run.bus import Answer
from saltext.chef_backend.run.signals import Interrupted
from tests.simulation.engine import Engine, Process, Task
from tests.simulation.minion import Message, Minion, copied
from tests.simulation.place import Network, Place

LATENCY = 0.05  # seconds on the way
GATHER = 5.0  # seconds that a master waits for who says that a job is at work
RETURNS = 3  # times that a minion tries to send what a job returned
RETRY = 10.0  # seconds between two of them


class Hub(Protocol):
    """A master, as its bus needs it."""

    place: Place
    daemon: bool
    jids: int

    def published(self, node: str, message: Message, minion: Minion | None) -> None: ...


class Bus:
    """The bus of one process of a master."""

    def __init__(self, engine: Engine, network: Network, hub: Hub, minions: Mapping[str, Minion], process: Process):
        self._engine, self._network, self._hub, self._minions = engine, network, hub, minions
        self._process = process

    def ask(
        self,
        nodes: Sequence[str],
        function: str,
        *args: Any,
        timeout: float,
        kwargs: Mapping[str, Any] | None = None,
        heard: MutableMapping[str, Answer] | None = None,
    ) -> dict[str, Answer]:
        if not nodes:
            return {}
        kind = "order" if function == "state.sls" else "ask"
        shown = args[0] if function == "state.sls" else function
        self._engine.point(kind, f"{shown} of {', '.join(nodes)}")
        self._reachable()
        said: dict[str, dict[str, Any]] = {}
        task = self._engine.current
        assert task is not None
        jid = self._jid()

        def reply(node: str, value: Any, code: int) -> None:
            self._return(node, lambda: self._came(said, node, value, code, nodes, task))

        message = Message(jid, function, copied(args), copied(kwargs or {}), self._process.name, reply)
        for node in nodes:
            self._publish(node, message)
        try:
            self._await(nodes, jid, said, timeout)
            self._engine.point(f"{kind} answered", f"{shown} of {', '.join(nodes)}")
        except Interrupted:
            if heard is not None:
                heard.update({node: salt_bus.answer(node, came, timeout, jid) for node, came in said.items()})
            raise
        return {node: salt_bus.answer(node, said.get(node), timeout, jid) for node in nodes}

    def send(self, nodes: Sequence[str], function: str, *args: Any) -> None:
        self._reachable()
        message = Message(self._jid(), function, copied(args), {}, self._process.name, None)
        for node in nodes:
            self._publish(node, message)

    def matching(self, target: str) -> list[str]:
        return sorted(name for name in self._minions if name.startswith("fe"))

    def accepted(self, nodes: Sequence[str]) -> list[str]:
        return [name for name in nodes if name in self._minions]

    def own(self) -> "Bus":
        return self

    def _jid(self) -> str:
        self._hub.jids += 1
        return f"{self._hub.place.name}-{self._hub.jids}"

    def _reachable(self) -> None:
        if not self._hub.daemon:
            raise CommandExecutionError("the salt-master cannot be asked: Salt request timed out")

    def _publish(self, node: str, message: Message) -> None:
        self._hub.published(node, message, self._minions.get(node))

    def _return(self, node: str, deliver: Callable[[], None], tries: int = RETURNS) -> None:
        """A minion sends what a job returned, some times if need be."""

        def arrive(left: int) -> None:
            if not self._hub.place.power or not self._minions[node].place.power:
                return
            if self._hub.daemon and self._network.linked(node, self._hub.place.name):
                deliver()
            elif left > 1:
                self._engine.after(RETRY, arrive, left - 1)

        self._engine.after(LATENCY, arrive, tries)

    def _came(
        self, said: dict[str, dict[str, Any]], node: str, value: Any, code: int, nodes: Sequence[str], task: Task
    ) -> None:
        said.setdefault(node, {"ret": value, "retcode": code})
        if len(said) == len(nodes):
            self._engine.wake(task)

    def _await(self, nodes: Sequence[str], jid: str, said: dict[str, dict[str, Any]], timeout: float) -> None:
        """Wait as Salt's client does: for a time, and then as long as any minion says that the job is at work."""
        engine, began = self._engine, self._engine.now
        until = began + timeout
        while len(said) < len(nodes):
            engine.wait(until - engine.now)
            if len(said) == len(nodes):
                return
            if engine.now < until - 1e-9:
                continue
            if not any(self._is_at(node, jid) for node in nodes if node not in said):
                engine.wait(GATHER)  # what comes meanwhile counts
                if not any(self._is_at(node, jid) for node in nodes if node not in said):
                    return
            until = engine.now + max(GATHER, 1.0)

    def _is_at(self, node: str, jid: str) -> bool:
        minion = self._minions.get(node)
        linked = self._hub.daemon and self._network.linked(node, self._hub.place.name)
        return minion is not None and linked and minion.answers and minion.is_at(jid)

"""Conversations with the product, such as a person has with it: drawn at random, and held with the model.

The lab holds the same with its stand-ins (``tests/integration/test_lab_conformance.py``): word for word but for numbers
that cannot be the same, both must answer alike.
"""

import dataclasses
import random
import re
from collections.abc import Mapping
from pathlib import Path

from tests.simulation.engine import Engine
from tests.simulation.history import History
from tests.simulation.place import BACKENDS, Network, Place
from tests.simulation.product import backend_ctl
from tests.simulation.product.backend import Backend
from tests.simulation.product.cluster import Cluster
from tests.simulation.product.ctl import Call, Calls, Failed
from tests.simulation.product.frontend import FAILS, REFUSES, Frontend

READING = ("cluster-status", "status")
LETS_IN = "lets clients in"  # whether what they find is whole is not asked here
SETTLES = 90.0  # seconds after which nothing is in motion any more


@dataclasses.dataclass(frozen=True)
class Step:
    """One thing that somebody does at a host: a command typed, a package installed, power."""

    who: str  # leader, first, second (of the followers), or a frontend
    words: tuple[str, ...]  # program and arguments; ("install", version), ("power", "off" or "on")


@dataclasses.dataclass(frozen=True)
class Said:
    """What came of a step: its exit status, and what was printed, without what differs from time to time."""

    status: int
    text: str


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a cluster is when a conversation begins, whole and at rest."""

    versions: Mapping[str, str]  # by backend
    guids: Mapping[str, str]
    leader: str
    index: str  # the Elasticsearch that made the search index
    server: str  # version of the frontends


ALONE: tuple[tuple[Step, ...], ...] = (
    *((Step(who, ("chef-backend-ctl", "status", service)),) for who in ("leader", "first") for service in
      ("leaderl", "etcd", "postgresql", "elasticsearch", "disks", "nonsense")),
    *((Step(who, ("chef-backend-ctl", "set-cluster-failover", word)),) for who in ("leader", "second")
      for word in ("on", "off", "true", "disabled")),
    *((Step(who, ("chef-backend-ctl", "backup")),) for who in ("leader", "first", "second")),
    (Step("leader", ("chef-backend-ctl", "backup", "--force")),),
    *((Step(who, ("chef-backend-ctl", "upgrade")),) for who in ("first", "second")),
    (Step("leader", ("chef-backend-ctl", "upgrade", "--failover")),),
    (Step("first", ("chef-backend-ctl", "upgrade", "--failover")),),
    *((Step(who, ("chef-backend-ctl", "stop", "elasticsearch")), Step(who, ("chef-backend-ctl", "status", "--simple")),
       Step(who, ("chef-backend-ctl", "start", "elasticsearch"))) for who in ("first", "leader")),
    *((Step(who, ("chef-backend-ctl", "down-for-upgrade")), Step(who, ("chef-backend-ctl", "upgrade"))) for who in
      ("first", "second")),
    (Step("first", ("power", "off")), Step("leader", ("chef-backend-ctl", "status")), Step("first", ("power", "on"))),
    (Step("first", ("install", "2.3.16")), Step("first", ("chef-backend-ctl", "upgrade"))),
    (Step("second", ("install", "2.3.16")), Step("second", ("chef-backend-ctl", "upgrade"))),
    (Step("leader", ("chef-backend-ctl", "frobnicate")),),
    (Step("fe1", ("chef-server-ctl", "status")),),
    (Step("fe1", ("chef-server-ctl", "maintenance", "on")), Step("fe1", ("chef-server-ctl", "maintenance", "off"))),
    (Step("fe1", ("chef-server-ctl", "stop")), Step("fe1", ("chef-server-ctl", "status")),
     Step("fe1", ("chef-server-ctl", "maintenance", "on")), Step("fe1", ("chef-server-ctl", "start"))),
    (Step("fe2", ("chef-server-ctl", "reconfigure")),),
    (Step("fe1", ("chef-server-ctl", "frobnicate")),),
)  # fmt: skip

#: What a frontend's clients get is compared after each of these; what Redis has dumped shows after the loss of power.
CLIENTS: tuple[Step, ...] = tuple(
    Step("fe1", words if words[0] == "power" else ("chef-server-ctl", *words))
    for words in (
        *(("maintenance", "on"), ("reconfigure",), ("maintenance", "on"), ("stop",), ("start",)),
        *(("maintenance", "off"), ("power", "off"), ("power", "on"), ("maintenance", "off"), ("stop",), ("start",)),
        *(("maintenance", "on"), ("power", "off"), ("power", "on"), ("stop",), ("power", "off"), ("power", "on")),
        *(("stop",), ("reconfigure",)),
    )
)


def drawn(seed: int, parts: int = 3) -> list[Step]:
    """Draw a conversation: what people say, one part after another."""
    chance = random.Random(seed)
    return [step for _ in range(parts) for step in chance.choice(ALONE)]


def plain(text: str, guids: Mapping[str, str]) -> str:
    """A text without what differs from time to time, and from host to host."""
    for name, guid in guids.items():
        text = text.replace(guid, f"GUID-OF-{name}")
    text = re.sub(r"\(pid [0-9]+\)", "(pid N)", text)
    text = re.sub(r"[0-9]+d [0-9]+h [0-9]+m [0-9]+s", "TIME", text)
    text = re.sub(r"\b[0-9]+s\b", "Ns", text)
    text = re.sub(r"chef-backup-[0-9-]+\.tar\.gz", "chef-backup-TIME.tar.gz", text)
    lines = [re.sub(r" {2,}", "  ", line.rstrip()) for line in text.strip().splitlines()]
    said = "\n".join(line for line in lines if line)
    return said.partition("Did you mean:")[0].strip()  # which near ones there are, is of no concern


class Model:
    """A cluster of the model, to talk to."""

    def __init__(self, facts: Facts, root: Path) -> None:
        self.facts = facts
        self.engine = Engine()
        self.network = Network()
        self.history = History(lambda: self.engine.now, root)
        places = {name: Place(self.engine, name, root / name) for name in (*BACKENDS, "fe1", "fe2")}
        nodes = [Backend(places[name], ip, facts.versions[name], facts.guids[name]) for name, ip in BACKENDS.items()]
        self.cluster = Cluster(self.engine, self.network, self.history, nodes)
        self.frontends = {
            name: Frontend(places[name], self.cluster, self.history, facts.server) for name in ("fe1", "fe2")
        }
        numbers = iter(range(100, 10**6))
        self.calls = {
            name: Calls(place, self.history, lambda: next(numbers), lambda by: {}) for name, place in places.items()
        }
        self.cluster.whole(facts.leader, facts.index)

    def name(self, who: str) -> str:
        """The host that is meant, as the cluster is now."""
        return named(who, self.cluster.key or self.facts.leader)

    def say(self, who: str, words: tuple[str, ...]) -> Said:
        """Do a step at a host; what is in motion afterwards comes to rest."""
        name, result = self.name(who), list[Said]()
        process = self.cluster.nodes[0].place.process("somebody", "person")

        def act() -> None:
            try:
                result.append(self._said(name, words))
            except Failed as err:
                result.append(Said(err.status, str(err)))

        self.engine.spawn(process, act)
        self.engine.run(lambda: bool(result), self.engine.now + 3600)
        self._pass(SETTLES)
        return Said(result[0].status, plain(result[0].text, self.facts.guids))

    def shown(self) -> dict[str, str]:
        """What each backend that has power shows: the table, and its services."""
        found = {}
        for node in self.cluster.nodes:
            if node.place.power:
                try:
                    table = backend_ctl.cluster_status(self.cluster, node)
                except Failed as err:
                    table = str(err)
                found[node.name] = plain(f"{table}\n{backend_ctl.status(self.cluster, node)}", self.facts.guids)
        return found

    def clients_get(self) -> dict[str, str]:
        """What each frontend does with its clients: refuses them, fails them, or lets them in."""
        found = {name: one.clients_get() for name, one in self.frontends.items()}
        return {name: what if what in (REFUSES, FAILS) else LETS_IN for name, what in found.items()}

    def end(self) -> None:
        """The conversation is over."""
        self.engine.end()

    def _said(self, name: str, words: tuple[str, ...]) -> Said:
        if words[0] == "power":
            self._power(name, words[1] == "on")
            return Said(0, "")
        if words[0] == "install":
            node = self.cluster.node(name)
            node.installed = node.held = words[1]
            node.unpacked = node.place.now()
            return Said(0, "")
        if words[0] == "chef-server-ctl":
            frontend = self.frontends[name]
            if words[1] == "status":
                return Said(0, frontend.status())
            return self._run(name, words, frontend.command(words, None))
        node = self.cluster.node(name)
        if words[1] == "status":
            service = next((word for word in words[2:] if not word.startswith("-")), None)
            return Said(0, backend_ctl.status(self.cluster, node, service, "--simple" in words))
        return self._run(name, words, backend_ctl.command(self.cluster, node, words))

    def _run(self, name: str, words: tuple[str, ...], work: backend_ctl.Work) -> Said:
        assert self.engine.current is not None
        call: Call = self.calls[name].start(words, work, self.engine.current.process)
        self.calls[name].await_end(call, None)
        return Said(-9 if call.status is None else call.status, "\n".join([*call.out, *call.err]))

    def _power(self, name: str, on: bool) -> None:
        if name in self.frontends:
            host = self.frontends[name]
            (host.place.get_power if on else host.place.lose_power)()
            (host.get_power if on else host.lose_power)()
            return
        node = self.cluster.node(name)
        if on:
            node.place.get_power()
            node.boot()
            self.cluster.search.starts(node)
        else:
            node.place.lose_power()
            node.lose_power()
        self.cluster.changed()

    def _pass(self, seconds: float) -> None:
        until = self.engine.now + seconds
        self.engine.at(until, lambda: None)
        self.engine.run(lambda: self.engine.now >= until, until)


def named(who: str, leader: str) -> str:
    """The host that is meant where one leads."""
    followers = [name for name in sorted(BACKENDS) if name != leader]
    return {"leader": leader, "first": followers[0], "second": followers[1]}.get(who, who)

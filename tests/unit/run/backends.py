"""Three backends, each with its own record file, and masters that reach them over a bus that may fail."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from saltext.chef_backend.judge import answers
from saltext.chef_backend.node import record_file
from saltext.chef_backend.node import view as views
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.record import Record, Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import lock
from saltext.chef_backend.run.bus import Answer
from saltext.chef_backend.run.master import Master
from tests.unit import printed
from tests.unit.run import fakes

FIELDS: dict[str, Any] = {
    "cluster": "prod",
    "way": "rolling",
    "leader": "be1",
    "failover_found": "on",
    "frontends": ("fe1",),
}


class Cluster:
    """Three backends, each with its own record file, and masters that reach them.

    ``silent``: nodes that do not hear; ``unanswered``: nodes that hear, and whose answers are lost.
    """

    def __init__(self, folder: Path) -> None:
        self.clock = fakes.Clock()
        self.hosts = {node: Host(node, {}, root=folder / node, clock=self.clock) for node in printed.NODES}
        self.silent, self.unanswered = set[str](), set[str]()

    def master(self, jid: str, **more: Any) -> Master:
        """A master of which every process but this orchestration's is gone."""
        agent: dict[str, Callable[..., Any]] = {
            "view": self.view,
            "accept": self.accept,
            "finish": lambda node, record: record_file.finish(self.hosts[node], Record.from_dict(record)),
            "withdraw": lambda node, run, epoch: record_file.withdraw(self.hosts[node], run, epoch),
            "beat": lambda node, jid, epoch: record_file.beat(self.hosts[node], jid, epoch),
            "wish": lambda node, *args: record_file.wish(self.hosts[node], *args),
        }
        does = {f"chef_backend_agent.{name}": self.over_the_bus(function) for name, function in agent.items()}
        return fakes.master(does=does, jid=jid, clock=self.clock, **more)

    def over_the_bus(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function as it is reached over the bus: its node may not hear, or its answer may be lost."""

        def call(node: str, *args: Any) -> Any:
            if node in self.silent:
                return Answer(False, error=f"{node} does not answer")
            said = function(node, *json.loads(json.dumps(args)))
            return Answer(False, error=f"{node} does not answer") if node in self.unanswered else said

        return call

    def view(self, node: str, only: Any = None, word: Any = None, table: Any = None) -> dict[str, Any]:
        """Answer as the agent does, with the record alone."""
        return views.view(self.hosts[node], ["record"], word)

    def accept(self, node: str, record: Any, over: Mapping[str, int] | None = None) -> dict[str, Any]:
        """Keep a record as the agent does."""
        taken, stands = record_file.accept(self.hosts[node], Record.from_dict(record), over)
        return {"taken": taken, "record": stands.to_dict()}

    def begin(self, jid: str, target: str = "2.3.16", master: Master | None = None) -> Master:
        """An orchestration opens its run, as the opening does; returns its master."""
        hub = master or self.master(jid)
        seen = clusters.views(hub, "prod", ["record"])
        found = answers.run(seen)
        resumed = lock.may_take(hub, found, target, seen)
        lock.begin(hub, seen, resumed, lease=60, target=target, **FIELDS)
        return hub

    def told(self) -> Run | None:
        """The run that the backends tell of together; None if none is open or unfinished."""
        return answers.run(clusters.views(self.master(""), "prod", ["record"]))

    def copies(self) -> dict[str, Any]:
        """What stands on each node: run, owner, epoch and revision."""
        found = {node: record_file.read(host) for node, host in self.hosts.items()}
        return {node: copy and (copy.run, copy.owner.jid, *copy.word) for node, copy in found.items()}


def everywhere(copy: Any) -> dict[str, Any]:
    """The same on each node."""
    return dict.fromkeys(printed.NODES, copy)

"""One node, as this extension uses it: its name, its files, what Salt can do there, its clock."""

import dataclasses
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from saltext.chef_backend.clock import Clock, RealClock
from saltext.chef_backend.node.processes import Processes, RealProcesses
from saltext.chef_backend.order import Order

ROOT = Path("/")
OWN = "/var/lib/salt-chef-backend"  # folder of this extension's own notes


@dataclasses.dataclass(frozen=True)
class Host:
    """The node that this code runs on."""

    name: str  # minion id
    salt: Mapping[str, Callable[..., Any]]  # Salt's execution functions
    grains: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    test: bool = False  # say only what would be
    run: str | None = None  # the run that this job belongs to, by its pillar
    cluster: str | None = None
    order: Order | None = None  # of a run, by which this job changes something; None where a person does
    root: Path = dataclasses.field(default_factory=lambda: ROOT)
    clock: Clock = dataclasses.field(default_factory=RealClock)
    processes: Processes = dataclasses.field(default_factory=RealProcesses)
    queued: Callable[[], Sequence[str]] = lambda: ()  # states that wait for their turn, as text
    kept: MutableMapping[str, Any] = dataclasses.field(default_factory=dict)  # lives as long as this job

    def path(self, absolute: str) -> Path:
        """Return where a file of this node lies."""
        return self.root / absolute.lstrip("/")

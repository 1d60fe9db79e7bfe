"""A night's world: three backends, two frontends, two masters, their minions, and all that is between them."""

import contextlib
import dataclasses
import itertools
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import record as records
from saltext.chef_backend.journal import Entry
from saltext.chef_backend.node.host import OWN, Host
from saltext.chef_backend.note import Note
from saltext.chef_backend.product.edge import Answer, Door
from saltext.chef_backend.record import Record
from saltext.chef_backend.run.master import Master
from tests.simulation.doors import Doors
from tests.simulation.engine import Engine, Process
from tests.simulation.functions import Functions, OfBackend, OfFrontend
from tests.simulation.history import History
from tests.simulation.master import Hub, SaltRun
from tests.simulation.minion import Job, Minion
from tests.simulation.place import BACKENDS, FRONTENDS, Network, Place
from tests.simulation.processes import QUERY, HostProcesses
from tests.simulation.product.backend import Backend
from tests.simulation.product.cluster import Cluster
from tests.simulation.product.ctl import Calls
from tests.simulation.product.frontend import Frontend
from tests.simulation.product.search import reads, release

HUBS = ("hub", "hub2")
GRAINS = {"os_family": "Debian", "osarch": "amd64"}
SHM = Path("/dev/shm")


@dataclasses.dataclass(frozen=True)
class Scene:
    """What a night begins with."""

    way: str = "rolling"
    version: str = "2.2.0"  # of the backends
    target: str = "2.3.16"
    index: str = "5.6.16"  # the Elasticsearch that made the search index
    server: str = "15.10.12"  # of the frontends
    server_target: str | None = None
    leader: str = "be1"
    phases: tuple[float, float, float] = (1.0, 4.0, 7.0)  # of what the backends post, seconds
    queue_in_files: bool = True  # as Salt 3008 keeps queued states; else in their jobs
    backup: bool = True


SCENES = {
    "rolling": Scene(),
    "downtime": Scene("downtime", "1.4.6", "2.3.16", "2.3.1", "12.17.5"),
    "reindex": Scene("reindex", "2.3.16", "3.1.1", "5.4.1"),
    "frontends": Scene("frontends", server="14.16.19", server_target="15.10.12"),
}
SLS = {
    "rolling": "orch.chef_backend_rolling",
    "downtime": "orch.chef_backend_downtime",
    "reindex": "orch.chef_backend_reindex",
    "frontends": "orch.chef_server_upgrade",
}
TIMEOUTS = {
    "ask": 15, "gate": 45, "install": 400, "upgrade": 180, "rejoin": 90, "join": 180, "backup": 120, "failover": 40,
    "reconfigure": 120, "api": 60, "elasticsearch": 60, "reindex": 180, "lease": 120,
}  # fmt: skip
BACKEND_VERSIONS = ("2.3.16", "2.3.17", "3.1.1", "3.2.0")
SERVER_VERSIONS = ("15.10.12", "15.10.52")
LATE = 2.0  # seconds that an order may have been on its way when its sender was heard of last
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def source(package: str, version: str) -> str:
    """Where a package comes from."""
    return f"salt://chef/{package}_{version}-1_amd64.deb"


class World:
    """All of it, and what the doors find."""

    def __init__(self, doors: Doors, scene: Scene) -> None:
        self.doors, self.scene = doors, scene
        self.engine = Engine()
        self.network = Network()
        self.mended_at = 0.0  # when all that fate has done so far will be over
        self.others = list[tuple[str, Mapping[str, Any]]]()  # what others have typed, to the same target or another
        self.unwell: dict[str, float] = {}  # the backends that neither lead nor follow, and since when
        self.journals: list[tuple[str, Entry]] = []  # what the nodes told
        self.root = Path(tempfile.mkdtemp(prefix="night-", dir=SHM if SHM.is_dir() else None))
        self.history = History(lambda: self.engine.now, self.root)
        self.places = {name: Place(self.engine, name, self.root / name) for name in (*BACKENDS, *FRONTENDS, *HUBS)}
        self._numbers = itertools.count(100)
        nodes = [Backend(self.places[name], ip, scene.version) for name, ip in BACKENDS.items()]
        self.cluster = Cluster(self.engine, self.network, self.history, nodes)
        self.frontends = {
            name: Frontend(self.places[name], self.cluster, self.history, scene.server) for name in FRONTENDS
        }
        self.minions: dict[str, Minion] = {}
        self.calls: dict[str, Calls] = {}
        for name in (*BACKENDS, *FRONTENDS):
            self._minion(name)
        self.hubs = {
            name: Hub(
                self.engine, self.network, self.history, doors, self.places[name], self.minions, self.pillar(scene)
            )
            for name in HUBS
        }
        self.network.changed = self.cluster.changed
        self.cluster.looked = self._clients_look
        self.cluster.seen = self.seen
        self.cluster.clients = lambda: any(one.shown == "serves clients" for one in self.frontends.values())
        self.cluster.whole(scene.leader, scene.index, scene.phases)

    def _minion(self, name: str) -> None:
        place = self.places[name]
        grains = {**GRAINS, "ipv4": ["127.0.0.1", {**BACKENDS, **FRONTENDS}[name]]}
        minion = Minion(self.engine, self.history, self.doors, place, grains, self.scene.queue_in_files)
        calls = self.calls[name] = Calls(place, self.history, lambda: next(self._numbers), self.begun)
        packages = {
            source(package, version): {"name": package, "version": version, "sha256": SHA}
            for package, several in (("chef-backend", BACKEND_VERSIONS), ("chef-server-core", SERVER_VERSIONS))
            for version in several
        }
        product: OfBackend | OfFrontend
        if name in BACKENDS:
            product = OfBackend(self.cluster, self.cluster.node(name))
        else:
            product = OfFrontend(self.frontends[name])
        minion.processes = HostProcesses(product, calls)
        Functions(minion, self.history, product.answer, packages)
        self.minions[name] = minion

    def pillar(self, scene: Scene) -> dict[str, Any]:
        """The master's pillar."""
        prod: dict[str, Any] = {
            "backends": list(BACKENDS),
            "frontends": list(FRONTENDS),
            "version": scene.target,
            "package": {"source": source("chef-backend", scene.target), "sha256": SHA},
            "backup": scene.backup,
            "timeouts": dict(TIMEOUTS),
            "reindex_organisation": "acme",
        }
        if scene.server_target:
            package = {"source": source("chef-server-core", scene.server_target), "sha256": SHA}
            prod["server"] = {"version": scene.server_target, "package": package, "accept_license": True}
        return {"chef_backend": {"clusters": {"prod": prod}}}

    def _clients_look(self) -> None:
        for frontend in self.frontends.values():
            frontend.look()
        for node in self.cluster.nodes:
            if node.place.power and (node is self.cluster.leader or node.streaming):
                self.unwell.pop(node.name, None)
            else:
                self.unwell.setdefault(node.name, self.engine.now)

    def power_off(self, name: str) -> None:
        """Take a host's power."""
        self.minions[name].lose_power()
        self.places[name].lose_power()
        if name in BACKENDS:
            self.cluster.node(name).lose_power()
        else:
            self.frontends[name].lose_power()
        self.cluster.changed()

    def power_on(self, name: str) -> None:
        """Give a host its power back: it boots, and all services start."""
        if self.places[name].power:
            return
        self.places[name].get_power()
        if name in BACKENDS:
            node = self.cluster.node(name)
            node.boot()
            self.cluster.search.starts(node)
        else:
            self.frontends[name].get_power()
        self.cluster.changed()
        self.minions[name].start()

    def begun(self, by: Process) -> dict[str, Any]:
        """What is so when a process has a command begin."""
        told = {**self.seen(), "stale": stale(self, by), "run": None, "unwell": dict(self.unwell)}
        if isinstance(by.own, Job):
            by.own.changes += 1
            told["run"] = by.own.pillar.get("run")
        return told

    def seen(self) -> dict[str, Any]:
        """What is so just now, for the history."""
        cluster = self.cluster
        return {
            "leads": cluster.key,
            "blocked": cluster.blocked,
            "ran": {node.name: node.ran for node in cluster.nodes},
            "installed": {node.name: node.installed for node in cluster.nodes},
            "upgrading": [name for name in BACKENDS if self.in_upgrade(name)],
            "half": [node.name for node in cluster.nodes if node.ran != node.installed or node.unsynced],
            "whole_index": self.has_new_index(),
        }

    def has_new_index(self) -> bool:
        """Whether whoever leads has an index that the target can read, and in which searches find all."""
        leader, search = self.cluster.leader, self.cluster.search
        if leader is None or leader.index is None or not search.answers(leader):
            return False
        return leader.index.whole and reads(release(self.scene.target), leader.index)

    def in_upgrade(self, name: str) -> bool:
        """Whether ``upgrade`` is at work on a backend."""
        return any(call.argv[1:2] == ("upgrade",) for call in self.calls[name].at_work())

    def forget(self) -> None:
        """The night is over."""
        self.engine.end()
        shutil.rmtree(self.root, ignore_errors=True)

    # what the doors find

    def _own(self) -> Any:
        task = self.engine.current
        if task is None or self.engine.over:
            self.engine._leave()
        assert task is not None
        return task.process.own

    def host(self, order: Any) -> Host:
        own = self._own()
        assert isinstance(own, Job) and self.engine.current is not None
        place: Place = self.engine.current.process.place
        return self.minions[place.name].host(self.engine.current.process, order)

    def master(self, jid: object) -> Master:
        own = self._own()
        assert isinstance(own, SaltRun)
        return own.hub.master(own, jid)

    def packed(self, name: str, default: Any) -> Any:
        own = self._own()
        if name == "__pillar__":
            return own.pillar
        if name == "__context__":
            return own.kept
        return default

    def orchestrate(self, mods: str, pillar: Mapping[str, Any], jid: str, saltenv: None = None) -> dict[str, Any]:
        own = self._own()
        assert isinstance(own, SaltRun)
        running = own.hub.states(own, mods, pillar)
        ok = all(result["result"] is not False for result in running.values())
        return {"data": running, "retcode": 0 if ok else 1}

    def point(self, kind: str, what: str) -> None:
        self.engine.point(kind, what)

    @contextlib.contextmanager
    def guarded(self, folder: Path, within: float) -> Iterator[None]:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        task = self.engine.current
        if not self.engine.acquire(str(folder), within):
            raise BlockingIOError(11, "another job of this minion holds it", str(folder))
        try:
            yield
        finally:
            assert task is not None
            self.engine.release(str(folder), task.process)

    def unpacked(self, host: Host, manifest: str) -> float:
        node = self.frontends.get(host.name) or self.cluster.node(host.name)
        return node.unpacked

    def journal(self, host: Host, entry: Entry) -> None:
        self.journals.append((host.name, entry))

    def edge(self, address: str, door: Door) -> Answer:
        self.engine.sleep(QUERY)
        by_address = {own: self.frontends[name] for name, own in FRONTENDS.items()}
        if address in by_address:
            return by_address[address].edge()
        assert self.engine.current is not None
        return self.frontends[self.engine.current.process.place.name].edge(from_outside=False)

    def show_stat(self, host: Host) -> str:
        try:
            return self.frontends[host.name].show_stat()
        except OSError as err:
            raise CommandExecutionError(f"{host.name}: haproxy.sock: {err}") from err


def stale(world: World, by: Process) -> str | None:
    """Return why a command that a process begins is none of a run that is so now; None where that cannot be said.

    Told from all disks together, which nobody in the night sees.
    """
    job = by.own
    order = job.order if isinstance(job, Job) else None
    if order is None:
        return None
    word = order["record"]
    truth = records.highest(
        copy for name in BACKENDS if (copy := record_on(world, name)) is not None and not ended(world, copy)
    )
    if truth is None or truth.run != word["run"]:
        return "its run is over"
    if truth.epoch > word["epoch"]:
        return f"its run has been taken over (epoch {truth.epoch})"
    own = record_on(world, by.place.name)
    unheard = own is not None and own.run == truth.run and own.state == records.OPEN
    # where nobody could tell the node, what has begun goes on
    if truth.state != records.OPEN and not (job.changes and unheard and world.minions[by.place.name].deaf):
        return f"its run has ended as {truth.state}"
    gone = owner_gone_for(world, job.message.sender, word["lease"])
    if gone and not job.changes:  # what has begun in time comes to its end, unless the run is void by now
        return f"its owner is gone for {gone:.0f} s"
    note = note_on(world, by.place.name)
    if note is not None and note.run == word["run"] and note.gave_up == word["epoch"]:
        return "this node has given its run up"
    return None


def owner_gone_for(world: World, sender: str, lease: float) -> float | None:
    """Return the seconds since whoever sent an order has ended, if they are more than its lease."""
    for hub in world.hubs.values():
        for run in hub.runs:
            if run.process.name == sender and run.ended is not None and world.engine.now - run.ended > lease + LATE:
                return world.engine.now - run.ended
    return None


def record_on(world: World, name: str, file: str = "run.json") -> Record | None:
    """A backend's copy of the open run's record."""
    text = world.places[name].disk.texts.get(f"{OWN.lstrip('/')}/{file}")
    with contextlib.suppress(ValueError):
        return Record.from_json(text) if text else None
    return None


def note_on(world: World, name: str) -> Note | None:
    """What a backend noted of itself."""
    text = world.places[name].disk.texts.get(f"{OWN.lstrip('/')}/note.json")
    return Note.from_json(text) if text else None


def ended(world: World, record: Record) -> bool:
    """Whether a backend knows that this run has ended."""
    lasts = [record_on(world, name, "last-run.json") for name in BACKENDS]
    return any(last is not None and last.run == record.run for last in lasts)

"""One backend: its package, its services, its data; what its disk keeps and what a power loss takes."""

import dataclasses
import json
from collections.abc import Iterable

from tests.lab.product.backend import printing
from tests.simulation.place import Place
from tests.simulation.product.search import Index, release

SERVICES = ("leaderl", "epmd", "etcd", "postgresql", "elasticsearch")
BEFORE_1_4_6 = ("elasticsearch", "etcd", "leaderl", "postgresql")
MANIFEST = "opt/chef-backend/version-manifest.json"
INDEX = "var/opt/chef-backend/elasticsearch/data/chef.json"


@dataclasses.dataclass
class Service:
    """One service as runit has it."""

    up: bool
    since: float  # what this host's clock showed when it came up or went down
    at: float  # when that was, seconds since the night's begin
    pid: int = 0
    wanted: bool = True  # by runit; it starts what is wanted
    flaps: bool = False  # it ends at each start, and runit starts it again


def began(services: Iterable[Service], pid: int) -> float | None:
    """When the process of that number began, seconds since the night's begin; None if none of these has it."""
    return next((service.at for service in services if service.up and service.pid == pid), None)


@dataclasses.dataclass(frozen=True)
class Post:
    """What a node has last posted of itself."""

    name: str
    ip: str
    guid: str
    role: str
    pg: str
    es: str
    following: str
    eligible: bool
    partially_synced: bool
    posted: float  # seconds since the night's begin


class Backend:
    """A backend. What it is in the cluster is decided by ``Cluster`` and ``Search``."""

    def __init__(self, place: Place, ip: str, version: str, guid: str | None = None) -> None:
        self.place, self.ip = place, ip
        self.name = place.name
        self.guid = guid or self.name.encode().hex().rjust(32, "0")
        self.member = True
        # the disk
        self.held = version  # by the package manager; nothing where an installation was cut off
        self.ran = version  # what the last upgrade brought data and services to
        self.installed = version
        self.unpacked = place.now() - 30 * 86400  # by this host's clock
        self.unsynced = False  # its sync was broken off
        self.down = False  # it went down for an upgrade
        self.index: Index | None = None
        self.position = 0.0  # acknowledged writes that its data holds
        # until the power goes
        self.services: dict[str, Service] = {}
        self.role, self.pg, self.following = "initializing", "down", ""
        self.streaming = False
        self.away = "fault"  # why it does not stream: ours is what a command did to it
        self.leaderl_since = -86400.0
        self.stands_again = 0.0  # seconds since the night's begin: until then it leaves the lead to others
        self.post: Post | None = None
        self.phase = 0.0  # of its posts
        self.settled = False  # it has found its role since leaderl began
        self.due_post = False
        self.joining: str | None = None  # whom it is about to stream from
        self.lost: float | None = None  # when it ceased to take part; None while it does
        for name in self.names:
            self.services[name] = Service(True, place.now() - 86400, -86400.0, place.pid())
        self.write_manifest()

    @property
    def names(self) -> tuple[str, ...]:
        """The services that the installed version has."""
        return SERVICES if printing.numbers(self.installed) >= (1, 4, 6) else BEFORE_1_4_6

    @property
    def elasticsearch(self) -> str:
        """The version of its Elasticsearch."""
        return release(self.ran)

    def write_manifest(self) -> None:
        """Unpack a version's manifest: nothing is restarted by that."""
        text = json.dumps({"build_version": self.installed, "name": "chef-backend"})
        self.place.path(MANIFEST).write_text(text, encoding="utf-8")

    def take_index(self, index: Index) -> None:
        """Have a copy of an index on the disk."""
        self.index = index
        path = self.place.path(INDEX)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(index.uuid, encoding="utf-8")

    def look_at_data(self) -> None:
        """See whether somebody has deleted the copy on the disk."""
        if not self.place.path(INDEX).exists():
            self.index = None

    def runs(self, service: str) -> bool:
        """Whether a service has a process now."""
        found = self.services.get(service)
        return self.place.power and found is not None and found.up

    def set(self, service: str, up: bool, wanted: bool | None = None) -> None:
        """A service has come up, or went down."""
        found = self.services.setdefault(service, Service(not up, 0.0, 0.0))
        if wanted is not None:
            found.wanted = wanted
        if found.up != up:
            found.up, found.since, found.at, found.flaps = up, self.place.now(), self.place.engine.now, False
            found.pid = self.place.pid() if up else 0

    def begin(self, service: str) -> None:
        """Have runit start a service."""
        self.set(service, True, wanted=True)
        if service == "leaderl":
            self.role, self.pg, self.following, self.settled = "initializing", "down", "", False
            self.leaderl_since, self.joining, self.stands_again = self.place.engine.now, None, 0.0

    def boot(self) -> None:
        """All services start, those that somebody had stopped, too; PostgreSQL is leaderl's business."""
        for service in self.names:
            if service != "postgresql":
                self.begin(service)

    def lose_power(self) -> None:
        """What the power takes."""
        for service in self.services:
            self.set(service, False)
        self.role, self.pg, self.following, self.streaming, self.joining = "initializing", "down", "", False, None

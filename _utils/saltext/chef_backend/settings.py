"""What the pillar says of a cluster, as frozen settings with their defaults."""

import dataclasses

from saltext.chef_backend.product.version import Version

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # of a window


@dataclasses.dataclass(frozen=True)
class Package:
    """Where the package comes from, and its checksum."""

    source: str
    sha256: str


@dataclasses.dataclass(frozen=True)
class Server:
    """The frontends' own upgrade: chef-server-core, and the site's load balancer around it."""

    version: Version
    package: Package
    accept_license: bool = False
    drain: str | None = None  # an execution function of the master, called with a frontend's minion id before it
    undrain: str | None = None  # is touched, and after
    config_backup: bool = True  # one frontend's settings and secrets first, fetched where the master takes files


@dataclasses.dataclass(frozen=True)
class Hop:
    """One version on the way, where one step is not enough."""

    version: Version
    package: Package


@dataclasses.dataclass(frozen=True)
class Window:
    """When a run may be at work: by the clock on the wall of a time zone, within one day."""

    days: tuple[str, ...]
    start: str
    end: str
    timezone: str


@dataclasses.dataclass(frozen=True)
class Probe:
    """A harmless write-read through one frontend, during a run."""

    frontend: str  # minion id
    url: str  # of the organisation, as the frontend itself reaches it
    client: str
    key: str  # path on the frontend
    interval: int | float = 2  # seconds
    ca: str | None = None  # path on the frontend


@dataclasses.dataclass(frozen=True)
class Gates:
    """Bounds that must hold."""

    max_lag_bytes: int = 52428800
    settle_seconds: int | float = 10
    max_fsync_seconds: int | float = 0.5  # etcd's heartbeat: a slower disk loses elections


@dataclasses.dataclass(frozen=True)
class Timeouts:
    """Bounds of waits, in seconds."""

    ask: int = 15
    gate: int = 60
    fetch: int = 3600  # of a package, by each node
    install: int = 600
    upgrade: int = 3600
    rejoin: int = 1800
    join: int = 3600  # of a node that has no data: all of it is copied from the leader
    backup: int = 600
    failover: int = 60
    reconfigure: int = 900
    api: int = 120
    hook: int = 300  # of the site's load balancer, for one frontend
    elasticsearch: int = 600
    reindex: int = 86400  # about 2 minutes per 1000 nodes
    lease: int = 120


@dataclasses.dataclass(frozen=True)
class Reactor:
    """Which clusters an event may upgrade, to their target, and the checksum of the token that it must carry."""

    clusters: tuple[str, ...]
    token_sha256: str


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The settings of one cluster."""

    name: str
    backends: tuple[str, ...] | str  # minion ids, or a compound target
    version: Version
    package: Package
    frontends: tuple[str, ...] | str | None = None
    frontend_batch: int | str = 1
    frontend_api: str = "http://127.0.0.1/_status"
    known_clients: tuple[str, ...] = ()  # addresses, or networks, that use PostgreSQL and are no frontends
    frontend_least_version: Version | None = None  # where the site wants a later one than the documents do
    server: Server | None = None
    reindex_organisation: str | None = None  # the first to be re-indexed, and counted, before all are
    reindex_missing: int = 0  # objects that no search need find: the product cannot index them, and a person has looked
    hops: tuple[Hop, ...] = ()
    backup: bool = True
    window: tuple[Window, ...] = ()  # at any time, if there is none
    estimate_seconds: int | float = 1800  # a node's upgrade, with its gates and its rejoin, until one was measured
    probe: Probe | None = None
    gates: Gates = Gates()
    timeouts: Timeouts = Timeouts()

    @property
    def stops(self) -> tuple[Version, ...]:
        """The versions on the way, in their order; the last is the target."""
        return (*(hop.version for hop in self.hops), self.version)

    def batch_size(self, count: int) -> int:
        """Return how many of ``count`` frontends are touched at once; at least one."""
        if isinstance(self.frontend_batch, str):
            return max(1, count * int(self.frontend_batch.rstrip("%")) // 100)
        return self.frontend_batch

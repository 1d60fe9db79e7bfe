"""The pillar: read it into frozen settings, and collect every mistake in it with its path.

A key that is unknown, missing or of the wrong type is refused: a misspelt bound would else be a silent default.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from saltext.chef_backend import pillar_values as values
from saltext.chef_backend.product.version import Version
from saltext.chef_backend.settings import DAYS, Cluster, Gates, Hop, Package, Probe, Reactor, Server, Timeouts, Window

LEASE = (12, 3600)  # seconds; an order may be given 10 s after its node was heard of
ROOT = "chef_backend:clusters"
KNOWN = ("clusters", "fleet", "reactor")  # below chef_backend
UNVERIFIED = "skip-verification"
Numbers = TypeVar("Numbers", Gates, Timeouts)


class ConfigError(ValueError):
    """Everything that is wrong with the pillar, one sentence each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def at_hop(cluster: Cluster, version: str) -> Cluster:
    """Return a cluster's settings for one hop only: its version and package, and no hops.

    :param cluster: Cluster.
    :param version: the hop's version, as text.
    :raises ConfigError: no hop of the cluster goes there.
    """
    hops = {str(hop.version): hop for hop in (*cluster.hops, Hop(cluster.version, cluster.package))}
    if version not in hops:
        raise ConfigError([f"{ROOT}:{cluster.name}: no hop to {version!r}, expected one of {', '.join(hops)}"])
    return dataclasses.replace(cluster, version=hops[version].version, package=hops[version].package, hops=())


def cluster_names(pillar: Any) -> list[str]:
    """Return the names of the clusters in a pillar, sorted. Raises ConfigError if there are none."""
    clusters, problems = _clusters(pillar)
    if problems:
        raise ConfigError(problems)
    return sorted(clusters)


def cluster_from_pillar(pillar: Any, name: object) -> Cluster:
    """Read one cluster.

    :param pillar: the whole pillar, a mapping.
    :param name: the cluster's name.
    :returns: Cluster.
    :raises ConfigError: with every problem found.
    """
    clusters, problems = _clusters(pillar)
    if not isinstance(name, str) or name not in clusters:
        known = sorted(str(key) for key in clusters)
        unknown = f"cluster {name!r} is not in {ROOT}, which has {', '.join(known)}: name one of these"
        none = f"no cluster was given: name one of {', '.join(known)}"
        how = f'to an orchestration as pillar=\'{{"cluster": "{known[0]}"}}\''
        raise ConfigError([*problems, f"{unknown if name else none}, {how}"])
    reader = _Reader(clusters[name], f"{ROOT}:{name}", problems)
    if not isinstance(clusters[name], dict):
        raise ConfigError(reader.problems)
    reader.only([field.name for field in dataclasses.fields(Cluster) if field.name != "name"])
    backends = reader.target("backends", required=True)
    if isinstance(backends, tuple) and len(backends) != 3:
        reader.problem("backends", backends, "exactly three minion ids", "a Chef Backend cluster has three nodes")
    frontends = reader.target("frontends")
    both = (
        sorted(set(backends) & set(frontends)) if isinstance(backends, tuple) and isinstance(frontends, tuple) else []
    )
    if both:
        reader.problem("frontends", both, "minions that are no backends", "a node is either a frontend or a backend")
    version = reader.version("version")
    fields = {
        "backends": backends,
        "frontends": frontends,
        "version": version,
        "package": reader.package("package"),
        "hops": reader.hops("hops", version),
        "backup": reader.value("backup", True, lambda v: isinstance(v, bool), "true or false"),
        "frontend_batch": reader.value("frontend_batch", 1, values.is_batch, "a number of frontends or a percentage"),
        "frontend_api": reader.value(
            "frontend_api", Cluster.frontend_api, values.fits(values.API), "a URL such as its default"
        ),
        "known_clients": tuple(
            reader.value(
                "known_clients", [], values.are_networks, "a list of addresses, or networks such as 192.0.2.0/24"
            )
        ),
        "frontend_least_version": reader.version("frontend_least_version", required=False),
        "reindex_organisation": reader.value(
            "reindex_organisation",
            None,
            values.or_none(values.fits(values.ORGANISATION)),
            "an organisation's short name",
        ),
        "reindex_missing": reader.value(
            "reindex_missing", 0, lambda v: type(v) is int and 0 <= v < 10**9, "a whole number of objects, from 0"
        ),
        "server": reader.server("server"),
        "window": reader.windows("window"),
        "probe": reader.probe("probe", frontends),
        "estimate_seconds": reader.value(
            "estimate_seconds",
            Cluster.estimate_seconds,
            lambda v: values.is_number(v) and v > 0,
            "a number of seconds above 0",
        ),
        "gates": reader.numbers("gates", Gates, {"max_lag_bytes": "bytes", "settle_seconds": "seconds"}),
        "timeouts": reader.numbers("timeouts", Timeouts, {}),
    }
    _agree(reader, fields["gates"], fields["timeouts"])
    if reader.problems:
        raise ConfigError(reader.problems)
    return Cluster(name=name, **fields)


def _agree(reader: "_Reader", gates: Gates, timeouts: Timeouts) -> None:
    """Hold keys against each other, each of which is right by itself."""
    if timeouts.lease <= timeouts.ask:
        expected = f"more seconds than timeouts:ask ({timeouts.ask})"
        advice = "a run is not heard of while one question is out: it would be given up"
        reader.problem("timeouts:lease", timeouts.lease, expected, advice)
    elif not LEASE[0] <= timeouts.lease <= LEASE[1]:
        expected = f"seconds, from {LEASE[0]} to {LEASE[1]}"
        advice = "orders are void after it, and after it the backends look after failover that a dead run left off"
        reader.problem("timeouts:lease", timeouts.lease, expected, advice)
    if gates.settle_seconds >= timeouts.gate:
        expected = f"fewer seconds than timeouts:gate ({timeouts.gate})"
        reader.problem("gates:settle_seconds", gates.settle_seconds, expected, "no gate would ever hold in time")


def reactor_from_pillar(pillar: Any) -> Reactor | None:
    """Read what events may start; None if the pillar allows none.

    :param pillar: the whole pillar, a mapping.
    :returns: Reactor.
    :raises ConfigError: with every problem found.
    """
    clusters, problems = _clusters(pillar)
    found = pillar["chef_backend"].get("reactor")
    if found is None:
        return None
    reader = _Reader(found, "chef_backend:reactor", problems)
    reader.only([field.name for field in dataclasses.fields(Reactor)])
    names = reader.value("clusters", None, values.are_names, f"a list of clusters in {ROOT}")
    unknown = [name for name in names or () if name not in clusters]
    if unknown:
        reader.problem("clusters", unknown, f"clusters in {ROOT}", "correct or remove them")
    token = reader.value(
        "token_sha256", None, values.fits(values.SHA256), "the sha256 of the token, 64 digits of 0-9 and a-f"
    )
    if reader.problems:
        raise ConfigError(reader.problems)
    return Reactor(tuple(names), token)


def _clusters(pillar: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the mapping of clusters and a list of what is wrong around it. Raises ConfigError if there is none."""
    root = pillar.get("chef_backend") if isinstance(pillar, dict) else None
    if not isinstance(root, dict):
        raise ConfigError(
            [
                "chef_backend: not found in the master's own pillar, expected a mapping with clusters: assign the "
                "pillar file (see pillar/example.yaml) in top.sls to the master's own id ('salt-run config.get id' "
                "tells it), and see that it renders"
            ]
        )
    problems = [
        f"chef_backend:{key}: unknown key, expected one of {', '.join(KNOWN)}: correct or remove it"
        for key in root
        if key not in KNOWN
    ]
    clusters = root.get("clusters")
    if not isinstance(clusters, dict) or not clusters:
        problems.append(f"{ROOT}: found {_shown(clusters)}, expected a mapping of cluster names: add your cluster")
        raise ConfigError(problems)
    expected = "a name of letters, digits, dots, dashes and underscores"
    problems += [
        f"{ROOT}: found a cluster named {key!r}, expected {expected}: rename it, in quotes if need be"
        for key in clusters
        if not values.fits(values.NAME)(key)
    ]
    return clusters, problems


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)


class _Reader:
    """Reads one mapping of the pillar and collects what is wrong with it."""

    def __init__(self, data: object, path: str, problems: list[str] | None = None) -> None:
        self.path = path
        self.problems = [] if problems is None else problems
        self.data = data if isinstance(data, dict) else {}
        if not isinstance(data, dict):
            self.problems.append(f"{path}: found {_shown(data)}, expected a mapping: see pillar/example.yaml")

    def problem(self, key: str, found: Any, expected: str, advice: str) -> None:
        shown = list(found) if isinstance(found, tuple) else found
        self.problems.append(f"{self.path}:{key}: found {_shown(shown)}, expected {expected}: {advice}")

    def only(self, known: Iterable[str]) -> None:
        for key in self.data:
            if key not in known:
                expected = f"one of {', '.join(sorted(known))}"
                self.problems.append(f"{self.path}:{key}: unknown key, expected {expected}: correct or remove it")

    def value(self, key: str, default: Any, fits: values.Fits, expected: str) -> Any:
        found = self.data.get(key, default)
        if not fits(found):
            self.problem(key, found, expected, "correct it")
            return default
        return found

    def target(self, key: str, required: bool = False) -> Any:
        found = self.data.get(key)
        if found is None and not required:
            return None
        if values.fits(values.TARGET)(found):
            return found
        if not isinstance(found, list) or not found or not all(values.fits(values.MINION)(item) for item in found):
            self.problem(key, found, "a list of minion ids or a compound target", "name the minions")
            return None
        if len(set(found)) != len(found):
            self.problem(key, found, "each minion once", "remove the double one")
        return tuple(found)

    def version(self, key: str, required: bool = True) -> Any:
        found = self.data.get(key)
        if found is None and not required:
            return None
        try:
            return Version.from_text(found)
        except ValueError:
            self.problem(key, found, "a version such as '2.3.16'", "give the target version, in quotes if need be")
            return None

    def package(self, key: str) -> Any:
        found = self.data.get(key)
        if found is None:
            self.problem(key, found, "a mapping with source and sha256", "name the package and its checksum")
            return None
        inner = _Reader(found, f"{self.path}:{key}", self.problems)
        if not isinstance(found, dict):
            return None
        inner.only(["source", "sha256"])
        source, sha256 = inner.data.get("source"), inner.data.get("sha256")
        if not values.fits(values.SOURCE)(source):
            inner.problem("source", source, "salt://, http(s):// or a path, ending in .deb or .rpm", "name the package")
        if sha256 != UNVERIFIED and not values.fits(values.SHA256)(sha256):
            advice = f"run sha256sum on the package, or write {UNVERIFIED} if it is not to be checked"
            inner.problem("sha256", sha256, "64 digits of 0-9 and a-f, in quotes", advice)
        return Package(str(source), str(sha256))

    def hops(self, key: str, target: Version | None) -> tuple[Hop, ...]:
        found = self.data.get(key, [])
        if not isinstance(found, list):
            self.problem(key, found, "a list of mappings with version and package", "correct it, or leave it out")
            return ()
        hops = []
        for number, item in enumerate(found):
            inner = _Reader(item, f"{self.path}:{key}:{number}", self.problems)
            if isinstance(item, dict):
                inner.only(["version", "package"])
                hops.append(Hop(inner.version("version"), inner.package("package")))
        steps = [version for version in (*(hop.version for hop in hops), target) if version]
        if any(later <= earlier for earlier, later in itertools.pairwise(steps)):
            shown = " -> ".join(map(str, steps))
            self.problem(key, shown, "versions that rise, ending below the target", "put the hops in their order")
        return tuple(hops)

    def server(self, key: str) -> Server | None:
        if self.data.get(key) is None:
            return None
        inner = _Reader(self.data[key], f"{self.path}:{key}", self.problems)
        if not isinstance(self.data[key], dict):
            return None
        inner.only([field.name for field in dataclasses.fields(Server)])
        hook = "an execution function of the master, such as balancer.drain"
        drain = inner.value("drain", None, values.or_none(values.fits(values.FUNCTION)), hook)
        undrain = inner.value("undrain", None, values.or_none(values.fits(values.FUNCTION)), hook)
        for key, found, other in (("drain", drain, undrain), ("undrain", undrain, drain)):
            if found is None and other is not None and inner.data.get(key) is None:
                inner.problem(key, None, hook, "name both, or none: who is drained has to get its clients again")
        return Server(
            version=inner.version("version"),
            package=inner.package("package"),
            accept_license=inner.value("accept_license", False, lambda v: isinstance(v, bool), "true or false"),
            config_backup=inner.value("config_backup", True, lambda v: isinstance(v, bool), "true or false"),
            drain=drain,
            undrain=undrain,
        )

    def probe(self, key: str, frontends: tuple[str, ...] | str | None) -> Probe | None:
        if self.data.get(key) is None:
            return None
        inner = _Reader(self.data[key], f"{self.path}:{key}", self.problems)
        if not isinstance(self.data[key], dict):
            return None
        inner.only([field.name for field in dataclasses.fields(Probe)])
        probe = Probe(
            frontend=inner.value("frontend", None, values.fits(values.MINION), "a minion id"),
            url=inner.value(
                "url", None, values.fits(values.ADDRESS), "an address such as https://fe1/organizations/acme"
            ),
            client=inner.value("client", None, values.fits(values.MINION), "the name of a client of that organisation"),
            key=inner.value("key", None, values.fits(values.FILE), "the path of the client's key on the frontend"),
            interval=inner.value(
                "interval", 2, lambda v: values.is_number(v) and 0.5 <= v <= 60, "seconds, from 0.5 to 60"
            ),
            ca=inner.value(
                "ca", None, values.or_none(values.fits(values.FILE)), "the path of certificates on the frontend"
            ),
        )
        named = frontends or ()  # a target is matched later: by then the probe only looks from where it is told
        if probe.frontend and isinstance(named, tuple) and probe.frontend not in named:
            inner.problem("frontend", probe.frontend, "one of the cluster's frontends", "the probe looks from there")
        return probe

    def windows(self, key: str) -> tuple[Window, ...]:
        found = self.data.get(key)
        if found is None:
            return ()
        if not isinstance(found, list):
            return (self.window(key, found),)
        if not found:
            self.problem(key, found, "a window, or a list of windows", "name one, or leave the key out")
        return tuple(self.window(f"{key}:{number}", item) for number, item in enumerate(found))

    def window(self, key: str, found: Any) -> Any:
        inner = _Reader(found, f"{self.path}:{key}", self.problems)
        if not isinstance(found, dict):
            return None
        inner.only(["days", "start", "end", "timezone"])
        days = inner.value("days", None, values.are_days, f"a list of {', '.join(DAYS)}")
        start = inner.value("start", None, values.fits(values.TIME), "a time such as '02:00', in quotes")
        end = inner.value("end", None, values.fits(values.END), "a time such as '05:00', in quotes, up to '24:00'")
        if start and end and start >= end:
            inner.problem(
                "end", end, f"a time after start ({start})", "a window does not cross midnight, two may touch there"
            )
        zone = inner.value(
            "timezone", "UTC", values.is_zone, "a time zone that this machine knows, such as Europe/Berlin"
        )
        return Window(tuple(days or ()), start, end, zone)

    def numbers(self, key: str, kind: type[Numbers], units: Mapping[str, str]) -> Numbers:
        found = self.data.get(key, {})
        inner = _Reader(found, f"{self.path}:{key}", self.problems)
        names = [field.name for field in dataclasses.fields(kind)]
        inner.only(names)
        least = 0 if kind is Gates else 1
        numbers = {}
        for name in names:
            expected = f"a number of {units.get(name, 'seconds')}, at least {least}"
            numbers[name] = inner.value(
                name, getattr(kind, name), lambda v: values.is_number(v) and v >= least, expected
            )
        return kind(**numbers)

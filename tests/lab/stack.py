"""From bare hosts to a running cluster, by the commands an administrator would type, in the documented order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import families, packages, packing, salt
from tests.lab.common import LabError

if TYPE_CHECKING:
    from tests.lab.hosts import Lab

SECRETS = "/etc/chef-backend/chef-backend-secrets.json"
SETTINGS = "/etc/opscode/chef-server.rb"
_BUILDING = threading.Lock()


def check(version: str, server: str, family: str) -> None:
    """Raise LabError unless the lab has these versions of chef-backend and chef-server-core, and such hosts."""
    for wanted, known, name in (
        (version, packages.BACKENDS, "chef-backend"),
        (server, packages.SERVERS, "chef-server-core"),
        (family, families.FAMILIES, "family of packages"),
    ):
        if wanted not in known:
            raise LabError(f"the lab has no {name} {wanted!r}: it has {', '.join(known)}")


def set_up(lab: Lab) -> None:
    """Install the products on all hosts, form the cluster, join the frontends, start the minions.

    Raises LabError if a command fails, the cluster does not become healthy or a minion does not answer.
    """
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda host: _install(lab, host), lab.hosts))
        _form_cluster(lab)
        # Not before: five starting minions keep two processors busy for seconds, which elections do not like.
        minions = pool.submit(lab.start_minions)
        _join_frontends(lab)
        lab.wait_healthy()
        minions.result()


def _install(lab: Lab, host: str) -> None:
    """Install a host's product from the package in the hub, as from a file brought there."""
    product = lab.server_package(lab.server) if host in lab.frontends else lab.package(lab.version)
    sources = (system_package(), product) if lab.family == "rpm" else (product,)
    if host in lab.backends:
        lab.put(host, "/etc/chef-backend/chef-backend.rb", f"publish_address '{lab.address(host)}'\n", 0o640)
    brought = [f"/var/tmp/{source.name}" for source in sources]
    for path, source in zip(brought, sources, strict=True):
        lab.put(host, path, source.read_bytes())
    lab.exec(host, *families.FAMILIES[lab.family].install, *brought)
    lab.exec(host, "rm", *brought)


def _form_cluster(lab: Lab) -> None:
    first, *others = lab.backends
    lab.exec(first, "chef-backend-ctl", "create-cluster", "-y", "--accept-license", timeout=120)
    secrets = (lab.root(first) / SECRETS.lstrip("/")).read_bytes()
    for host in others:  # nodes join one at a time
        lab.put(host, "/root/secrets.json", secrets, 0o600)
        join = ("join-cluster", lab.address(first), "-s", "/root/secrets.json", "-y", "--accept-license")
        lab.exec(host, "chef-backend-ctl", *join, timeout=120)
        lab.exec(host, "rm", "/root/secrets.json")


def _join_frontends(lab: Lab) -> None:
    """Give each frontend its settings; the first one makes the schema, so that the others come after it."""
    first = lab.backends[0]
    for host in lab.frontends:
        lab.exec(first, "chef-backend-ctl", "gen-server-config", host, "-f", "/root/chef-server.rb")
        lab.put(host, SETTINGS, (lab.root(first) / "root/chef-server.rb").read_bytes(), 0o600)
        lab.exec(first, "rm", "/root/chef-server.rb")
        lab.exec(host, "chef-server-ctl", "reconfigure", timeout=180)


def package(version: str, family: str) -> Path:
    """The chef-backend package of a version below the master's file roots, built if it is not there yet."""
    _refuse_unknown(version, packages.BACKENDS)
    target = salt.PACKAGES / packing.file_name("chef-backend", version, family)
    return _built(target, lambda: packages.build(version, salt.PACKAGES, family=family))


def server_package(version: str, family: str) -> Path:
    """The chef-server-core package of a version below the master's file roots, built if it is not there yet."""
    _refuse_unknown(version, packages.SERVERS)
    target = salt.PACKAGES / packing.file_name("chef-server-core", version, family)
    return _built(target, lambda: packages.build_server(version, salt.PACKAGES, family=family))


def system_package() -> Path:
    """The package that stands for all of an rpm system, built if it is not there yet."""
    target = salt.PACKAGES / packing.file_name(families.SYSTEM_PACKAGE, "8", "rpm")
    return _built(target, lambda: packages.build_system(salt.PACKAGES))


def _refuse_unknown(version: str, known: Iterable[str]) -> None:
    if version not in known:
        raise LabError(f"the lab has no version {version!r}: it has {', '.join(known)}")


def _built(target: Path, build: Callable[[], Path]) -> Path:
    with _BUILDING:
        if not target.exists():
            build()
    return target

"""From bare hosts to a running cluster, by the commands an administrator would type, in the documented order."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab import packages, salt
from tests.lab.common import PATIENCE, LabError

SECRETS = "/etc/chef-backend/chef-backend-secrets.json"
SETTINGS = "/etc/opscode/chef-server.rb"
_BUILDING = threading.Lock()


def check(version: str, server: str) -> None:
    """Raise LabError unless the lab has these versions of chef-backend and chef-server-core."""
    for wanted, known, name in (
        (version, packages.BACKENDS, "chef-backend"),
        (server, packages.SERVERS, "chef-server-core"),
    ):
        if wanted not in known:
            raise LabError(f"the lab has no {name} {wanted!r}: it has {', '.join(known)}")


def set_up(lab) -> None:
    """Install the products on all hosts, form the cluster, join the frontends, start the minions.

    Raises LabError if a command fails, the cluster does not become healthy or a minion does not answer.
    """
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda host: _install(lab, host), lab.hosts))
        _form_cluster(lab)
        # Not before: five starting minions keep two processors busy for seconds, which elections do not like.
        minions = pool.submit(lab.start_minions)
        _join_frontends(lab)
        lab.wait_healthy(PATIENCE)
        minions.result()


def _install(lab, host: str) -> None:
    """Install a host's product from the package in the hub, as from a file brought there."""
    source = server_package(lab.server) if host in lab.frontends else package(lab.version)
    if host in lab.backends:
        lab.put(host, "/etc/chef-backend/chef-backend.rb", f"publish_address '{lab.address(host)}'\n", 0o640)
    lab.put(host, f"/var/tmp/{source.name}", source.read_bytes())
    lab.exec(host, "dpkg", "-i", f"/var/tmp/{source.name}")
    lab.exec(host, "rm", f"/var/tmp/{source.name}")


def _form_cluster(lab) -> None:
    first, *others = lab.backends
    lab.exec(first, "chef-backend-ctl", "create-cluster", "-y", "--accept-license", timeout=120)
    secrets = (lab.root(first) / SECRETS.lstrip("/")).read_bytes()
    for host in others:  # nodes join one at a time
        lab.put(host, "/root/secrets.json", secrets, 0o600)
        join = ("join-cluster", lab.address(first), "-s", "/root/secrets.json", "-y", "--accept-license")
        lab.exec(host, "chef-backend-ctl", *join, timeout=120)
        lab.exec(host, "rm", "/root/secrets.json")


def _join_frontends(lab) -> None:
    """Give each frontend its settings; the first one makes the schema, so that the others come after it."""
    first = lab.backends[0]
    for host in lab.frontends:
        lab.exec(first, "chef-backend-ctl", "gen-server-config", host, "-f", "/root/chef-server.rb")
        lab.put(host, SETTINGS, (lab.root(first) / "root/chef-server.rb").read_bytes(), 0o600)
        lab.exec(first, "rm", "/root/chef-server.rb")
        lab.exec(host, "chef-server-ctl", "reconfigure", timeout=180)


def package(version: str) -> Path:
    """The chef-backend package of a version below the master's file roots, built if it is not there yet."""
    return _built(packages.build, packages.BACKENDS, version, f"chef-backend_{version}-1_amd64.deb")


def server_package(version: str) -> Path:
    """The chef-server-core package of a version below the master's file roots, built if it is not there yet."""
    return _built(packages.build_server, packages.SERVERS, version, f"chef-server-core_{version}-1_amd64.deb")


def _built(build, known, version: str, name: str) -> Path:
    if version not in known:
        raise LabError(f"the lab has no version {version!r}: it has {', '.join(known)}")
    target = salt.PACKAGES / name
    with _BUILDING:
        if not target.exists():
            made = build(version, salt.PACKAGES)
            os.rename(made, target)
    return target

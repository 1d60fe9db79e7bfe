"""How long this node's services have been running, and how long ago its package came: by a clock that nobody can set.

runit and the file system go by the wall clock. One that steps back makes every service look just started, and what was
started after an installation look older than it. A process tells its own age; an installation is noted when it is made.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from saltext.chef_backend.node import backend, files
from saltext.chef_backend.node.host import OWN, Host

UNPACKED = f"{OWN}/unpacked.json"  # by manifest: its ctime, and when that was by the clock of which boot


class Running(Protocol):
    """A service that runs, as ``status`` shows it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def pid(self) -> int | None:
        """Its process."""

    @property
    def seconds(self) -> int:
        """For how long runit says that it runs: by the wall clock."""


def of_services(host: Host, services: Iterable[Running]) -> dict[str, float]:
    """Return the seconds for which each of these services has been running, by the beginning of its process.

    What runit shows counts where the process has just ended.
    """
    _, now = host.clock.boot()
    ages = {}
    for service in services:
        began = host.processes.began(service.pid) if service.pid else None
        ages[service.name] = float(service.seconds) if began is None else max(0.0, now - began)
    return ages


def note_unpacked(host: Host, manifest: str) -> None:
    """Note that the package which this manifest is part of was unpacked just now. Raises OSError."""
    boot, now = host.clock.boot()
    known = {**_noted(host), manifest: {"ctime": backend.unpacked(host, manifest), "boot": boot, "at": now}}
    files.write(host.path(UNPACKED), json.dumps(known))


def outdated(host: Host, services: Iterable[Running], manifest: str) -> list[str]:
    """Return the names of the services that began before the package was unpacked: they run the version before.

    Of a package that somebody else has installed only the wall clock tells when that was.

    :param services: those that run.
    :param manifest: path of a file that the package brings.
    :raises OSError: there is no such file.
    """
    several, unpacked = list(services), backend.unpacked(host, manifest)
    noted = _noted(host).get(manifest, {})
    if noted.get("ctime") != unpacked:
        now = host.clock.now()
        # runit counts whole seconds of the clock: what it shows may be up to one second too long
        return [one.name for one in several if now - one.seconds + 1 < unpacked]
    boot, now = host.clock.boot()
    if noted["boot"] != boot:
        return []  # all of them began with this boot, or later
    ages = of_services(host, several)
    return [one.name for one in several if ages[one.name] > now - noted["at"]]


def _noted(host: Host) -> Mapping[str, Any]:
    """What is noted of installations; what cannot be read is not noted."""
    try:
        found = json.loads(files.read(host.path(UNPACKED)) or "{}")
        well = all({"ctime", "boot", "at"} <= set(one) for one in found.values())
        return found if well else {}
    except (ValueError, AttributeError, TypeError):
        return {}

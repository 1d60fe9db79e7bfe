"""Snapshots: the disks of all hosts under a name, and the way back to them.

The power of all hosts is cut for a save, as at one moment, so that the copies belong together. A restore is therefore
what the end of a power cut of the whole site would be: everything starts from its disk, and a leader is elected.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import network, power, salt
from tests.lab.common import RUN, LabError, command

if TYPE_CHECKING:
    from tests.lab.hosts import Lab

FAULTS = "etc/lab/faults.json"
#: Changes disks, and the master, which it stops and starts; returns the ids by which the minions will answer.
Laid = Callable[["Lab"], Iterable[str]]


def save(lab: Lab, name: str) -> None:
    """Keep the disks of all hosts, the pillar, and what the master has synced.

    Raises LabError if a host is off or the name is taken.
    """
    place = _place(name)
    if place.exists():
        raise LabError(f"there is a snapshot {name!r} already: choose another name")
    off = [host for host in lab.hosts if not power.is_on(host)]
    if off:
        raise LabError(f"a snapshot needs all hosts on; off: {', '.join(off)}")
    _cut_power(lab)
    part = place.with_name(f".{name}.part")
    part.mkdir()
    _each(lab, lambda host: _copy(power.disk(host), part / host))
    if lab.minions:
        _copy(salt.PILLAR, part / "pillar")
        _copy(salt.SYNCED, part / "synced")
    part.rename(place)
    _start(lab, lab.hosts)


def restore(lab: Lab, name: str, laid: Laid | None = None) -> None:
    """Put the disks, the pillar and what the master had synced back, and start everything from them.

    laid: what is changed before anything starts. Faults that tests have ordered are dropped, cables are plugged, the
    master is started if it is down.
    Raises LabError if there is no such snapshot, or the cluster does not become healthy.
    """
    place = _place(name)
    if not place.exists():
        known = sorted(path.name for path in (RUN / "snapshots").iterdir() if not path.name.startswith("."))
        raise LabError(f"there is no snapshot {name!r}; there are: {', '.join(known) or 'none'}")
    _cut_power(lab)

    def put_back(host: str) -> None:
        power.wipe(host)
        _copy(place / host, power.disk(host))
        (power.disk(host) / FAULTS).unlink(missing_ok=True)

    _each(lab, put_back)
    if lab.minions:
        for name, folder in (("pillar", salt.PILLAR), ("synced", salt.SYNCED)):
            shutil.rmtree(folder, ignore_errors=True)
            _copy(place / name, folder)
        salt.forget_runs()
    _start(lab, laid(lab) if laid else lab.hosts)


def forget() -> None:
    """Throw all snapshots away."""
    for place in (RUN / "snapshots").iterdir():
        shutil.rmtree(place)


def _place(name: str) -> Path:
    if not name.replace("-", "").replace("_", "").isalnum():
        raise LabError(f"{name!r} cannot name a snapshot: use letters, digits, - and _")
    return RUN / "snapshots" / name


def _copy(source: Path, target: Path) -> None:
    """Copy a folder with owners, modes, device nodes (an overlay's whiteouts) and attributes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    command("cp", "-a", source, target)


def _each(lab: Lab, work: Callable[[str], None]) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, lab.hosts))


def _cut_power(lab: Lab) -> None:
    """Cut the power of the whole site as at one moment: cables first, so that nobody sees another one go."""
    on = [host for host in (*lab.frontends, *lab.backends) if power.is_on(host)]
    for host in on:
        network.unplug(host)
    for host in on:
        power.switch_off(host)


def _start(lab: Lab, minions: Iterable[str]) -> None:
    """Switch all on and wait until the cluster is healthy and every minion answers."""
    if lab.minions and not salt.runs():
        salt.start_master()
    _each(lab, power.switch_on)
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(lab.await_minions, minions)
        lab.wait_healthy()
        answers.result()

"""One host of the world: its power, its disk, and commands in it.

All that is known about a host stands below RUN/hosts/NAME (`pid`: its first process, while it is on; `disk`: the upper
folder of its overlay, which outlives the power), so that several processes of a world see the same hosts.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from tests.lab import network
from tests.lab.common import HOST_PATH, RUN, LabError, start_time, wait_until
from tests.lab.world import GROUND, lower_folders

ENVIRONMENT = (f"PATH={HOST_PATH}", "HOME=/root", "LANG=C.UTF-8", f"TERM={os.environ.get('TERM', 'dumb')}")


def folder(host: str) -> Path:
    """Where the lab keeps what belongs to a host. Raises LabError for a name that is none of the world's hosts."""
    if host not in network.ADDRESSES:
        raise LabError(f"there is no host {host!r} in the lab: its hosts are {', '.join(network.ADDRESSES)}")
    return RUN / "hosts" / host


def disk(host: str) -> Path:
    """The upper folder of the host's overlay: its own files. To be changed only while the host is off."""
    return folder(host) / "disk/upper"


def journal(host: str) -> Path:
    """The host's journal, on the hub's side: no power-off, snapshot or package reaches it."""
    return RUN / "journal" / f"{host}.jsonl"


def is_on(host: str) -> bool:
    """Whether a host is switched on."""
    try:
        pid(host)
    except LabError:
        return False
    return True


def pid(host: str) -> int:
    """First process of a host, as the hub sees it. Raises LabError if the host is off."""
    with contextlib.suppress(FileNotFoundError):
        known = json.loads((folder(host) / "pid").read_text())
        if start_time(known["pid"]) == known["started"]:
            first: int = known["pid"]
            return first
    raise LabError(f"{host} is off: switch it on first (power-on {host})")


def root(host: str) -> Path:
    """The host's / as the hub can reach it. Raises LabError if the host is off."""
    return Path(f"/proc/{pid(host)}/root")


def switch_on(host: str) -> None:
    """Start a host from its disk and plug it in. Raises LabError if it is on already or does not start."""
    if is_on(host):
        raise LabError(f"{host} is on already")
    place = folder(host)
    place.mkdir(exist_ok=True)
    journal(host).touch()
    binds = json.loads((RUN / "binds").read_text())
    namespaces = ("unshare", "-m", "-u", "-i", "-n", "-p", "--fork", "--kill-child=KILL", "--")
    what = (host, network.ADDRESSES[host], place, lower_folders(), journal(host), *binds)
    with open(place / "console", "w") as console:
        # A session of its own: a Ctrl-C meant for the driver must not reach the hosts.
        outer = subprocess.Popen(
            [*namespaces, str(GROUND / "host-init"), *map(str, what)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=console,
            text=True,
            start_new_session=True,
        )
    assert outer.stdin and outer.stdout, "both are pipes"
    with outer.stdin, outer.stdout:
        _expect(outer, outer.stdout, "rooted", host)
        first = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()[0])
        network.attach(host, first)
        outer.stdin.write("\n")
        outer.stdin.flush()
        _expect(outer, outer.stdout, "networked", host)
    known = {"pid": first, "started": start_time(first), "outer": outer.pid}
    (place / "pid").write_text(json.dumps(known))
    wait_until(lambda: None if (root(host) / "run/runsvdir.pid").exists() else f"{host}: no runsvdir", 10, 0.01)


def _expect(outer: subprocess.Popen[str], said: IO[str], word: str, host: str) -> None:
    """Read one word of a starting host."""
    if said.readline().strip() != word:
        outer.kill()
        outer.wait()
        last = (folder(host) / "console").read_text(errors="replace").strip().splitlines()[-3:]
        raise LabError(f"{host} does not start: {'; '.join(last) or 'no reason given'}")


def switch_off(host: str) -> None:
    """Cut a host's power: the cable first, so that no peer is told; its disk stays as it is.

    Raises LabError if the host is off.
    """
    first = pid(host)
    outer = json.loads((folder(host) / "pid").read_text())["outer"]
    network.unplug(host)
    os.kill(first, signal.SIGKILL)
    # The host's outer process ends when the last process of the host is gone, and its overlay is free then.
    wait_until(lambda: None if _gone(outer) else f"{host} does not end", 30, 0.005)
    network.detach(host)
    (folder(host) / "pid").unlink()


def _gone(process: int) -> bool:
    """Whether a process has ended; if it was this process' own child, it is reaped."""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(process, os.WNOHANG)[0] == process
    return start_time(process) is None


def stun(host: str) -> None:
    """Stop all processes of a host: it keeps its power and its connections, and answers nothing until it is woken."""
    _signal_all(host, signal.SIGSTOP)


def wake(host: str) -> None:
    """Have a stunned host go on: what came meanwhile waits for it."""
    _signal_all(host, signal.SIGCONT)


def _signal_all(host: str, number: signal.Signals) -> None:
    """Signal every process of a host, those that begin meanwhile too. Raises LabError if the host is off."""
    own, told = os.readlink(f"/proc/{pid(host)}/ns/pid"), set[int]()
    while True:
        there = {process for process in _processes() if _namespace(process) == own} - told
        if not there:
            return
        for process in there:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        told |= there


def _processes() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _namespace(process: int) -> str | None:
    try:
        return os.readlink(f"/proc/{process}/ns/pid")
    except OSError:
        return None  # it has ended


def wipe(host: str) -> None:
    """Throw away the disk of a host that is off."""
    if is_on(host):
        raise LabError(f"{host} is on: its disk cannot be taken away")
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder(host) / "disk")


def argv_in(host: str, argv: Iterable[object]) -> list[str]:
    """The command that runs another command in a host, from the hub. Raises LabError if the host is off."""
    into = ("nsenter", "-t", str(pid(host)), "-m", "-u", "-i", "-n", "-p", "--wdns=/", "--")
    # The command dies with nsenter: without this a time-out would end nsenter and leave the command running.
    bound = ("setpriv", "--pdeathsig", "KILL", "env", "-i", *ENVIRONMENT)
    return [*into, *bound, *map(str, argv)]


def put(host: str, path: str, content: str | bytes, mode: int = 0o644) -> None:
    """Write a file in a host, atomically; its folders are made.

    path: absolute, as the host sees it; no part of it may be a link to an absolute path. content: text or bytes.
    mode: permission bits.
    """
    write(Path(f"{root(host)}{path}"), content, mode)


def write(target: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Write a file atomically; its folders are made."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{time.monotonic_ns()}")
    part.write_bytes(content.encode() if isinstance(content, str) else content)
    part.chmod(mode)
    part.replace(target)

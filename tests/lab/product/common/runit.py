"""runit service folders: written, registered with the lab's host, started and stopped."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

REGISTER = "/usr/local/sbin/lab-service"

GRACE = 7
"""Seconds to end by itself for a service that is killed otherwise; sv waits as long."""


def write_script(path: Path, text: str) -> bool:
    """Write an executable shell script; True when it differs from what was there."""
    wanted = f"#!/bin/sh\n{text}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_text() == wanted:
        return False
    path.write_text(wanted)
    path.chmod(0o755)
    return True


def define(
    folder: Path,
    run: str,
    log: str,
    *,
    normally_down: bool = False,
    on_term: str | None = None,
    on_end: str | None = None,
) -> None:
    """Write the service `folder`.

    run: shell commands, the last one an exec; log: folder of svlogd; normally_down: only an explicit
    `sv up` starts it; on_term: shell command in place of the TERM signal; on_end: shell command when its process has
    ended, however it did, but for the end of the host.
    """
    write_script(folder / "run", f"exec 2>&1\n{run}")
    write_script(folder / "log" / "run", f"mkdir -p {log}\nexec svlogd -tt {log}")
    if normally_down:
        (folder / "down").touch()
    if on_term:
        write_script(folder / "control" / "t", on_term)
    if on_end:
        write_script(folder / "finish", on_end)


def register(folders: list[Path], seconds: float = 15) -> None:
    """Have the host supervise `folders` now and after each boot; raises TimeoutError."""
    # All at once: each of these calls waits for runsvdir.
    calls = [subprocess.Popen([REGISTER, str(folder)]) for folder in folders]
    failed = [folder.name for call, folder in zip(calls, folders, strict=True) if call.wait()]
    if failed:
        raise TimeoutError(f"the host's runit does not take {', '.join(failed)}")
    until = time.monotonic() + seconds
    while not all(_is_supervised(folder) for folder in folders):
        if time.monotonic() > until:
            raise TimeoutError(f"runit did not take over {', '.join(map(str, folders))} in {seconds} s")
        time.sleep(0.05)


def serve(folders: Mapping[Path, bool]) -> None:
    """Have the host supervise services and run them now; one whose files have changed (True) while it ran runs anew."""
    # Not a service that has only just started: it has read the new files.
    anew = [folder for folder, changed in folders.items() if changed and is_running(folder)]
    register(list(folders))
    for folder in folders:
        if folder in anew:
            sv("restart", folder)
        else:
            start(folder)


def _is_supervised(folder: Path) -> bool:
    try:
        # runsv holds the reading end of this pipe open; without it, opening for writing fails.
        os.close(os.open(folder / "supervise" / "ok", os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def sv(
    verb: str, folder: Path | str, *, wait: int | None = 7, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`sv VERB FOLDER`, output captured as text.

    wait: seconds that sv itself waits (7 as the product does), None not at all: it looks every 0.4 s only.
    """
    limit = [] if wait is None else ["-w", str(wait)]
    return subprocess.run(["sv", *limit, verb, str(folder)], capture_output=True, text=True, env=environment)


def is_running(folder: Path) -> bool:
    """True when the service has a process now. Asked often: read from runsv's own file, as sv does."""
    if not _is_supervised(folder):
        return False  # the file would be of before a power loss
    return (folder / "supervise" / "stat").read_text().startswith("run")


def stop(*folders: Path, seconds: float = 60, mortal: tuple[Path, ...] = ()) -> None:
    """Stop services, all at once, and wait for them; raises TimeoutError.

    mortal: those among them that are killed when they have not ended in time (GRACE).
    """
    for folder in folders:
        sv("down", folder, wait=None)
    began = time.monotonic()
    for folder in folders:
        killed = False
        while is_running(folder) or not _is_wanted_down(folder):
            waited = time.monotonic() - began
            if waited > seconds:
                raise TimeoutError(f"{folder.name} did not stop in {seconds:.0f} s")
            if folder in mortal and waited > GRACE and not killed:
                sv("kill", folder, wait=None)
                killed = True
            time.sleep(0.02)


def _is_wanted_down(folder: Path) -> bool:
    """Whether runsv has heard that it is to stop the service: one that dies again and again keeps it asleep meanwhile.

    Until then sv takes the service for one that is wanted up, and says nothing to start it.
    """
    if not _is_supervised(folder):
        return True
    want = (folder / "supervise" / "status").read_bytes()[17:18]  # as sv(8) reads it
    return want == b"d"


def start(folder: Path) -> None:
    """Ask runit to start the service; whether it stays up is the caller's question."""
    sv("up", folder, wait=None)

"""A world that outlives its starter: `up`, `down` and everything one asks of it meanwhile.

Its keeper leads a session of its own; its processes stand in a state file below .cache/lab, by pid and start time.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.lab import base
from tests.lab.common import CACHE, CHECKOUT, LabError, require_root, start_time, wait_until

STATE = CACHE / "world.json"
LOG = CACHE / "world.log"
READY = "lab is ready"


@dataclass(frozen=True)
class World:
    """The processes of a lasting world: its keeper outside, its first process inside, both as the machine sees them."""

    keeper: int
    first: int
    age: float


def find() -> World | None:
    """The lasting world of this checkout, or None; a state file of one that is gone is removed."""
    try:
        known = json.loads(STATE.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        known = {"keeper": 0, "keeper_started": "unreadable"}
    if start_time(known["keeper"]) != known["keeper_started"]:
        STATE.unlink(missing_ok=True)
        return None
    return World(known["keeper"], known["first"], time.time() - STATE.stat().st_mtime)


def need() -> World:
    """The lasting world. Raises LabError if there is none."""
    require_root()
    world = find()
    if world is None:
        raise LabError("no lab is up here: start one with `python -m tests.lab up`")
    return world


def up(backends: str, speed: float) -> float:
    """Start a lasting world and wait until its lab is ready.

    backends: version of chef-backend; speed: divisor of the product's time constants. Returns the seconds it took.
    Raises LabError if one is up already, or with the reason why it did not start. If it is interrupted or fails,
    nothing is left.
    """
    require_root()
    base.ensure()
    began = time.monotonic()
    keeper = _start_keeper(["--backends", backends, "--speed", f"{speed:g}"])
    try:
        while True:
            text = LOG.read_text(errors="replace")
            if READY in text:
                return time.monotonic() - began
            if keeper.poll() is not None:
                last = "\n  ".join(text.strip().splitlines()[-15:])
                raise LabError(f"the lab did not start (log in {LOG}):\n  {last}")
            time.sleep(0.1)
    except BaseException:
        _end(keeper.pid)
        STATE.unlink(missing_ok=True)
        raise


def _start_keeper(options: list[str]) -> subprocess.Popen[bytes]:
    """Start the keeper; the exclusive creation of the state file keeps a second one away."""
    if find() is None:
        try:
            descriptor = os.open(STATE, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            pass
        else:
            with open(LOG, "w") as log, open(descriptor, "w") as state:
                keeper = subprocess.Popen(
                    [sys.executable, "-m", "tests.lab", "keep", *options],
                    cwd=CHECKOUT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
                known = {"keeper": keeper.pid, "keeper_started": start_time(keeper.pid), "first": 0}
                state.write(json.dumps(known))
            return keeper
    raise LabError("a lab is up already: use it (`status`, `exec`, `shell`), or end it with `python -m tests.lab down`")


def drive(backends: str, speed: float) -> None:
    """Be the driver of a lasting world: boot the lab, say so, and wait to be ended."""
    from tests.lab.hosts import Lab

    Lab.boot(backends=backends, speed=speed)
    print(READY, flush=True)
    # Ended by SIGTERM's default action; the kernel then ends the world.
    signal.sigwait({signal.SIGUSR1})


def down() -> None:
    """End the lasting world and wait until nothing of it is left. Raises LabError if there is none."""
    _end(need().keeper)
    STATE.unlink(missing_ok=True)


def _end(keeper: int) -> None:
    """End a keeper: by SIGTERM, or after 10 s by SIGKILL, upon which the kernel ends the world."""

    def gone() -> str | None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(keeper, os.WNOHANG)
        return None if start_time(keeper) is None else f"process {keeper} does not end"

    for number in (signal.SIGTERM, signal.SIGKILL):
        if gone() is None:
            return
        os.kill(keeper, number)
        try:
            wait_until(gone, 10)
        except LabError:
            continue
    if problem := gone():
        raise LabError(problem)


def record() -> Path:
    """Where a keeper writes down its world's processes."""
    return STATE

"""What all parts of the lab share: where things are, the one kind of error, bounded waiting, running commands."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = CHECKOUT / ".cache" / "lab"
#: Mount point of the world's tmpfs: empty on the machine, and another one in every world.
RUN = CACHE / "run"

#: The search path inside hosts; /usr/local comes first because the journal wrappers of dpkg and rpm live there.
HOST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


#: Seconds until a cluster that does not become healthy, or minions that do not answer, are an error: on a busy machine
#: a start takes long.
PATIENCE = 400


class LabError(Exception):
    """Something the lab was asked for cannot be had; the text says what, where and what to do."""


class CommandFailed(LabError):
    """A command ended with another status than 0.

    Attributes: `argv` (tuple of str), `status` (int, negative for a signal), `output` (str, stdout then stderr).
    """

    def __init__(self, where: str, argv: Sequence[object], status: int, output: str):
        self.argv, self.status, self.output = tuple(argv), status, output
        last = "\n  ".join(output.strip().splitlines()[-15:]) or "(no output)"
        super().__init__(f"{where}: {' '.join(map(str, argv))}: exit status {status}\n  {last}")


def require_root() -> None:
    """Raise LabError unless this process is root."""
    if os.geteuid() != 0:
        raise LabError("the lab needs root (namespaces and mounts): run the same command as root, e.g. with sudo")


def command(*argv: object, where: str = "hub", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, capturing text.

    argv: the command's words. where: named in the error. cwd: the folder to run it in.
    Returns the CompletedProcess. Raises CommandFailed on a status other than 0.
    """
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        raise CommandFailed(where, argv, done.returncode, done.stdout + done.stderr)
    return done


def wait_until(check: Callable[[], str | None], timeout: float, step: float = 0.05) -> float:
    """Poll until a condition holds.

    check: returns None when it holds, else what is still missing. timeout, step: seconds.
    Returns the seconds waited. Raises LabError with what was missing last.
    """
    began = time.monotonic()
    while (missing := check()) is not None:
        if time.monotonic() - began > timeout:
            raise LabError(f"waited {timeout:g} s in vain: {missing}")
        time.sleep(step)
    return time.monotonic() - began


def start_time(pid: int) -> str | None:
    """When a process started, in clock ticks since boot as /proc tells it; None if there is no such process.

    With the pid it names a process for good: a pid alone may belong to somebody else by now.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else fields[18]


def outside_root() -> list[str]:
    """Folders that hosts need at their own path but do not get from the overlay over the machine's root.

    Returns the checkout, and the interpreter's folders if they lie on another filesystem or below a folder
    over which every host mounts a tmpfs.
    """
    folders = [str(CHECKOUT)]
    for folder in (sys.prefix, sys.base_prefix):
        hidden = os.stat(folder).st_dev != os.stat("/").st_dev or folder.split("/")[1] in ("tmp", "run", "dev")
        if hidden and not any(f"{folder}/".startswith(f"{known}/") for known in folders):
            folders.append(folder)
    return folders

"""A world: namespaces of its own for a network of hosts, and a hub to drive them from.

The process that asks for a world stays outside as its keeper and passes signals on. Its child is the world's first
process: it lays out the world, starts the driver (a command) in the hub and reaps. When the driver ends, or the
keeper does, however it does, the kernel ends every process in the world; mounts and network go with the last one.

The hub's root is an overlay like the hosts': the machine's root, the base layer, and on top a tmpfs. So the driver
finds the hosts' tools (`ip` above all) on a machine that lacks them, and whatever is written outside the
checkout (below /etc, /var, /tmp ...) vanishes with the world.
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from tests.lab import base, network
from tests.lab.common import CACHE, CHECKOUT, HOST_PATH, RUN, LabError, command, outside_root, require_root, start_time

GROUND = Path(__file__).with_name("ground")
#: Where the hub's root is mounted before the world moves into it.
ROOT = CACHE / "root"
#: Set in the environment of everything that runs in a world's hub.
MARK = "CHEF_BACKEND_LAB"
#: Bound of all disks, snapshots and the base layer of one world together.
SIZE = "10g"

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_NEW_NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000  # mount, uts, ipc, pid, net
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def inside() -> bool:
    """Whether this process runs in the hub of a world."""
    return os.environ.get(MARK) == "1" and (RUN / "binds").exists()


def require_inside() -> None:
    """Raise LabError unless this process runs in a world."""
    if not inside():
        raise LabError("this works only inside a world: start it with `python -m tests.lab run -- COMMAND...`")


def run(argv: list[str], record: Path | None = None) -> int:
    """Make a world and run its driver in the hub.

    argv: the driver's command, run in the checkout with the interpreter's folder first on PATH.
    record: for a world that outlives its starter, the file where its processes are written down; without it the
    world dies with the process that started this one. Returns the driver's exit status.
    Raises LabError without root, inside another world, or if the base layer cannot be had.
    """
    require_root()
    if inside():
        raise LabError("this is already a world: worlds do not nest")
    layer = base.ensure()
    if record is None:
        _die_with_parent()
    RUN.mkdir(parents=True, exist_ok=True)
    ROOT.mkdir(exist_ok=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_SIGNALS, signal.SIGCHLD})
    if _LIBC.unshare(_NEW_NAMESPACES):
        raise LabError(f"this machine allows no new namespaces: {os.strerror(ctypes.get_errno())}")
    first = os.fork()
    if first == 0:
        _die_with_parent()
        _exit_with(lambda: _first_process(layer, argv))
    if record is not None:
        pids = {"keeper": os.getpid(), "first": first}
        started = {f"{name}_started": start_time(pid) for name, pid in pids.items()}
        record.write_text(json.dumps({**pids, **started}) + "\n")
    return _tend(first)


def _die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _exit_with(work: Callable[[], int]) -> NoReturn:
    """End this forked process with the status that work returns; never return into the parent's code."""
    status = 1
    try:
        status = work()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _tend(child: int) -> int:
    """Reap every child and pass signals on to one of them until that one ends; return its exit status."""
    while True:
        got = signal.sigwaitinfo({*_SIGNALS, signal.SIGCHLD})
        if got.si_signo != signal.SIGCHLD:
            # The terminal sends its signals to the child, too (si_code above 0: from the kernel): once is enough.
            if got.si_code <= 0:
                os.kill(child, got.si_signo)
            continue
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code


def _first_process(layer: Path, argv: list[str]) -> int:
    """Lay out the world, then start the driver and reap until it ends."""
    _lay_out(layer)
    driver = os.fork()
    if driver == 0:
        _exit_with(lambda: _become(argv))
    return _tend(driver)


def _become(argv: list[str]) -> int:
    """Turn this process into the driver."""
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    for number in _SIGNALS:  # as in a terminal, whatever this world was started by has ignored
        signal.signal(number, signal.SIG_DFL)
    os.environ.update(environment())
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        raise LabError(f"cannot run {argv[0]}: {error.strerror}") from error


def environment() -> dict[str, str]:
    """What a command in the hub needs in its environment: the Salt commands on PATH, knowing this master."""
    return {
        MARK: "1",
        "PATH": f"{sys.prefix}/bin:{HOST_PATH}",
        "SALT_CONFIG_DIR": str(RUN / "master" / "etc"),
    }


def _lay_out(layer: Path) -> None:
    """Mount the world's tmpfs and the hub's root, move into it, and build the network."""
    binds = outside_root()
    command("mount", "--make-rprivate", "/")
    command("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "lab", RUN)
    for folder in ("base", "ground", "machine", "hub/upper", "hub/work", "hosts", "journal", "snapshots"):
        (RUN / folder).mkdir(parents=True)
    command("mount", "--bind", "/", RUN / "machine")
    command("mount", "-o", "remount,bind,ro", RUN / "machine")
    command("tar", "--extract", "--file", layer, "--xattrs", "--xattrs-include=*", "-C", RUN / "base")
    (RUN / "binds").write_text(json.dumps(binds))
    _lay_ground()
    layers = f"lowerdir={RUN / 'base'}:{RUN / 'machine'},upperdir={RUN / 'hub/upper'},workdir={RUN / 'hub/work'}"
    command("mount", "-t", "overlay", "hub", "-o", layers, ROOT)
    command("mount", "--rbind", "/dev", f"{ROOT}/dev")
    for name, mode in (("dev/shm", 1777), ("run", 755), ("tmp", 1777)):
        command("mount", "-t", "tmpfs", "-o", f"mode={mode}", name.replace("/", "-"), ROOT / name)
    command("mount", "-t", "proc", "proc", ROOT / "proc")
    command("mount", "-t", "sysfs", "-o", "ro", "sysfs", ROOT / "sys")
    for folder in binds:
        Path(f"{ROOT}{folder}").mkdir(parents=True, exist_ok=True)
        command("mount", "--bind", folder, f"{ROOT}{folder}")
    command("mount", "--rbind", RUN, f"{ROOT}{RUN}")
    (ROOT / "run/lock").mkdir(mode=0o1777)
    command("pivot_root", ".", ".", cwd=ROOT)
    os.chdir("/")
    command("umount", "-l", "/")
    os.chdir(CHECKOUT)
    os.environ["PATH"] = HOST_PATH
    socket.sethostname("hub")
    _replace("/etc/hosts", network.hosts_file())
    _replace("/etc/resolv.conf", "")
    network.build()


def _lay_ground() -> None:
    """Fill the layer that all hosts share above the base: the lab's own tools and settings."""
    ground = RUN / "ground"
    shutil.copytree(GROUND / "files", ground, dirs_exist_ok=True)
    for folder in ("etc/service-links", "lab"):
        (ground / folder).mkdir(parents=True)
    (ground / "lab/journal").touch()
    (ground / "etc/hosts").write_text(network.hosts_file())
    (ground / "etc/resolv.conf").write_text("")


def _replace(path: str, text: str) -> None:
    """Write a file of the hub anew, also where the machine has a link in its place."""
    Path(path).unlink(missing_ok=True)
    Path(path).write_text(text)


def lower_folders() -> str:
    """The lower folders of a host's overlay, uppermost first, as mount wants them."""
    return ":".join(str(RUN / folder) for folder in ("ground", "base", "machine"))


def enter(first: int, argv: list[str]) -> int:
    """Run a command in the hub of a world made by another process.

    first: the world's first process as the machine sees it. argv: the command. Returns its exit status.
    """
    into = ["nsenter", "-t", str(first), "-m", "-u", "-i", "-n", "-p", f"--wdns={CHECKOUT}", "--"]
    return subprocess.run([*into, *argv], env={**os.environ, **environment()}, check=False).returncode

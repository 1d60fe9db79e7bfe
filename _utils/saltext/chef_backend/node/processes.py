"""Programs of this node, through one door: run to their end, or started apart; a simulation puts in its own."""

import contextlib
import dataclasses
import fcntl
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from saltext.chef_backend.node import supervisor
from saltext.chef_backend.node.supervisor import ENDED, LEFT, MARK, PROCESS, STARTING, STDERR, STDOUT
from saltext.chef_backend.product.command import Done

MOST = 1 << 18  # bytes of output that are read back, the last ones
LOOKS_EVERY = 0.05  # seconds, at most
BEGINS_WITHIN = 30.0  # seconds for a command to be on its way
SCOPES = Path("/run/systemd/system")  # there where systemd runs, sd_booted(3)


@dataclasses.dataclass(frozen=True)
class Work:
    """What is known of a command that was started apart."""

    status: int | None  # its exit status, negative for the signal that ended it; None while, and where, none is noted
    alive: bool  # whether it, or a process that it has left behind, is at work in this boot of the node
    ended: float | None = None  # when the status was noted, seconds since the boot
    left: tuple[str, ...] = ()  # where it has ended itself: what it has left at work, words and pids


class Processes(Protocol):
    """What this extension asks of a node's processes. A command is a list of words, never a shell string."""

    def run(self, words: Sequence[str], timeout: float, env: Mapping[str, str] | None = None) -> Done:
        """Run a command that only reads; when its bound has passed it is ended, with all its children.

        :param timeout: bound in seconds; past it the status is None.
        :param env: variables to add to the environment.
        :raises OSError: there is no such program.
        """

    def start(
        self,
        words: Sequence[str],
        folder: Path,
        env: Mapping[str, str] | None = None,
        keep: bool = True,
        until: float | None = None,
    ) -> None:
        """Start a command apart from its caller, whose end it outlives; it is on its way when this returns.

        :param folder: names it from now on; it is there, empty, and root's alone.
        :param keep: whether its output is kept.
        :param until: when it may be begun at the latest, in seconds since the boot: whoever wants it may be stopped.
        :raises OSError: there is no such program, or it could not be started: then nothing is at work.
        """

    def look(self, folder: Path) -> Work:
        """Return what is known of a command that was started, or was to be, by whomever."""

    def wait(self, folder: Path, seconds: float) -> Work:
        """Return as :func:`look` does, as soon as the command is not at work any more, or the seconds have passed."""

    def output(self, folder: Path) -> tuple[str, str]:
        """Return what a command has printed until now, its standard output and its standard error."""

    def matching(self, pattern: str) -> list[str]:
        """Return the command lines that a regular expression is found in, without those that are started here."""

    def began(self, pid: int) -> float | None:
        """Return when a process began, in seconds since the boot; None if there is none of that number."""


@dataclasses.dataclass(frozen=True)
class RealProcesses:
    """The host's own processes."""

    scopes: bool = True  # whether systemd may be asked for a scope, where it runs; Salt's own option systemd.scope

    def run(self, words: Sequence[str], timeout: float, env: Mapping[str, str] | None = None) -> Done:
        """Run a command that only reads; see :class:`Processes`."""
        mark = secrets.token_hex(8)
        child = _child(words, subprocess.PIPE, _environment(env, mark))
        status: int | None = None
        try:
            out, err = child.communicate(timeout=timeout)
            status = child.returncode
        except subprocess.TimeoutExpired:
            _end(child, mark)
            out, err = _rest(child)
        except BaseException:  # whoever ends this job ends what it reads with
            _end(child, mark)
            raise
        return Done(status, _text(out), _text(err))

    def start(
        self,
        words: Sequence[str],
        folder: Path,
        env: Mapping[str, str] | None = None,
        keep: bool = True,
        until: float | None = None,
    ) -> None:
        """Start a command apart from its caller; see :class:`Processes`."""
        environment = _environment(env, secrets.token_hex(8))
        if shutil.which(words[0], path=environment.get("PATH")) is None:
            raise FileNotFoundError(2, "no such program", words[0])
        # the minion's own Python: it is there, and newer than any of the system's
        latest = "-" if until is None else str(until)
        helper = [sys.executable, "-IS", supervisor.__file__, str(folder), "1" if keep else "0", latest]
        scope = _scope(folder) if self.scopes else []
        ways = [[*scope, *helper], helper] if scope else [helper]  # where systemd cannot be reached, without it
        with open(folder / STARTING, "w", encoding="utf-8") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            for way in ways:
                done = _started([*way, str(starting.fileno()), *words], folder, starting.fileno(), environment)
                if (folder / PROCESS).exists():
                    return
        raise OSError(5, f"it could not be started: {done}", words[0])

    def look(self, folder: Path) -> Work:
        """Return what is known of a command; see :class:`Processes`."""
        noted = _noted(folder / ENDED)
        if noted:
            return Work(int(noted[0]), False, float(noted[1]))
        process = _noted(folder / PROCESS)
        if not process:
            return Work(None, _is_starting(folder))
        boot, pid, ticks, mark = process[0], int(process[1]), int(process[2]), process[3]
        if boot != supervisor.boot():
            return Work(None, False)
        supervised, waits = supervisor.ticks_of(pid) == ticks, _noted(folder / LEFT)
        left = () if supervised and not waits else _left(pid, ticks, None if waits == ["-"] else mark)
        noted = _noted(folder / ENDED)  # it may have ended between the two looks
        if noted:
            return Work(int(noted[0]), False, float(noted[1]))
        return Work(None, supervised or bool(left), left=left)

    def wait(self, folder: Path, seconds: float) -> Work:
        """Wait for a command; see :class:`Processes`."""
        began, pause = time.monotonic(), 0.002
        while True:
            work = self.look(folder)
            left = began + seconds - time.monotonic()
            if not work.alive or left <= 0:
                return work
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, LOOKS_EVERY)

    def output(self, folder: Path) -> tuple[str, str]:
        """Return what a command has printed; see :class:`Processes`."""
        return tail(folder / STDOUT), tail(folder / STDERR)

    def matching(self, pattern: str) -> list[str]:
        """Return command lines; see :class:`Processes`."""
        found = []
        for pid in supervisor.pids():
            words = supervisor.command_line(pid)
            if re.search(pattern, words) and not supervisor.is_marked(pid):
                found.append(words)
        return found

    def began(self, pid: int) -> float | None:
        """Return when a process began; see :class:`Processes`."""
        ticks = supervisor.ticks_of(pid)
        return None if ticks is None else ticks / os.sysconf("SC_CLK_TCK")


def _child(
    words: Sequence[str], stdout: int, environment: Mapping[str, str], kept: Sequence[int] = ()
) -> "subprocess.Popen[bytes]":
    """Begin a program in a session of its own; what it says on standard error is read.

    :param stdout: where its standard output goes, as of Popen.
    :param kept: open files that it gets.
    """
    return subprocess.Popen(
        list(words),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd="/",
        env=environment,
        pass_fds=tuple(kept),
        start_new_session=True,
    )


def _started(words: Sequence[str], folder: Path, kept: int, environment: Mapping[str, str]) -> str:
    """Have the supervisor begin; return why it did not, if it did not: then nothing of it is left."""
    child = _child(words, subprocess.DEVNULL, environment, (kept,))
    try:
        return _text(child.communicate(timeout=BEGINS_WITHIN)[1]).strip() or f"status {child.returncode}"
    except subprocess.TimeoutExpired:
        if not (folder / PROCESS).exists():
            _end(child, environment[MARK])
        return f"not within {BEGINS_WITHIN:g} s"


def _scope(folder: Path) -> list[str]:
    """How systemd has a program run outside of the minion's unit, which may end with all that is in it."""
    if not SCOPES.exists() or shutil.which("systemd-run") is None:
        return []
    unit = f"salt-chef-backend-{folder.name}-{secrets.token_hex(4)}"
    return [
        *("systemd-run", "--scope", "--quiet", "--slice=system.slice"),
        *(f"--unit={unit}", "--description=a command of salt-chef-backend"),
    ]


def _left(session: int, ticks: int, mark: str | None) -> tuple[str, ...]:
    there = supervisor.members(session, ticks, mark)
    return tuple(f"{supervisor.command_line(pid) or 'a process'} (pid {pid})" for pid in there)


def _is_starting(folder: Path) -> bool:
    """Whether somebody is about to start a command: the supervisor holds the file until it has noted itself."""
    try:
        with open(folder / STARTING, encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True


def _end(child: "subprocess.Popen[bytes]", mark: str) -> None:
    """End a command with all its children; they may start others meanwhile."""
    ticks = supervisor.ticks_of(child.pid) or 0
    for _ in range(50):
        child.poll()
        left = [pid for pid in (child.pid, *supervisor.members(child.pid, ticks, mark)) if supervisor.ticks_of(pid)]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            return
        time.sleep(0.02)


def _rest(child: "subprocess.Popen[bytes]") -> tuple[bytes, bytes]:
    """What a command that was ended has printed; a child that cannot be ended (it waits for a disk) may hold it."""
    try:
        return child.communicate(timeout=1)
    except subprocess.TimeoutExpired as err:
        return err.stdout or b"", err.stderr or b""


def _environment(more: Mapping[str, str] | None, mark: str) -> dict[str, str]:
    """The minion's environment, with messages in English, as Salt's own cmd.run has them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LC_") and name != "LANGUAGE"}
    return {**kept, "LANG": "C", "LC_ALL": "C", **(more or {}), MARK: mark}


def _noted(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []


def tail(path: Path) -> str:
    """Return the last of what a program has printed into a file; nothing if it has not."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - MOST))
            return _text(file.read())
    except FileNotFoundError:
        return ""


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")

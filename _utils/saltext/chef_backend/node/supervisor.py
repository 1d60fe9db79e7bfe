"""Runs one command apart from whoever wanted it, and notes how it ended: a program of its own, by the minion's Python.

``supervisor.py FOLDER KEEP UNTIL LOCK WORDS...``: the folder gets ``process`` (boot id, pid and start ticks of this
program, whose session the command's is, and the mark of all that it starts), ``stdout`` and ``stderr``, ``left`` where
the command has ended and left something at work (its mark, or ``-`` for its session alone), and at last ``ended`` (exit
status, seconds since the boot). KEEP is 0 where the output is not to be kept. UNTIL is when the command may be begun at
the latest, in seconds since the boot, or ``-``: after that nothing is begun, and this fails. LOCK is an open, locked
file that is let go when ``process`` is written.

As it must start at once, it imports next to nothing.
"""

import os
import sys
import time
from collections.abc import Iterator

BOOT_ID = "/proc/sys/kernel/random/boot_id"
MARK = "SALT_CHEF_BACKEND_COMMAND"  # in the environment of all that a command starts, by which it is found again
# in a command's folder
PROCESS, STARTING, LEFT, ENDED, STDOUT, STDERR = "process", "starting", "left", "ended", "stdout", "stderr"


def boot() -> str:
    """Return the id of this host's boot."""
    return _text(BOOT_ID).strip()


def pids() -> list[int]:
    """Return the processes of this host."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def ticks_of(pid: int) -> int | None:
    """Return when a process began, in ticks since the boot; None if it has ended."""
    fields = _fields(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def members(session: int, ticks: int, mark: str | None) -> Iterator[int]:
    """Yield the processes of a command but its leader: of its session, or marked as its own, whoever their parent is.

    :param session: the session's id, the pid of its leader.
    :param ticks: when that began: the id may have been given to another session since.
    :param mark: what the environment of all that it starts says; None for those of its session alone.
    """
    leader = _fields(session)
    same = leader is None or int(leader[19]) == ticks
    for pid in pids():
        fields = _fields(pid)
        if fields is None or fields[0] in "ZX" or (same and pid == session):
            continue
        if (same and int(fields[3]) == session) or (mark is not None and is_marked(pid, mark)):
            yield pid


def is_marked(pid: int, mark: str = "") -> bool:
    """Whether a process was started by a command: by one of this mark, or by any."""
    environment = f"\0{_text(f'/proc/{pid}/environ')}\0"
    return f"\0{MARK}={mark}\0" in environment if mark else f"\0{MARK}=" in environment


def command_line(pid: int) -> str:
    """Return the words of a process, empty if it has ended."""
    return _text(f"/proc/{pid}/cmdline").replace("\0", " ").strip()


def main(folder: str, keep: str, until: str, lock: str, words: list[str]) -> None:
    """Leave the caller's session and children, run the command, note its end."""
    told, tell = os.pipe()
    if os.fork():
        os.close(tell)
        os._exit(0 if os.read(told, 1) else 1)  # when the other one is on its way
    os.close(told)
    os.setsid()
    umask = os.umask(0o077)
    me, ticks = os.getpid(), ticks_of(os.getpid()) or 0
    if until != "-" and time.clock_gettime(time.CLOCK_BOOTTIME) > float(until):
        sys.exit("it is too late for it: whoever wanted it was stopped meanwhile")
    _note(f"{folder}/{PROCESS}", f"{boot()} {me} {ticks} {os.environ[MARK]}")
    os.close(int(lock))
    child = os.fork()
    if not child:
        os.close(tell)
        os.umask(umask)
        _become(folder, keep, words)
    _outlive()
    os.write(tell, b"1")
    os.close(tell)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        _await_rest(folder, me, ticks, killed=status < 0)
    _note(f"{folder}/{ENDED}", f"{status} {time.clock_gettime(time.CLOCK_BOOTTIME)}")


def _await_rest(folder: str, me: int, ticks: int, killed: bool) -> None:
    """Wait for what a command that failed, or was killed, has left at work.

    One that failed by itself may have started a service, as Erlang does its epmd: what has left the session is none of
    its work then.
    """
    mark, told = os.environ[MARK] if killed else None, False
    while any(True for _ in members(me, ticks, mark)):
        if not told:
            _note(f"{folder}/{LEFT}", mark or "-")
        told = True
        time.sleep(0.2)


def _become(folder: str, keep: str, words: list[str]) -> None:
    """Be the command, and no longer this program."""
    for number, name in ((1, STDOUT), (2, STDERR)):
        path = f"{folder}/{name}" if keep == "1" else os.devnull
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(file, number)
        os.close(file)
    try:
        os.execvp(words[0], words)
    except OSError as err:
        os.write(2, f"{words[0]}: {err.strerror}\n".encode())
    os._exit(127)


def _outlive() -> None:
    """Take no signal that can be refused: this ends when the command has. And let go of the caller's standard error."""
    import signal  # here, not above: the command is on its way already

    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    os.close(nothing)


def _note(path: str, text: str) -> None:
    """Write a file whole or not at all. After a loss of power another boot's is of no use: nothing is synced."""
    with open(f"{path}.new", "w", encoding="ascii") as file:
        file.write(f"{text}\n")
    os.replace(f"{path}.new", path)


def _fields(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the third on, the state; the second, a name, may hold blanks."""
    text = _text(f"/proc/{pid}/stat")
    return text.rpartition(")")[2].split() if text else None


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:  # it has ended
        return ""


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:])

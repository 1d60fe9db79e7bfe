"""Commands that change this node: one at a time, apart from whoever wants them, and each one's end is read once.

Whoever wants a command waits for it. When its bound has passed, or the waiting job is gone, the command goes on; the
next one who wants the same takes over the wait, and reads its end. Whatever else would change the node is refused.
"""

import contextlib
import dataclasses
import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.node import files, journal, processes
from saltext.chef_backend.node.host import OWN, Host
from saltext.chef_backend.node.processes import Work
from saltext.chef_backend.node.supervisor import STDERR, STDOUT
from saltext.chef_backend.product import command, masking
from saltext.chef_backend.product.command import Done, Words

FOLDER = f"{OWN}/commands"  # a folder each, numbered: only the last one can be at work
NOTE, READ = "command.json", "read"  # in a command's folder: what it is; that somebody has read its end
KEPT = 10  # commands, the newest
log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Started:
    """A command that was started on this node, as noted before it was."""

    folder: Path
    words: Words
    about: str | None  # what it is for
    before: Any  # what its caller saw before it, for whoever reads its end
    run: str | None  # that wanted it
    cluster: str | None
    boot: str
    began: float  # seconds since that boot

    @classmethod
    def of_note(cls, folder: Path) -> "Started":
        """Read the note in a command's folder. Raises OSError; ValueError if it is none."""
        said = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        try:
            return cls(**{**said, "folder": folder, "words": tuple(said["words"])})
        except (TypeError, KeyError) as err:
            raise ValueError(f"no note of a command: {err}") from err

    def note(self) -> None:
        """Write the note. Raises OSError."""
        said = dataclasses.asdict(self)
        del said["folder"]
        files.write(self.folder / NOTE, json.dumps(said))

    @property
    def read(self) -> bool:
        """Whether somebody has read how it ended."""
        return (self.folder / READ).exists()


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command has ended."""

    done: Done
    seconds: float  # that it took
    before: Any  # what was given to the one who started it
    late: bool  # nobody waited for it when it ended
    folder: Path  # names it
    at: float | None  # when that was, seconds since this node's boot; None if it was before that


def run(
    host: Host,
    words: Sequence[str],
    timeout: float,
    env: Mapping[str, str] | None = None,
    keep: bool = True,
    about: str | None = None,
    before: Any = None,
    may: Callable[[], float | None] = lambda: None,
    read: bool = True,
) -> Ended:
    """Have a command run to its end, or read the end of the same one that is at work, or that nobody waited for.

    :param words: the program, its subcommand and arguments.
    :param timeout: bound in seconds of the wait; the command itself has none.
    :param env: variables to add to the environment.
    :param keep: whether its output is kept.
    :param about: what it is for, such as a version. The end of a command that nobody has read counts for the same words
        about the same thing, if no other one that is for something came in between; without it such an end counts
        for nothing: that a switch was set once does not say how it stands now.
    :param before: what is there before it, as JSON takes it; whoever reads the end gets what the first one gave.
    :param may: raises CommandExecutionError if it must not be begun, nor waited for; else returns until when it may be
        begun, in seconds since the boot, or None. Asked where nobody else looks or starts: whoever has made an order
        void sees what was begun under it at work, or it is not begun.
    :param read: whether its end is read herewith; else the caller says so, by :func:`has_read`, when it has made of it
        what it had to: one that dies before that leaves it to the next.
    :returns: how it ended, whatever its status.
    :raises CommandExecutionError: its bound has passed and it goes on; another command is at work; there is no such
        program; nobody knows how it ended.
    """
    with _alone(host):
        until = may()
        started, late = _taken_over(host, tuple(words), about)
        if started is None:
            started = _begin(host, tuple(words), env, keep, about, before, until)
    work = host.processes.wait(started.folder, timeout)
    done = _printed(host, started, work.status)
    if work.alive:
        raise CommandExecutionError(command.still_at_work(host.name, words, done, timeout))
    if read or work.status is None:
        _mark_read(started.folder)
    if work.status is None:
        raise CommandExecutionError(command.unknown_end(host.name, words, done))
    at = work.ended if started.boot == host.clock.boot()[0] else None
    return Ended(done, _seconds(host, started, work), started.before, late, started.folder, at)


def has_read(ended: Ended) -> None:
    """Note that somebody has read how a command ended."""
    _mark_read(ended.folder)


def at_work(host: Host) -> str | None:
    """Return the command that is at work on this node, or what it has left behind, with its age; None if none is.

    :raises CommandExecutionError: it cannot be read what was started last: unknown is not "nothing".
    """
    if not host.path(FOLDER).exists():  # nothing has changed this node yet, nor does this question
        return None
    with _alone(host):
        started, work = _newest(host)
    if started is None or not work.alive:
        return None
    left = f"; it has ended, and has left at work: {masking.mask(', '.join(work.left))}" if work.left else ""
    return f"{command.shown(started.words)} (for {_age(host, started):.0f} s{left})"


def pending(host: Host, about: str, *each: Words) -> Words | None:
    """Return which of some commands is at work, or has ended and nobody has read it, for the same thing; or None."""
    started, work = _newest(host)
    if started is None or started.about != about or started.words not in each:
        return None
    return started.words if work.alive or _is_unread(started, work) else None


def _taken_over(host: Host, words: Words, about: str | None) -> tuple[Started | None, bool]:
    """Return the command whose end the caller is to wait for, or None: it is to be started; and if it has ended.

    :raises CommandExecutionError: another one is at work.
    """
    started, work = _newest(host)
    if started is not None and not work.alive and started.about is None and about is not None:
        # what is for nothing in particular, such as a switch, makes no end forgotten that somebody still wants
        started, work = next(((one, seen) for one, seen in _each(host) if one.about is not None), (started, work))
    if started is None:
        return None, False
    same = (started.words, started.about) == (words, about)
    if work.alive and not same:
        done = _printed(host, started, None)
        raise CommandExecutionError(command.refused(host.name, words, started.words, _age(host, started), done))
    if work.alive or (same and about is not None and _is_unread(started, work)):
        return started, not work.alive
    if not started.read and (started.about is None or about is not None):  # and nobody will read it any more
        log.warning("%s: %s has ended unread: status %s", host.name, command.shown(started.words), work.status)
        seconds = _seconds(host, started, work)
        journal.tell_command(host, started.words, work.status, seconds, started.run, started.cluster)
        _mark_read(started.folder)
    return None, False


def _begin(
    host: Host,
    words: Words,
    env: Mapping[str, str] | None,
    keep: bool,
    about: str | None,
    before: Any,
    until: float | None,
) -> Started:
    """Note a command, and start it. Raises CommandExecutionError."""
    number = max(_numbers(host), default=0) + 1
    folder = host.path(f"{FOLDER}/{number:06}")
    boot, since = host.clock.boot()
    run, cluster = (host.order.record.run, host.order.record.cluster) if host.order else (host.run, host.cluster)
    started = Started(folder, words, about, before, run, cluster, boot, since)
    try:
        folder.mkdir(mode=0o700)
        started.note()
        host.processes.start(words, folder, env, keep, until)
    except OSError as err:
        shutil.rmtree(folder, ignore_errors=True)
        raise CommandExecutionError(f"{host.name}: {words[0]} cannot be run: {err.strerror or err}") from err
    for old in sorted(_numbers(host))[:-KEPT]:
        shutil.rmtree(host.path(f"{FOLDER}/{old:06}"), ignore_errors=True)
    return started


def _newest(host: Host) -> tuple[Started | None, Work]:
    """Return the command that was started last on this node, and what is known of it."""
    return next(_each(host), (None, Work(None, False)))


def _each(host: Host) -> Iterator[tuple[Started, Work]]:
    """Return the commands that were started on this node, the newest first, and what is known of each."""
    for number in sorted(_numbers(host), reverse=True):
        folder = host.path(f"{FOLDER}/{number:06}")
        try:
            yield Started.of_note(folder), host.processes.look(folder)
        except FileNotFoundError:
            continue  # somebody is about to note it, or died then: it was not started
        except (OSError, ValueError) as err:
            raise CommandExecutionError(
                f"{folder}: {err}: look at this node, and move the folder away if no command is at work"
            ) from err


def _printed(host: Host, started: Started, status: int | None) -> Done:
    out, err = host.processes.output(started.folder)
    return Done(status, out.rstrip(), err.rstrip())


def _is_unread(started: Started, work: Work) -> bool:
    return work.status is not None and not started.read


def _mark_read(folder: Path) -> None:
    """Note that the end of a command was read. What it printed is kept without secrets: others may read it, too."""
    with contextlib.suppress(FileNotFoundError):  # long ago: it is forgotten
        (folder / READ).touch(mode=0o600)
    for name in (STDOUT, STDERR):
        path = folder / name
        if path.exists():
            files.write(path, masking.mask(processes.tail(path)))


def _age(host: Host, started: Started) -> float:
    boot, since = host.clock.boot()
    return since - started.began if boot == started.boot else since


def _seconds(host: Host, started: Started, work: Work) -> float:
    """How long a command took, as far as that is known."""
    return max(0.0, work.ended - started.began) if work.ended is not None else _age(host, started)


def _numbers(host: Host) -> list[int]:
    return [int(path.name) for path in host.path(FOLDER).glob("[0-9]*") if path.name.isdigit()]


def _alone(host: Host) -> contextlib.AbstractContextManager[None]:
    """Be the only one who looks and starts: two jobs of a minion may be here at once."""
    return files.guarded(host.path(FOLDER))

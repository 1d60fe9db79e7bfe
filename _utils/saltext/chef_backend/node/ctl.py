"""Programs of the product, run on this node: always a list of words with a bound in seconds, never a shell string."""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.node import durable, fence, journal
from saltext.chef_backend.node.durable import Ended
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.product import command, masking
from saltext.chef_backend.product.command import Done
from saltext.chef_backend.product.manifest import parse_manifest

ANSWERS = "chef_backend.answers"  # of reading commands, in what lives as long as the job


class Unseen(CommandExecutionError):  # type: ignore[misc]  # Salt has no types
    """What a command that has ended well has made cannot be seen now: whether it is whole is not known."""


def run(
    host: Host,
    words: Sequence[str],
    timeout: float = 60,
    hide: bool = False,
    env: Mapping[str, str] | None = None,
    about: str | None = None,
) -> str:
    """Run a command of the product; one that changes something outlives its caller, and its bound.

    :param words: the program, its subcommand and arguments.
    :param timeout: bound in seconds.
    :param hide: keep the output out of the result, the error and the log (it may hold a secret).
    :param env: variables to add to the environment.
    :param about: of a changing command, what it is for: see :func:`changing`.
    :returns: standard output, without secrets.
    :raises CommandExecutionError: node, command, status and last lines, if the status is not 0.
    """
    if command.changes(words):
        return masking.mask(change(host, words, timeout, hide=hide, env=env, about=about).done.stdout)
    done = run_all(host, words, timeout, env)
    if done.status != 0:
        raise CommandExecutionError(command.failure(host.name, words, done, timeout, hide))
    return "" if hide else masking.mask(done.stdout)


@contextlib.contextmanager
def changing(
    host: Host,
    words: Sequence[str],
    timeout: float,
    hide: bool = False,
    env: Mapping[str, str] | None = None,
    about: str | None = None,
    before: Any = None,
    told: Sequence[str] | None = None,
) -> Iterator[Ended]:
    """Have a command change this node, or read the end of the same one; it is told in the run's journal.

    Its end is read when the body, which makes of it what it has to, has ended, well or not. A job that is killed
    before, or a body that raises :class:`Unseen`, leaves it to the next, which runs nothing twice.

    :param timeout: bound in seconds of the wait.
    :param about: what it is for, such as a version: see :func:`durable.run`.
    :param before: what is there before it, for whoever reads its end.
    :param told: the words to tell it by, if not its own.
    :returns: how it ended; its status is 0.
    :raises CommandExecutionError: node, command, status and last lines; or it is at work still, or another one is.
    """
    host.kept.pop(ANSWERS, None)
    may = functools.partial(fence.obey, host)
    ended = durable.run(host, words, timeout, env, keep=not hide, about=about, before=before, may=may, read=False)
    if ended.at is not None:
        fence.waited_for(host, ended.at)
    journal.tell_command(host, told or words, ended.done.status, ended.seconds)
    try:
        if ended.done.status != 0:
            raise CommandExecutionError(command.failure(host.name, words, ended.done, timeout, late=ended.late))
        yield ended
    except BaseException as err:
        if not isinstance(err, Unseen):
            durable.has_read(ended)
        raise
    durable.has_read(ended)


def change(host: Host, words: Sequence[str], timeout: float, **options: Any) -> Ended:
    """Have a command change this node, as :func:`changing` does, and read its end at once."""
    with changing(host, words, timeout, **options) as ended:
        return ended


def read(host: Host, words: Sequence[str], timeout: float = 60) -> str:
    """Return what a reading command prints, whatever its exit status, which says nothing of health.

    :raises CommandExecutionError: nothing was printed at all.
    """
    done = run_all(host, words, timeout)
    if done.status is None or not done.stdout.strip():
        raise CommandExecutionError(command.failure(host.name, words, done, timeout))
    return masking.mask(done.stdout)


def lately(host: Host, words: Sequence[str], within: float, ask: Callable[[], str]) -> str:
    """Return what a reading command printed, at most so many seconds ago; else have it asked.

    Each call starts a Ruby program, which takes a second and more: of two that follow each other at once, with
    nothing changed between them, the second tells nothing new.

    :param ask: asks; raises CommandExecutionError.
    """
    answers = host.kept.setdefault(ANSWERS, {})
    at, text = answers.get(tuple(words), (-math.inf, ""))
    if host.clock.monotonic() - at > within:
        text = ask()
        answers[tuple(words)] = (host.clock.monotonic(), text)
    return str(text)


def run_all(host: Host, words: Sequence[str], timeout: float, env: Mapping[str, str] | None = None) -> Done:
    """Run any program that only reads; return what it came to. Raises CommandExecutionError: it is not there."""
    try:
        done = host.processes.run(words, timeout, env)
    except OSError as err:
        raise CommandExecutionError(f"{host.name}: {words[0]} cannot be run: {err.strerror}") from err
    return Done(done.status, done.stdout.rstrip(), done.stderr.rstrip())


def version(host: Host, manifest: str, product: str) -> str:
    """Return the installed version of a product, such as ``2.3.16``, from its version manifest.

    :param manifest: its path.
    :param product: its package, for the words of a failure.
    :raises CommandExecutionError: nothing is installed, or the manifest cannot be read.
    """
    path: Path = host.path(manifest)
    try:
        return parse_manifest(path.read_text(encoding="utf-8")).version
    except OSError as err:
        raise CommandExecutionError(f"{host.name}: {path}: {err.strerror}: is {product} installed?") from err
    except ValueError as err:  # ParseError, or bytes that are no text
        raise CommandExecutionError(f"{host.name}: {path}: {err}") from err

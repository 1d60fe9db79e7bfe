"""Programs of the product, run on this node: always a list of words with a bound in seconds, never a shell string."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.node import fence, journal
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.product import command
from saltext.chef_backend.product.manifest import parse_manifest

ANSWERS = "chef_backend.answers"  # of reading commands, in what lives as long as the job


def run(
    host: Host,
    words: Sequence[str],
    timeout: float = 60,
    hide: bool = False,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a command of the product; one that changes something is told in the run's journal.

    :param words: the program, its subcommand and arguments.
    :param timeout: bound in seconds.
    :param hide: keep the output out of the result, the error and the log (it may hold a secret).
    :param env: variables to add to the environment.
    :returns: standard output.
    :raises CommandExecutionError: node, command, status and last lines, if the status is not 0.
    """
    began = host.clock.monotonic()
    if command.changes(words):
        fence.obey(host)
        host.kept.pop(ANSWERS, None)
    done = run_all(host, words, timeout, hide, env=env)
    journal.tell_command(host, words, done["retcode"], host.clock.monotonic() - began)
    if done["retcode"] != 0:
        raise CommandExecutionError(command.failure(host.name, words, done, timeout, hide))
    return "" if hide else str(done["stdout"])


def read(host: Host, words: Sequence[str], timeout: float = 60) -> str:
    """Return what a reading command prints, whatever its exit status, which says nothing of health.

    :raises CommandExecutionError: nothing was printed at all.
    """
    done = run_all(host, words, timeout)
    if not done["stdout"].strip():
        raise CommandExecutionError(command.failure(host.name, words, done, timeout))
    return str(done["stdout"])


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


def run_all(host: Host, words: Sequence[str], timeout: float, hide: bool = False, **options: Any) -> dict[str, Any]:
    """Run any program; return ``retcode``, ``stdout`` and ``stderr``, as Salt's ``cmd.run_all`` does."""
    done: dict[str, Any] = host.salt["cmd.run_all"](
        list(words),
        python_shell=False,
        timeout=timeout,
        output_encoding="utf-8",
        output_loglevel="quiet" if hide else "debug",
        ignore_retcode=True,  # the caller judges; an exit status must not mark the whole job as failed
        **options,
    )
    return done


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

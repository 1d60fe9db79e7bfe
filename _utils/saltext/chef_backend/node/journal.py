"""This node's part of a run's journal: one file a run, one entry a line. What it cannot write never fails a run."""

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import journal, outcome
from saltext.chef_backend import record as records
from saltext.chef_backend.node import record_file
from saltext.chef_backend.node.host import OWN, Host
from saltext.chef_backend.product import masking

FOLDER = f"{OWN}/journal"
KEPT = 20  # newest runs
log = logging.getLogger(__name__)


def tell(
    host: Host,
    step: str,
    how: str,
    seconds: float | None = None,
    comment: str | None = None,
    data: Mapping[str, Any] | None = None,
    run: str | None = None,
    cluster: str | None = None,
) -> str | None:
    """Keep an entry of the run that this job belongs to, and fire it as an event; outside a run, nothing.

    Events are news, never orders: any minion can forge one, so nothing acts on them.

    :param step: what is done, such as ``upgrade``.
    :param how: ``begin``, ``end`` or ``failed``.
    :param seconds: how long it took.
    :param comment: one line for a person.
    :param data: what else belongs to the step.
    :param run: the run's id; that of the job, if not given, or that of the record on this node.
    :param cluster: the cluster's name, likewise.
    :returns: the event's tag, or None outside a run.
    """
    run, cluster = run or host.run, cluster or host.cluster
    if not run or not cluster:
        run, cluster = _of_the_record(host)
    if not run or not cluster:
        return None
    entry = journal.Entry(host.clock.now(), cluster, run, host.name, step, how, seconds, comment, data or {})
    _append(host, entry)
    host.salt["event.send"](entry.tag, entry.to_dict())
    return entry.tag


def told(host: Host, step: str) -> contextlib.AbstractContextManager[dict[str, Any]]:
    """Tell that a step begins, and how it ends and after how many seconds; the body is given what else is told then."""
    return outcome.told(step, lambda *args, **kwargs: tell(host, *args, **kwargs), host.clock.monotonic)


def tell_command(
    host: Host,
    argv: Sequence[str],
    status: int | None,
    seconds: float,
    run: str | None = None,
    cluster: str | None = None,
) -> None:
    """Tell of a command that has ended: whatever changes a node in a run is in its journal.

    :param status: its exit status; None if nobody knows it.
    :param run: the run's id, as for :func:`tell`.
    :param cluster: the cluster's name, likewise.
    """
    how = journal.END if status == 0 else journal.FAILED
    data = {"argv": masking.mask_words(argv), "status": status}
    tell(host, journal.COMMAND, how, round(seconds, 1), data=data, run=run, cluster=cluster)


def read(host: Host, run: str) -> dict[str, list[Any]]:
    """Return what this node told of a run.

    :returns: ``{"entries": list of mappings, "troubles": list of what could not be read}``.
    :raises CommandExecutionError: the file is there and cannot be opened.
    """
    try:
        entries, troubles = journal.read(_path(host, run).read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        entries, troubles = [], []
    except (OSError, ValueError) as err:
        raise CommandExecutionError(f"{host.name}: {err}") from err
    return {"entries": [entry.to_dict() for entry in entries], "troubles": troubles}


def _append(host: Host, entry: journal.Entry) -> None:
    try:
        path = _path(host, entry.run)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = not path.exists()
        with _appending(path) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            os.write(file, (json.dumps(entry.to_dict()) + "\n").encode())
        if fresh:
            _forget_old(path.parent)
    except (OSError, TypeError, ValueError) as err:
        log.warning("%s: the journal cannot be written: %s", host.name, err)


@contextlib.contextmanager
def _appending(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        yield file
    finally:
        os.close(file)


def _path(host: Host, run: str) -> Path:
    if not records.RUN.fullmatch(run):
        raise ValueError(f"{run!r} is no run's id")
    return host.path(f"{FOLDER}/{run}.jsonl")


def _forget_old(folder: Path) -> None:
    for path in sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        path.unlink()


def _of_the_record(host: Host) -> tuple[str | None, str | None]:
    """The run whose record lies on this node: what is asked of a node outside of a state has no pillar of the run."""
    try:
        record = record_file.read(host)
    except CommandExecutionError:
        record = None
    return (record.run, record.cluster) if record else (None, None)

"""The record of a run on this backend: one JSON file, which is the cluster's lock as well.

Changes are compared with the owner that the caller believes in, under a file lock, so that of two masters
which take over at once only one wins.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import record as records
from saltext.chef_backend.node import files
from saltext.chef_backend.node.host import OWN, Host
from saltext.chef_backend.record import Record

RUN_FILE = "run.json"
LAST_FILE = "last-run.json"
ENDED = "ended"  # folder of the runs that ended, the newest
KEPT = 20


def read(host: Host, name: str = RUN_FILE) -> Record | None:
    """Return the open or unfinished run's record of this node, or None if there is none.

    :raises CommandExecutionError: the file is there and is no record: unknown is not "free".
    """
    path = host.path(f"{OWN}/{name}")
    try:
        return Record.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as err:  # RecordError, or bytes that are no text
        raise CommandExecutionError(
            f"{path}: {err}: look at it, and move it away if no upgrade of this cluster is under way"
        ) from err


def last(host: Host) -> Record | None:
    """Return the record of the last finished run on this node, or None."""
    return read(host, LAST_FILE)


def every(host: Host) -> list[Record]:
    """Return the records of all runs that this node keeps, the open one and those that ended.

    What cannot be read is left out: it tells of the past only.
    """
    names = [RUN_FILE, LAST_FILE]
    names += [f"{ENDED}/{path.name}" for path in sorted(host.path(f"{OWN}/{ENDED}").glob("*.json"))]
    found = []
    for name in names:
        with contextlib.suppress(CommandExecutionError):
            found.append(read(host, name))
    return [record for record in found if record]


def create(host: Host, wanted: Record) -> tuple[bool, Record]:
    """Take the lock of this node by creating its record; never replaces one.

    :returns: whether it was created, and the record that stands there now.
    """
    with _guard(host):
        found = read(host)
        if found is None:
            _write(host, RUN_FILE, wanted)
    return found is None, found or wanted


def replace(host: Host, jid: str, wanted: Record) -> tuple[bool, Record]:
    """Replace the record if the orchestration ``jid`` still owns it, or if none is there any more.

    :returns: whether it was replaced, and the record that stands there now.
    """
    with _guard(host):
        found = read(host)
        if found is not None and found.owner.jid != jid:
            return False, found
        _write(host, RUN_FILE, wanted)
    return True, wanted


def amend(host: Host, jid: str, changes: Mapping[str, Any]) -> Record | None:
    """Change some fields of the record, if the orchestration ``jid`` owns it; a heartbeat as well.

    :returns: the record that stands there now, or None; whose it is, it says itself.
    """
    # its age is judged by the clock that it is noted by: this one
    return _amend_open(host, lambda found: found.owner.jid == jid, {**changes, "heartbeat": host.clock.now()})[0]


def beat(host: Host, jid: str) -> bool:
    """Take a heartbeat of the orchestration ``jid``. Returns True if it owns the record."""
    return _amend_open(host, lambda found: found.owner.jid == jid, {"heartbeat": host.clock.now()})[1]


def wish(host: Host, run: str, word: str | None) -> bool:
    """Note what the operator wishes of an open run: ``pause``, ``abort``, or None to take a wish back.

    :returns: True if that run is open here; it heeds the wish at its next safe point.
    """
    return _amend_open(host, lambda found: found.run == run, {"wish": word})[1]


def hold(host: Host, run: str) -> bool:
    """Note that a run that waits for its window stays paused until a person resumes it. Returns True if it waited."""
    with _guard(host):
        found = read(host)
        waits = found is not None and found.run == run and found.state == records.PAUSED and bool(found.waits)
        if found is not None and waits:
            _write(host, RUN_FILE, found.amended({"waits": None}))
    return waits


def abandon(host: Host, jid: str) -> bool:
    """Note that the run of the orchestration ``jid`` is given up and failover is on. Returns True if it was open."""
    changes = {"state": records.ABANDONED, "failover": "on"}
    return _amend_open(host, lambda found: found.owner.jid == jid, changes)[1]


def finish(host: Host, jid: str, wanted: Record) -> bool:
    """Keep the record as the last run's and free the node, if the orchestration ``jid`` owns it.

    :returns: True if the node is free now, False if another run owns it.
    """
    with _guard(host):
        found = read(host)
        if found is None:
            return True
        if found.owner.jid != jid:
            return False
        _write(host, LAST_FILE, wanted)
        _write(host, f"{ENDED}/{wanted.run}.json", wanted)
        # an id begins with its time
        for old in sorted(host.path(f"{OWN}/{ENDED}").glob("*.json"), reverse=True)[KEPT:]:
            old.unlink()
        files.remove(host.path(f"{OWN}/{RUN_FILE}"))
    return True


def withdraw(host: Host, jid: str) -> bool:
    """Free the node again of a run that could not be opened; the last run's record stays.

    :returns: True if the node is free now, False if another run owns it.
    """
    with _guard(host):
        found = read(host)
        if found is not None and found.owner.jid == jid:
            files.remove(host.path(f"{OWN}/{RUN_FILE}"))
            found = None
    return found is None


def begun_here(host: Host) -> None:
    """Note in this node's copy that it is inside its upgrade; the master hears of it with the next view.

    If it dies now, the next run knows that this node may be half-upgraded, whatever its services look like.

    :raises CommandExecutionError: the run has been given up: this order of it comes too late.
    """
    _note_here(host, lambda found: {"node": host.name, "finished": _without(found.finished, host.name)})


def down_here(host: Host) -> None:
    """Note in this node's copy that this run takes it down, before it does.

    :raises CommandExecutionError: the run has been given up: this order of it comes too late.
    """
    _note_here(host, lambda found: {"node": None, "down": [*_without(found.down, host.name), host.name]})


def finished_here(host: Host) -> None:
    """Note in this node's copy that its upgrade is done; the master hears of it with the next view.

    If master and orchestration die now, the next run knows that ``upgrade`` need not run again.
    """
    with _guard(host):
        found = read(host)
        if found is not None:  # no heartbeat of the run's owner, who may be gone meanwhile
            changes = {"node": None, "finished": [*found.finished, host.name]}
            _write(host, RUN_FILE, found.amended(changes))


def is_finished_here(host: Host) -> bool:
    """Tell whether the open run has upgraded this node already."""
    found = read(host)
    return found is not None and host.name in found.finished


def _without(names: tuple[str, ...], name: str) -> list[str]:
    return [one for one in names if one != name]


@contextlib.contextmanager
def _guard(host: Host) -> Iterator[None]:
    with files.guarded(host.path(OWN)):
        yield


def _amend_open(host: Host, ours: Callable[[Record], bool], changes: Mapping[str, Any]) -> tuple[Record | None, bool]:
    """Change fields of the record, if it is open and ours; return what stands there now, and whether it was."""
    with _guard(host):
        found = read(host)
        if found is None or found.state != records.OPEN or not ours(found):
            return found, False
        found = found.amended(changes)
        _write(host, RUN_FILE, found)
    return found, True


def _note_here(host: Host, changes: Callable[[Record], Mapping[str, Any]]) -> None:
    """Change fields of this node's copy, if there is one. Raises CommandExecutionError if the run was given up."""
    with _guard(host):
        found = read(host)
        if found is None:
            return
        if found.state == records.ABANDONED:
            raise CommandExecutionError(f"{host.name}: {records.given_up(found)}")
        _write(host, RUN_FILE, found.amended(changes(found)))


def _write(host: Host, name: str, record: Record) -> None:
    files.write(host.path(f"{OWN}/{name}"), json.dumps(record.to_dict(), indent=2))

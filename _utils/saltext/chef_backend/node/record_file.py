"""The record of a run on this backend, the cluster's lock as well; this node's own note.

A copy is replaced by one of a higher epoch and revision, never by one that is not: whoever comes late changes nothing.
"""

import contextlib
import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import record as records
from saltext.chef_backend.node import files, moments
from saltext.chef_backend.node.host import OWN, Host
from saltext.chef_backend.note import Note
from saltext.chef_backend.record import Record, RecordError

RUN_FILE = "run.json"
NOTE_FILE = "note.json"
LAST_FILE = "last-run.json"
EPOCH_FILE = "epoch"
ENDED = "ended"  # folder of the runs that ended, the newest
KEPT = 20
Known = TypeVar("Known")


def word_of(host: Host, data: object) -> Record:
    """Read a record that a master sends.

    :param data: mapping as made by ``Record.to_dict``.
    :raises CommandExecutionError: it is no record, or of another version of this extension, in one sentence.
    """
    try:
        return Record.from_dict(data)
    except RecordError as err:
        raise CommandExecutionError(f"{host.name}: what the master sends is {err}") from err


def read(host: Host, name: str = RUN_FILE) -> Record | None:
    """Return the open or unfinished run's record of this node, or None if there is none.

    :raises CommandExecutionError: the file is there and is no record: unknown is not "free".
    """
    look_at = "look at it, and move it away if no upgrade of this cluster is under way"
    return _known(host, name, Record.from_json, look_at)


def note(host: Host) -> Note | None:
    """Return what this node noted of itself in a run, or None.

    :raises CommandExecutionError: the file is there and is no note: unknown is not "untouched".
    """
    look_at = "look at this node, and move the file away if its upgrade is not half done"
    return _known(host, NOTE_FILE, Note.from_json, look_at)


def own_note(host: Host) -> Note | None:
    """Return what this node noted of itself in the run whose record stands here, or None."""
    found, noted = read(host), note(host)
    return noted if found is not None and noted is not None and noted.run == found.run else None


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
    return [_as_it_ended(host, record) for record in found if record]


def accept(host: Host, wanted: Record, over: Mapping[str, int] | None = None) -> tuple[bool, Record]:
    """Keep a record, if it is higher than the one that stands here: the owner's next word, or a new owner's first.

    :param wanted: the record.
    :param over: of a new owner's first word the runs that it is said over, which nobody drives any more, each with the
        highest epoch of it that was seen: a take-over since then is not gone over. None for the owner's next word.
    :returns: whether it stands here now, and the record that does; or the run's last, if it has ended here.
    :raises CommandExecutionError: a later run was heard of here.
    """
    with _guard(host):
        found = read(host)
        ended = _ended(host, wanted.run) if found is None else None
        if ended is not None:
            return False, ended
        if found is not None and found != wanted and not _yields(host, found, wanted, over):
            return False, found
        _see_it_is_not_late(host, found, wanted)
        # first: whoever looks after failover here must not take a new owner for silent
        moments.now(host, moments.HEARD)
        if found != wanted:
            _write(host, RUN_FILE, wanted)
    return True, wanted


def brought_up(host: Host, wanted: Record) -> tuple[Record | None, int | None]:
    """Bring this node's copy up to an order's word, if it is an earlier one of the same owner.

    :returns: the record that stands here then, and the epoch of the order's run that this node has given up.
    """
    with _guard(host):
        found, noted = read(host), note(host)
        gave_up = noted.gave_up if noted and noted.run == wanted.run else None
        if found and (found.run, found.epoch) == (wanted.run, wanted.epoch) and _yields(host, found, wanted):
            _write(host, RUN_FILE, wanted)
            found = wanted
    return found, gave_up


def heed(host: Host, wanted: Record) -> tuple[bool, Record]:
    """Keep a run's record on a frontend, where it is no lock but tells late orders: of all runs the highest.

    :returns: whether it stands here now, and the record that does; or the run's last, if it has ended here.
    :raises CommandExecutionError: a later run was heard of here.
    """
    with _guard(host):
        found, ended = read(host), _ended(host, wanted.run)
        if ended is not None:
            return False, ended
        if found and found.run == wanted.run and found.word > wanted.word:
            return False, found
        _see_it_is_not_late(host, found, wanted)
        _write(host, RUN_FILE, wanted)
        moments.now(host, moments.HEARD)
    return True, wanted


def epoch(host: Host) -> int:
    """Return the highest epoch of all runs that this node has heard of; 0 if it has heard of none.

    :raises CommandExecutionError: the file is there and holds no number: unknown is not "none".
    """
    return _known(host, EPOCH_FILE, int, "move it away, if no run is under way") or 0


def beat(host: Host, jid: str, epoch: int) -> bool:
    """Take a heartbeat of the orchestration ``jid``. Returns True if it owns the record here, in that epoch."""
    found = read(host)
    if found is None or found.state != records.OPEN or (found.owner.jid, found.epoch) != (jid, epoch):
        return False
    moments.now(host, moments.HEARD)
    return True


def wish(host: Host, run: str, epoch: int, word: str | None) -> bool:
    """Note what the operator wishes of an open run: ``pause``, ``abort``, or None to take a wish back.

    :param epoch: in which they saw it; a wish that comes late is none of its next owner's.
    :returns: True if that run is open here, in that epoch; it heeds the wish at its next safe point.
    """
    with _guard(host):
        found = read(host)
        if found is None or (found.run, found.epoch) != (run, epoch) or found.state != records.OPEN:
            return False
        _note(host, found, wish=word, wished=found.epoch)
    return True


def give_up(host: Host, run: str, epoch: int) -> bool:
    """Give a run up that was not heard of for its lease: from now on no order of this owner is obeyed.

    :returns: True if it stands here still, in that epoch.
    """
    with _guard(host):
        found = read(host)
        if found is None or (found.run, found.epoch) != (run, epoch):
            return False
        _note(host, found, gave_up=epoch)
    return True


def finish(host: Host, wanted: Record) -> bool:
    """Keep the record as the last run's and free the node, if it is the one that stands here, or higher.

    :returns: True if the node is free now, False if another run, or a later word of this one, stands here.
    """
    with _guard(host):
        found = read(host)
        if found is None:
            return True
        if found.run != wanted.run or (found.word >= wanted.word and found != wanted):
            return False
        _write(host, LAST_FILE, wanted)
        _write(host, f"{ENDED}/{wanted.run}.json", wanted)
        _forget_the_oldest(host)
        files.remove(host.path(f"{OWN}/{RUN_FILE}"))
    return True


def withdraw(host: Host, run: str, epoch: int) -> bool:
    """Free the node again of a run that could not be opened; the last run's record stays.

    :returns: True if the node is free now, False if another run stands here.
    """
    with _guard(host):
        found = read(host)
        if found is not None and (found.run, found.epoch) == (run, epoch):
            files.remove(host.path(f"{OWN}/{RUN_FILE}"))
            found = None
    return found is None


def begun_here(host: Host) -> None:
    """Note that this node is inside its upgrade. If it dies now, the next run knows that it may be half-upgraded.

    :raises CommandExecutionError: this node has given the run up: the order comes late.
    """
    _noted_here(host, begins=True, inside=True, upgraded=False, finished=False)


def down_here(host: Host) -> None:
    """Note that this run takes this node down, before it does. Raises CommandExecutionError as :func:`begun_here`."""
    _noted_here(host, begins=True, inside=False, down=True)


def upgraded_here(host: Host, upgraded: bool = True) -> None:
    """Note that this node's upgrade has ended well, and it has only to rejoin; or that it has not rejoined after all.

    Of a note that says neither, the upgrade is run again.
    """
    _noted_here(host, begins=False, upgraded=upgraded)


def has_only_to_rejoin(host: Host) -> bool:
    """Tell whether the open run's upgrade of this node has ended well already."""
    noted = own_note(host)
    return noted is not None and noted.inside and noted.upgraded


def finished_here(host: Host) -> None:
    """Note that this node's upgrade is done. If the master dies now, the next run knows that it need not run again."""
    _noted_here(host, begins=False, inside=False, upgraded=False, finished=True)


def emptied_here(host: Host, emptied: bool = True) -> None:
    """Note that this node's copy of the search index is deleted, so that what lies there now is a new one's, or not."""
    _noted_here(host, begins=False, emptied=emptied)


def looked_here(host: Host, seen: Mapping[str, Any]) -> None:
    """Note what this node's dead man's switch has seen and done; nothing if it has nothing to note."""
    if seen:
        _noted_here(host, begins=False, **seen)


def backed_up_here(host: Host, archive: str) -> None:
    """Note which archive this node has taken for this run: whoever resumes it needs no other."""
    _noted_here(host, begins=False, backup=archive)


def backup_here(host: Host) -> str | None:
    """Return the name of the archive that this node has taken for the open run, or None."""
    noted = own_note(host)
    return noted.backup if noted else None


def is_finished_here(host: Host) -> bool:
    """Tell whether the open run has upgraded this node already."""
    noted = own_note(host)
    return noted is not None and noted.finished


def _forget_the_oldest(host: Host) -> None:
    """Keep so many of the runs that ended: the newest by their epochs, as an id begins with a clock's time."""

    def age(path: Path) -> tuple[int, str]:
        with contextlib.suppress(CommandExecutionError):
            found = read(host, f"{ENDED}/{path.name}")
            return found.epoch if found else 0, path.name
        return 0, path.name

    for old in sorted(host.path(f"{OWN}/{ENDED}").glob("*.json"), key=age, reverse=True)[KEPT:]:
        old.unlink()


def _as_it_ended(host: Host, record: Record) -> Record:
    """A record with its state as this node knows it: abandoned, where this node has given the open run up."""
    with contextlib.suppress(CommandExecutionError):
        if record.state == records.OPEN and _gave_up(host, record.run, record.epoch):
            return dataclasses.replace(record, state=records.ABANDONED)
    return record


def _gave_up(host: Host, run: str, epoch: int) -> bool:
    noted = note(host)
    return noted is not None and (noted.run, noted.gave_up) == (run, epoch)


def _ended(host: Host, run: str) -> Record | None:
    """The record of a run that has ended here, or None; what cannot be read tells of no end."""
    with contextlib.suppress(CommandExecutionError):
        return read(host, f"{ENDED}/{run}.json")
    return None


def _yields(host: Host, found: Record, wanted: Record, over: Mapping[str, int] | None = None) -> bool:
    """Whether a record gives way to another, see :func:`accept`."""
    if over is not None and found.epoch > over.get(found.run, 0):
        return False  # somebody has taken it since the new owner looked
    if found.run == wanted.run:
        # of a run that was given up only a new owner, with the next epoch, is heard again
        return wanted.word > found.word and not _gave_up(host, wanted.run, wanted.epoch)
    return over is not None and wanted.epoch > found.epoch


def _see_it_is_not_late(host: Host, found: Record | None, wanted: Record) -> None:
    """See that a word of another run than the one that stands here is no older run's, and note its epoch.

    It may have been on its way for so long that its run has ended, and this node has never heard of that.
    """
    highest = epoch(host)
    if wanted.epoch < highest and (found is None or found.run != wanted.run):
        raise CommandExecutionError(
            f"{host.name}: this word of run {wanted.run} is late: its epoch is {wanted.epoch}, and a run of epoch "
            f"{highest} was heard of here. If this host belonged to another cluster before, move "
            f"{host.path(f'{OWN}/{EPOCH_FILE}')} away"
        )
    if wanted.epoch > highest:
        files.write(host.path(f"{OWN}/{EPOCH_FILE}"), f"{wanted.epoch}\n")


def _guard(host: Host) -> contextlib.AbstractContextManager[None]:
    return files.guarded(host.path(OWN))


def _known(host: Host, name: str, reader: Callable[[str], Known], look_at: str) -> Known | None:
    """What stands in one of this node's own files; None if it is not there.

    :param look_at: what a person is to do where it cannot be read.
    """
    path = host.path(f"{OWN}/{name}")
    try:
        return reader(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as err:  # RecordError, or bytes that are no text
        raise CommandExecutionError(f"{path}: {err}: {look_at}") from err


def _noted_here(host: Host, begins: bool, **changes: Any) -> None:
    with _guard(host):
        found = read(host)
        if found is not None and begins and _gave_up(host, found.run, found.epoch):
            raise CommandExecutionError(records.given_up(found))
        if found is not None:
            _note(host, found, **changes)


def _note(host: Host, found: Record, **changes: Any) -> None:
    before = note(host)
    if before is None or before.run != found.run:
        before = Note(found.run)
    files.write(host.path(f"{OWN}/{NOTE_FILE}"), json.dumps(dataclasses.replace(before, **changes).to_dict()))


def _write(host: Host, name: str, record: Record) -> None:
    files.write(host.path(f"{OWN}/{name}"), json.dumps(record.to_dict(), indent=2))

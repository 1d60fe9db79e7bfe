"""The record of a run on this backend: one JSON file, which is the cluster's lock as well.

Changes are compared with the owner that the caller believes in, under a file lock, so that of two masters
which take over at once only one wins.
"""

import contextlib
import fcntl
import json
import os
import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import record as records

FOLDER = "/var/lib/salt-chef-backend"
RUN_FILE = "run.json"
LAST_FILE = "last-run.json"
ENDED = "ended"  # folder of the runs that ended, the newest
KEPT = 20


def __virtual__():
    return True


def read():
    """Return the open or failed run's record of this node, as a mapping, or None if there is none.

    Raises CommandExecutionError if the file is there and is no record: unknown is not "free".

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_record.read
    """
    record = _read()
    return record.to_dict() if record else None


def last():
    """Return the record of the last finished run on this node, as a mapping, or None.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_record.last
    """
    record = _read(LAST_FILE)
    return record.to_dict() if record else None


def every():
    """Return the records of all runs that this node keeps, the open one and those that ended: a list of mappings.

    What cannot be read is left out: it tells of the past only.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_record.every
    """
    names = [RUN_FILE, LAST_FILE]
    with contextlib.suppress(FileNotFoundError):
        names += [os.path.join(ENDED, name) for name in sorted(os.listdir(os.path.join(FOLDER, ENDED)))]
    found = []
    for name in names:
        with contextlib.suppress(CommandExecutionError):
            found.append(_read(name))
    return [record.to_dict() for record in found if record]


def create(record):
    """Take the lock of this node by creating its record; never replaces one.

    :param record: mapping, see ``chef_backend_record.Record``.
    :returns: ``{"created": bool, "record": the record that stands there now}``.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_record.create '{"run": "20261122", ...}'
    """
    wanted = records.Record.from_dict(record)
    with _guard():
        found = _read()
        if found is None:
            _write(RUN_FILE, wanted)
    return {"created": found is None, "record": (found or wanted).to_dict()}


def replace(jid, record):
    """Replace the record if the orchestration ``jid`` still owns it, or if none is there any more.

    :param jid: job id of the owner that the caller has seen.
    :param record: mapping that takes its place.
    :returns: ``{"replaced": bool, "record": the record that stands there now}``.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_record.replace 20261122120000000000 '{"run": "20261122", ...}'
    """
    wanted = records.Record.from_dict(record)
    with _guard():
        found = _read()
        ours = found is None or found.owner.jid == str(jid)
        if ours:
            _write(RUN_FILE, wanted)
    return {"replaced": ours, "record": (wanted if ours else found).to_dict()}


def amend(jid, changes):
    """Change some fields of the record, if the orchestration ``jid`` owns it; a sign of life as well.

    :param jid: job id of the owner.
    :param changes: mapping of fields, see ``chef_backend_record.Record``.
    :returns: the record that stands there now, as a mapping, or None; whose it is, it says itself.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_record.amend 20261122120000000000 '{"step": "failover off"}'
    """
    found, _ = _amend_open("jid", jid, {**changes, "heartbeat": time.time()})  # by the clock that will judge its age
    return found.to_dict() if found else None


def beat(jid):
    """Take a sign of life of the orchestration ``jid``. Returns True if it owns the record.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_record.beat 20261122120000000000
    """
    return _amend_open("jid", jid, {"heartbeat": time.time()})[1]


def wish(run, word):
    """Note what the operator wishes of an open run; it heeds that at its next safe point.

    :param run: the run's id.
    :param word: ``pause``, ``abort``, or None to take a wish back.
    :returns: True if that run is open here.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_record.wish 20261122120000000000 pause
    """
    return _amend_open("run", run, {"wish": word})[1]


def hold(run):
    """Note that a run that waits for its window stays paused until a person resumes it. Returns True if it waited.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_record.hold 20261122120000000000
    """
    with _guard():
        found = _read()
        waits = found is not None and found.run == str(run) and found.state == records.PAUSED and bool(found.waits)
        if waits:
            _write(RUN_FILE, found.amended({"waits": None}))
    return waits


def abandon(jid):
    """Note that the run of the orchestration ``jid`` is given up and failover is on. Returns True if it was open.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_record.abandon 20261122120000000000
    """
    return _amend_open("jid", jid, {"state": records.ABANDONED, "failover": "on"})[1]


def finish(jid, record):
    """Keep the record as the last run's and free the node, if the orchestration ``jid`` owns it.

    :returns: True if the node is free now, False if another run owns it.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_record.finish 20261122120000000000 '{"run": "20261122", ...}'
    """
    wanted = records.Record.from_dict(record)
    with _guard():
        found = _read()
        if found is None:
            return True
        if found.owner.jid != str(jid):
            return False
        _write(LAST_FILE, wanted)
        _write(os.path.join(ENDED, f"{wanted.run}.json"), wanted)
        for old in sorted(os.listdir(os.path.join(FOLDER, ENDED)), reverse=True)[KEPT:]:  # an id begins with its time
            os.unlink(os.path.join(FOLDER, ENDED, old))
        os.unlink(os.path.join(FOLDER, RUN_FILE))
    return True


def begun_here():
    """Note in this node's copy that it is inside its upgrade; the master hears of it with the next view.

    If it dies now, the next run knows that this node may be half-upgraded, whatever its services look like.

    :returns: True if a record was there to note it in.
    :raises CommandExecutionError: the run has been given up: this order of it comes too late.

    CLI Example:

    .. code-block:: bash

        salt be2 chef_backend_record.begun_here
    """
    node = __grains__["id"]
    return _note_here(lambda found: {"node": node, "finished": [one for one in found.finished if one != node]})


def down_here():
    """Note in this node's copy that this run takes it down, before it does; raises if the run has been given up.

    :returns: True if a record was there to note it in.
    :raises CommandExecutionError: the run has been given up: this order of it comes too late.

    CLI Example:

    .. code-block:: bash

        salt be2 chef_backend_record.down_here
    """
    node = __grains__["id"]
    return _note_here(lambda found: {"node": None, "down": [*(one for one in found.down if one != node), node]})


def finished_here():
    """Note in this node's copy that its upgrade is done; the master hears of it with the next view.

    If master and orchestration die now, the next run knows that ``upgrade`` need not run again.

    :returns: True if a record was there to note it in.

    CLI Example:

    .. code-block:: bash

        salt be2 chef_backend_record.finished_here
    """
    node = __grains__["id"]
    with _guard():
        found = _read()
        if found is None:
            return False
        # no sign of life of the run's owner, who may be gone meanwhile
        _write(RUN_FILE, found.amended({"node": None, "finished": [*found.finished, node]}))
    return True


def is_finished_here():
    """Tell whether the open run has upgraded this node already.

    CLI Example:

    .. code-block:: bash

        salt be2 chef_backend_record.is_finished_here
    """
    found = _read()
    return found is not None and __grains__["id"] in found.finished


def withdraw(jid):
    """Free the node again of a run that could not be opened; the last run's record stays.

    :returns: True if the node is free now, False if another run owns it.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_record.withdraw 20261122120000000000
    """
    with _guard():
        found = _read()
        if found is not None and found.owner.jid == str(jid):
            os.unlink(os.path.join(FOLDER, RUN_FILE))
            found = None
    return found is None


@contextlib.contextmanager
def _guard():
    """Hold a file lock: two minion jobs may be here at once."""
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    with open(os.path.join(FOLDER, ".guard"), "a", encoding="utf-8") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def _amend_open(by, wanted, changes):
    """Change fields of the record, if it is open and of this run; return what stands there now, and whether it was.

    :param by: what tells whose it is: ``run``, its id, or ``jid``, the orchestration that owns it.
    """
    with _guard():
        found = _read()
        ours = (
            found is not None
            and found.state == records.OPEN
            and str(wanted) == {"run": found.run, "jid": found.owner.jid}[by]
        )
        if ours:
            found = found.amended(changes)
            _write(RUN_FILE, found)
    return found, ours


def _note_here(changes):
    """Change fields of this node's copy; returns True if there is one.

    :param changes: function of the record that returns a mapping of fields.
    :raises CommandExecutionError: the run has been given up.
    """
    with _guard():
        found = _read()
        if found is None:
            return False
        if found.state == records.ABANDONED:
            raise CommandExecutionError(f"{__grains__['id']}: {records.given_up(found)}")
        _write(RUN_FILE, found.amended(changes(found)))
    return True


def _read(name=RUN_FILE):
    path = os.path.join(FOLDER, name)
    try:
        with open(path, encoding="utf-8") as file:
            return records.Record.from_json(file.read())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as err:  # RecordError, or bytes that are no text
        raise CommandExecutionError(
            f"{path}: {err}: look at it, and move it away if no upgrade of this cluster is under way"
        ) from err


def _write(name, record):
    text = json.dumps(record.to_dict(), indent=2)
    __salt__["chef_backend_note.write"](os.path.join(FOLDER, name), text, mode=0o600)

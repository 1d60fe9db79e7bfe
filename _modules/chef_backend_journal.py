"""This node's part of a run's journal: one file a run, one entry a line. What it cannot write never fails a run."""

import fcntl
import json
import logging
import os
import re

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import journal

FOLDER = "/var/lib/salt-chef-backend/journal"
KEPT = 20  # newest runs
RUN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}")  # part of a file's name
log = logging.getLogger(__name__)


def __virtual__():
    return True


def note(entry):
    """Append an entry to the journal of its run.

    :param entry: mapping, see ``chef_backend_journal.Entry``.
    :returns: True; False if it could not be written, which is logged.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_journal.note '{"run": "20261122120000000000", ...}'
    """
    try:
        path = _path(entry["run"])
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        fresh = not os.path.exists(path)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps(entry) + "\n")
        if fresh:
            _forget_old()
    except (OSError, TypeError, ValueError, KeyError) as err:
        log.warning("%s: the journal cannot be written: %s", __grains__["id"], err)
        return False
    return True


def read(run):
    """Return what this node told of a run.

    :param run: the run's id.
    :returns: ``{"entries": list of mappings, "troubles": list of what could not be read}``.
    :raises CommandExecutionError: the file is there and cannot be opened.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_journal.read 20261122120000000000
    """
    try:
        with open(_path(str(run)), encoding="utf-8", errors="replace") as file:
            entries, troubles = journal.read(file.read())
    except FileNotFoundError:
        entries, troubles = [], []
    except (OSError, ValueError) as err:
        raise CommandExecutionError(f"{__grains__['id']}: {err}") from err
    return {"entries": [entry.to_dict() for entry in entries], "troubles": troubles}


def _path(run):
    if not RUN.fullmatch(run):
        raise ValueError(f"{run!r} is no run's id")
    return os.path.join(FOLDER, f"{run}.jsonl")


def _forget_old():
    paths = [os.path.join(FOLDER, name) for name in os.listdir(FOLDER) if name.endswith(".jsonl")]
    for path in sorted(paths, key=os.path.getmtime, reverse=True)[KEPT:]:
        os.unlink(path)

"""The lab's journal: who called what, when, how it ended. Lies outside the product's reach.

/lab/journal is a file of the hub, bound into the host: a power loss or the removal of the package
leaves it alone. A command that is killed leaves its `begin` line only.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

JOURNAL = Path("/lab/journal")


def write(entry: Mapping[str, object], path: Path = JOURNAL) -> None:
    """Append `entry` as one line by one write, so that lines of several processes never mix.

    A journal that may not be written (not root, no lab) is not the product's concern.
    """
    try:
        journal = os.open(path, os.O_WRONLY | os.O_APPEND)
    except OSError:
        return
    try:
        os.write(journal, (json.dumps(entry) + "\n").encode())
    finally:
        os.close(journal)


def event(what: str, host: str, **more: object) -> None:
    """Note an event that is no command, such as `leads`."""
    write({"event": what, "time": time.time(), "host": host, **more})


class Call:
    """One invocation of a command: `begin` when made, `end` by `finish(status)`."""

    def __init__(self, host: str, argv: list[str]):
        self._began = time.monotonic()
        self._facts = {"id": str(uuid.uuid4()), "host": host, "argv": argv}
        write({"event": "begin", "time": time.time(), **self._facts, "pid": os.getpid()})

    def finish(self, status: int) -> None:
        """Note the exit status and the duration in seconds."""
        duration = round(time.monotonic() - self._began, 3)
        write({"event": "end", "time": time.time(), **self._facts, "status": status, "duration": duration})


def kept(host: str, program: str, run: Callable[[list[str]], int], argv: list[str]) -> int:
    """Run one command line between its `begin` and its `end`.

    :param run: takes the words after the program's name; returns the exit status.
    :returns: the exit status, also of a command that ended itself or was interrupted.
    """
    call = Call(host, [program, *argv])
    status = 1
    try:
        status = run(argv)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except KeyboardInterrupt:
        status = 130
    finally:
        sys.stdout.flush()
        call.finish(status)
    return status

"""Progress of a run: told as events, kept by this master, followed on the terminal of the orchestration.

``chef_backend/<cluster>/<run>/<node or cluster>/<step>/{begin,end,failed}``. Events are news, never orders: any
minion can forge one, so nothing acts on them.
"""

import contextlib
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

from saltext.chef_backend import journal
from saltext.chef_backend.journal import Entry
from saltext.chef_backend.record import Record
from saltext.chef_backend.run.master import Event, Listener, Master

log = logging.getLogger(__name__)


def tell(
    master: Master,
    record: Record | None,
    step: str,
    how: str,
    node: str | None = None,
    comment: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Fire an event of a run, and keep it; without a record, in test mode, nothing.

    :param step: what is done, such as ``upgrade``.
    :param how: ``begin``, ``end`` or ``failed``.
    :param node: the node it is done to; the cluster if not given.
    :param comment: one line for a person.
    :param data: what else belongs to the step.
    """
    if record is None:
        return
    where = node or record.cluster
    entry = Entry(master.clock.now(), record.cluster, record.run, where, step, how, None, comment, data or {})
    try:
        master.told.keep(entry)
        master.events.fire(entry.tag, entry.to_dict())
    except Exception:  # whatever it is: news that cannot be told fails no run
        log.exception("run %s: %s of %s cannot be told", record.run, how, step)


def follow(master: Master, record: Record) -> bool:
    """Print the run's events on this process' standard error, from a thread, until the process ends.

    An orchestration says nothing until its end; an hour of silence makes people reach for Ctrl-C. Standard error,
    because standard output is the result (``--out=json``). Returns False if it is followed already.
    """
    key = f"{journal.PREFIX}.following.{record.run}"
    if master.kept.get(key):
        return False
    master.kept[key] = True
    tags, heard = f"{journal.PREFIX}/{record.cluster}/{record.run}/", contextlib.ExitStack()
    listeners: list[Listener] = []

    def print_next() -> None:
        if not listeners:  # made by the thread that uses it
            listeners.append(heard.enter_context(master.events.listen()))
        entry = entry_of(listeners[0].get(tags, 0.5))
        if entry:
            print(journal.line(entry, clock), file=sys.stderr, flush=True)

    master.clock.every(0, print_next)
    return True


def wait(listener: Listener, cluster: str | None, seconds: float) -> Entry | None:
    """Wait for a cluster's next event; that of any cluster if None. None if none came that can be read."""
    return entry_of(listener.get(f"{journal.PREFIX}/{cluster}/" if cluster else f"{journal.PREFIX}/", seconds))


def entry_of(event: Event | None) -> Entry | None:
    """Read an event; None if there was none, or it is not ours: any minion may fire what it likes."""
    if event is None:
        return None
    data = event.data.get("data", {}) if "cmd" in event.data else event.data  # a minion's event wraps it
    try:
        return Entry.from_dict({key: value for key, value in data.items() if key != "_stamp"})
    except (AttributeError, ValueError):
        return None


def clock(moment: float) -> str:
    """Return the time of day of a moment (epoch seconds), as this master's clock shows it."""
    return time.strftime("%H:%M:%S", time.localtime(moment))

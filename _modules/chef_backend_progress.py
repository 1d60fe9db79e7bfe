"""Progress of a run: told as events, kept in its journal, followed on the terminal of the orchestration.

``chef_backend/<cluster>/<run>/<node or cluster>/<step>/{begin,end,failed}``. Events are news, never orders:
any minion can forge one, so nothing acts on them.
"""

import sys
import threading
import time

import salt.utils.event
from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import journal

PREFIX = "chef_backend"


def __virtual__():
    return True


def tell(step, how, node=None, seconds=None, comment=None, run=None, cluster=None, data=None, record=None):
    """Fire an event of the run that this job belongs to, and keep it in the run's journal; outside a run, nothing.

    :param step: what is done, such as ``upgrade``.
    :param how: ``begin``, ``end`` or ``failed``.
    :param node: the node it is done to; if not given this one, or with a ``record`` the cluster.
    :param seconds: how long it took.
    :param comment: one line for a person.
    :param run: the run's id; the pillar's ``run`` if not given, or that of the record on this node.
    :param cluster: the cluster's name; the pillar's ``cluster`` if not given, or that of the record.
    :param data: mapping of what else belongs to the step.
    :param record: ``chef_backend_record.Record``: what a master tells of this run.
    :returns: the tag, or None outside a run.

    CLI Example:

    .. code-block:: bash

        salt be2 chef_backend_progress.tell upgrade begin pillar='{"cluster": "prod", "run": "1"}'
    """
    if record is not None:
        run, cluster, node = record.run, record.cluster, node or record.cluster
    run, cluster = run or __pillar__.get("run"), cluster or __pillar__.get("cluster")
    if not run or not cluster:
        run, cluster = _of_the_record()
    if not run or not cluster:
        return None
    node = node or __grains__["id"]
    tag = f"{PREFIX}/{cluster}/{run}/{node}/{step}/{how}"
    entry = journal.Entry(time.time(), cluster, run, node, step, how, seconds, comment, data or {}).to_dict()
    if _on_the_master():
        __salt__["chef_backend_history.note"](entry)
        with _bus(listen=False) as bus:  # event.send would look for a minion here
            bus.fire_event(entry, tag)
    else:
        __salt__["chef_backend_journal.note"](entry)
        __salt__["event.send"](tag, entry)
    return tag


def command(argv, status, seconds):
    """Tell of a command that has ended, if it changes something: whatever a run does to a node stands in its journal.

    :param argv: list of its words.
    :param status: its exit status.
    :param seconds: how long it took.
    :returns: the tag, or None if it only reads, or outside a run.

    CLI Example:

    .. code-block:: bash

        salt be2 chef_backend_progress.command '[chef-backend-ctl, upgrade]' 0 12.5
    """
    if not journal.changes(argv):
        return None
    how = journal.FAILED if status else journal.END
    data = {"argv": [str(word) for word in argv], "status": status}
    return tell(journal.COMMAND, how, seconds=round(seconds, 1), data=data)


def follow(cluster, run):
    """Print the run's events on this process' standard error, from a thread, until the process ends.

    An orchestration says nothing until its end; an hour of silence makes people reach for Ctrl-C. Standard
    error, because standard output is the result (``--out=json``).

    :param cluster: the cluster's name.
    :param run: the run's id.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_progress.follow prod 20261122120000000000
    """
    key = f"{PREFIX}.following.{run}"
    if __context__.get(key):
        return False
    __context__[key] = True
    bus = _bus(listen=True)
    threading.Thread(target=_print_events, args=(bus, f"{PREFIX}/{cluster}/{run}/"), daemon=True).start()
    return True


def wait(cluster, bus, seconds):
    """Wait for a cluster's next event.

    :param cluster: the cluster's name; None for that of any cluster.
    :param bus: as returned by :func:`listen`.
    :param seconds: bound.
    :returns: ``chef_backend_journal.Entry``, or None if none came that can be read.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_progress.wait prod null 5
    """
    return _entry(bus.get_event(wait=seconds, tag=f"{PREFIX}/{cluster}/" if cluster else f"{PREFIX}/", full=True))


def listen():
    """Return the master's event bus, listened to from now on; to be used as a context manager.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_progress.listen
    """
    return _bus(listen=True)


def clock(moment):
    """Return the time of day of a moment (epoch seconds), as this master's clock shows it.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_progress.clock 1795834800
    """
    return time.strftime("%H:%M:%S", time.localtime(moment))


def _of_the_record():
    """The run whose record lies on this node: what is asked of a node outside of a state has no pillar of the run."""
    try:
        record = None if _on_the_master() else __salt__["chef_backend_record.read"]()
    except CommandExecutionError:
        record = None
    return (record["run"], record["cluster"]) if record else (None, None)


def _on_the_master():
    return __opts__.get("__role") == "master" or __opts__.get("file_client") == "local"


def _bus(listen):
    return salt.utils.event.get_event("master", sock_dir=__opts__["sock_dir"], opts=__opts__, listen=listen)


def _entry(event):
    """Read an event; None if there was none, or it is not ours: any minion may fire what it likes."""
    if event is None:
        return None
    data = event["data"].get("data", {}) if "cmd" in event["data"] else event["data"]  # a minion's event wraps it
    try:
        return journal.Entry.from_dict({key: value for key, value in data.items() if key != "_stamp"})
    except (AttributeError, ValueError):
        return None


def _print_events(bus, prefix):
    while True:
        entry = _entry(bus.get_event(wait=0.5, tag=prefix, full=True))
        if entry:
            print(journal.line(entry, clock), file=sys.stderr, flush=True)

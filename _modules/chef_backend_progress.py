"""Progress of a run: told as events, followed on the terminal of the orchestration.

``chef_backend/<cluster>/<run>/<node or cluster>/<step>/{begin,end,failed}``. Events are news, never orders:
any minion can forge one, so nothing acts on them.
"""

import sys
import threading
import time

import salt.utils.event

PREFIX = "chef_backend"


def __virtual__():
    return True


def tell(step, how, node=None, seconds=None, comment=None, run=None, cluster=None):
    """Fire an event of the run that this job belongs to; outside a run, nothing.

    :param step: what is done, such as ``upgrade``.
    :param how: ``begin``, ``end`` or ``failed``.
    :param node: the node it is done to; this one if not given.
    :param seconds: how long it took.
    :param comment: one line for a person.
    :param run: the run's id; the pillar's ``run`` if not given.
    :param cluster: the cluster's name; the pillar's ``cluster`` if not given.
    :returns: the tag, or None outside a run.

    CLI Example:

    .. code-block:: bash

        salt be2 chef_backend_progress.tell upgrade begin pillar='{"cluster": "prod", "run": "1"}'
    """
    run, cluster = run or __pillar__.get("run"), cluster or __pillar__.get("cluster")
    if not run or not cluster:
        return None
    node = node or __grains__["id"]
    tag = f"{PREFIX}/{cluster}/{run}/{node}/{step}/{how}"
    data = {"node": node, "step": step, "how": how, "seconds": seconds, "comment": comment}
    if __opts__.get("__role") == "master" or __opts__.get("file_client") == "local":
        with _bus(listen=False) as bus:  # event.send would look for a minion here
            bus.fire_event(data, tag)
    else:
        __salt__["event.send"](tag, data)
    return tag


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


def _bus(listen):
    return salt.utils.event.get_event("master", sock_dir=__opts__["sock_dir"], opts=__opts__, listen=listen)


def _print_events(bus, prefix):
    while True:
        event = bus.get_event(wait=0.5, tag=prefix, full=True)
        if event is None:
            continue
        data = event["data"].get("data", event["data"])  # a minion's event wraps what was told
        words = {"begin": "...", "end": "done", "failed": "FAILED"}.get(data.get("how"), "")
        seconds = f" ({data['seconds']} s)" if data.get("seconds") is not None else ""
        comment = f": {data['comment']}" if data.get("comment") else ""
        line = (
            f"{time.strftime('%H:%M:%S')}  {data.get('node', ''):<8} {data.get('step', '')} {words}{seconds}{comment}"
        )
        print(line, file=sys.stderr, flush=True)

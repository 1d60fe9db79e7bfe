"""What this backend answers when a run asks: what it runs, what is due on it, what is at work on it.

One answer holds all that judging the node needs, so that a run asks each node once and not seven times.
"""

import os
import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend.judge import answers
from saltext.chef_backend.product.cluster_status import ClusterStatus
from saltext.chef_backend.product.reading import ParseError
from saltext.chef_backend.product.status import Status

MANIFEST = "/opt/chef-backend/version-manifest.json"
UNSYNCED = "/var/opt/chef-backend/leaderl/data/unsynced"  # left by a sync that failed; cluster-status does not show it
CHANGING = r"chef-backend-ctl (upgrade|down-for-upgrade|backup|restore|reconfigure|join-cluster|remove-node|cleanse)\b"


def __virtual__():
    return True


def busy():
    """Return what is changing this node now: chef-backend-ctl commands and Salt's state runs, as text.

    A run whose orchestration was killed goes on here until the step at hand has ended.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_node.busy
    """
    pids = __salt__["ps.pgrep"](CHANGING, full=True, pattern_is_regex=True) or []
    lines = [__salt__["ps.proc_info"](pid, attrs=["cmdline"]) for pid in pids]
    jobs = __salt__["saltutil.is_running"]("state.*")
    return [" ".join(line["cmdline"]) for line in lines if line.get("cmdline")] + [
        f"{job['fun']} (job {job['jid']})" for job in jobs
    ]


def upgrade_due():
    """Tell why ``upgrade`` has still to run on this node, or None if its services run what is installed.

    :returns: the reason as text, or None.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_node.upgrade_due
    """
    return _unfinished() or outdated_services()


def outdated_services(text=None):
    """Name the services that started before the installed package was unpacked, or return None.

    Installing a package restarts nothing; until ``upgrade`` the node runs the version before.

    :param text: what ``status`` printed; asked if not given.
    :returns: the reason as text, or None.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_node.outdated_services
    """
    unpacked = os.stat(MANIFEST).st_ctime  # mtime is the build's; ctime is when dpkg or rpm put it there
    services = Status.from_text(text or __salt__["chef_backend.status"]()).services
    now = time.time()
    older = [s.name for s in services if s.state == "running" and now - s.seconds < unpacked]
    return f"{', '.join(older)} started before {__salt__['chef_backend.version']()} was installed" if older else None


def view(only=None, jid=None, changes=None):
    """Return all that judging this node needs, in one answer; what failed stands under ``errors``.

    :param only: names of the parts to ask for; all if not given.
    :param jid: orchestration that asks; if it owns the record, this is a sign of life of it.
    :param changes: fields of that record to change before anything is asked, as of ``chef_backend_record.amend``.
    :returns: ``{"node", "record", "version", "busy", "cluster_status", "status", "half_upgraded", "earlier",
        "unsynced", "replication", "errors"}``; ``earlier``: what each node took in the run before, ``{node: seconds}``.

    CLI Example:

    .. code-block:: bash

        salt '*' chef_backend_node.view
        salt '*' chef_backend_node.view '[record, cluster_status]'
    """
    answer = {"node": __grains__["id"], "errors": {}}
    asked = {
        "record": lambda: _record(jid, changes),
        "version": __salt__["chef_backend.version"],
        "busy": busy,
        "cluster_status": __salt__["chef_backend.cluster_status"],
        "status": __salt__["chef_backend.status"],
        "half_upgraded": lambda: (
            _unfinished() or (outdated_services(answer["status"]) if answer.get("status") else None)
        ),
        "earlier": _took_before,
        "unsynced": lambda: os.path.exists(UNSYNCED),
        "replication": lambda: __salt__["chef_backend.replication"]() if _pg_leads(answer["cluster_status"]) else "",
    }
    for name in only or asked:
        try:
            answer[name] = asked[name]()
        except (CommandExecutionError, ParseError, OSError, ValueError) as err:
            answer[name] = None
            answer["errors"][name] = str(err)
    return answer


def _record(jid, changes):
    return __salt__["chef_backend_record.amend"](jid, changes or {}) if jid else __salt__["chef_backend_record.read"]()


def _took_before():
    """What each node took in the run before, in seconds; a file that cannot be read is no reason not to upgrade."""
    try:
        ended = __salt__["chef_backend_record.last"]()
    except CommandExecutionError:
        return {}
    return ended["took"] if ended else {}


def _unfinished():
    """A run that died on this node says so in its record: a reboot since then hides it from the services."""
    record = __salt__["chef_backend_record.read"]()
    if record and record["node"] == __grains__["id"] and record["target"] == __salt__["chef_backend.version"]():
        return f"run {record['run']} did not finish on this node"
    return None


def _pg_leads(text):
    """Tell whether this node's PostgreSQL leads, by cluster-status; asking it is right where that cannot be read."""
    try:
        return answers.node_of(ClusterStatus.from_table(text or ""), __grains__["id"]).pg == "leader"
    except ParseError:
        return True
    except KeyError:
        return False

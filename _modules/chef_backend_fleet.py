"""The clusters of the fleet, on the master: how each stands, and the runs that were started."""

import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers
from saltext.chef_backend.judge import fleet as fleets


def __virtual__():
    return True


def groups():
    """Return the groups of the fleet in their order: a list of mappings with ``name`` and ``clusters``.

    An empty list if the pillar is wrong: what is wrong with it is the first state's to say.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_fleet.groups with_pillar=True
    """
    try:
        return [{"name": one.name, "clusters": list(one.clusters)} for one in read()]
    except CommandExecutionError:
        return []


def read():
    """Return the groups of the pillar, checked: a tuple of ``chef_backend_fleet.Group``.

    Raises CommandExecutionError with every mistake, one a line.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_fleet.read with_pillar=True
    """
    try:
        return fleets.from_pillar(dict(__pillar__))
    except ValueError as err:
        raise CommandExecutionError(str(err)) from err


def look(cluster):
    """Tell how a cluster stands.

    :param cluster: the cluster's name.
    :returns: ``(state, text)``: a state of ``chef_backend_fleet``, and why.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_fleet.look prod with_pillar=True
    """
    try:
        settings = __salt__["chef_backend_nodes.cluster"](cluster)
        views = __salt__["chef_backend_nodes.views"](cluster)
        record = answers.record(views)
        gone = __salt__["chef_backend_hold.gone"](record) if record else None
        if record and gone is None:
            return fleets.RUNNING, f"run {record.run} is under way, at {record.step!r}"
        if record is None and not __salt__["chef_backend_nodes.due"](cluster, "all", views):
            return fleets.DONE, f"runs {settings.version}"
        if record and record.state == records.PAUSED and not record.waits:
            return fleets.WAITING, f"run {record.run} was paused by a person, who resumes or aborts it"
        outside = __salt__["chef_backend_way.outside"](cluster, record, views)
        if outside:
            return fleets.WAITING, outside
        return fleets.DUE, f"is to go to {settings.version}"
    except (CommandExecutionError, ValueError) as err:
        return fleets.FAILED, str(err)


def ended(bus, jobs, seconds):
    """Wait for the end of one of the runs that were started.

    :param bus: as returned by ``chef_backend_progress.listen``.
    :param jobs: ``{job id: cluster}``.
    :param seconds: bound.
    :returns: ``(job id, whether it succeeded)``, or None if none ended.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_fleet.ended null '{}' 5
    """
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        event = bus.get_event(wait=left, tag="salt/run/", full=True)
        data = event["data"] if event else {}
        if data.get("jid") in jobs and event["tag"].endswith("/ret"):
            said = data.get("return")
            well = bool(data.get("success")) and isinstance(said, dict) and said.get("retcode") == 0
            return data["jid"], well
    return None

"""The clusters of the fleet, on the master: how each stands, and the runs that were started."""

import time

import salt.utils.event
from salt.exceptions import CommandExecutionError

try:
    from saltext.chef_backend import chef_backend_answers as answers
    from saltext.chef_backend import chef_backend_config as config
    from saltext.chef_backend import chef_backend_fleet as fleets
    from saltext.chef_backend import chef_backend_record as records
    from saltext.chef_backend import chef_backend_window as window
except ImportError:
    import chef_backend_answers as answers
    import chef_backend_config as config
    import chef_backend_fleet as fleets
    import chef_backend_record as records
    import chef_backend_window as window


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
    except config.ConfigError as err:
        raise CommandExecutionError("\n".join(err.problems)) from err


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
        earlier = [view.get("earlier") or {} for view in views.values()]
        seconds = window.estimate(record.took if record else {}, earlier, settings.estimate_seconds)
        outside = window.too_short(settings.window, time.time(), seconds) if settings.window else None
        if outside:
            return fleets.WAITING, outside
        return fleets.DUE, f"is to go to {settings.version}"
    except (CommandExecutionError, ValueError) as err:
        return fleets.FAILED, str(err)


def listen():
    """Return the master's event bus, listened to from now on; to be used as a context manager.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_fleet.listen
    """
    return salt.utils.event.get_event("master", sock_dir=__opts__["sock_dir"], opts=__opts__, listen=True)


def ended(bus, jobs, seconds):
    """Wait for the end of one of the runs that were started.

    :param bus: as returned by :func:`listen`.
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

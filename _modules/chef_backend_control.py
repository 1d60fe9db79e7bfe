"""Steer a run, on the master: pause and abort it, and switch failover of its cluster."""

import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers, gates, steering, window


def __virtual__():
    return True


def pause(cluster):
    """Have the cluster's run end before it touches another node; failover is on while it is paused.

    :param cluster: the cluster's name.
    :returns: ``{"ok": bool, "text": what was done, "start": None}``.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_control.pause prod with_pillar=True
    """
    record, gone, _ = _found(cluster, "record")
    return _do(cluster, record, steering.pause(record, gone))


def resume(cluster):
    """Tell whether the cluster's run goes on; one that nobody drives has to be started by the caller.

    :param cluster: the cluster's name.
    :returns: ``{"ok": bool, "text": what was done, "start": the orchestration to be started, or None}``.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_control.resume prod with_pillar=True
    """
    record, gone, _ = _found(cluster, "record")
    return _do(cluster, record, steering.resume(record, gone, _stops(cluster, record)))


def abort(cluster):
    """End the cluster's run: before it touches another node, or here and now if nobody drives it.

    :param cluster: the cluster's name.
    :returns: ``{"ok": bool, "text": what was done, "start": None}``.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_control.abort prod with_pillar=True
    """
    record, gone, views = _found(cluster, "record", "status", "due")
    half_upgraded = answers.half_upgraded(views)
    if record and record.way == records.REPLACE:
        half_upgraded = []  # the node that is replaced may have broken in its upgrade
    if record and record.way == records.FRONTENDS:
        half_upgraded = __salt__["chef_server_frontends.unfinished"](cluster)
    ended = _ended(cluster) if record is None else None
    return _do(cluster, record, steering.abort(record, gone, half_upgraded, ended))


def scheduled(cluster):
    """Tell whether the master's schedule is to start the cluster's upgrade, or go on with what waited for its window.

    :param cluster: the cluster's name.
    :returns: ``{"ok": bool, "text": what is done or why nothing is, "start": the orchestration, or None}``.
    :raises CommandExecutionError: no window is named, or it cannot be told.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_control.scheduled prod with_pillar=True
    """
    settings = __salt__["chef_backend_nodes.cluster"](cluster)
    if not settings.window:
        raise CommandExecutionError(
            f"chef_backend:clusters:{cluster}:window: found nothing, expected a window: a schedule would else start "
            "an upgrade at any time"
        )
    return _unattended(cluster, settings)


def requested(cluster, version):
    """Tell whether a request, which the reactor has accepted, is to start the cluster's upgrade.

    :param cluster: the cluster's name.
    :param version: its target, as text.
    :returns: ``{"ok": bool, "text": what is done or why nothing is, "start": the orchestration, or None}``.
    :raises CommandExecutionError: it is not the target any more, or it cannot be told.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_control.requested prod 2.3.16 with_pillar=True
    """
    settings = __salt__["chef_backend_nodes.cluster"](cluster)
    if str(settings.version) != version:
        raise CommandExecutionError(f"{version} was requested, and the target of {cluster} is {settings.version}")
    return _unattended(cluster, settings)


def set_failover(cluster, to):
    """Switch failover by the first backend that can: it is the whole cluster's, and switching twice does no harm.

    :param cluster: the cluster's name.
    :param to: ``on`` or ``off``.
    :returns: changes, as a state tells them; empty if it was so.
    :raises CommandExecutionError: no backend could.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_control.set_failover prod on with_pillar=True
    """
    troubles, bound = [], __salt__["chef_backend_nodes.cluster"](cluster).timeouts.failover
    for node in __salt__["chef_backend_nodes.backends"](cluster):
        answer = __salt__["chef_backend_nodes.ask"]([node], "chef_backend.ensure_failover", to, bound)[node]
        if answer["ok"]:
            before = answer["value"]["before"]
            return {} if before == to else {"failover": {"old": before, "new": to}}
        troubles.append(answer["error"])
    raise CommandExecutionError("\n".join(troubles))


def restore_failover(cluster):
    """Switch failover on, if a follower could take the lead unharmed.

    :param cluster: the cluster's name.
    :returns: changes, as a state tells them.
    :raises CommandExecutionError: it is not safe now, and why.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_control.restore_failover prod with_pillar=True
    """
    try:
        gates.safe_to_fail_over(__salt__["chef_backend_nodes.views"](cluster, ["busy", "cluster_status", "status"]))
    except ValueError as err:
        raise CommandExecutionError(str(err)) from err
    return set_failover(cluster, "on")


def let_clients_in(record):
    """Bring back the frontends that a run took out of service, where no backend has been touched.

    :param record: ``chef_backend_record.Record``.
    :returns: changes, as a state tells them; empty if clients find something else than before, or were never out.
    :raises CommandExecutionError: a frontend could not be brought back.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_control.let_clients_in '{...}' with_pillar=True
    """
    if not records.frontends_may_serve(record):
        return {}
    bound = __salt__["chef_backend_nodes.cluster"](record.cluster).timeouts.reconfigure
    said = __salt__["chef_backend_nodes.ask_all"](record.frontends, "chef_server_service.bring_back", bound)
    return {node: {"old": "out of service", "new": "in service"} for node, back in said.items() if back}


def _found(cluster, *parts):
    """Return the cluster's record, why nobody drives it (None if somebody does), and the views with these parts."""
    views = __salt__["chef_backend_nodes.views"](cluster, parts)
    try:
        gates.everybody_answers(views)
        record = answers.record(views)
    except ValueError as err:
        raise CommandExecutionError(str(err)) from err
    gone = __salt__["chef_backend_hold.gone"](record) if record else None
    return record, gone, views


def _unattended(cluster, settings):
    """Decide for the schedule, or an event: nobody is looking."""
    outside = window.closed(settings.window, time.time())
    if outside:  # most of the time: the nodes are left in peace
        return _do(cluster, None, steering.scheduled(None, None, outside, [], None, []))
    record, gone, views = _found(cluster, "record", "earlier")
    due, ended = [], None
    if record is None:
        views = __salt__["chef_backend_nodes.views"](cluster)
        due, ended = __salt__["chef_backend_nodes.due"](cluster, "all", views), _ended(cluster)
    outside = __salt__["chef_backend_way.outside"](cluster, record, views) if record or due else None
    return _do(cluster, record, steering.scheduled(record, gone, outside, due, ended, _stops(cluster, record)))


def _ended(cluster):
    """Return the record of the last finished run, or None."""
    backends = __salt__["chef_backend_nodes.backends"](cluster)
    said = __salt__["chef_backend_nodes.ask_all"](backends, "chef_backend_record.last")
    return records.newest([records.Record.from_dict(one) for one in said.values() if one])


def _stops(cluster, record):
    """Return the versions in the pillar that a run like this one may go to, as text."""
    if record is None or record.way != records.FRONTENDS:
        return __salt__["chef_backend_nodes.stops"](cluster)
    server = __salt__["chef_backend_nodes.cluster"](cluster).server
    return [str(server.version)] if server else []


def _do(cluster, record, answer):
    if answer.action == steering.WISH:
        said = __salt__["chef_backend_nodes.ask"](record.backends, "chef_backend_record.wish", record.run, answer.wish)
        if not any(told["ok"] and told["value"] for told in said.values()):
            raise CommandExecutionError(f"run {record.run} has ended meanwhile: nothing was done")
    if answer.action == steering.HOLD:
        __salt__["chef_backend_nodes.ask_all"](record.backends, "chef_backend_record.hold", record.run)
    if answer.action == steering.CLOSE:
        if record.failover == "off":
            restore_failover(cluster)
        let_clients_in(record)
        __salt__["chef_backend_hold.finish"](record.at(time.time(), state=records.ABORTED, failover="on", turn=None))
    start = steering.orchestration(record) if answer.action == steering.START else None
    return {"ok": answer.ok, "text": answer.text, "start": start}

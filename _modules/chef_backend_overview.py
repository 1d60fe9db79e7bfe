"""What the operator is shown of a cluster, on the master: its status, and the plan of an upgrade. Only reads."""

import time

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import advice, window
from saltext.chef_backend.show import status as plans


def __virtual__():
    return True


def status(name):
    """Return what ``salt-run chef_backend.status`` shows of a cluster: a mapping with ``text`` and ``ok``.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_overview.status prod with_pillar=True
    """
    settings = _ask("cluster", name)
    shown = _status(name, settings, _ask("views", name))
    return {**shown, "text": plans.status_text(shown), "ok": shown["healthy"]}


def every(names):
    """Return what ``salt-run chef_backend.status`` shows of many clusters: one mapping with ``text`` and ``ok``.

    A line each; what is not well with one stands below the table.

    :param names: names of clusters.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_overview.every '[prod, test]' with_pillar=True
    """
    seen = __salt__["chef_backend_nodes.views_of"](names)
    shown = [_status(name, _ask("cluster", name), seen[name]) for name in names]
    return {"clusters": shown, "text": plans.every_text(shown), "ok": all(one["healthy"] for one in shown)}


def plan(name):
    """Return what ``salt-run chef_backend.plan`` shows of a cluster: a mapping with ``text`` and ``ok``.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_overview.plan prod with_pillar=True
    """
    settings = _ask("cluster", name)
    seen = _ask("views", name)
    shown = _status(name, settings, seen)
    stops = [*((hop.version, hop.package) for hop in settings.hops), (settings.version, settings.package)]
    created = __salt__["chef_backend_way.index_created"](name, seen)
    packages = {str(version): package.source.rpartition("/")[2] for version, package in stops}
    planned = plans.plan(shown, _ask("batches", name), packages, created)
    way = shown["run"]["way"] if shown["run"] else planned["way"]
    seconds = window.expected(settings, way, _record(shown), seen) if planned["order"] else 0
    outside = window.too_short(settings.window, time.time(), seconds)
    planned["refusals"] += [outside] if outside else []
    return {**planned, "text": plans.plan_text(shown, planned), "ok": not planned["refusals"]}


def _status(name, settings, seen):
    now = time.time()
    shown = plans.status(name, str(settings.version), seen, settings.gates.max_lag_bytes, now)
    record = _record(shown)
    shown["to_do"] = advice.advise(seen, record, __salt__["chef_backend_hold.gone"](record) if record else None)
    seconds = window.expected(settings, record.way if record else None, record, seen)
    shown["window"] = window.outlook(settings.window, now, seconds)
    return shown


def _record(shown):
    return records.Record.from_dict(shown["run"]) if shown["run"] else None


def _ask(what, name, *args):
    return __salt__[f"chef_backend_nodes.{what}"](name, *args)

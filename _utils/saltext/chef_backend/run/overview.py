"""What the operator is shown of a cluster: its status, and the plan of an upgrade. Only reads."""

import contextlib
from collections.abc import Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.errors import reasons_of
from saltext.chef_backend.judge import advice, standing, window
from saltext.chef_backend.judge import plan as plans
from saltext.chef_backend.judge import waiver as waivers
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.product.maintenance import out_of_service_by
from saltext.chef_backend.product.version import Version
from saltext.chef_backend.reason import Reason
from saltext.chef_backend.record import Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import fitness, ground, lock, ways
from saltext.chef_backend.run.master import Master
from saltext.chef_backend.settings import Cluster
from saltext.chef_backend.show import check as checks
from saltext.chef_backend.show import status as shows
from saltext.chef_backend.show.status import Shown


def status(master: Master, name: str) -> dict[str, Any]:
    """Return what ``status`` shows of a cluster: a mapping with ``text`` and ``ok``."""
    shown = _shown(master, clusters.settings(master, name), clusters.views(master, name))
    return {**shown.to_dict(), "text": shows.status_text(shown), "ok": shown.standing.healthy}


def every(master: Master, names: Sequence[str]) -> dict[str, Any]:
    """Return what ``status`` shows of many clusters: a line each; what is not well with one stands below the table."""
    seen = clusters.views_of(master, names)
    several = [_shown(master, clusters.settings(master, name), seen[name]) for name in names]
    standings = [one.standing for one in several]
    plain = [one.to_dict() for one in several]
    return {"clusters": plain, "text": shows.every_text(standings), "ok": all(one.healthy for one in standings)}


def plan(master: Master, name: str) -> dict[str, Any]:
    """Return what ``plan`` shows of a cluster: a mapping with ``text`` and ``ok``."""
    settings = clusters.settings(master, name)
    seen = clusters.views(master, name)
    shown = _shown(master, settings, seen)
    leave, unknown = _frontends(master, settings)
    index = ways.index_created(master, name, seen)
    planned = plans.plan(seen, settings, shown.standing.reasons, index, leave)
    record = shown.standing.run
    planned = plans.refused(planned, [one for one in unknown if not _is_waived(record, one)])
    way = record.way if record else planned.way
    seconds = window.expected(settings, way, record, seen) if planned.order else 0
    outside = window.too_short(settings.window, master.clock.now(), seconds)
    planned = plans.refused(planned, [Reason("window", name, said=outside)] if outside else [])
    if planned.order and not planned.refusals:
        fronts = clusters.frontends(master, name)
        try:
            fit, _ = fitness.holds(
                master, settings, sorted(seen), () if record else fronts, record.waived if record else ()
            )
            if record is None:
                fitness.has_room(master, settings, fit, seen)
                ground.holds(master, settings, planned.way, seen, fronts)
        except (ValueError, CommandExecutionError) as err:
            planned = plans.refused(planned, reasons_of(err) or [Reason("failed", name, said=str(err))])
    plain = shows.plan(planned, leave.batches)
    return {**plain, "text": shows.plan_text(shown, planned), "ok": not planned.refusals}


def check(master: Master, name: str) -> dict[str, Any]:
    """Return what ``check`` shows: whether this Salt is fit for a run; a mapping with ``text`` and ``ok``."""
    found = fitness.check(master, name)
    plain = checks.plain(name, found.hub, found.nodes, found.reasons, found.took)
    return {**plain, "text": checks.text(plain), "ok": not found.reasons}


def _shown(master: Master, settings: Cluster, seen: Views) -> Shown:
    stands = standing.of_cluster(settings.name, str(settings.version), seen, settings.gates.max_lag_bytes)
    record = stands.run
    to_do = advice.advise(seen, record, lock.gone(master, record) if record else None)
    seconds = window.expected(settings, record.way if record else None, record, seen)
    return Shown(stands, window.outlook(settings.window, master.clock.now(), seconds), tuple(to_do))


def _is_waived(record: Run | None, reason: Reason) -> bool:
    return record is not None and waivers.covers(record.waived, reason.code, reason.node)


def _frontends(master: Master, settings: Cluster) -> tuple[plans.Frontends, list[Reason]]:
    """The frontends, and how each would refuse its clients; and why one does not tell its version."""
    nodes = clusters.frontends(master, settings.name)
    said = master.bus.ask(nodes, "chef_server.version", timeout=settings.timeouts.ask)
    leave_by: dict[str, str] = {}
    for node, one in said.items():
        with contextlib.suppress(ValueError):
            if one.ok:
                leave_by[node] = out_of_service_by(Version.from_text(one.value))
    unknown = [Reason("frontend-unknown", node, said=one.error) for node, one in said.items() if not one.ok]
    return plans.Frontends(clusters.batches(master, settings.name, nodes), leave_by), unknown

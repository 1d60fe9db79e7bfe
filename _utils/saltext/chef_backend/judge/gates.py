"""Gates: what must hold before something is touched, judged from what the backends answered.

Each function raises Refused, a ValueError, if its gate does not hold: which node, which value, which bound, what to do.
"""

import dataclasses
import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence

from saltext.chef_backend import record as records
from saltext.chef_backend.errors import InVain, NotYet, Refused
from saltext.chef_backend.judge import answers, failover, kinds, silence, who, window
from saltext.chef_backend.judge import waiver as waivers
from saltext.chef_backend.judge import way as ways
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.product.version import Version, least_frontend
from saltext.chef_backend.reason import Reason
from saltext.chef_backend.record import Run
from saltext.chef_backend.settings import Cluster


def not_ended_by_wish(record: Run) -> None:
    """Nobody has asked for a pause or for the end of the run, at a point where it may end.

    It may not while it has the cluster down, nor between a hand-over and the old leader's return.
    """
    between = record.reindex and record.turn in record.inside
    if record.wish and not record.down and not between:
        raise InVain(f"{record.wish} was asked for: nothing more is begun", "wished")


def everybody_answers(views: Views) -> None:
    """Every backend has answered."""
    silent = silence.all_of(views)
    if silent:
        raise unwell(silent)


def healthy(
    views: Views,
    max_lag_bytes: int,
    half_upgraded: str | None = None,
    search: bool = True,
    waived: Collection[str] = (),
) -> tuple[Reason, ...]:
    """The cluster is wholly healthy, but for what concerns the half-upgraded node that is resumed, or is waived.

    :param search: whether Elasticsearch has to be well.
    :param waived: what a person waives for a run that has no record yet.
    :returns: what was set aside for that.
    """
    verdict = answers.verdict(views, max_lag_bytes, half_upgraded, search, waived)
    if not verdict.healthy:
        raise unwell(verdict.reasons)
    return verdict.tolerated


def unwell(reasons: Sequence[Reason]) -> Refused:
    """Return the refusal for several reasons: the one that explains the others first."""
    return Refused("\n".join(kinds.told(reasons)), reasons=kinds.ordered(reasons))


def but_waived(reasons: Sequence[Reason], waived: Collection[str]) -> list[Reason]:
    """Nothing stands in the way but what a person waives, each ``CODE of NODE``; return that."""
    left = [one for one in reasons if not waivers.covers(waived, one.code, one.node)]
    if left:
        raise unwell(left)
    return list(reasons)


def same_nodes(views: Views, waived: Collection[str]) -> list[Reason]:
    """Every minion's node is the one that it was when the run was opened; return what of that a person waives."""
    return but_waived(who.changed(views), waived)


def nobody_at_work(views: Views) -> None:
    """No command is changing a backend now; what is not known counts as one."""
    busy = answers.busy(views)
    busy += [f"{node}: {view.errors['busy']}" for node, view in sorted(views.items()) if "busy" in view.errors]
    if busy:
        raise Refused(f"the cluster is being changed: {'; '.join(busy)}: wait until that has ended", "at-work")


def looked_after(views: Views, lease: int) -> None:
    """Every backend's dead man's switch goes on looking: what has armed it may have been taken away since.

    :param lease: seconds; it looks four times in them.
    """
    everybody_answers(views)
    for node, view in sorted(views.items()):
        if "unlooked" in view.errors:
            raise Refused(f"{node}: whether its dead man's switch looks: {view.errors['unlooked']}", "unlooked", node)
    late = {
        node: "ever" if view.unlooked is None else f"for {view.unlooked:.0f} s"
        for node, view in sorted(views.items())
        if view.unlooked is None or view.unlooked > lease
    }
    if late:
        told = ", ".join(f"the dead man's switch of {node} has not looked {ago}" for node, ago in late.items())
        raise Refused(
            f"if this run died, not every backend would restore failover: {told} (lease {lease} s): its minion's "
            "scheduler is off or has lost the job, or its clock was set back: look at 'salt NODE schedule.list'; the "
            "same command arms it again",
            "unlooked",
            ", ".join(late),
        )


def in_window(settings: Cluster, now: float, resumed: Run | None, half_upgraded: list[str]) -> None:
    """A window is open; or the run that is resumed left the cluster as it must not stay until the next one.

    With failover off, a node half-upgraded or down, or clients refused, to wait is the greater risk.

    :param now: epoch seconds.
    :param resumed: the record of the run that is resumed, or None.
    :param half_upgraded: names of nodes whose upgrade has begun and not ended.
    """
    if resumed and (half_upgraded or resumed.failover == "off" or not records.may_be_left(resumed)):
        return
    outside = window.closed(settings.window, now)
    if outside:
        raise Refused(outside, "window")


def fits_window(settings: Cluster, now: float, record: Run, views: Views) -> None:
    """What is begun now is done before the windows close, as far as earlier nodes tell.

    :param now: epoch seconds.
    :param record: the run's.
    :raises InVain: it does not fit, and when the next window opens.
    """
    why = window.too_short(settings.window, now, window.expected(settings, record.way, record, views))
    if why:
        raise InVain(why, "window")


def one_hop(settings: Cluster) -> None:
    """The target is one hop away, or this is one of several."""
    if settings.hops:
        shown = " -> ".join(map(str, settings.stops))
        path = f"chef_backend:clusters:{settings.name}:hops"
        raise Refused(f"{path}: {shown} is more than one hop: use orch.chef_backend_upgrade", "hops")


def same_kind(found: Run | None, way: str) -> None:
    """No unfinished run of the other kind: one upgrades backends, the other frontends.

    :param found: the record that the backends hold, or None.
    :param way: the way that the orchestration goes.
    """
    if found and (found.way == records.FRONTENDS) != (way == records.FRONTENDS):
        kind = "the frontends" if found.way == records.FRONTENDS else "the backends"
        raise Refused(
            f"run {found.run} of {kind} to {found.target} is unfinished ({found.state}): go on with it, or end it by "
            f"'salt-run chef_backend.abort {found.cluster}'",
            "other-run",
        )


def same_way(resumed: Run, way: str) -> None:
    """A run is resumed by the orchestration of its own way.

    :param resumed: the record of the run that is resumed.
    :param way: the way that the orchestration goes.
    """
    if resumed.way != way:
        raise Refused(
            f"run {resumed.run} to {resumed.target} is unfinished, on the way {resumed.way}: go on with "
            f"orch.chef_backend_{resumed.way}, not with {way}",
            "other-way",
        )


def right_way(views: Views, target: Version, index: Version | None, way: str) -> None:
    """The backends run one version, or that and the target, and may go this way; otherwise the right one is named.

    :param target: ``Version``.
    :param index: ``Version`` of the Elasticsearch that created the index, or None where it does not matter.
    :param way: the way that the orchestration goes.
    """
    found = answers.installed(views)
    ways.start(found, (target,))
    for node, installed in sorted(found.items()):
        chosen = ways.choose_way(installed, target, index)
        if chosen.name not in (way, "none"):
            right = f"; use orch.chef_backend_{chosen.name}" if chosen.name != "refused" else ""
            via = f": go to {chosen.via} first" if chosen.via else ""
            raise Refused(
                f"{node} runs {installed}; to {target} the way is {chosen.name}, not {way}: {chosen.reason}{via}"
                f"{right}",
                "way",
                node,
            )


def reindex_is_prepared(way: str, settings: Cluster, frontends: Sequence[str]) -> None:
    """There is a frontend to re-index on, and an organisation to begin with, where the way needs them.

    :param frontends: list of minion ids.
    """
    path = f"chef_backend:clusters:{settings.name}"
    if way == "reindex" and not frontends:
        raise Refused(
            f"{path}:frontends: found none, expected at least one: the index is built again from there", "no-frontends"
        )
    if way == "reindex" and not settings.reindex_organisation:
        raise Refused(
            f"{path}:reindex_organisation: found nothing, expected an organisation's short name: it is re-indexed and "
            "counted before all others are",
            "no-organisation",
        )


def frontends_new_enough(installed: Mapping[str, str], settings: Cluster) -> None:
    """No frontend is older than it must be to talk to the target, by the documents and by what the site says.

    :param installed: ``{node: version as text}``.
    """
    known = [least_frontend(settings.version), settings.frontend_least_version]
    least = max((version for version in known if version is not None), default=None)
    late = [node for node, text in sorted(installed.items()) if least and Version.from_text(text) < least]
    if late:
        shown = ", ".join(f"{node} runs {installed[node]}" for node in late)
        raise Refused(
            f"{shown}, and {settings.version} needs {least} on the frontends: upgrade them first, with "
            "orch.chef_server_upgrade",
            "frontend-old",
            ", ".join(late),
        )


def nobody_unnamed(
    settings: Cluster, leader: str, connected: Iterable[str], named: Iterable[str], left_out: Sequence[str] = ()
) -> None:
    """Whoever uses the leader's PostgreSQL is a backend, a frontend of the pillar, or known to the pillar.

    :param leader: minion id.
    :param connected: addresses from which somebody is connected to it.
    :param named: addresses of the backends and the frontends.
    :param left_out: frontends that were left out, and do not tell their addresses.
    """
    ours, known = {_address(text) for text in named}, [ipaddress.ip_network(text) for text in settings.known_clients]
    found = [one for one in map(_address, connected) if one is not None and not one.is_loopback]
    strange = sorted(str(one) for one in found if one not in ours and not any(one in network for network in known))
    if strange:
        path = f"chef_backend:clusters:{settings.name}"
        raise Refused(
            f"{leader}: {', '.join(strange)} is connected to PostgreSQL, and neither a backend nor a frontend that the "
            f"pillar names: name it in {path}:frontends, or its address in {path}:known_clients if it is no frontend. "
            "If it is named, its grains may be old: saltutil.refresh_grains there"
            + (f". That of {', '.join(left_out)}, left out, belongs into known_clients" if left_out else ""),
            "unnamed",
            leader,
        )


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address as whoever else writes it: without its zone, IPv4 as such; None if it is none."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def failover_found(views: Views, before: Run | None) -> str:
    """Failover is on, or a run that ended before it was on explains why it is not. Returns what is shown.

    :param before: the run that is taken over, or None.
    """
    found = answers.failover(views)
    if before and before.failover == "off":
        return "off"  # what the table shows may lag behind its order
    if before and before.reindex and found in ("off", "mixed"):
        nowhere = [
            view.cluster
            for view in views.values()
            if view.cluster and failover.nowhere_to_lead(view.cluster, before.waived)
        ]
        if before.switched or nowhere:
            return "off"  # by a backend, for the lead would not have stayed where it is
    if found in ("off", "mixed"):
        raise Refused(
            f"failover is {found} and no unfinished run explains it: find out who switched it off, "
            "then run 'chef-backend-ctl set-cluster-failover on' on a backend",
            "failover-off",
        )
    return found


def turn_of(views: Views, target: str, node: str, role: str, last: bool = True) -> None:
    """It is this node's turn: it has the role that it is to be upgraded in, and a leader comes last.

    :param target: version to go to, as text.
    :param role: ``follower`` or ``leader``.
    :param last: whether a leader has to come last already; in test mode no follower was upgraded before it.
    """
    leads = answers.leader(views)
    if (node == leads) != (role == "leader"):
        raise Refused(
            f"{node} is not the {role}: {leads} leads now. Nothing was done; the same command goes on from here",
            "turn",
            node,
        )
    late = [other for other in answers.due(views, target) if other != node]
    if role == "leader" and last and late:
        raise Refused(f"the leader is upgraded last, but {', '.join(late)} is still due", "turn", node)


def failover_is(views: Views, wanted: str) -> None:
    """Failover is as the step needs it, where the version shows it: off for a follower, on for a hand-over."""
    found = answers.failover(views)
    if found not in (wanted, "unknown"):
        raise Refused(f"failover is {found}, expected {wanted}: find out who else switches it", "failover-switched")


@dataclasses.dataclass(frozen=True)
class Measured:
    """One value that a gate has measured, for the report."""

    node: str
    what: str
    value: str
    bound: str


def measured(views: Views, settings: Cluster, search: bool = True) -> list[Measured]:
    """Return what the gates that hold have measured.

    :param search: whether Elasticsearch had to have settled.
    """
    lags = {follower: lag for view in views.values() for follower, lag in view.lag.items()}
    bound = f"at most {settings.gates.max_lag_bytes} bytes"
    values = [Measured(node, "behind the leader", f"{lag} bytes", bound) for node, lag in sorted(lags.items())]
    found = answers.youngest(views, search)
    if found:
        node, service, up = found
        bound = f"at least {settings.gates.settle_seconds} s"
        values.append(Measured(node, f"{service}, the youngest, up for", f"{up} s", bound))
    return values


def settled(views: Views, settle: float, search: bool = True) -> None:
    """Every service of every backend has been up for the settle time (seconds).

    A service that is restarted begins its time anew: one that comes up again and again never settles.

    :param search: whether Elasticsearch has to have settled.
    :raises NotYet: how long is left.
    """
    found = answers.youngest(views, search)
    if found and found[2] < settle:
        node, service, up = found
        said = f"{service} on {node} has been up for {up} s only (settle time {settle} s)"
        raise NotYet(said, settle - up, "settling", node)


def upgraded(views: Views, target: str) -> None:
    """Every backend runs the target."""
    late = answers.due(views, target)
    if late:
        raise Refused(f"{', '.join(late)} does not run {target} yet", "due", ", ".join(late))


def may_come_on(views: Views, run: Run, max_lag_bytes: int) -> None:
    """Failover may come on, as all backends together see it.

    :raises InVain: it will not for as long as one waits: a node is half-upgraded.
    """
    verdict = answers.verdict(views, max_lag_bytes, search=not run.reindex)
    why = failover.why_off(views.values(), verdict, run.turn, run.waived)
    if why:
        stuck = failover.stuck(views.values()) and not answers.busy(views)
        code = "half-upgraded" if stuck else "failover-unsafe"
        raise InVain(why, code) if stuck else Refused(why, code)

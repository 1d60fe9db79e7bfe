"""Open a run: all that must hold before anything is touched; then the cluster is held, and the run can be resumed."""

import dataclasses
from collections.abc import Sequence

from saltext.chef_backend import journal, outcome
from saltext.chef_backend.errors import Refused
from saltext.chef_backend.judge import answers, gates
from saltext.chef_backend.judge import waiver as waivers
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.way import is_left_old
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.reason import Reason
from saltext.chef_backend.record import Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import failover, fitness, frontends, ground, lock, look, progress, ways
from saltext.chef_backend.run.bus import ask_all
from saltext.chef_backend.run.master import Master
from saltext.chef_backend.settings import Cluster


def opened(master: Master, name: str, cluster: str, way: str) -> Result:
    """The cluster may be upgraded this way, and this orchestration holds it.

    All nodes answer, the cluster is healthy, the version path is supported, nobody else is at it; then the record is
    written to every backend. A run that died or failed on the same target is taken over.

    :param way: the way this orchestration goes: ``rolling``, ``downtime`` or ``reindex``.
    """
    with master.signals.step(name) as ret:
        settings = clusters.settings(master, cluster)
        gates.one_hop(settings)
        fronts = clusters.frontends(master, cluster)
        gates.reindex_is_prepared(way, settings, fronts)
        bound = settings.timeouts.ask
        views: Views = clusters.views(master, cluster)
        gates.everybody_answers(views)
        found = answers.run(views)
        gates.same_kind(found, way)
        refuse, said = list[str](), list[str]()
        resumed = lock.may_take(master, found, str(settings.version), views)
        waived, new = _waived(master, settings, views, fronts, resumed)
        # what a run has left half done on the backends must not wait for a frontend's Salt: its own step judges that
        fit, aside = fitness.holds(master, settings, sorted(views), () if resumed else fronts, waived)
        fronts, untold = _that_are_asked(master, settings, way, fronts, waived)
        if way == "reindex":
            ask_all(master.bus, fronts[:1], "chef_server_agent.may_keep_out", timeout=bound)
        if found:
            refuse, mute = frontends.left_behind(master, cluster, found)
            said = [f"; {node} has left the pillar and {why}: look whether it serves" for node, why in mute.items()]
        if resumed:
            gates.same_way(resumed, way)
            views = _at_rest(master, settings, resumed, [*fronts, *refuse])
            # the node may have finished meanwhile, and somebody else may have taken the run over
            found = answers.run(views)
            resumed = _as_it_is(lock.may_take(master, found, str(settings.version), views))
        if resumed and resumed.reindex and not master.test:
            views = _until_whole(master, settings, resumed)
        if resumed:
            aside += gates.same_nodes(views, waived)
        gates.nobody_at_work(views)
        gates.in_window(settings, master.clock.now(), resumed, answers.half_upgraded(views))
        failover_found, health_aside = _may_begin(master, settings, way, views, resumed, found, waived)
        aside += [*untold, *health_aside]
        if resumed is None:  # a run that is gone on with has left what must not wait for anybody
            aside += fitness.has_room(master, settings, fit, views, waived)
            aside += ground.holds(master, settings, way, views, fronts, waived)
        waivers.needed(new, [(one.code, one.node) for one in aside])
        due = answers.due(views, str(settings.version))
        leads = resumed.leader if resumed and resumed.down else answers.leader(views)
        plan = f"{way} to {settings.version}; due: {', '.join(due) or 'no backend'}; {leads} leads now"
        if resumed and resumed.down:
            plan = f"{way} to {settings.version}; the cluster is down: {', '.join(resumed.taken_down)}; {leads} led"
        plan += "".join([*said, *(f"; waived: {one}" for one in waived)])
        if master.test:
            ret.update(result=None, comment=f"would open a run: {plan}")
            return ret
        record = lock.begin(
            master,
            views,
            resumed,
            lease=settings.timeouts.lease,
            cluster=cluster,
            way=way,
            target=str(settings.version),
            leader=leads,
            failover_found=failover_found,
            frontends=(*fronts, *refuse),
            reindex=way == "reindex" and (bool(due) or _left_old(master, settings, views)),
            waived=waived,
            members=answers.learnt(views),
        )
        ret["changes"]["run"] = {"old": None, "new": record.run}
        look.seen(master, cluster, views)
        if record.failover == "off" and not record.down and not answers.half_upgraded(views):
            plan += _restored(master, ret, cluster)
        else:
            look.keep(master, cluster, views, record)
        progress.tell(master, record, "open", journal.END, comment=plan)
        return outcome.done(ret, f"{'resumed' if resumed else 'opened'} run {record.run}: {plan}")
    return ret


def _waived(
    master: Master, settings: Cluster, views: Views, fronts: Sequence[str], resumed: Run | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is waived for this run, by its record and by the command, and what of it is new.

    :param resumed: the run that is gone on with, or None: what was waived for another does not hold for a new one.
    :raises Refused: a waiver of the command that is none.
    """
    target = str(settings.version)
    said = waivers.read(master.pillar.get(waivers.KEY), target, [*views, *fronts])
    before = resumed.waived if resumed else ()
    return tuple(dict.fromkeys((*before, *said))), tuple(one for one in said if one not in before)


def _that_are_asked(
    master: Master, settings: Cluster, way: str, fronts: Sequence[str], waived: Sequence[str]
) -> tuple[list[str], list[Reason]]:
    """Hold that every frontend tells its version, and is new enough; return them, without those that are waived.

    :returns: the frontends that this run has to do with, and the reasons that were set aside.
    :raises Refused: one that does not tell, or is too old; or its clients would have to be refused, which nobody can.
    """
    said = master.bus.ask(fronts, "chef_server.version", timeout=settings.timeouts.ask)
    unknown = [Reason("frontend-unknown", node, said=answer.error) for node, answer in said.items() if not answer.ok]
    aside = gates.but_waived(unknown, waived)
    if way != "rolling" and (named := waivers.nodes(waived, "frontend-unknown")):
        names = ", ".join(named)
        raise Refused(
            f"{names} cannot be left out of the way {way}: its clients would have to be refused meanwhile", "waiver"
        )
    gates.frontends_new_enough({node: answer.value for node, answer in said.items() if answer.ok}, settings)
    left_out = [one.node for one in aside]  # one that answers again has to be reconfigured, whatever was waived
    clusters.leave_out(master, settings.name, left_out)
    return [node for node in fronts if node not in left_out], aside


def _as_it_is(resumed: Run | None) -> Run | None:
    """A run that was to take the cluster down, and has taken no node down, as the lead had moved: the cluster is up."""
    if resumed is None or not resumed.down or resumed.taken_down:
        return resumed
    return dataclasses.replace(resumed, down=False)


def _left_old(master: Master, settings: Cluster, views: Views) -> bool:
    """Whether all runs the target, on an index that is too old for it."""
    return is_left_old(settings.version, ways.index_created(master, settings.name, views))


def _restored(master: Master, ret: Result, cluster: str) -> str:
    """Have failover on, which the run before had switched off for what may be done by now; say why if it stays off."""
    try:
        ret["changes"].update(failover.restore(master, cluster))
    except ValueError as err:
        return f"; failover stays off for now: {err}"
    return ""


def _at_rest(master: Master, settings: Cluster, resumed: Run, fronts: Sequence[str]) -> Views:
    """Wait until what the dead run left at work on the nodes has ended; return the views from then.

    The backends come last: what is concluded from them must be no older than it has to be.
    """

    def at_rest() -> Views:
        views = clusters.views(master, settings.name)
        gates.nobody_at_work(views)
        return views

    bounds = settings.timeouts
    bound = bounds.reindex if resumed.reindex else bounds.reconfigure
    frontends.await_rest(master, settings.name, fronts, bound)
    views = look.until_holds(master, settings.name, at_rest, bounds.upgrade + bounds.rejoin)
    gates.everybody_answers(views)  # one that has fallen silent meanwhile may be at work
    return views


def _until_whole(master: Master, settings: Cluster, resumed: Run) -> Views:
    """Wait until the cluster is whole but for its search; return the views from then.

    Where none can read the old index, and failover is on, leaderl moves the lead every half a minute: in between it is.
    """

    def whole() -> Views:
        views = clusters.views(master, settings.name)
        inside = next(iter(resumed.inside), None)
        gates.healthy(views, settings.gates.max_lag_bytes, inside, search=False)
        return views

    return look.until_holds(master, settings.name, whole, settings.timeouts.gate)


def _may_begin(
    master: Master,
    settings: Cluster,
    way: str,
    views: Views,
    resumed: Run | None,
    found: Run | None,
    waived: Sequence[str],
) -> tuple[str, list[Reason]]:
    """Hold the cluster's health and its way; return failover as it is found, and what was set aside.

    :param found: the run that is taken over, be it resumed or not.
    """
    if resumed and resumed.down:  # by this run: nobody leads, and health cannot be asked for
        return resumed.failover, []
    if resumed is None:  # what was waived for another run does not hold for this one
        views = {node: dataclasses.replace(view, record=None, before=None) for node, view in views.items()}
    search = not (resumed and resumed.reindex)
    inside = next(iter(resumed.inside), None) if resumed else None
    aside = gates.healthy(views, settings.gates.max_lag_bytes, inside, search, waived)
    if search:  # the Elasticsearch that refuses an old index cannot be asked who created it
        gates.right_way(views, settings.version, ways.index_created(master, settings.name, views), way)
    return gates.failover_found(views, found), list(aside)

"""Open a run: all that must hold before anything is touched; then the cluster is held, and the run can be resumed."""

import dataclasses
from collections.abc import Sequence

from saltext.chef_backend import journal, outcome
from saltext.chef_backend.judge import answers, gates
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.record import Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import failover, frontends, ground, lock, look, progress, ways
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
        gates.frontends_new_enough(ask_all(master.bus, fronts, "chef_server.version", timeout=bound), settings)
        if way == "reindex":
            ask_all(master.bus, fronts[:1], "chef_server_agent.may_keep_out", timeout=bound)
        views: Views = clusters.views(master, cluster)
        gates.everybody_answers(views)
        found = answers.run(views)
        gates.same_kind(found, way)
        refuse, said = list[str](), list[str]()
        resumed = lock.may_take(master, found, str(settings.version), views)
        if resumed:
            gates.same_way(resumed, way)
            refuse, silent = frontends.left_behind(master, cluster, resumed)
            views = _at_rest(master, settings, resumed, [*fronts, *refuse])
            said = [f"; {node} has left the pillar and does not answer: look whether it serves" for node in silent]
            # the node may have finished meanwhile, and somebody else may have taken the run over
            found = answers.run(views)
            resumed = _as_it_is(lock.may_take(master, found, str(settings.version), views))
        if resumed and resumed.reindex and not master.test:
            views = _until_whole(master, settings, resumed)
        gates.nobody_at_work(views)
        gates.in_window(settings, master.clock.now(), resumed, answers.half_upgraded(views))
        failover_found = _may_begin(master, settings, way, views, resumed, found)
        if resumed is None:  # a run that is gone on with has left what must not wait for anybody
            ground.holds(master, settings, way, views, fronts)
        due = answers.due(views, str(settings.version))
        leads = resumed.leader if resumed and resumed.down else answers.leader(views)
        plan = f"{way} to {settings.version}; due: {', '.join(due) or 'no backend'}; {leads} leads now"
        if resumed and resumed.down:
            plan = f"{way} to {settings.version}; the cluster is down: {', '.join(resumed.taken_down)}; {leads} led"
        plan += "".join(said)
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
            reindex=way == "reindex" and bool(due),
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


def _as_it_is(resumed: Run | None) -> Run | None:
    """A run that was to take the cluster down, and has taken no node down, as the lead had moved: the cluster is up."""
    if resumed is None or not resumed.down or resumed.taken_down:
        return resumed
    return dataclasses.replace(resumed, down=False)


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
    master: Master, settings: Cluster, way: str, views: Views, resumed: Run | None, found: Run | None
) -> str:
    """Hold the cluster's health and its way; return failover as it is found.

    :param found: the run that is taken over, be it resumed or not.
    """
    if resumed and resumed.down:  # by this run: nobody leads, and health cannot be asked for
        return resumed.failover
    search = not (resumed and resumed.reindex)
    gates.healthy(views, settings.gates.max_lag_bytes, next(iter(resumed.inside), None) if resumed else None, search)
    if search:  # the Elasticsearch that refuses an old index cannot be asked who created it
        gates.right_way(views, settings.version, ways.index_created(master, settings.name, views), way)
    return gates.failover_found(views, found)

"""States of a run, on the master, inside an orchestration: opened, phases, gates, failover, verified, closed.

A gate that does not hold is a failed state with a plain comment. Everything is asked when the state runs.
"""

import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import outcome
from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers, downtime
from saltext.chef_backend.judge import gates as checks
from saltext.chef_backend.product.version import Version

BEGINS = ("followers", "leader", "down", "reindex")  # what is due where a way touches its first node, or the next


def __virtual__():
    return True


def opened(name, cluster, way):
    """The cluster may be upgraded this way, and this orchestration holds it.

    All nodes answer, the cluster is healthy, the version path is supported, nobody else is at it; then the
    record is written to every backend. A run that died or failed on the same target is taken over.

    :param name: free text.
    :param cluster: the cluster's name in the pillar.
    :param way: the way this orchestration goes: ``rolling``, ``downtime`` or ``reindex``.
    """
    with _result(name) as ret:
        settings = _ask("cluster", cluster)
        checks.one_hop(settings)
        frontends = _ask("frontends", cluster)
        checks.reindex_is_prepared(way, settings, frontends)
        _frontends_are_new_enough(frontends, settings)
        views = _ask("views", cluster)
        checks.everybody_answers(views)
        found = answers.record(views)
        checks.same_kind(found, way)
        resumed = __salt__["chef_backend_hold.may_take"](found, str(settings.version), views)
        if resumed:  # what the dead run left at work on a node must end first
            checks.same_way(resumed, way)
            bound = settings.timeouts.upgrade + settings.timeouts.rejoin
            views = _until_holds(lambda: _views_at_rest(cluster), bound)
            found = resumed = answers.record(views)  # the node may have finished meanwhile
            bound = settings.timeouts.reindex if resumed.reindex else settings.timeouts.reconfigure
            __salt__["chef_server_frontends.await_rest"](cluster, resumed.frontends, bound)
        checks.nobody_at_work(views)
        checks.in_window(settings, time.time(), resumed, answers.half_upgraded(views))
        if resumed and resumed.down:  # by this run: nobody leads, and health cannot be asked for
            failover_found = resumed.failover
        else:
            search = not (resumed and resumed.reindex)
            checks.healthy(views, settings.gates.max_lag_bytes, resumed.node if resumed else None, search)
            if search:  # the Elasticsearch that refuses an old index cannot be asked who created it
                checks.right_way(views, settings.version, _index_created(cluster, views), way)
            failover_found = checks.failover_found(views, resumed)
        due, leads = answers.due(views, str(settings.version)), answers.leader_of_record(views)
        plan = f"{way} to {settings.version}; due: {', '.join(due) or 'no backend'}; {leads} leads now"
        if resumed and resumed.down:
            plan = f"{way} to {settings.version}; the cluster is down: {', '.join(resumed.down)}; {leads} led"
        if __opts__["test"]:
            ret.update(result=None, comment=f"would open a run: {plan}")
            return ret
        jid = str(__orchestration_jid__)
        record = __salt__["chef_backend_hold.begin"](
            jid,
            views,
            found,
            resumed,
            run=_run_id(jid),
            cluster=cluster,
            way=way,
            target=str(settings.version),
            leader=leads,
            failover_found=failover_found,
            frontends=tuple(frontends),
            lease=settings.timeouts.lease,
            reindex=way == "reindex" and bool(due),
        )
        ret["changes"]["run"] = {"old": None, "new": record.run}
        comment = f"resumed run {record.run}" if resumed else f"opened run {record.run}"
        if record.failover == "off" and not record.down and not answers.half_upgraded(views):
            # the dead run's: what it had switched off for may be done, and then nothing else here switches it on
            ret["changes"].update(__salt__["chef_backend_control.restore_failover"](cluster))
            _note(cluster, failover="on")
        else:
            _keep(cluster, views, record)
        __salt__["chef_backend_progress.tell"]("open", "end", comment=plan, record=record)
        ret.update(result=True, comment=f"{comment}: {plan}")
    return ret


def phase(name, cluster, mods, needed=None):
    """A part of the runbook that is rendered only when it is reached; skipped if no node needs it.

    Salt renders a whole SLS before its first step; a nested one is given the cluster as it is by then, in its
    pillar: ``due``, the nodes to upgrade, and ``backup_on``, the follower to take the backup on, each a list.

    :param name: free text.
    :param mods: the SLS.
    :param needed: whose being due makes the phase needed, as of ``chef_backend_nodes.due``; always, if not given.
    """
    with _result(name) as ret:
        settings = _ask("cluster", cluster)
        # the step before may have changed who leads, and what nodes show of it lags
        views, record, due = _until_holds(lambda: _whose_turn(cluster, needed or "all"), settings.timeouts.gate)
        if needed and not due:
            _keep(cluster, views, record)
            ret.update(result=True, comment="nothing is due")
            return ret
        if needed in BEGINS and not answers.half_upgraded(views):
            _fits(cluster, views, record)
        leads = answers.leader_of_record(views)
        followers = [node for node in sorted(views) if node != leads]
        pillar = {
            "cluster": cluster,
            "run": record.run if record else None,
            "due": due,
            "backup_on": followers[:1] if settings.backup else [],
            "hop": __pillar__.get("hop"),
            "search": not (record and record.reindex),
        }
        jid = str(__orchestration_jid__)
        ret.update(__salt__["chef_backend_step.nested"](mods, pillar, jid, test=bool(__opts__["test"])))
    return ret


def gates(name, cluster, node, role):
    """Node ``node`` may be upgraded now, as a follower or as the leader; the record says that it is its turn.

    :param role: ``follower`` or ``leader``: what the node must be at this moment.
    """
    with _result(name) as ret:
        settings = _ask("cluster", cluster)
        turn = {"step": f"upgrade {role} {node}", "turn": node}
        views, record = _until_holds(lambda: _node_gates(cluster, settings, node, role, turn), settings.timeouts.gate)
        if __opts__["test"]:
            ret.update(result=None, comment=f"the gates hold; {node} would be upgraded as the {role}")
            return ret
        done = len(views) - len(answers.due(views, str(settings.version)))
        turn = {"number": done + 1, "count": len(views)}
        values = checks.measured(views, settings, search=not record.reindex)
        __salt__["chef_backend_progress.tell"](
            "gate", "end", node=node, comment=record.step, data={**turn, "values": values}, record=record
        )
        ret.update(result=True, comment=f"the gates hold: {node} is the {role}, the cluster is healthy")
    return ret


def failover(name, cluster, to):
    """Failover of the cluster is on or off, and the record says so first.

    The record comes first: should the master die in between, the nodes know that failover is to be restored.

    :param to: ``on`` or ``off``; ``state`` is a word of the SLS itself.
    """
    to = {True: "on", False: "off"}.get(to, to)  # YAML makes booleans of these words
    with _result(name) as ret:
        if __opts__["test"]:
            ret.update(result=None, comment=f"failover would be {to}")
            return ret
        record = _note(cluster, failover=to, step=f"failover {to}", turn=None)
        ret["changes"] = __salt__["chef_backend_control.set_failover"](cluster, to)
        __salt__["chef_backend_progress.tell"](f"failover {to}", "end", record=record)
        ret.update(result=True, comment=f"failover is {to}")
    return ret


def verified(name, cluster):
    """Every backend runs the target version, the cluster is wholly healthy, failover is on."""
    with _result(name) as ret:
        settings = _ask("cluster", cluster)
        if __opts__["test"]:
            ret.update(result=None, comment=f"would verify that every backend runs {settings.version}")
            return ret
        views = _until_holds(lambda: _verify(cluster, settings), settings.timeouts.rejoin)
        record = _note(cluster, step="verified", down=[])
        _keep(cluster, views, record)
        __salt__["chef_backend_progress.tell"]("verify", "end", record=record)
        ret.update(result=True, comment=f"{len(views)} backends run {settings.version}, healthy, failover on")
    return ret


def closed(name, cluster):
    """The run of this orchestration is ended: failover on if that is safe, the cluster free for the next.

    It runs whatever happened before. A run that failed keeps its record, so that the same command resumes it.
    """
    ret = {"name": name, "result": False, "changes": {}, "comment": ""}
    try:
        if __opts__["test"]:
            ret.update(result=None, comment="would switch failover on if it is not, and free the cluster")
            return ret
        opened = [step for tag, step in __running__.items() if tag.endswith("_|-opened")]
        if any(step["result"] is False and not step["changes"] for step in opened):
            ret.update(result=True, comment="no run was opened: nothing to close")
            return ret
        views = _ask("views", cluster, ["record", "cluster_status", "status"])
        record = answers.record(views)
        if record is None or record.owner.jid != str(__orchestration_jid__):
            ret.update(result=True, comment="this orchestration holds no run: nothing to close")
            return ret
        __salt__["chef_backend_pulse.stop"](record.owner.jid)
        __salt__["chef_backend_probe.end"](record.owner.jid)
        if record.state == records.ABANDONED:
            ret["comment"] = records.given_up(record)
            return ret
        failed = [str(step.get("name")) for step in __running__.values() if step.get("result") is False]
        if record.down:  # by this run: nothing of it can be restored but by going on
            _note(cluster, state=records.FAILED, turn=None, wish=None)
            ret["comment"] = downtime.advice(views, record)
            __salt__["chef_backend_progress.tell"]("close", "failed", comment=ret["comment"], record=record)
            return ret
        shown = answers.failover(views)
        if (
            records.switches_failover(record)
            and shown != "on"
            and not (shown == "unknown" and record.failover != "off")
        ):
            # a step may have failed right after a hand-over: what nodes show of it lags
            ret["changes"] = _until_holds(
                lambda: __salt__["chef_backend_control.restore_failover"](cluster),
                _ask("cluster", cluster).timeouts.gate,
            )
        if failed:
            ret["changes"].update(__salt__["chef_backend_control.let_clients_in"](record))
        if failed and record.wish == records.ABORT and records.may_be_left(record):
            ended = record.at(time.time(), state=records.ABORTED, failover="on", turn=None)
            __salt__["chef_backend_hold.finish"](ended)
            ret["comment"] = f"run {record.run} is aborted; failover is on; nothing is left open"
        elif failed:
            state = records.PAUSED if record.wish == records.PAUSE else records.FAILED
            waits = record.waits if state == records.PAUSED else None
            _note(cluster, state=state, failover="on", turn=None, wish=None, waits=waits)
            ret["comment"] = f"run {record.run} {state} at {failed[0]!r}; failover is on; the same command resumes it"
            if waits:
                ret["comment"] += f"; it waits: {waits}"
            if not records.may_be_left(record):
                ret["comment"] += "; a frontend that is out of service stays so until then"
        else:
            done = record.at(time.time(), state=records.DONE, failover="on", node=None, turn=None)
            __salt__["chef_backend_hold.finish"](done)
            ret["comment"] = f"run {record.run} is done; failover is on"
        ret["result"] = True
        __salt__["chef_backend_progress.tell"](
            "close", "failed" if failed else "end", comment=ret["comment"], record=record
        )
    except (CommandExecutionError, ValueError) as err:
        ret["comment"] = f"FAILOVER MAY BE OFF, look at the cluster and switch it on when it is healthy: {err}"
    return ret


def _run_id(jid):
    """Each hop is a run of its own, of one orchestration."""
    hop = __pillar__.get("hop")
    return f"{jid}-{hop}" if hop else jid


def _result(name):
    return outcome.attempt(name, (CommandExecutionError, ValueError))


def _ask(what, cluster, *args):
    return __salt__[f"chef_backend_nodes.{what}"](cluster, *args)


def _look(cluster, **changes):
    jid = None if __opts__["test"] else str(__orchestration_jid__)
    return __salt__["chef_backend_step.look"](cluster, jid, changes)


def _keep(cluster, views, record):
    __salt__["chef_backend_step.keep"](cluster, views, record)


def _fits(cluster, views, record):
    __salt__["chef_backend_step.fits"](cluster, views, record)


def _until_holds(check, bound):
    return __salt__["chef_backend_step.until_holds"](check, bound)


def _note(cluster, **changes):
    """Change fields of the record, if it is still this orchestration's: another master may have taken it over."""
    return __salt__["chef_backend_hold.note"](cluster, str(__orchestration_jid__), changes)


def _frontends_are_new_enough(frontends, settings):
    said = __salt__["chef_backend_nodes.ask_all"](frontends, "chef_server.version", timeout=settings.timeouts.ask)
    checks.frontends_new_enough(said, settings)


def _node_gates(cluster, settings, node, role, turn):
    """Hold all that must be true before a node is touched; return views and record, which says whose turn it is."""
    views, record = _look(cluster, **turn)
    search = not (record and record.reindex)
    checks.healthy(views, settings.gates.max_lag_bytes, node if views[node].half_upgraded else None, search)
    checks.nobody_at_work(views)
    checks.turn_of(views, str(settings.version), node, role, last=not __opts__["test"])
    if not __opts__["test"]:
        checks.failover_is(views, "off" if role == "follower" else "on")
    checks.settled(views, settings.gates.settle_seconds, search)
    if search and not views[node].half_upgraded:
        _fits(cluster, views, record)
    return views, record


def _verify(cluster, settings):
    views, _ = _look(cluster)
    checks.healthy(views, settings.gates.max_lag_bytes)
    checks.upgraded(views, str(settings.version))
    checks.failover_is(views, "on")
    checks.settled(views, settings.gates.settle_seconds)
    return views


def _whose_turn(cluster, needed):
    """Return views, record, and the nodes on which something is due; who leads must be told by all."""
    views, record = _look(cluster)
    due = __salt__["chef_backend_nodes.due"](cluster, needed, views)
    answers.leader_of_record(views)
    return views, record, due


def _views_at_rest(cluster):
    views = _ask("views", cluster)
    checks.nobody_at_work(views)
    return views


def _index_created(cluster, views):
    created = __salt__["chef_backend_way.index_created"](cluster, views)
    return Version.from_text(created) if created else None

"""States of a run, on the master, inside an orchestration: opened, phases, gates, failover, verified, closed.

A gate that does not hold is a failed state with a plain comment. Everything is asked when the state runs.
"""

import time

from salt.exceptions import CommandExecutionError

try:
    from saltext.chef_backend import chef_backend_answers as answers
    from saltext.chef_backend import chef_backend_outcome as outcome
    from saltext.chef_backend import chef_backend_record as records
    from saltext.chef_backend import chef_backend_version as versions
except ImportError:
    import chef_backend_answers as answers
    import chef_backend_outcome as outcome
    import chef_backend_record as records
    import chef_backend_version as versions

LOOK = "chef_backend_run.look"  # in __context__: what the last step saw and left as it was
LOOK_IS_GOOD = 5  # seconds


def __virtual__():
    return True


def opened(name, cluster, way):
    """The cluster may be upgraded this way, and this orchestration holds it.

    All nodes answer, the cluster is healthy, the version path is supported, nobody else is at it; then the
    record is written to every backend. A run that died or failed on the same target is taken over.

    :param name: free text.
    :param cluster: the cluster's name in the pillar.
    :param way: the way this orchestration goes: ``rolling``.
    """
    ret = _result(name)
    try:
        settings = _ask("cluster", cluster)
        _all_understood(settings)
        frontends = _ask("frontends", cluster)
        _all_answer(frontends, settings.timeouts.ask)
        views = _ask("views", cluster)
        silent = [view["errors"]["answer"] for view in views.values() if "answer" in view["errors"]]
        if silent:
            raise CommandExecutionError("\n".join(silent))
        found = answers.record(views)
        resumed = __salt__["chef_backend_hold.may_take"](found, str(settings.version), views)
        if resumed:  # what the dead run left at work on a node must end first
            bound = settings.timeouts.upgrade + settings.timeouts.rejoin
            views = _until_holds(settings, lambda: _nobody_at_work(_ask("views", cluster)), bound)
            found = resumed = answers.record(views)  # the node may have finished meanwhile
        _gates_of_cluster(views, settings, resumed.node if resumed else None)
        _nobody_at_work(views)
        _right_way(views, settings, way)
        failover_found = _failover_found(views, resumed)
        due, leads = answers.due(views, str(settings.version)), answers.leader(views)
        plan = f"{way} to {settings.version}; due: {', '.join(due) or 'no backend'}; {leads} leads now"
        if __opts__["test"]:
            ret.update(result=None, comment=f"would open a run: {plan}")
            return ret
        jid = str(__orchestration_jid__)
        record = records.Record(
            run=resumed.run if resumed else jid,
            cluster=cluster,
            way=way,
            target=str(settings.version),
            leader=resumed.leader if resumed else leads,
            failover_found=resumed.failover_found if resumed else failover_found,
            failover=resumed.failover if resumed else failover_found,
            backends=tuple(views),
            frontends=tuple(frontends),
            owner=__salt__["chef_backend_hold.owner"](jid),
            opened=resumed.opened if resumed else time.time(),
            heartbeat=time.time(),
            lease=settings.timeouts.lease,
            node=resumed.node if resumed else None,
            finished=resumed.finished if resumed else (),
        )
        __salt__["chef_backend_hold.take"](record, found)
        _keep(cluster, views, record)
        _stay_heard_of(record)
        __salt__["chef_backend_progress.follow"](cluster, record.run)
        comment = f"resumed run {record.run}" if resumed else f"opened run {record.run}"
        _tell(record, "open", "end", comment=plan)
        ret.update(result=True, comment=f"{comment}: {plan}", changes={"run": {"old": None, "new": record.run}})
    except (CommandExecutionError, ValueError) as err:
        ret["comment"] = str(err)
    return ret


def phase(name, cluster, mods, needed=None):
    """A part of the runbook that is rendered only when it is reached; skipped if no node needs it.

    Salt renders a whole SLS before its first step; a nested one is given the cluster as it is by then, in its
    pillar: ``due``, the nodes to upgrade, and ``backup_on``, the follower to take the backup on, each a list.

    :param name: free text.
    :param mods: the SLS.
    :param needed: ``followers``, ``leader`` or ``all``: whose being due makes the phase needed.
    """
    ret = _result(name)
    try:
        settings = _ask("cluster", cluster)
        views, record = _look(cluster)
        due = __salt__["chef_backend_nodes.due"](cluster, needed or "all", views)
        if needed and not due:
            _keep(cluster, views, record)
            ret.update(result=True, comment="nothing is due")
            return ret
        followers = [node for node in sorted(views) if node != answers.leader(views)]
        pillar = {
            "cluster": cluster,
            "run": record.run if record else None,
            "due": due,
            "backup_on": followers[:1] if settings.backup else [],
        }
    except (CommandExecutionError, ValueError) as err:
        ret["comment"] = str(err)
        return ret
    done = __salt__["saltutil.runner"](
        "state.orchestrate",
        __orchestration_jid__=__orchestration_jid__,
        mods=mods,
        pillar=pillar,
        test=bool(__opts__["test"]),
        full_return=True,
    )
    steps, troubles = outcome.read(done.get("return"))
    ret["changes"] = {step["__id__"]: outcome.changes(step) for step in steps if outcome.changes(step)}
    if troubles:
        ret["comment"] = "\n".join(troubles)
    elif __opts__["test"]:
        ret.update(result=None, comment="; ".join(f"{s['__id__']}: {s['comment']}" for s in steps))
    else:
        ret.update(result=True, comment=f"{len(steps)} steps done")
    return ret


def gates(name, cluster, node, role):
    """Node ``node`` may be upgraded now, as a follower or as the leader; the record says that it is its turn.

    :param role: ``follower`` or ``leader``: what the node must be at this moment.
    """
    ret = _result(name)
    try:
        settings = _ask("cluster", cluster)
        turn = {"step": f"upgrade {role} {node}", "turn": node}
        _, record = _until_holds(settings, lambda: _node_gates(cluster, settings, node, role, turn))
        if __opts__["test"]:
            ret.update(result=None, comment=f"the gates hold; {node} would be upgraded as the {role}")
            return ret
        _tell(record, f"upgrade {role}", "begin", node=node)
        ret.update(result=True, comment=f"the gates hold: {node} is the {role}, the cluster is healthy")
    except (CommandExecutionError, ValueError) as err:
        ret["comment"] = str(err)
    return ret


def failover(name, cluster, to):
    """Failover of the cluster is on or off, and the record says so first.

    The record comes first: should the master die in between, the nodes know that failover is to be restored.

    :param to: ``on`` or ``off``; ``state`` is a word of the SLS itself.
    """
    ret = _result(name)
    to = {True: "on", False: "off"}.get(to, to)  # YAML makes booleans of these words
    try:
        if __opts__["test"]:
            ret.update(result=None, comment=f"failover would be {to}")
            return ret
        settings = _ask("cluster", cluster)
        record = _note(cluster, failover=to, step=f"failover {to}", turn=None)
        ret["changes"] = _set_failover(settings, record.backends, to)
        _tell(record, f"failover {to}", "end")
        ret.update(result=True, comment=f"failover is {to}")
    except (CommandExecutionError, ValueError) as err:
        ret["comment"] = str(err)
    return ret


def verified(name, cluster):
    """Every backend runs the target version, the cluster is wholly healthy, failover is on."""
    ret = _result(name)
    try:
        settings = _ask("cluster", cluster)
        if __opts__["test"]:
            ret.update(result=None, comment=f"would verify that every backend runs {settings.version}")
            return ret
        views = _until_holds(settings, lambda: _verify(cluster, settings), settings.timeouts.rejoin)
        record = _note(cluster, step="verified")
        _keep(cluster, views, record)
        _tell(record, "verify", "end")
        ret.update(result=True, comment=f"{len(views)} backends run {settings.version}, healthy, failover on")
    except (CommandExecutionError, ValueError) as err:
        ret["comment"] = str(err)
    return ret


def closed(name, cluster):
    """The run of this orchestration is ended: failover on if that is safe, the cluster free for the next.

    It runs whatever happened before. A run that failed keeps its record, so that the same command resumes it.
    """
    ret = _result(name)
    try:
        if __opts__["test"]:
            ret.update(result=None, comment="would switch failover on if it is not, and free the cluster")
            return ret
        if any(tag.endswith("_|-opened") and step["result"] is False for tag, step in __running__.items()):
            ret.update(result=True, comment="no run was opened: nothing to close")
            return ret
        views = _ask("views", cluster, ["record", "cluster_status"])
        record = answers.record(views)
        if record is None or record.owner.jid != str(__orchestration_jid__):
            ret.update(result=True, comment="this orchestration holds no run: nothing to close")
            return ret
        __salt__["chef_backend_pulse.stop"](record.owner.jid)
        if record.state == records.ABANDONED:
            raise CommandExecutionError(records.given_up(record))
        failed = [str(step.get("name")) for step in __running__.values() if step.get("result") is False]
        settings = _ask("cluster", cluster)
        shown = answers.failover(views)
        if shown != "on" and not (shown == "unknown" and record.failover == "on"):
            _safe_to_fail_over(_ask("views", cluster))
            ret["changes"] = _set_failover(settings, record.backends, "on")
        if failed:
            _note(cluster, state=records.FAILED, failover="on", turn=None)
            ret["comment"] = f"run {record.run} ended at {failed[0]!r}; failover is on; the same command resumes it"
        else:
            done = record.at(time.time(), state=records.DONE, failover="on", node=None, turn=None)
            __salt__["chef_backend_hold.finish"](done)
            ret["comment"] = f"run {record.run} is done; failover is on"
        ret["result"] = True
        _tell(record, "close", "failed" if failed else "end", comment=ret["comment"])
    except (CommandExecutionError, ValueError) as err:
        ret["comment"] = f"FAILOVER MAY BE OFF, look at the cluster and switch it on when it is healthy: {err}"
    return ret


def _result(name):
    return {"name": name, "result": False, "changes": {}, "comment": ""}


def _ask(what, cluster, *args):
    return __salt__[f"chef_backend_nodes.{what}"](cluster, *args)


def _look(cluster, **changes):
    """Ask all backends; return their views and the record, which must still be this orchestration's.

    What the step before saw, and left as it was, need not be asked again.

    :param changes: fields of the record to change first, in the same round.
    """
    kept = __context__.pop(LOOK, None)
    if kept and not changes and kept["cluster"] == cluster and time.monotonic() - kept["at"] < LOOK_IS_GOOD:
        return kept["views"], kept["record"]
    if __opts__["test"]:
        return _ask("views", cluster), None  # no run is open
    jid = str(__orchestration_jid__)
    views = _ask("views", cluster, None, jid, changes)
    return views, __salt__["chef_backend_hold.owned"](cluster, jid, views)


def _keep(cluster, views, record):
    """Leave what was seen to the next step, as nothing was done since."""
    __context__[LOOK] = {"cluster": cluster, "views": views, "record": record, "at": time.monotonic()}


def _tell(record, step, how, node=None, comment=None):
    __salt__["chef_backend_progress.tell"](
        step, how, node=node or record.cluster, comment=comment, run=record.run, cluster=record.cluster
    )


def _stay_heard_of(record):
    """From now on the backends look after failover, should this orchestration not be heard of for its lease."""
    interval = max(1, record.lease // 4)
    said = __salt__["chef_backend_nodes.ask"](record.backends, "chef_backend_deadman.arm", interval)
    deaf = [answer["error"] for answer in said.values() if not answer["ok"]]
    if deaf:
        raise CommandExecutionError("\n".join(deaf))
    __salt__["chef_backend_pulse.start"](record.backends, record.owner.jid, interval)


def _note(cluster, **changes):
    """Change fields of the record, if it is still this orchestration's: another master may have taken it over."""
    return __salt__["chef_backend_hold.note"](cluster, str(__orchestration_jid__), changes)


def _gates_of_cluster(views, settings, resumed_node=None):
    """Refuse a cluster that is not wholly healthy, but for the node whose half-done upgrade is resumed."""
    verdict = answers.verdict(views, settings.gates.max_lag_bytes, resumed_node)
    if not verdict.healthy:
        raise CommandExecutionError("\n".join(str(reason) for reason in verdict.reasons))


def _all_understood(settings):
    """Refuse what the pillar asks for and this orchestration cannot do: a window that is ignored is no window."""
    path = f"chef_backend:clusters:{settings.name}"
    if settings.window:
        raise CommandExecutionError(f"{path}:window: windows are not followed yet: remove it, start when it is time")
    if settings.hops:
        raise CommandExecutionError(f"{path}:hops: several hops are not followed yet: give one version, then the next")


def _nobody_at_work(views):
    busy = answers.busy(views)
    if busy:
        raise CommandExecutionError(f"the cluster is being changed: {'; '.join(busy)}: wait until that has ended")
    return views


def _right_way(views, settings, way):
    """Refuse a version path that this orchestration is not made for, naming the right one."""
    target = settings.version
    created = __salt__["chef_backend_nodes.index_created"](settings.name, views)
    index = versions.Version.from_text(created) if created else None
    for node, view in sorted(views.items()):
        installed = versions.Version.from_text(view["version"])
        chosen = versions.choose_way(installed, target, index)
        if chosen.name not in (way, "none"):
            via = f": go to {chosen.via} first" if chosen.via else ""
            raise CommandExecutionError(
                f"{node} runs {installed}; to {target} the way is {chosen.name}, not {way}: {chosen.reason}{via}"
            )


def _failover_found(views, resumed):
    """Refuse a cluster whose failover somebody switched off; a run of our own that died explains it."""
    found = answers.failover(views)
    if found in ("off", "mixed") and not (resumed and resumed.failover == "off"):
        raise CommandExecutionError(
            f"failover is {found} and no unfinished run of this target explains it: find out who switched it off, "
            "then run 'chef-backend-ctl set-cluster-failover on' on a backend"
        )
    return found


def _settled(views, settle):
    """Wait out what a service of a backend lacks of the settle time, and refuse: what was seen is old by then.

    A service that is restarted begins its time anew: one that comes up again and again never settles.
    """
    found = answers.youngest(views)
    if found and found[2] < settle:
        node, service, up = found
        time.sleep(settle - up)
        raise CommandExecutionError(f"{service} on {node} has been up for {up} s only (settle time {settle} s)")


def _until_holds(settings, check, bound=None):
    """Return what ``check`` returns as soon as it raises no more, within a bound in seconds.

    What nodes show lags behind by some seconds; a gate that looks once would stop good runs.
    """
    began, bound = time.monotonic(), bound or settings.timeouts.gate
    while True:
        try:
            return check()
        except (CommandExecutionError, ValueError) as err:
            if time.monotonic() - began > bound:
                raise CommandExecutionError(f"{err} (looked for {bound} s)") from err
        time.sleep(0.3)


def _node_gates(cluster, settings, node, role, turn):
    """Hold all that must be true before a node is touched; return views and record, which says whose turn it is."""
    views, record = _look(cluster, **turn)
    half_done = node if views[node].get("due") else None
    _gates_of_cluster(views, settings, half_done)
    _nobody_at_work(views)
    _settled(views, settings.gates.settle_seconds)
    leads = answers.leader(views)
    if (node == leads) != (role == "leader"):
        raise CommandExecutionError(
            f"{node} is not the {role}: {leads} leads now. Nothing was done; the same command goes on from here"
        )
    late = [other for other in answers.due(views, str(settings.version)) if other != node]
    if role == "leader" and late and not __opts__["test"]:
        raise CommandExecutionError(f"the leader is upgraded last, but {', '.join(late)} is still due")
    return views, record


def _verify(cluster, settings):
    views, _ = _look(cluster)
    _gates_of_cluster(views, settings)
    late = answers.due(views, str(settings.version))
    if late:
        raise CommandExecutionError(f"{', '.join(late)} does not run {settings.version} yet")
    _settled(views, settings.gates.settle_seconds)
    if answers.failover(views) not in ("on", "unknown"):
        raise CommandExecutionError(f"failover is {answers.failover(views)}, expected on")
    return views


def _set_failover(settings, nodes, state):
    """Switch failover by the first backend that can: it is the whole cluster's, and switching twice does no harm."""
    troubles = []
    for node in nodes:
        bound = settings.timeouts.failover
        answer = __salt__["chef_backend_nodes.ask"]([node], "chef_backend.ensure_failover", state, bound)[node]
        if answer["ok"]:
            before = answer["value"]["before"]
            return {} if before == state else {"failover": {"old": before, "new": state}}
        troubles.append(answer["error"])
    raise CommandExecutionError("\n".join(troubles))


def _all_answer(nodes, timeout):
    said = __salt__["chef_backend_nodes.ask"](nodes, "chef_server.version", timeout=timeout)
    silent = [answer["error"] for answer in said.values() if not answer["ok"]]
    if silent:
        raise CommandExecutionError("\n".join(silent))


def _safe_to_fail_over(views):
    """Refuse to allow failover while a command is at work, or while no follower could take the lead unharmed."""
    _nobody_at_work(views)
    leads = answers.leader(views)
    if not answers.synced_followers(views[leads]):
        raise CommandExecutionError(f"{leads} leads and no follower is in sync: a failover now would lose writes")

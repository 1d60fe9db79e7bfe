"""States of the runbook that replaces a backend which is down for good, on the master.

What is to be done is decided from what the other two show, so the same command goes on wherever it was cut off.
"""

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import outcome
from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers, gates
from saltext.chef_backend.judge import replace as replacing


def __virtual__():
    return True


def opened(name, cluster, node, secrets, confirm):
    """The node may be replaced, and this orchestration holds the cluster.

    All minions answer, the other two backends are well, the node is down, has their package and the secrets, and
    somebody has confirmed that its data is deleted.

    :param name: free text.
    :param cluster: the cluster's name in the pillar.
    :param node: minion id of the backend.
    :param secrets: path of the cluster's secrets on the node.
    :param confirm: ``delete all data of <node>``.
    """
    with _result(name) as ret:
        settings = _settings(cluster)
        replacing.confirmed(node, __salt__["chef_backend_nodes.backends"](cluster), confirm)
        views = __salt__["chef_backend_nodes.views"](cluster)
        gates.everybody_answers(views)
        found = answers.record(views)
        gone = __salt__["chef_backend_hold.gone"](found) if found else None
        resumed = replacing.resumed(found, gone, node, views)
        gates.nobody_at_work(views)
        stage = _stage(settings, views, node)
        if stage != replacing.BACK:
            bound = settings.timeouts.ask
            __salt__["chef_backend_nodes.ask_all"]([node], "chef_backend_cluster.secrets_ready", secrets, timeout=bound)
        plan = f"{node} is {stage}"
        if __opts__["test"]:
            ret.update(result=None, comment=f"would open a run: {plan}")
            return ret
        jid = str(__orchestration_jid__)
        record = __salt__["chef_backend_hold.begin"](
            jid,
            views,
            found,
            resumed,
            run=jid,
            cluster=cluster,
            way=records.REPLACE,
            target=replacing.target(node),
            leader=answers.leader(views) if stage == replacing.BACK else replacing.leader_of_others(views, node),
            failover_found=answers.failover(views),
            frontends=(),
            lease=settings.timeouts.lease,
        )
        ret["changes"]["run"] = {"old": None, "new": record.run}
        __salt__["chef_backend_progress.tell"]("open", "end", comment=plan, record=record)
        ret.update(result=True, comment=f"{'resumed' if resumed else 'opened'} run {record.run}: {plan}")
    return ret


def removed(name, cluster, node):
    """The node is no member of the cluster, or a healthy one. The product itself refuses to remove one that lives.

    :param name: free text.
    :param cluster: the cluster's name in the pillar.
    :param node: minion id of the backend.
    """
    with _result(name) as ret:
        settings = _settings(cluster)
        views, record, stage = _look(settings, node, f"remove {node}")
        if stage != replacing.MEMBER:
            ret.update(result=True, comment=f"{node} is {stage}")
            return ret
        if __opts__["test"]:
            ret.update(result=None, comment=f"would remove {node} from the cluster")
            return ret
        leads = replacing.leader_of_others(views, node)
        __salt__["chef_backend_progress.tell"]("remove", "begin", node=node, record=record)
        forget, bound = "chef_backend_cluster.remove_node", settings.timeouts.ask
        done = __salt__["chef_backend_nodes.ask"]([leads], forget, answers.node_name(node), True, timeout=bound)[leads]
        __salt__["chef_backend_progress.tell"]("remove", "end" if done["ok"] else "failed", node=node, record=record)
        if not done["ok"]:
            raise CommandExecutionError(done["error"])
        ret["changes"][node] = {"old": stage, "new": replacing.REMOVED}
        __salt__["chef_backend_step.until_holds"](lambda: _is_removed(settings, node), settings.timeouts.gate)
        ret.update(result=True, comment=f"{node} is {replacing.REMOVED}")
    return ret


def phase(name, cluster, node, mods, secrets=None, accept_license=False):
    """A part of the runbook on the node, which is no member any more; skipped if it is a healthy one.

    :param name: free text.
    :param cluster: the cluster's name in the pillar.
    :param node: minion id of the backend.
    :param mods: the SLS; its pillar has ``node``, ``peer`` (the leader's address), ``secrets`` and what nodes need.
    :param secrets: path of the cluster's secrets on the node.
    :param accept_license: accept the product's licence.
    """
    with _result(name) as ret:
        settings = _settings(cluster)
        views, record, stage = _look(settings, node, name)
        if stage == replacing.BACK:
            ret.update(result=True, comment=f"{node} is {stage}")
            return ret
        if stage == replacing.MEMBER and not __opts__["test"]:
            raise CommandExecutionError(f"{node} is {stage}: it has to be removed from the cluster first")
        pillar = {
            "cluster": cluster,
            "run": record.run if record else None,
            "node": node,
            "peer": replacing.address_of_leader(views, node),
            "secrets": secrets,
            "accept_license": accept_license is True,
        }
        jid = str(__orchestration_jid__)
        ret.update(__salt__["chef_backend_step.nested"](mods, pillar, jid, test=bool(__opts__["test"])))
    return ret


def verified(name, cluster, node):
    """All three backends are well, the node among them, and failover is as it was.

    :param name: free text.
    :param cluster: the cluster's name in the pillar.
    :param node: minion id of the backend.
    """
    with _result(name) as ret:
        settings = _settings(cluster)
        if __opts__["test"]:
            ret.update(result=None, comment="would verify that all three backends are well")
            return ret
        views, record = __salt__["chef_backend_step.until_holds"](
            lambda: _all_are_well(settings), settings.timeouts.rejoin
        )
        __salt__["chef_backend_progress.tell"]("verify", "end", record=record)
        ret.update(result=True, comment=f"{node} is {replacing.BACK}; all {len(views)} backends are well")
    return ret


def _look(settings, node, step):
    """Hold what must be true before anything is done to the node; return views, record and stage."""
    jid = None if __opts__["test"] else str(__orchestration_jid__)
    views, record = __salt__["chef_backend_step.look"](settings.name, jid, {"step": step})
    gates.everybody_answers(views)
    gates.nobody_at_work(views)
    return views, record, _stage(settings, views, node)


def _stage(settings, views, node):
    """Tell how far the node is; unless it is back, it is down, and the others have all the data."""
    stage = replacing.stage(views, node, settings.gates.max_lag_bytes)
    if stage != replacing.BACK:
        replacing.not_at_work(views, node)
        replacing.others_are_well(views, node, settings.gates.max_lag_bytes)
        replacing.same_package(views, node)
    return stage


def _is_removed(settings, node):
    views = __salt__["chef_backend_nodes.views"](settings.name)
    if replacing.stage(views, node, settings.gates.max_lag_bytes) != replacing.REMOVED:
        raise ValueError(f"{node} is still counted as a member")


def _all_are_well(settings):
    views, record = __salt__["chef_backend_step.look"](settings.name, str(__orchestration_jid__), {"step": "verify"})
    gates.healthy(views, settings.gates.max_lag_bytes)
    gates.settled(views, settings.gates.settle_seconds)
    return views, record


def _settings(cluster):
    return __salt__["chef_backend_nodes.cluster"](cluster)


def _result(name):
    return outcome.attempt(name, (CommandExecutionError, ValueError))

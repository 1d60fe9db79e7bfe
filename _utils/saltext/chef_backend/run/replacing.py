"""A backend that is down for good is replaced: the cluster forgets it, its data is deleted, it joins anew.

What is to be done is decided from what the other two show, so the same command goes on wherever it was cut off.
"""

from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import journal, outcome
from saltext.chef_backend import record as records
from saltext.chef_backend.errors import InVain
from saltext.chef_backend.judge import answers, gates
from saltext.chef_backend.judge import replace as replacing
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.record import Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import fitness, lock, look, orders, progress
from saltext.chef_backend.run.bus import ask_all
from saltext.chef_backend.run.master import Master
from saltext.chef_backend.settings import Cluster


def opened(
    master: Master,
    name: str,
    cluster: str,
    node: str,
    secrets: str,
    confirm: str,
    installed_with: str | None = None,
) -> Result:
    """The node may be replaced, and this orchestration holds the cluster.

    All minions answer, the other two backends are well, the node is down, has their package and the secrets, and
    somebody has confirmed that its data is deleted.

    :param node: minion id of the backend.
    :param secrets: path of the cluster's secrets on the node.
    :param confirm: ``delete all data of <node>``.
    :param installed_with: the version that the cluster was installed with, where it runs a later one than 3.0.0.
    """
    with master.signals.step(name) as ret:
        settings = clusters.settings(master, cluster)
        replacing.confirmed(node, clusters.backends(master, cluster), confirm)
        views = clusters.views(master, cluster)
        gates.everybody_answers(views)
        found = answers.run(views)
        resumed = replacing.resumed(found, lock.gone(master, found) if found else None, node, views)
        fitness.holds(master, settings, sorted(views), ())
        gates.nobody_at_work(views)
        stage = _stage(settings, views, node)
        if stage != replacing.BACK:
            replacing.installed_with(views, node, installed_with)
            bound = settings.timeouts.ask
            ask_all(master.bus, [node], "chef_backend_agent.secrets_ready", secrets, timeout=bound)
        plan = f"{node} is {stage}"
        if master.test:
            ret.update(result=None, comment=f"would open a run: {plan}")
            return ret
        leads = answers.leader(views) if stage == replacing.BACK else replacing.leader_of_others(views, node)
        record = lock.begin(
            master,
            views,
            resumed,
            lease=settings.timeouts.lease,
            cluster=cluster,
            way=records.REPLACE,
            target=replacing.target(node),
            leader=leads,
            failover_found=answers.failover(views),
            frontends=(),
        )
        ret["changes"]["run"] = {"old": None, "new": record.run}
        progress.tell(master, record, "open", journal.END, comment=plan)
        return outcome.done(ret, f"{'resumed' if resumed else 'opened'} run {record.run}: {plan}")
    return ret


def removed(master: Master, name: str, cluster: str, node: str) -> Result:
    """The node is no member of the cluster, or a healthy one. The product itself refuses to remove one that lives."""
    with master.signals.step(name) as ret:
        settings = clusters.settings(master, cluster)
        views, record, stage = _look(master, settings, node, f"remove {node}")
        if stage != replacing.MEMBER:
            return outcome.done(ret, f"{node} is {stage}")
        if master.test:
            ret.update(result=None, comment=f"would remove {node} from the cluster")
            return ret
        leads = replacing.leader_of_others(views, node)
        progress.tell(master, record, "remove", journal.BEGIN, node=node)
        forget, called = "chef_backend_agent.remove_node", answers.product_name(views, node)
        done = orders.do(master, cluster, [leads], forget, called)[leads]
        progress.tell(master, record, "remove", journal.END if done.ok else journal.FAILED, node=node)
        if not done.ok:
            raise CommandExecutionError(done.error)
        ret["changes"][node] = {"old": stage, "new": replacing.REMOVED}

        def is_removed() -> None:
            if _stage_now(master, settings, node) != replacing.REMOVED:
                raise ValueError(f"{node} is still counted as a member")

        look.until_holds(master, cluster, is_removed, settings.timeouts.gate)
        return outcome.done(ret, f"{node} is {replacing.REMOVED}")
    return ret


def emptied(master: Master, name: str, cluster: str, node: str) -> Result:
    """All data of the node is deleted, which the cluster has forgotten; left alone, if it is a healthy member."""
    return _on_the_node(master, name, cluster, node, "orch.node.emptied")


def joined(master: Master, name: str, cluster: str, node: str, secrets: str, accept_license: bool = False) -> Result:
    """The node is a member of the cluster, and follows the leader, from which it has copied all.

    :param secrets: path of the cluster's secrets on the node.
    """
    how = {"secrets": secrets, "accept_license": accept_license is True}
    return _on_the_node(master, name, cluster, node, "orch.node.joined", **how)


def verified(master: Master, name: str, cluster: str, node: str) -> Result:
    """All three backends are well, the node among them, and failover is as it was."""
    with master.signals.step(name) as ret:
        settings = clusters.settings(master, cluster)
        if master.test:
            ret.update(result=None, comment="would verify that all three backends are well")
            return ret

        def all_are_well() -> tuple[Views, Run | None]:
            views, record = look.look(master, cluster, {"step": "verify"})
            gates.healthy(views, settings.gates.max_lag_bytes)
            gates.settled(views, settings.gates.settle_seconds)
            return views, record

        views, record = look.until_holds(master, cluster, all_are_well, settings.timeouts.rejoin)
        progress.tell(master, record, "verify", journal.END)
        return outcome.done(ret, f"{node} is {replacing.BACK}; all {len(views)} backends are well")
    return ret


def _on_the_node(master: Master, name: str, cluster: str, node: str, sls: str, **more: Any) -> Result:
    """Have the node, which is no member any more, do its part; nothing, if it is a healthy one."""
    with master.signals.step(name) as ret:
        settings = clusters.settings(master, cluster)
        views, record, stage = _look(master, settings, node, name)
        if stage == replacing.BACK:
            return outcome.done(ret, f"{node} is {stage}")
        if stage == replacing.MEMBER and not master.test:
            raise CommandExecutionError(f"{node} is {stage}: it has to be removed from the cluster first")
        more |= {"peer": replacing.address_of_leader(views, node), "bound": settings.timeouts.join}

        def is_as_it_was() -> None:
            now = _held(settings, look.inside_a_turn(master, cluster)[0], node)
            if now != stage:
                raise InVain(f"{node} is {now} by now: the same command goes on from there")

        def holds() -> None:
            look.until_holds(master, cluster, is_as_it_was, settings.timeouts.gate)

        # a node that has joined meanwhile is one with data, which is not to be joined again
        if orders.apply(master, ret, cluster, record, [node], sls, again=False, holds=holds, **more):
            return outcome.done(ret, node)
    return ret


def _look(master: Master, settings: Cluster, node: str, step: str) -> tuple[Views, Run | None, str]:
    """Hold what must be true before anything is done to the node; return views, record and stage."""
    views, record = look.look(master, settings.name, {"step": step})
    return views, record, _held(settings, views, node)


def _held(settings: Cluster, views: Views, node: str) -> str:
    gates.everybody_answers(views)
    gates.nobody_at_work(views)
    return _stage(settings, views, node)


def _stage_now(master: Master, settings: Cluster, node: str) -> str:
    return replacing.stage(clusters.views(master, settings.name), node, settings.gates.max_lag_bytes)


def _stage(settings: Cluster, views: Views, node: str) -> str:
    """Tell how far the node is; unless it is back, it is down, and the others have all the data."""
    stage = replacing.stage(views, node, settings.gates.max_lag_bytes)
    if stage != replacing.BACK:
        replacing.not_at_work(views, node)
        replacing.others_are_well(views, node, settings.gates.max_lag_bytes)
        replacing.same_package(views, node)
        replacing.may_be_joined(views, node)
    return stage

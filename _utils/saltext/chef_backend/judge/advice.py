"""What the documents leave to a person: the situation, and their advice with this cluster's names filled in.

Nothing here is done by this extension. The situations are those of the product's page on the recovery of backends
(backend_failure_recovery.md), and those that a run which died may leave.
"""

from saltext.chef_backend.judge import answers
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.product.cluster_status import ClusterStatus, Node
from saltext.chef_backend.record import Run


def advise(views: Views, record: Run | None, gone: str | None) -> list[str]:
    """Return what to do about what is seen, one sentence each; an empty list for a cluster that needs nobody.

    :param views: of all backends.
    :param record: that they hold, or None.
    :param gone: why nobody drives its run any more, or None while somebody does.
    """
    if record is not None and (record.down or gone is None):
        return []  # a run is at it, or its own advice says how it goes on
    silent = sorted(node for node, view in views.items() if view.silent)
    if len(views) - len(silent) < answers.MAJORITY:  # of etcd, too: with fewer nodes nobody can lead
        return [*_without_quorum(views, silent), *_half_upgraded(views, record)]
    return [
        *(_one_is_silent(views, node) for node in silent),
        *_without_leaderl(views),
        *_without_leader(views, record, silent),
        *_unsynced(views),
        *_not_replicating(views),
        *_half_upgraded(views, record),
        *_failover(views, record),
    ]


def _without_quorum(views: Views, silent: list[str]) -> list[str]:
    alive = sorted(set(views) - set(silent))
    gone = " and ".join(map(answers.node_name, silent))
    said = f"{gone} do not answer: if they are down, etcd has no quorum and nobody leads. Bring one of them back"
    if len(alive) != 1:
        return [f"{said}, or find out why their minions are silent"]
    survivor = answers.node_name(alive[0])
    return [
        f"{said}. Only if both are lost for good, and you accept that what they had and {survivor} has not is lost: "
        f"'chef-backend-ctl create-cluster --quorum-loss-recovery' on {survivor}, then, one after another, "
        f"'chef-backend-ctl join-cluster {_address(views, survivor)} --recovery -s SECRETS' on a new node. "
        f"{_secrets(survivor)}"
    ]


def _one_is_silent(views: Views, node: str) -> str:
    name, leads = answers.node_name(node), _leader(views)
    said = f"{name} does not answer: look at its host and its minion"
    if leads is None or leads.name == name:
        return said
    return (
        f"{said}. If it is down for good: 'chef-backend-ctl remove-node {name}' on {leads.name}, then "
        f"'chef-backend-ctl cleanse' and 'chef-backend-ctl join-cluster {leads.ip} --recovery -s SECRETS' on the node "
        f"that replaces it. {_secrets(leads.name)}. If its minion answers again, orch.chef_backend_replace_node does "
        "that (docs/how-to/replace-a-backend.md)"
    )


def _without_leaderl(views: Views) -> list[str]:
    names = [answers.node_name(node) for node, view in sorted(views.items()) if _leaderl_is_down(view)]
    if not names:
        return []
    return [
        f"leaderl does not run on {', '.join(names)}: without it a node neither leads nor follows. Look at "
        "/var/log/chef-backend/leaderl/current there, then 'chef-backend-ctl start leaderl'"
    ]


def _leaderl_is_down(view: View) -> bool:
    try:
        return view.status is not None and view.status.service("leaderl").state != "running"
    except KeyError:
        return False  # the verdict says what is missing


def _without_leader(views: Views, record: Run | None, silent: list[str]) -> list[str]:
    seen = _seen(views)
    if not seen or any(cluster.leaders for cluster in seen):
        return []
    led = [answers.node_name(record.leader)] if record and record.leader not in silent else []
    if record and led:
        best = f"{led[0]} led when run {record.run} was opened"
    else:
        fit = sorted({node.name for cluster in seen for node in cluster.nodes if node.eligible})
        best = f"eligible: {', '.join(fit)}" if fit else "no node is shown as eligible"
    name = led[0] if led else "NODE"
    return [
        f"nobody leads. Wait a minute for an election; if none comes: 'chef-backend-ctl promote {name}', with the node "
        f"that has the newest data ({best}); if that fails for want of a leader, 'chef-backend-ctl force-leader' on it"
    ]


def _unsynced(views: Views) -> list[str]:
    return [
        f"the sync of {name} failed and left leaderl/data/unsynced there. {_base_backup(views, name)}"
        for name in sorted(_partially_synced(views))
    ]


def _not_replicating(views: Views) -> list[str]:
    leads = _leader(views)
    if leads is None:
        return []
    if any("replication" in view.errors for view in views.values()):
        return []  # the verdict says what cannot be read
    lags = {follower for view in views.values() for follower in view.lag}
    silent = {answers.node_name(node) for node, view in views.items() if view.silent}
    told_otherwise = {leads.name, *silent, *_partially_synced(views)}
    late = [
        node
        for node in _newest(views).nodes
        if node.name not in told_otherwise and not {node.name, node.guid, node.ip} & lags
    ]
    return [
        f"{node.name} does not replicate from {leads.name}. If /var/log/chef-backend/postgresql/*/current there says "
        f"'requested WAL segment ... has already been removed': {_base_backup(views, node.name)}"
        for node in late
    ]


def _partially_synced(views: Views) -> set[str]:
    """The nodes that say so themselves, or are shown so."""
    shown = {node.name for cluster in _seen(views) for node in cluster.nodes if node.partially_synced}
    return shown | {answers.node_name(node) for node, view in views.items() if view.unsynced}


def _half_upgraded(views: Views, record: Run | None) -> list[str]:
    nodes = ", ".join(map(answers.node_name, answers.half_upgraded(views)))
    if not nodes:
        return []
    target = f"version {record.target} in the pillar" if record else "the version that is installed there"
    return [f"{nodes} is half-upgraded: the upgrade with {target} goes on with it; until then nothing else is begun"]


def _failover(views: Views, record: Run | None) -> list[str]:
    if answers.failover(views) not in ("off", "mixed") or answers.half_upgraded(views):
        return []
    if record is None:
        who = "no run explains it: find out who switched it off, then"
    else:
        who = f"run {record.run} ended as {record.state} and left it so: the same command switches it on, or by hand"
    return [f"failover is off and {who} 'chef-backend-ctl set-cluster-failover on' on a backend"]


def _base_backup(views: Views, name: str) -> str:
    leads = _leader(views)
    address = leads.ip if leads else "LEADER_IP"
    return (
        f"A full copy from the leader is the way back: on {name} 'chef-backend-ctl stop leaderl', then "
        f"'PSQL_INTERNAL_OK=true chef-backend-ctl pgsql-follow --force-basebackup {address}', then 'chef-backend-ctl "
        "start leaderl'"
    )


def _seen(views: Views) -> list[ClusterStatus]:
    """The cluster-status of every node that shows one."""
    return [view.cluster for view in views.values() if view.cluster is not None]


def _newest(views: Views) -> ClusterStatus:
    """The cluster-status that shows the most nodes."""
    return max(_seen(views), key=lambda cluster: len(cluster.nodes))


def _leader(views: Views) -> Node | None:
    """The one node that leads in the eyes of all, or None."""
    found = {(node.name, node.ip): node for cluster in _seen(views) for node in cluster.leaders if node.leads}
    return next(iter(found.values())) if len(found) == 1 else None


def _secrets(name: str) -> str:
    """What SECRETS is: a node that is empty, or was cleansed, has none of its own."""
    return f"SECRETS is a copy of {name}'s /etc/chef-backend/chef-backend-secrets.json, put elsewhere on that node"


def _address(views: Views, name: str) -> str:
    shown = {node.name: node.ip for cluster in _seen(views) for node in cluster.nodes}
    return shown.get(name, f"{name}'s address")

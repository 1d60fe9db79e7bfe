"""What the documents leave to a person: the situation, and their advice with this cluster's names filled in.

Nothing here is done by this extension. The situations are those of the product's page on the recovery of backends
(backend_failure_recovery.md), and those that a run which died may leave.
"""

import re

from saltext.chef_backend.judge import answers, health
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.product.cluster_status import ClusterStatus, Node
from saltext.chef_backend.product.version import CLOSED
from saltext.chef_backend.record import Run

DEPOSED = "deposed_leader"  # its role: another was to lead, and it has not followed yet
LEADERL_DATA = "/var/opt/chef-backend/leaderl/data"
NO_START, SENTINEL = f"{LEADERL_DATA}/no-start-pgsql", f"{LEADERL_DATA}/unsynced"
SEARCH, OLD_SETTINGS, WAL_GONE = "elasticsearch", "old-settings", "wal-gone"  # as product.signatures calls them
FOLLOW = "PSQL_INTERNAL_OK=true chef-backend-ctl pgsql-follow"
COPY_FIRST = "copy the file systems of all nodes first"  # the vendor's advice before each of these


def advise(views: Views, record: Run | None, gone: str | None) -> list[str]:
    """Return what to do about what is seen, one sentence each; an empty list for a cluster that needs nobody.

    :param views: of all backends.
    :param record: that they hold, or None.
    :param gone: why nobody drives its run any more, or None while somebody does.
    """
    if record is not None and (record.down or gone is None):
        return []  # a run is at it, or its own advice says how it goes on
    if answers.strangers(views):
        return []  # who is who is not sure
    silent = sorted(node for node, view in views.items() if view.silent)
    if len(views) - len(silent) < answers.MAJORITY:  # of etcd, too: with fewer nodes nobody can lead
        return [*_without_quorum(views, silent), *_half_upgraded(views, record)]
    return [
        *(_one_is_silent(views, node) for node in silent),
        *_without_leaderl(views),
        *_without_leader(views, record, silent),
        *_unsynced(views),
        *_not_replicating(views),
        *_old_settings(views),
        *_half_upgraded(views, record),
        *_failover(views, record),
    ]


def _without_quorum(views: Views, silent: list[str]) -> list[str]:
    alive = sorted(set(views) - set(silent))
    gone = " and ".join(silent)
    if len(alive) != 1:
        return [
            f"{gone} do not answer: if they are down, etcd has no quorum and nobody leads. Bring one of them back, or "
            "find out why their minions are silent"
        ]
    survivor = alive[0]
    quorum = _quorum(views[alive[0]])
    if quorum is None:
        return [
            f"{gone} do not answer, and {survivor} does not tell whether etcd has a quorum: look at their hosts, and "
            f"at 'chef-backend-ctl status' on {survivor}"
        ]
    if quorum:
        return [
            f"{gone} do not answer, but etcd on {survivor} has a quorum: one of them at least is at work, and its "
            "minion is silent. Look at their minions and hosts; nothing is to be recovered"
        ]
    return [
        f"{gone} do not answer, and etcd on {survivor} has no quorum: they are down, or {survivor} is cut off from "
        f"them. Look at their hosts, and bring one of them back. Only if both are lost for good, and {survivor} has "
        f"the newest data or you accept that what they had and {survivor} has not is lost (else restore a backup "
        f"first): {COPY_FIRST}; then 'chef-backend-ctl "
        f"create-cluster --quorum-loss-recovery' on {survivor}, then, one after another, 'chef-backend-ctl "
        f"join-cluster {_address(views, survivor)} -s SECRETS' on a new node, without --recovery. {_secrets(survivor)}"
    ]


def _quorum(view: View) -> bool | None:
    """Whether etcd has a quorum, as a node's ``status`` shows: where it runs, it cannot be reached without.

    None: it does not tell; an etcd that is down itself tells nothing of the others.
    """
    try:
        row = answers.status_of(view).service("etcd")
    except (ValueError, KeyError):
        return None
    healthy = re.fullmatch(r"([0-9]{1,3})/[0-9]{1,3}", row.value("healthy nodes") or "")
    if healthy:
        return int(healthy[1]) >= answers.MAJORITY
    return False if row.state == "running" and row.error is not None else None


def _one_is_silent(views: Views, node: str) -> str:
    called, leads = answers.product_name(views, node), _leader(views)
    said = f"{node} does not answer: look at its host and its minion"
    if leads is None or leads.name == node:
        return said
    if _is_shown_at_work(views, node):
        return f"{said}; the others show it at work, so nothing is to be removed"
    if any(view.version == str(CLOSED) for view in views.values()):
        return (
            f"{said}. If it is down for good, ask the vendor: nobody joins a cluster that was installed with {CLOSED}"
        )
    return (
        f"{said}. If it is down for good: 'chef-backend-ctl remove-node {called}' on {leads.name}. Then either a new "
        f"node joins: 'chef-backend-ctl join-cluster {leads.ip} -s SECRETS', without --recovery. {_secrets(leads.name)}"
        f". Or this one returns: on it 'chef-backend-ctl cleanse', see that /var/opt/chef-backend is gone, make "
        "/etc/chef-backend and copy back into it what cleanse has saved below /root/chef-backend-cleanse*, then "
        f"'chef-backend-ctl join-cluster {leads.ip} --recovery'. If its minion answers again, "
        "orch.chef_backend_replace_node does that (docs/how-to/replace-a-backend.md)"
    )


def _is_shown_at_work(views: Views, name: str) -> bool:
    """Whether another node shows one as leader or follower."""
    shown = (node for cluster in _seen(views) for node in cluster.nodes if node.name == name)
    return any({node.role, node.pg} & {"leader", "follower"} for node in shown)


def _without_leaderl(views: Views) -> list[str]:
    names = [node for node, view in sorted(views.items()) if _leaderl_is_down(view)]
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
    deposed = sorted({node.name for cluster in seen for node in cluster.nodes if node.role == DEPOSED})
    if len(deposed) == 1:
        (name,) = deposed
        return [
            f"nobody leads, and {name}, which led before, is deposed: its PostgreSQL does not start while {NO_START} "
            f"is there. Wait a minute for an election. If none comes, and nobody has led since {name}: {COPY_FIRST}, "
            f"look at /var/log/chef-backend/leaderl/current on {name}, see that cluster-status stays as it is, and ask "
            f"the vendor's support. Then on {name} 'rm {NO_START}', 'chef-backend-ctl restart postgresql', "
            f"'chef-backend-ctl promote {answers.product_name(views, name)}'"
        ]
    led = [record.leader] if record and record.leader not in silent else []
    if record and led:
        best = f"{led[0]} led when run {record.run} was opened"
    else:
        fit = sorted({node.name for cluster in seen for node in cluster.nodes if node.eligible})
        best = f"eligible: {', '.join(fit)}" if fit else "no node is shown as eligible"
    name = answers.product_name(views, led[0]) if led else "NODE"
    return [
        f"nobody leads. Wait a minute for an election; if none comes: {COPY_FIRST}, then 'chef-backend-ctl promote "
        f"{name}', with the node that has the newest data ({best}); if that fails for want of a leader, "
        "'chef-backend-ctl force-leader' on it"
    ]


def _unsynced(views: Views) -> list[str]:
    leads, follow = _leader(views), f"{FOLLOW} {_leader_ip(views)} --verbose"
    return [
        f"the sync of {name} failed and left {SENTINEL} there. Find out why: on {name} 'chef-backend-ctl stop "
        f"leaderl', then '{follow}'. Once that works, 'rm -f {SENTINEL}', "
        f"then 'chef-backend-ctl start leaderl'. If it says that a WAL segment has already been removed: "
        f"{_base_backup(views, name)}"
        for name in sorted(_partially_synced(views) - {leads.name if leads else ""})  # who leads follows nobody
    ]


def _not_replicating(views: Views) -> list[str]:
    leads = _leader(views)
    if leads is None:
        return []
    if any("replication" in view.errors for view in views.values()):
        return []  # the verdict says what cannot be read
    if any(_sees_it_well(view) for view in views.values()):
        return []  # all follow, as that one sees it
    if any(view.silent and node == leads.name for node, view in views.items()):
        return []  # who replicates from it, it alone can tell
    lags = {follower for view in views.values() for follower in view.lag}
    silent = {node for node, view in views.items() if view.silent}
    told_otherwise = {leads.name, *silent, *_partially_synced(views)}
    nodes = _newest(views).nodes
    late = [node for node in nodes if node.name not in told_otherwise and not {node.name, node.guid, node.ip} & lags]
    strangers = lags - {known for node in nodes for known in (node.name, node.guid, node.ip)}
    if len(late) <= len(strangers):
        return []  # each may be one of those, by another address
    gone = {node for node, view in views.items() if WAL_GONE in view.signs.get("postgresql", ())}
    return [
        f"{node.name} does not replicate from {leads.name}. "
        + ("Its log says" if node.name in gone else "If /var/log/chef-backend/postgresql/*/current there says")
        + f" 'requested WAL segment ... has already been removed': {_base_backup(views, node.name)}"
        for node in late
    ]


def _sees_it_well(view: View) -> bool:
    """Whether a node sees a wholly healthy cluster, by its table and its services."""
    return view.cluster is not None and health.judge(view.cluster, view.status, view.node).healthy


def _partially_synced(views: Views) -> set[str]:
    """The nodes that say so themselves, or are shown so."""
    shown = {node.name for cluster in _seen(views) for node in cluster.nodes if node.partially_synced}
    return shown | {node for node, view in views.items() if view.unsynced}


def _old_settings(views: Views) -> list[str]:
    """On the way to 3.x the old leader may be left with Elasticsearch's old settings: chef-server PR 3214."""
    names = [node for node, view in sorted(views.items()) if OLD_SETTINGS in view.signs.get(SEARCH, ())]
    return [
        f"Elasticsearch does not start on {name}, and its log says 'unknown setting [path.scripts]': the upgrade to "
        f"3.x has ended half-way there: on {name} 'chef-backend-ctl upgrade' once more"
        for name in names
    ]


def _half_upgraded(views: Views, record: Run | None) -> list[str]:
    nodes = ", ".join(answers.half_upgraded(views))
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
    return (
        f"a full copy from the leader is the way back, one follower at a time: on {name} 'chef-backend-ctl stop "
        f"leaderl', then '{FOLLOW} --force-basebackup --verbose {_leader_ip(views)}', then "
        "'chef-backend-ctl start leaderl'"
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


def _leader_ip(views: Views) -> str:
    leads = _leader(views)
    return leads.ip if leads else "LEADER_IP"


def _secrets(name: str) -> str:
    """What SECRETS is: a node that is empty, or was cleansed, has none of its own."""
    return f"SECRETS is a copy of {name}'s /etc/chef-backend/chef-backend-secrets.json, put elsewhere on that node"


def _address(views: Views, name: str) -> str:
    """A node's address, as the cluster shows it or its own host knows it."""
    shown = {node.name: node.ip for cluster in _seen(views) for node in cluster.nodes}
    return shown.get(name) or next(iter(views[name].own.addresses), f"IP_OF_{name}")

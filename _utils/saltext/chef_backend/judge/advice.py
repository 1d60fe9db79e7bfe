"""What the documents leave to a person: the situation, and their advice with this cluster's names filled in.

Nothing here is done by this extension. The situations are those of the product's page on the recovery of backends
(backend_failure_recovery.md), and those that a run which died may leave.
"""

from saltext.chef_backend.judge import answers, behind, health, leaderless, shown
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.shown import LEADERL_LOG
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.product.version import CLOSED, Version
from saltext.chef_backend.record import Run

OLD_SETTINGS = "old-settings"  # as product.signatures calls it
FIRST_WITHOUT_THEM = Version.from_text("3.0.0")


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
        return [*leaderless.without_quorum(views, silent), *_half_upgraded(views, record)]
    return [
        *(_one_is_silent(views, node) for node in silent),
        *_empty(views),
        *_stopped(views),
        *leaderless.without_leader(views, record, silent),
        *behind.unsynced(views),
        *behind.deposed(views),
        *behind.not_replicating(views),
        *_old_settings(views),
        *_half_upgraded(views, record),
        *_failover(views, record),
    ]


def _one_is_silent(views: Views, node: str) -> str:
    leads = shown.leader(views)
    said = f"{node} does not answer: look at its host and its minion"
    if leads is None or leads.name == node:
        return said
    if shown.at_work(views, node):
        return f"{said}; the others show it at work, so nothing is to be removed"
    return f"{said}. {_down_for_good(views, node)}"


def _empty(views: Views) -> list[str]:
    """A node that answers, and has nothing of the cluster to show: its disk was lost, or it is another host now."""
    leads = shown.leader(views)
    found = []
    for node, view in sorted(views.items()):
        nothing = view.cluster is None and view.status is None and {"cluster_status", "status"} <= set(view.errors)
        if not nothing or leads is None or leads.name == node or shown.at_work(views, node):
            continue
        found.append(
            f"{node} answers, and shows neither the cluster nor its own services, and the others do not see it at "
            f"work: look there first. {_down_for_good(views, node)}"
        )
    return found


def _down_for_good(views: Views, node: str) -> str:
    """The documented recovery of a single node; the cluster has a leader, and the node is not seen at work."""
    called, leads = answers.product_name(views, node), shown.leader(views)
    if leads is None or any(view.version == str(CLOSED) for view in views.values()):
        return f"If it is down for good, ask the vendor: nobody joins a cluster that was installed with {CLOSED}"
    return (
        f"If it is down for good: 'chef-backend-ctl remove-node {called}' on {leads.name}. Then either a new "
        f"node joins: 'chef-backend-ctl join-cluster {leads.ip} -s SECRETS', without --recovery. "
        f"{leaderless.secrets(leads.name)}"
        f". Or this one returns: on it 'chef-backend-ctl cleanse', see that /var/opt/chef-backend is gone, make "
        "/etc/chef-backend and copy back into it what cleanse has saved below /root/chef-backend-cleanse*, then "
        f"'chef-backend-ctl join-cluster {leads.ip} --recovery'. If its minion answers again, "
        "orch.chef_backend_replace_node does that (docs/how-to/replace-a-backend.md)"
    )


def _stopped(views: Views) -> list[str]:
    """Nodes without leaderl neither lead nor follow; it starts PostgreSQL itself, and needs etcd to begin with."""
    down = {node: _down(view) for node, view in sorted(views.items())}
    more = [node for node, names in down.items() if {health.LEADERL, "etcd"} <= names]
    alone = [node for node, names in down.items() if health.LEADERL in names and node not in more]
    found = []
    if alone:
        found.append(
            f"leaderl does not run on {', '.join(alone)}: without it a node neither leads nor follows. Look at "
            f"{LEADERL_LOG} there, then 'chef-backend-ctl start leaderl'"
        )
    if more:
        found.append(
            f"leaderl and more is stopped on {', '.join(more)}: if nobody is at work there, 'chef-backend-ctl start' "
            "on each"
        )
    return found


def _down(view: View) -> set[str]:
    """The services that a node's ``status`` lists and that do not run."""
    return {service.name for service in view.status.services if service.state != "running"} if view.status else set()


def _old_settings(views: Views) -> list[str]:
    """On the way to 3.x the old leader may be left with Elasticsearch's old settings: chef-server PR 3214."""
    return [
        f"Elasticsearch does not start on {node}, and its log says 'unknown setting [path.scripts]': the upgrade to "
        f"3.x has ended half-way there: on {node} 'chef-backend-ctl upgrade' once more"
        for node, view in sorted(views.items())
        if OLD_SETTINGS in view.signs.get(health.SEARCH, ()) and _is_of_3(view)
    ]


def _is_of_3(view: View) -> bool:
    try:
        return Version.from_text(view.version or "") >= FIRST_WITHOUT_THEM
    except ValueError:
        return False  # the verdict says that it is not known


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
    return [f"failover is off and {who} {leaderless.FAILOVER_ON}"]

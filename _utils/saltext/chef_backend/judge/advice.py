"""What the documents leave to a person: the situation, and their advice with this cluster's names filled in.

Nothing here is done by this extension. The situations are those of the product's page on the recovery of backends
(backend_failure_recovery.md), and those that a run which died may leave.
"""

from saltext.chef_backend.judge import answers, behind, health, leaderless, together
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.phrases import ASK_THE_VENDOR, FAILOVER_ON, secrets, unless_closed
from saltext.chef_backend.judge.view import SILENT, View
from saltext.chef_backend.product import leaderl
from saltext.chef_backend.product.cluster_status import Node
from saltext.chef_backend.product.version import CLOSED, Version
from saltext.chef_backend.record import Run

OLD_SETTINGS = "old-settings"  # as product.signatures calls it
FIRST_OF_ELASTICSEARCH_6 = Version.from_text("3.0.0")


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
    in_error = [_in_error(views[node]) for node in silent if views[node].in_error]
    unheard = [node for node in silent if not views[node].in_error]
    if len(views) - len(silent) < answers.MAJORITY:  # of etcd, too: with fewer nodes nobody can lead
        lost = [f"{_unheard(node)}, when that is mended" for node in unheard] if in_error else None
        without = leaderless.without_quorum(views, silent) if lost is None else [*in_error, *lost]
        return [*without, *_half_upgraded(views, record)]
    nobody = leaderless.without_leader(views, record, silent)
    return [
        *in_error,
        *(_one_is_silent(views, node) for node in unheard),
        *_empty(views),
        *_stopped(views),
        *nobody,
        *behind.unsynced(views),
        *behind.deposed(views),
        *behind.not_replicating(views),
        *_old_settings(views),
        *_half_upgraded(views, record),
        *([] if nobody else _failover(views, record)),
    ]


def _in_error(view: View) -> str:
    """A node whose minion answers with an error: its host is up, and what mends the minion is all that it needs."""
    said = view.errors[SILENT].partition("\n")[0]
    return (
        said if view.code == "no-product" else f"{said}. Nothing of {view.node} is to be removed or recovered for that"
    )


def _unheard(node: str) -> str:
    return f"{node} does not answer: look at its host and its minion"


def _one_is_silent(views: Views, node: str) -> str:
    leads = together.leader(views)
    said = _unheard(node)
    if leads is None or leads.name == node:
        return said
    if together.at_work(views, node):
        return f"{said}; the others show it at work, so nothing is to be removed"
    return f"{said}. {_down_for_good(views, node, leads)}"


def _empty(views: Views) -> list[str]:
    """A node that answers, and has nothing of the cluster to show: its disk was lost, or it is another host now."""
    leads = together.leader(views)
    found = []
    for node, view in sorted(views.items()):
        nothing = view.cluster is None and view.status is None and {"cluster_status", "status"} <= set(view.errors)
        if not nothing or leads is None or leads.name == node or together.at_work(views, node):
            continue
        if _is_closed(views):
            found.append(
                f"{node} shows neither the cluster nor its own services: look there. If they are lost, {ASK_THE_VENDOR}"
            )
            continue
        found.append(
            f"{node} answers, and shows neither the cluster nor its own services, and the others do not see it at "
            f"work: look there first. {unless_closed(views)}If nothing of the product's data is on it, or is to be "
            f"kept: {_a_new_one(views, node, leads)}, or orch.chef_backend_replace_node, which does all of it "
            "(docs/how-to/replace-a-backend.md)"
        )
    return found


def _is_closed(views: Views) -> bool:
    return any(view.version == str(CLOSED) for view in views.values())


def _a_new_one(views: Views, node: str, leads: Node) -> str:
    """The cluster forgets a node, and a new one joins in its place."""
    return (
        f"'chef-backend-ctl remove-node {answers.product_name(views, node)}' on {leads.name}. Then a new node "
        f"joins: 'chef-backend-ctl join-cluster {leads.ip} -s SECRETS', without --recovery. "
        f"{secrets(leads.name)}"
    )


def _down_for_good(views: Views, node: str, leads: Node) -> str:
    """The documented recovery of a single node, which is not seen at work."""
    if _is_closed(views):
        return f"If it is down for good, {ASK_THE_VENDOR}"
    return (
        f"{unless_closed(views)}If it is down for good: {_a_new_one(views, node, leads)}. Or this one returns: on it "
        "'chef-backend-ctl cleanse', see that /var/opt/chef-backend is gone, make /etc/chef-backend and copy back into "
        "it what cleanse has saved below /root/chef-backend-cleanse*, then 'chef-backend-ctl join-cluster "
        f"{leads.ip} --recovery'. If its minion answers again, orch.chef_backend_replace_node does that "
        "(docs/how-to/replace-a-backend.md)"
    )


def _stopped(views: Views) -> list[str]:
    """Nodes without leaderl neither lead nor follow; it starts PostgreSQL itself, and needs etcd to begin with."""
    waits = {*answers.half_upgraded(views), *together.partially_synced(views)}  # to be stopped is a step on their way
    waits |= {node for node, view in views.items() if view.no_start or view.busy}
    down = {node: _down(view) for node, view in sorted(views.items()) if node not in waits}
    more = [node for node, names in down.items() if {health.LEADERL, "etcd"} <= names]
    alone = [node for node, names in down.items() if health.LEADERL in names and node not in more]
    found = []
    if alone:
        found.append(
            f"leaderl does not run on {', '.join(alone)}: without it a node neither leads nor follows. Look at "
            f"{leaderl.LOG} there, then 'chef-backend-ctl start leaderl'"
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
        f"3.x has ended half-way there: on {node} 'chef-backend-ctl upgrade{' --failover' if view.leads else ''}' once "
        "more"
        for node, view in sorted(views.items())
        if OLD_SETTINGS in view.signs.get(health.SEARCH, ()) and _is_of_3(view)
    ]


def _is_of_3(view: View) -> bool:
    try:
        return Version.from_text(view.version or "") >= FIRST_OF_ELASTICSEARCH_6
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
    if record is not None and record.reindex:  # while no Elasticsearch works, leaderl would move the lead without end
        return [f"failover is off, as run {record.run} left it with an old index: the same command goes on"]
    return [f"failover is off and {who} {FAILOVER_ON}"]

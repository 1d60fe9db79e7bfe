"""Nobody leads: the documented ways to a leader, from the gentlest on, with this cluster's names.

Source: the product's page on recovery (backend_failure_recovery.md). Before a node is made the leader by hand it has
the file systems copied, the log and a steady cluster-status looked at, and support asked.
"""

import re

from saltext.chef_backend.judge import answers, together
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.phrases import ASK_THE_VENDOR, FAILOVER_ON, careful, secrets, unless_closed
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.product import leaderl
from saltext.chef_backend.product.cluster_status import UNKNOWN
from saltext.chef_backend.product.version import CLOSED
from saltext.chef_backend.record import Run


def _outrun(views: Views, record: Run | None) -> set[str]:
    """The nodes that must not be made the leader: half-upgraded, or a leader that has handed over in this run."""
    handed_over = {record.leader} & {*record.inside, *record.finished} if record else set[str]()
    return {*answers.half_upgraded(views), *handed_over}


def without_quorum(views: Views, silent: list[str]) -> list[str]:
    """Return what to do where too few backends answer for etcd to have a quorum, if they are down."""
    alive = sorted(set(views) - set(silent))
    gone = " and ".join(silent)
    if len(alive) != 1:
        return [
            f"{gone} do not answer: if they are down, etcd has no quorum and nobody leads. Bring one of them back, or "
            "find out why their minions are silent"
        ]
    (survivor,) = alive
    quorum = _quorum(views[survivor])
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
    lost = (
        f"{gone} do not answer, and etcd on {survivor} has no quorum: they are down, or {survivor} is cut off from "
        "them. Look at their hosts, and bring one of them back. "
    )
    if views[survivor].version == str(CLOSED):
        return [f"{lost}If both are lost for good, {ASK_THE_VENDOR}"]
    address, which = _address(views, survivor)
    return [
        f"{lost}{unless_closed(views)}Only if both are lost for good, and {survivor} has the newest data or you accept "
        f"that what they had and {survivor} has not is lost (else restore a backup first, by chef-backend-ctl "
        f"restore): {careful(survivor)}; then 'chef-backend-ctl create-cluster --quorum-loss-recovery' on {survivor}, "
        f"then, one after another, 'chef-backend-ctl join-cluster {address} -s SECRETS' on a new node, without "
        f"--recovery. {which}{secrets(survivor)}"
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


def _address(views: Views, name: str) -> tuple[str, str]:
    """A node's address as a command wants it, and where to find it if several might be meant."""
    known = {node.name: node.ip for cluster in together.tables(views) for node in cluster.nodes}
    view = views[name]
    own = view.own.member.address or (view.before and view.before.address)
    addresses = (own,) if own else view.own.addresses
    if name in known or len(addresses) == 1:
        return known.get(name) or addresses[0], ""
    return "ADDRESS", f"ADDRESS is the publish_address in {name}'s /etc/chef-backend/chef-backend.rb. "


def without_leader(views: Views, record: Run | None, silent: list[str]) -> list[str]:
    """Return what to do where nobody leads although etcd has a quorum."""
    seen = together.tables(views)
    if not seen or any(cluster.leaders for cluster in seen):
        return []
    deposed = sorted({node.name for cluster in seen for node in cluster.nodes if node.role == leaderl.DEPOSED})
    wait = _wait_for_an_election(views, record)
    if len(deposed) == 1 and deposed[0] not in _outrun(views, record):
        (name,) = deposed
        return [
            f"nobody leads, and {name}, which led before, is deposed: its PostgreSQL does not start while "
            f"{leaderl.NO_START} is there. {wait}. If none comes, and nobody has led since {name}: {careful(name)}. "
            f"Then on {name} 'rm {leaderl.NO_START}', 'chef-backend-ctl restart postgresql', 'chef-backend-ctl promote "
            f"{answers.product_name(views, name)}'"
        ]
    best, why = _newest_data(views, record, silent)
    name = answers.product_name(views, best) if best else "NODE"
    return [
        f"nobody leads. {wait}. If none comes: {careful(best or 'each node')}; then 'chef-backend-ctl promote {name}', "
        f"with the node that has the newest data ({why}); if that fails for want of a leader, 'chef-backend-ctl "
        "force-leader' on it"
    ]


def _wait_for_an_election(views: Views, record: Run | None) -> str:
    """What lets one happen: with failover off nobody is elected, nor promoted."""
    shows = answers.failover(views)
    if shows == UNKNOWN and record is not None:
        shows = record.failover  # versions before 2.0.30 do not show it
    if shows not in ("off", "mixed"):
        return "Wait a minute for an election"
    off = "Failover is off" if shows == "off" else "Failover is off for some nodes"
    half = answers.half_upgraded(views)
    if not half:
        return f"{off}, so that nobody is elected: {FAILOVER_ON}, then wait a minute for an election"
    names = ", ".join(half)
    return (
        f"{off}, so that nobody is elected, and {names} is half-upgraded and must not lead: "
        f"'chef-backend-ctl stop leaderl' on {names}, then {FAILOVER_ON}, then wait a minute for an election; the "
        "upgrade starts leaderl again when it goes on"
    )


def _newest_data(views: Views, record: Run | None, silent: list[str]) -> tuple[str | None, str]:
    """Who has the newest data, or None, and what is known of that.

    Who led is known until its turn to hand over, and while failover is off: else another may have been elected since.
    """
    unfit = {*silent, *together.partially_synced(views), *_outrun(views, record)}
    unfit |= {node for node, view in views.items() if view.no_start}
    rows = [node for cluster in together.tables(views) for node in cluster.nodes]
    unfit |= {node.name for node in rows if node.eligible is False and node.role != leaderl.DEPOSED}
    if record and record.failover == "off" and record.leader not in unfit:
        return record.leader, f"{record.leader} led when run {record.run} was opened"
    fit = sorted({node.name for node in rows if node.eligible} - unfit)
    return None, f"eligible: {', '.join(fit)}" if fit else "no node is shown as eligible"

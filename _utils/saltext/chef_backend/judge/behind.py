"""A node does not follow: the documented ways to bring its data into line, the copy of everything last.

Source: the product's page on recovery (backend_failure_recovery.md).
"""

from saltext.chef_backend.judge import health, together
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.product import leaderl
from saltext.chef_backend.product.cluster_status import Node

NEEDS_A_COPY = {"wal-gone", "other-system"}  # as product.signatures calls them
FOLLOW = "PSQL_INTERNAL_OK=true chef-backend-ctl pgsql-follow"
NO_LEADER = "First see that a node leads, then ask again: the way back begins at the leader"


def unsynced(views: Views) -> list[str]:
    """Return what to do about nodes whose sync failed."""
    leads = together.leader(views)
    follows_nobody = {leads.name if leads else ""}
    return [
        f"the sync of {name} failed and left {leaderl.UNSYNCED} there. {_by_hand(leads, name, leaderl.UNSYNCED)}"
        for name in sorted(together.partially_synced(views) - follows_nobody - _in_hand(views))
    ]


def deposed(views: Views) -> list[str]:
    """Return what to do about a leader of before that does not follow the one of now."""
    leads = together.leader(views)
    if leads is None:
        return []  # then it may be the one that has the newest data
    return [
        f"{name} led before, and does not follow {leads.name}: its PostgreSQL does not start while "
        f"{leaderl.NO_START} is there. leaderl brings it into line by itself; if it does not, look at "
        f"{leaderl.LOG} on {name}. {_by_hand(leads, name, leaderl.NO_START)}"
        for name in sorted(_kept_down(views) - {leads.name} - _in_hand(views))
    ]


def not_replicating(views: Views) -> list[str]:
    """Return what to do about followers that the leader sends nothing to, and nothing else explains."""
    leads = together.leader(views)
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
    told_otherwise = {leads.name, *silent, *together.partially_synced(views), *_kept_down(views), *_do_nothing(views)}
    nodes = together.newest(views).nodes
    late = [node for node in nodes if node.name not in told_otherwise and not together.called([node]) & lags]
    strangers = lags - together.called(nodes)
    if len(late) <= len(strangers):
        return []  # each may be one of those, by another address
    gone = {node for node, view in views.items() if NEEDS_A_COPY & set(view.signs.get("postgresql", ()))}
    return [
        f"{node.name} does not replicate from {leads.name}. "
        + (
            "Its log says that what it has does not lead on: "
            if node.name in gone
            else f"If {views[node.name].pg_log} there says 'requested WAL segment ... has already been removed': "
        )
        + _full_copy(leads, node.name)
        for node in late
    ]


def _by_hand(leads: Node | None, name: str, sentinel: str) -> str:
    """To follow by hand, and see why it fails; the sentinel goes when it works."""
    if leads is None:
        return NO_LEADER
    return (
        f"Find out why: on {name} 'chef-backend-ctl stop leaderl', then '{FOLLOW} {leads.ip} --verbose'. Once that "
        f"works, 'rm -f {sentinel}', then 'chef-backend-ctl start leaderl'. If it says that a WAL segment has already "
        f"been removed: {_full_copy(leads, name, sentinel)}"
    )


def _full_copy(leads: Node, name: str, sentinel: str = "") -> str:
    remove = f"'rm -f {sentinel}', then " if sentinel else ""
    return (
        f"a full copy from the leader is the way back, one follower at a time: on {name} 'chef-backend-ctl stop "
        f"leaderl', then '{FOLLOW} --force-basebackup --verbose {leads.ip}', then {remove}'chef-backend-ctl start'"
    )


def _kept_down(views: Views) -> set[str]:
    """The nodes whose PostgreSQL may not start, as they led before, by what they say or the others show."""
    rows = [node for cluster in together.tables(views) for node in cluster.nodes]
    follows = {node.name for node in rows if (node.role, node.pg) == ("follower", "follower")}
    there = {node.name for node in rows if node.role == leaderl.DEPOSED}
    return there | ({node for node, view in views.items() if view.no_start} - follows)


def _in_hand(views: Views) -> set[str]:
    """The nodes on which a command of the product is at work: that may be the very way back."""
    return {node for node, view in views.items() if view.busy}


def _do_nothing(views: Views) -> set[str]:
    """The nodes on which leaderl does not run: that is what is said of them."""
    return {node for node, view in views.items() if view.status and health.LEADERL not in view.status.running}


def _sees_it_well(view: View) -> bool:
    """Whether a node sees a wholly healthy cluster, by its table and its services."""
    return view.cluster is not None and health.judge(view.cluster, view.status, view.node).healthy

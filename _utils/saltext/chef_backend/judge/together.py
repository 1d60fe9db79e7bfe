"""What the tables of all backends show together, as far as advice needs it."""

from collections.abc import Iterable

from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.product.cluster_status import ClusterStatus, Node


def tables(views: Views) -> list[ClusterStatus]:
    """Return the cluster-status of every node that shows one."""
    return [view.cluster for view in views.values() if view.cluster is not None]


def newest(views: Views) -> ClusterStatus:
    """Return the cluster-status that shows the most nodes. Raises ValueError if nobody shows one."""
    return max(tables(views), key=lambda cluster: len(cluster.nodes))


def leader(views: Views) -> Node | None:
    """Return the one node that leads in the eyes of all, or None."""
    found = {(node.name, node.ip): node for cluster in tables(views) for node in cluster.leaders if node.leads}
    return next(iter(found.values())) if len(found) == 1 else None


def called(nodes: Iterable[Node]) -> set[str]:
    """Return all that replication may call some nodes: names, GUIDs and addresses."""
    return {known for node in nodes for known in (node.name, node.guid, node.ip)}


def at_work(views: Views, name: str) -> bool:
    """Whether another node shows one as leader or follower."""
    there = (node for cluster in tables(views) for node in cluster.nodes if node.name == name)
    return any({node.role, node.pg} & {"leader", "follower"} for node in there)


def partially_synced(views: Views) -> set[str]:
    """Return the nodes that say of themselves that their sync failed, or are shown so."""
    there = {node.name for cluster in tables(views) for node in cluster.nodes if node.partially_synced}
    return there | {node for node, view in views.items() if view.unsynced}

"""Which node of cluster-status is which minion: the product calls them by its own settings, Salt by its own ids.

A node's name is its ``fqdn`` setting, which may be in upper case, short or full; its address is its
``publish_address``. Neither need equal a minion's id. A row is a host's if it bears one of that host's names, or one of
its addresses, and no other host's.
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from saltext.chef_backend.product.cluster_status import ClusterStatus, Node


@dataclasses.dataclass(frozen=True)
class Own:
    """What a host knows of itself."""

    names: tuple[str, ...] = ()  # the minion's id, and what the host is called
    addresses: tuple[str, ...] = ()

    @classmethod
    def of_grains(cls, minion: str, grains: Mapping[str, Any]) -> "Own":
        """Read it from Salt's grains; what comes from loopback is nobody's."""
        names = [minion, *(str(grains[name]) for name in ("fqdn", "nodename", "host") if grains.get(name))]
        addresses = [str(one) for name in ("ipv4", "ipv6") for one in grains.get(name) or ()]
        return cls(tuple(dict.fromkeys(names)), tuple(one for one in addresses if not one.startswith(("127.", "::1"))))


NOBODY = Own()


def row_of(nodes: Iterable[Node], own: Own) -> Node | None:
    """Return the one row that is a host's; None if none is, several are, or its name stands at another's address."""
    several = list(nodes)
    by_name = [node for node in several if _bears(node.name, own.names)]
    by_address = [node for node in several if node.ip in own.addresses]
    found = by_name or by_address
    if len(found) != 1 or (by_address and found[0] not in by_address):
        return None
    return found[0]


def matched(tables: Iterable[ClusterStatus], owns: Mapping[str, Own]) -> dict[str, str]:
    """Return ``{name in cluster-status: minion id}`` of the nodes that are sure: one minion's, and no other's."""
    nodes = {node.name: node for table in tables for node in table.nodes}
    found = {minion: row_of(nodes.values(), own) for minion, own in owns.items()}
    names = [row.name for row in found.values() if row]
    return {row.name: minion for minion, row in found.items() if row and names.count(row.name) == 1}


def renamed(table: ClusterStatus, ours: Mapping[str, str]) -> ClusterStatus:
    """Return the table with each node called as we call it; ``called`` keeps the product's name of it.

    :param ours: ``{name in cluster-status: our name of the node}``; who is not in it keeps its name.
    """

    def of(node: Node) -> Node:
        following = ours.get(node.following, node.following) if node.following else node.following
        return dataclasses.replace(node, name=ours.get(node.name, node.name), following=following, called=node.name)

    return dataclasses.replace(table, nodes=tuple(of(node) for node in table.nodes))


def _bears(name: str, names: Collection[str]) -> bool:
    """Whether a name is one of a host's: letter case, and a domain that one of the two lacks, tell nobody apart."""
    wanted, full = name.lower(), {one.lower() for one in names}
    return wanted in full or wanted in {one.partition(".")[0] for one in full} or wanted.partition(".")[0] in full

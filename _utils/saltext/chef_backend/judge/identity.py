"""Which node of cluster-status is which minion: the product calls them by its own settings, Salt by its own ids.

A node's name is its ``fqdn`` setting, which may be in upper case, short or full; its address is its
``publish_address``. Neither need equal a minion's id. A row is a host's if it bears one of that host's names, or one of
its addresses, and no other host's.
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from saltext.chef_backend.product.cluster_status import ClusterStatus, Node

NOT_ITS_OWN = ("127.", "::1", "169.254.", "fe80:")  # how addresses begin that every host may have


@dataclasses.dataclass(frozen=True)
class Own:
    """What a host knows of itself."""

    names: tuple[str, ...] = ()  # the minion's id, and what the host is called
    addresses: tuple[str, ...] = ()

    @classmethod
    def of_grains(cls, minion: str, grains: Mapping[str, Any]) -> "Own":
        """Read it from Salt's grains; what is of loopback or of one link alone is no address of a member."""
        names = [minion, *(str(grains[name]) for name in ("fqdn", "nodename", "host") if grains.get(name))]
        addresses = [str(one) for name in ("ipv4", "ipv6") for one in grains.get(name) or ()]
        return cls(tuple(dict.fromkeys(names)), tuple(one for one in addresses if not one.startswith(NOT_ITS_OWN)))


NOBODY = Own()


def row_of(nodes: Iterable[Node], own: Own) -> Node | None:
    """Return the one row that is a host's; None if none is, several are, or its name stands at another's address.

    The minion's id goes before what else the host is called, a whole name before one that lacks its domain.
    """
    several = list(nodes)
    there = [node for node in several if _is_at(node, own)]
    for bears in (_is_called, _bears):
        for names in (own.names[:1], own.names):
            found = [node for node in several if bears(node.name, names)]
            if found and there:
                found = [node for node in found if node in there]
                if not found:
                    return None
            if found:
                return found[0] if len(found) == 1 else None
    return there[0] if len(there) == 1 else None


def may_be(node: Node, own: Own) -> bool:
    """Whether a row may be a host's: by any of its names, or by an address."""
    return _bears(node.name, own.names) or _is_at(node, own)


def matched(tables: Iterable[ClusterStatus], owns: Mapping[str, Own]) -> dict[str, str]:
    """Return ``{name in cluster-status: minion id}`` of the nodes that are sure: one minion's, and no other's.

    Where all others are told, the last row is that of the last minion, if it has not said that it is another.
    """
    nodes = {node.name: node for table in tables for node in table.nodes}
    found = {minion: row_of(nodes.values(), own) for minion, own in owns.items()}
    names = [row.name for row in found.values() if row]
    sure = {row.name: minion for minion, row in found.items() if row and names.count(row.name) == 1}
    left, rest = sorted(set(nodes) - set(sure)), sorted(set(owns) - set(sure.values()))
    if len(left) == len(rest) == 1 and found[rest[0]] is None and not owns[rest[0]].addresses:
        sure[left[0]] = rest[0]
    return sure


def renamed(table: ClusterStatus, ours: Mapping[str, str], at: Mapping[str, str]) -> ClusterStatus:
    """Return the table with each node called as we call it; ``called`` keeps the product's name of it.

    :param ours: ``{name in cluster-status: our name of the node}``; who is not in it keeps its name.
    :param at: ``{address: our name of the node}``, for whom a node follows.
    """

    def of(node: Node) -> Node:
        followed = node.following or ""
        following = ours.get(followed) or at.get(followed) or node.following
        return dataclasses.replace(node, name=ours.get(node.name, node.name), following=following, called=node.name)

    return dataclasses.replace(table, nodes=tuple(of(node) for node in table.nodes))


def alike(name: str, other: str) -> bool:
    """Whether two names may be one host's: letter case aside, and one of them may lack its domain."""
    one, two = name.lower(), other.lower()
    return one == two or one == _short(two) or two == _short(one)


def _short(name: str) -> str:
    """A name without its domain; an address has none."""
    first, _, rest = name.partition(".")
    return name if rest.replace(".", "").isdigit() else first


def _is_at(node: Node, own: Own) -> bool:
    """Whether a row's address is a host's: ``publish_address`` may be a name."""
    is_a_name = any(letter.isalpha() for letter in node.ip) and ":" not in node.ip
    return node.ip in own.addresses or (is_a_name and _bears(node.ip, own.names))


def _is_called(name: str, names: Collection[str]) -> bool:
    """Whether a name is one of a host's; letter case tells nobody apart."""
    return name.lower() in {one.lower() for one in names}


def _bears(name: str, names: Collection[str]) -> bool:
    """Whether a name is one of a host's, but for a domain that one of the two lacks."""
    return any(alike(name, one) for one in names)

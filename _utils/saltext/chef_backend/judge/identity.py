"""Which row of cluster-status is which minion: by what a node says of itself, never by the likeness of two names.

The product knows a node by its GUID, its ``fqdn`` and its ``publish_address``; none of them need equal anything that
Salt knows. Where a node tells its GUID, that decides. Else its row is the one that a run has seen to be its, or that
bears its name or its address: as the product on it has them, and where that does not tell, the host's own. Names are
compared whole; letter case tells no host from itself.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from saltext.chef_backend.product import member
from saltext.chef_backend.product.cluster_status import ClusterStatus, Node
from saltext.chef_backend.product.member import Member

NOT_ITS_OWN = ("127.", "::1", "169.254.", "fe80:")  # how addresses begin that every host may have


@dataclasses.dataclass(frozen=True)
class Own:
    """What a node knows of itself."""

    names: tuple[str, ...] = ()  # the minion's id, and what the host is called
    addresses: tuple[str, ...] = ()  # the host's
    member: Member = member.NOBODY  # what the product on it says

    @classmethod
    def of_grains(cls, minion: str, grains: Mapping[str, Any]) -> "Own":
        """Read it from Salt's grains; what is of loopback or of one link alone is no address of a member."""
        names = [minion, *(str(grains[name]) for name in ("fqdn", "nodename", "host") if grains.get(name))]
        addresses = [str(one) for name in ("ipv4", "ipv6") for one in grains.get(name) or ()]
        return cls(tuple(dict.fromkeys(names)), tuple(one for one in addresses if not one.startswith(NOT_ITS_OWN)))

    @property
    def tells(self) -> bool:
        """Whether it knows more than its minion's id."""
        return bool(self.addresses) or self.member != member.NOBODY

    def __str__(self) -> str:
        told, names, addresses = self.member, ", ".join(self.names), ", ".join(self.addresses)
        parts = (
            f"name {told.name}" if told.name else f"the host's names {names}",
            f"GUID {told.guid}" if told.guid else "no GUID",
            f"publish address {told.address}" if told.address else f"the host's addresses {addresses or 'unknown'}",
        )
        return ", ".join(parts)


NOBODY = Own()


def row_of(nodes: Iterable[Node], own: Own, before: Member | None = None) -> Node | None:
    """Return the one row that is a node's; None if none is, several are, or what it says of itself is of two rows.

    :param before: the node as the record of a run knows it.
    """
    several, told = list(nodes), own.member
    if told.guid:
        return next((node for node in several if node.guid == told.guid), None)
    there = [node for node in several if _is_at(node, own)]
    kept = next((node for node in several if before and node.guid == before.guid), None)
    if kept:
        others = [node for node in several if node is not kept and (node in there or _is(node, told.name))]
        return None if others else kept
    # the minion's id goes before what a host is called that was made from another one's disk
    for names in ((told.name,),) if told.name else (own.names[:1], own.names):
        found = [node for node in several if any(_is(node, name) for name in names)]
        if found and there:
            found = [node for node in found if node in there]
            if not found:
                return None
        if found:
            return found[0] if len(found) == 1 else None
    return there[0] if len(there) == 1 else None


def may_be(node: Node, own: Own) -> bool:
    """Whether a row may be a node's: by anything that it says of itself, or its host is called."""
    by_name = any(_is(node, name) for name in (own.member.name, *own.names))
    return by_name or node.guid == own.member.guid or _is_at(node, own)


def matched(table: ClusterStatus, owns: Mapping[str, Own], before: Mapping[str, Member]) -> dict[str, str]:
    """Return ``{name in cluster-status: minion id}`` of the rows that are sure: one minion's, and no other's.

    Where all others are told, the last row is that of the last minion, if that has said nothing of itself.

    :param before: minions as the record of a run knows them; some of them may not have been asked.
    """
    asked = owns if len(owns) >= len(table.nodes) else {**owns, **before}  # who has left the pillar claims nothing
    found = {minion: row_of(table.nodes, owns.get(minion, NOBODY), before.get(minion)) for minion in asked}
    names = [row.name for row in found.values() if row]
    sure = {row.name: minion for minion, row in found.items() if row and names.count(row.name) == 1}
    left = [node.name for node in table.nodes if node.name not in sure]
    rest = [minion for minion in found if minion not in sure.values()]
    if len(left) == len(rest) == 1 and found[rest[0]] is None and not owns.get(rest[0], NOBODY).tells:
        sure[left[0]] = rest[0]
    return sure


def renamed(table: ClusterStatus, ours: Mapping[str, str], known: Mapping[str, str]) -> ClusterStatus:
    """Return the table with each node called as we call it; ``called`` keeps the product's name of it.

    :param ours: ``{name in cluster-status: our name of the node}``; who is not in it keeps its name.
    :param known: ``{name or address: our name of the node}``, for whom a node follows.
    """

    def of(node: Node) -> Node:
        following = known.get(node.following or "") or node.following
        return dataclasses.replace(node, name=ours.get(node.name, node.name), following=following, called=node.name)

    return dataclasses.replace(table, nodes=tuple(of(node) for node in table.nodes))


def by_what(node: Node, own: Own, before: Member | None) -> str:
    """Say by what a row is taken for a node's."""
    told = own.member
    if node.guid == told.guid:
        return "its GUID"
    if before and node.guid == before.guid:
        return "the record of the run"
    ways = {"its name": any(_is(node, name) for name in ((told.name,) if told.name else own.names))}
    ways["its address"] = _is_at(node, own)
    return " and ".join(way for way, holds in ways.items() if holds)


def _is_at(node: Node, own: Own) -> bool:
    """Whether a row's address is a node's: ``publish_address`` may be a name, and the row the address it stands for."""
    told = own.member.address
    if told and (node.ip.lower() == told.lower() or not _is_a_name(told)):
        return node.ip.lower() == told.lower()
    return node.ip in own.addresses or (_is_a_name(node.ip) and any(_same(node.ip, name) for name in own.names))


def _is(node: Node, name: str | None) -> bool:
    """Whether the product calls a node so."""
    return name is not None and _same(node.product_name, name)


def _same(name: str, other: str) -> bool:
    return name.lower() == other.lower()


def _is_a_name(address: str) -> bool:
    return ":" not in address and any(letter.isalpha() for letter in address)

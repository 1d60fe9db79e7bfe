"""Read what etcd's API says of its members."""

import dataclasses

from saltext.chef_backend.product.reading import ParseError, read_json


@dataclasses.dataclass(frozen=True)
class Member:
    """One member of etcd; its name is the node's GUID."""

    id: str
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]


def parse_members(text: str) -> tuple[Member, ...]:
    """Read what etcd answers to ``GET /v2/members``; returns a tuple of Member.

    A member that has not started yet has no name and no client addresses.

    :raises ParseError: not JSON, or not a list of members.
    """
    data = read_json(text, "etcd's members")
    rows = data.get("members") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not rows:
        raise ParseError("no members in this JSON", text[:80])
    members = []
    for row in rows:
        peers, clients = (_urls(row, key) for key in ("peerURLs", "clientURLs"))
        if peers is None or clients is None:
            raise ParseError("a member of etcd without peerURLs and clientURLs", str(row))
        if not isinstance(row.get("id"), str) or not isinstance(row.get("name"), str):
            raise ParseError("a member of etcd without id and name", str(row))
        members.append(Member(row["id"], row["name"], peers, clients))
    return tuple(members)


def _urls(row: object, key: str) -> tuple[str, ...] | None:
    found = row.get(key) if isinstance(row, dict) else None
    return tuple(found) if isinstance(found, list) and all(isinstance(url, str) for url in found) else None

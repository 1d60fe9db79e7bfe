"""Read what etcd's API says of its members."""

import dataclasses

from saltext.chef_backend.product.reading import ParseError, read_json


@dataclasses.dataclass(frozen=True)
class Member:
    """One member of etcd; its name is the node's GUID."""

    id: str
    name: str
    peer_urls: tuple
    client_urls: tuple


def parse_members(text):
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
        urls = [row.get(key) for key in ("peerURLs", "clientURLs")] if isinstance(row, dict) else [None]
        if not all(isinstance(some, list) and all(isinstance(url, str) for url in some) for some in urls):
            raise ParseError("a member of etcd without peerURLs and clientURLs", str(row))
        if not isinstance(row.get("id"), str) or not isinstance(row.get("name"), str):
            raise ParseError("a member of etcd without id and name", str(row))
        members.append(Member(row["id"], row["name"], *(tuple(some) for some in urls)))
    return tuple(members)

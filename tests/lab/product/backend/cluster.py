"""What the cluster's nodes tell each other through etcd, below cb/.

Only `control/blocked_leaders` is a public name of the product; the others, and what the values look like,
are synthetic.

    leader                    name of the node that leads; lives as long as the leader refreshes it (TTL)
    pgleader                  name of the node that last promoted PostgreSQL and serves; stays
    members/NAME              a member's identity; stays
    status/NAME               what the node's leaderl posted last; expires
    candidates/NAME           how far a node's data goes, while there is no leader; expires
    control/blocked_leaders   who may not be elected
    control/request           a hand-over that is asked for; control/answer: what became of it
    control/handover          the point in the WAL that the next leader must have replayed
    control/down/NAME         the node is down for an upgrade
    control/restored          which restored backup all data must go back to
    control/upgrade/NAME      the node is in `upgrade` now; expires
    control/overlap/NAME      who else was in `upgrade` while NAME was
    installed                 the version that the cluster was made with
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass, field

from .etcd import Conflict, Etcd
from .node import Identity

STATUS_TTL = 3
"""A post lives for so many posting intervals."""


@dataclass(frozen=True)
class Post:
    """One node's status as its leaderl saw it at `posted` (epoch seconds, same clock in the whole lab)."""

    name: str
    ip: str
    guid: str
    role: str
    pg: str
    es: str
    following: str
    eligible: bool
    partially_synced: bool
    version: str
    disks: dict[str, str] = field(default_factory=dict)
    posted: float = 0.0


@dataclass(frozen=True)
class Block:
    """Who may not be elected: the whole cluster, or single nodes by GUID."""

    cluster: bool = False
    nodes: tuple[str, ...] = ()

    def holds(self, guid: str) -> bool:
        """True when this node may not take over the leadership."""
        return self.cluster or guid in self.nodes


class Cluster:
    """The cluster's keys, read and written through `etcd`. All methods raise etcd.Unavailable."""

    def __init__(self, etcd: Etcd):
        self.etcd = etcd

    def leader(self) -> str | None:
        """Name of the node that holds the leader's key."""
        return self.etcd.get("leader")

    def serving(self) -> str | None:
        """Name of the node that last began to serve as leader."""
        return self.etcd.get("pgleader")

    def members(self) -> dict[str, Identity]:
        """All members by name."""
        return {name: Identity(**json.loads(text)) for name, text in self.etcd.children("members").items()}

    def add(self, member: Identity) -> None:
        """Make the node known as a member."""
        self.etcd.put(f"members/{member.name}", json.dumps(asdict(member)))

    def forget(self, name: str) -> None:
        """Remove a member and all that it left."""
        for key in ("members", "status", "candidates", "control/down", "control/upgrade", "control/overlap"):
            self.etcd.delete(f"{key}/{name}")

    def posts(self) -> dict[str, Post]:
        """The last posts that have not expired, by name."""
        return {name: Post(**json.loads(text)) for name, text in self.etcd.children("status").items()}

    def post(self, post: Post, interval: float) -> None:
        """Publish this node's status; `interval` in seconds sets when it expires."""
        self.etcd.put(f"status/{post.name}", json.dumps(asdict(post)), ttl=max(2, round(interval * STATUS_TTL)))

    def block(self) -> Block:
        """Who is blocked; nobody when the key was never written."""
        text = self.etcd.get("control/blocked_leaders")
        if not text:
            return Block()
        found = json.loads(text)
        return Block(found["cluster"], tuple(found["nodes"]))

    def change_block(self, *, cluster: bool | None = None, node: str | None = None, blocked: bool = True) -> Block:
        """Block or free the cluster (`cluster`) or one node by GUID (`node`, `blocked`); returns what holds.

        Two changes at once do not undo each other.
        """
        for _ in range(20):
            record = self.etcd.node("control/blocked_leaders")
            before = self.block() if record is None else _block_from(record["value"])
            nodes = set(before.nodes)
            if node is not None:
                nodes = nodes | {node} if blocked else nodes - {node}
            after = Block(before.cluster if cluster is None else cluster, tuple(sorted(nodes)))
            condition = {"prevExist": False} if record is None else {"prevIndex": record["modifiedIndex"]}
            try:
                self.etcd.put("control/blocked_leaders", json.dumps(asdict(after)), **condition)
                return after
            except Conflict:
                time.sleep(0.02)
        raise Conflict("control/blocked_leaders: others kept changing it")

    def installed_with(self) -> str | None:
        """The version that the cluster was made with."""
        return self.etcd.get("installed")

    def note_installed_with(self, version: str) -> None:
        """Keep the version that the cluster is made with, if none is kept."""
        with contextlib.suppress(Conflict):
            self.etcd.put("installed", version, prevExist=False)

    def restored(self) -> str:
        """Which restored backup the nodes' data must go back to; '' when none was ever restored."""
        return self.etcd.get("control/restored") or ""

    def down(self) -> set[str]:
        """Names of the nodes that are down for an upgrade."""
        return set(self.etcd.children("control/down"))

    def upgrading(self) -> set[str]:
        """Names of the nodes that are in `upgrade`."""
        return set(self.etcd.children("control/upgrade"))


def _block_from(text: str) -> Block:
    found = json.loads(text)
    return Block(found["cluster"], tuple(found["nodes"]))

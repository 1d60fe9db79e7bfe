"""What cluster-status and status print, from plain values: for the stand-ins, and for the model of tests/simulation."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol


class Shown(Protocol):
    """One node, as it posted itself."""

    @property
    def name(self) -> str: ...

    @property
    def ip(self) -> str: ...

    @property
    def guid(self) -> str: ...

    @property
    def role(self) -> str: ...

    @property
    def pg(self) -> str: ...

    @property
    def es(self) -> str: ...

    @property
    def following(self) -> str: ...

    @property
    def eligible(self) -> bool: ...


def table(header: Sequence[str], rows: Collection[Sequence[str]]) -> str:
    """Columns as wide as their content, two blanks between them, as in S1."""
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([cell.ljust(width) for cell, width in zip(line, widths, strict=True)]).rstrip() for line in lines
    )


def cluster_status(version: tuple[int, ...], posts: Iterable[Shown], blocked: Collection[str]) -> str:
    """The table of nodes; `blocked` names those of whom failover is off."""
    header = ["Name", "IP", "GUID", "Role", "PG", "ES"]
    shown = sorted(posts, key=lambda post: post.name)
    rows = [[post.name, post.ip, post.guid, post.role, post.pg, post.es] for post in shown]
    # synthetic: that these columns exist is documented, what they are called and hold is not
    if version >= (1, 1, 2):
        header += ["Following"]
        for row, post in zip(rows, shown, strict=True):
            row.append(post.following or "-")
    if version >= (2, 0, 30):
        header += ["Blocked", "Eligible"]
        for row, post in zip(rows, shown, strict=True):
            row.append("blocked" if post.name in blocked else "not_blocked")
            row.append("eligible" if post.eligible else "not_eligible")
    return table(header, rows)


def services(rows: Collection[Sequence[str]]) -> str:
    """The table of services: name, local status, time in state, what is seen of the cluster."""
    return table(["Service", "Local Status", "Time in State", "Distributed Node Status"], rows)


def system(local: str, seen: str) -> str:
    """The table of the system's checks."""
    return table(["System", "Local Status", "Distributed Node Status"], [["disks", local, seen]])


def time_in_state(seconds: float) -> str:
    """Such as `1d 5h 59m 41s`."""
    days, rest = divmod(max(0, int(seconds)), 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    return f"{days}d {hours}h {minutes}m {left}s"


def leaderl(roles: Sequence[str], total: int) -> str:
    """Roles of the nodes that posted, and how many members there are."""
    leaders, followers = roles.count("leader"), roles.count("follower")
    waiting = len(roles) - leaders - followers
    return f"leader: {leaders}; waiting: {waiting}; follower: {followers}; total: {total}"


def etcd(healthy: int, members: int) -> str:
    """synthetic: only `green` is public."""
    colour = "green" if healthy == members else "yellow" if healthy * 2 > members else "red"
    return f"health: {colour}; healthy nodes: {healthy}/{members}"


def postgresql(synced: int, syncing: int, followers: int) -> str:
    """What the leader's replication statistics tell."""
    return f"leader: 1; offline: {followers - synced - syncing}; syncing: {syncing}; synced: {synced}"


def elasticsearch(colour: str, online: int, members: int) -> str:
    """What Elasticsearch's health tells."""
    return f"state: {colour}; nodes online: {online}/{members}"


def disks(healthy: int, members: int) -> str:
    """Whose disks have room."""
    return f"health: {'green' if healthy == members else 'yellow'}; healthy nodes: {healthy}/{members}"


NO_ETCD = "error: could not reach etcd ({})"  # synthetic wording; that a cell can hold `error: ...` is in S7
NO_LEADER = "error: could not reach pgsql leader for replication stats"
NO_SEARCH = "error: could not reach elasticsearch"  # synthetic


# messages of commands; all synthetic
FAILOVER = {True: "Failover is now enabled for the cluster.", False: "Failover is now disabled for the cluster."}
DISABLED = "Failover is disabled: see set-cluster-failover and set-node-failover."
NO_FOLLOWER = "No follower is able to lead: none replicates."
LEADS_BACKUP = "{0} is the leader: run the backup on a follower, or pass --force."
NO_POSTGRESQL = "PostgreSQL does not run on this node: there is nothing to back up."
BROKEN_OFF = "{0} is partially synced: another node was in upgrade at the same time."
NOT_REJOINED = "{0} has not rejoined the cluster after {1:.0f} seconds."
UNEXPECTED = (
    "An unexpected error occurred:\n   {0}\nFor more information run the command with the --verbose flag."  # S13
)


def refused_path(running: str, installed: str, is_down: bool) -> str | None:
    """Why the product does not go this way (the table in its documentation), or None."""
    old, new = numbers(running), numbers(installed)
    if new < old:
        return f"Chef Backend {running} cannot be downgraded to {installed}."
    if new[0] >= 3 and old < (2, 1, 0):
        return f"Chef Backend {running} cannot be upgraded to {installed} directly: upgrade to 2.3.16 first."
    if old[0] < 2 <= new[0] and not is_down:
        return f"The upgrade from {running} to {installed} needs downtime: run down-for-upgrade on all nodes first."
    return None


@functools.cache
def numbers(version: str) -> tuple[int, ...]:
    """`2.3.16` as (2, 3, 16)."""
    return tuple(int(part) for part in version.split("."))

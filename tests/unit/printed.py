"""Prints a cluster as chef-backend-ctl would, from a plain description, so that a test knows the truth it printed.

The layouts follow the samples; those of columns no sample has are synthetic (see samples/README.md).
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

NODES = ("be1", "be2", "be3")


@dataclasses.dataclass(frozen=True)
class Member:
    """One row of cluster-status."""

    name: str
    role: str = "follower"
    pg: str = "follower"
    es: str = "not_master"
    following: str = "be1"
    blocked: str = "not_blocked"
    eligible: str = "eligible"

    @property
    def guid(self) -> str:
        return self.name.encode().hex().rjust(32, "0")

    @property
    def ip(self) -> str:
        last = self.name[-1] if self.name[-1].isdigit() else self.name.partition(".")[0][-1]
        return f"10.0.0.{last}"


MEMBERS = (
    Member("be1", role="leader", pg="leader", following="-"),
    Member("be2"),
    Member("be3", es="master"),
)
COLUMNS = {
    "Name": "name", "IP": "ip", "GUID": "guid", "Role": "role", "PG": "pg", "ES": "es",
    "Following": "following", "Blocked": "blocked", "Eligible": "eligible",
}  # fmt: skip
SERVICES = {
    "leaderl": "leader: 1; waiting: 0; follower: 2; total: 3",
    "epmd": "status: local-only",
    "etcd": "health: green; healthy nodes: 3/3",
    "postgresql": "leader: 1; offline: 0; syncing: 0; synced: 2",
    "elasticsearch": "state: green; nodes online: 3/3",
}
DISKS = ("/var/log/chef-backend: OK; /var/opt/chef-backend: OK", "health: green; healthy nodes: 3/3")


def changed(name: str, **fields: Any) -> tuple[Member, ...]:
    """Return the healthy members with fields of one of them replaced."""
    return tuple(dataclasses.replace(member, **fields) if member.name == name else member for member in MEMBERS)


def cluster_status(members: Iterable[Member] = MEMBERS, columns: Sequence[str] = tuple(COLUMNS), gap: int = 2) -> str:
    """Print the table, with columns in that order; a gap of 1 loses the padding."""
    rows = [list(columns)] + [[getattr(member, COLUMNS[column]) for column in columns] for member in members]
    return table(rows, gap)


def status(
    cells: Mapping[str, str] = SERVICES,
    down: Collection[str] = (),
    disks: Iterable[str] | None = DISKS,
    gap: int = 2,
) -> str:
    """Print services and their last cells; those named ``down`` are; ``disks`` None leaves the System section out."""
    rows = [["Service", "Local Status", "Time in State", "Distributed Node Status"]]
    for number, (name, cell) in enumerate(cells.items()):
        local = "down" if name in down else f"running (pid {1200 + number})"
        rows.append([name, local, f"1d 5h {number}m 41s", cell])
    text = table(rows, gap)
    if disks:
        text += "\n" + table([["System", "Local Status", "Distributed Node Status"], ["disks", *disks]], gap)
    return text


def cells(**changes: str | None) -> dict[str, str]:
    """Return the healthy cells with some replaced; a cell that is None leaves its service out."""
    return {name: cell for name, cell in (SERVICES | changes).items() if cell is not None}


def table(rows: Collection[Sequence[str]], gap: int) -> str:
    """Lay out rows as the samples do."""
    widths = [max(map(len, column)) if gap > 1 else 0 for column in zip(*rows, strict=True)]
    lines = ((" " * gap).join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines) + "\n"


# the healthy cluster, but that failover is off
OFF = cluster_status(tuple(dataclasses.replace(member, blocked="blocked") for member in MEMBERS))

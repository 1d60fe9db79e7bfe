"""A run as it is told: its record, and entries of its journal (synthetic)."""

from typing import Any

from saltext.chef_backend.journal import Entry
from saltext.chef_backend.record import Owner, Record

OPENED = 1795348800.0
RUN = "20261122120000000000"
ARCHIVE: dict[str, Any] = {
    "archive": "/var/opt/chef-backup/chef-backup-2026-11-22.tgz",
    "size": 48123904,
    "members": 12,
}


def record(**fields: Any) -> Record:
    """Return the record of a rolling run that is done."""
    given: dict[str, Any] = {
        "run": RUN,
        "cluster": "prod",
        "way": "rolling",
        "target": "2.3.16",
        "leader": "be1",
        "failover_found": "on",
        "backends": ("be1", "be2", "be3"),
        "frontends": ("fe1", "fe2"),
        "owner": Owner(RUN, "hub", "b1", 4711, 1002),
        "opened": OPENED,
        "changed": OPENED + 95,
        "lease": 120,
        "state": "done",
    }
    return Record(**(given | fields))


def entry(
    at: float,
    node: str,
    step: str,
    how: str,
    seconds: float | None = None,
    comment: str | None = None,
    **data: Any,
) -> Entry:
    """Return an entry that was told ``at`` seconds after the run was opened."""
    return Entry(OPENED + at, "prod", RUN, node, step, how, seconds, comment, data)


def command(at: float, node: str, words: str, seconds: float = 0.5, status: int = 0) -> Entry:
    """Return the entry of a command that ended then."""
    how = "failed" if status else "end"
    return entry(at, node, "command", how, seconds, argv=words.split(), status=status)


def step(begin: float, end: float, node: str, name: str, how: str = "end") -> list[Entry]:
    """Return the two entries of a step."""
    return [entry(begin, node, name, "begin"), entry(end, node, name, how, round(end - begin, 1))]


def upgrade(at: float, node: str, last: bool = False) -> list[Entry]:
    """Return what is told of a node's upgrade that begins then and takes 18 seconds."""
    words = "chef-backend-ctl upgrade --failover" if last else "chef-backend-ctl upgrade"
    return [
        entry(at, node, "gate", "end", values=[
            {"node": node, "what": "lag", "value": 1024, "bound": 52428800},
            {"node": node, "what": "services up for", "value": 61, "bound": 10},
        ]),
        *step(at, at + 4, node, "install"),
        command(at + 4, node, "install /var/cache/chef-backend_2.3.16-1_amd64.deb", 3.9),
        *step(at + 4, at + 12, node, "upgrade"),
        command(at + 12, node, words, 8.0),
        *step(at + 12, at + 18, node, "rejoin"),
    ]  # fmt: skip


def whole_run() -> list[Entry]:
    """Return the entries of a rolling run that went well, with a probe."""
    return [
        entry(0, "prod", "open", "end", comment="rolling to 2.3.16"),
        entry(0.4, "fe1", "probe", "begin", error=None),
        entry(1, "be2", "backup", "begin"),
        command(7, "be2", "chef-backend-ctl backup --yes", 5.8),
        entry(7.2, "be2", "backup", "end", 6.2, **ARCHIVE),
        command(10, "be2", "chef-backend-ctl set-cluster-failover off"),
        entry(10.1, "prod", "failover off", "end"),
        *upgrade(11, "be2"),
        *upgrade(30, "be3"),
        command(49, "be2", "chef-backend-ctl set-cluster-failover on"),
        entry(49.2, "prod", "failover on", "end"),
        *upgrade(51, "be1", last=True),
        entry(56, "fe1", "probe", "failed", 0.2, "503 Service Unavailable", error="503 Service Unavailable"),
        entry(57.4, "fe1", "probe", "end", 0.1, error=None),
        entry(58, "be2", "leads", "end"),
        *step(72, 73, "prod", "verify"),
        *step(74, 82, "fe1", "reconfigure"),
        command(81, "fe1", "chef-server-ctl reconfigure", 6.8),
        *step(83, 91, "fe2", "reconfigure"),
        command(90, "fe2", "chef-server-ctl reconfigure", 6.6),
        entry(95, "prod", "close", "end", comment="run is done; failover is on"),
    ]

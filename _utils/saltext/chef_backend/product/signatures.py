"""Known lines of commands and logs: what each means, and the remedy that is documented for it."""

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Signature:
    """One known line."""

    name: str
    pattern: re.Pattern[str]
    means: str
    remedy: str
    source: str

    def __str__(self) -> str:
        return f"{self.means}: {self.remedy} ({self.source})"


def _known(name: str, pattern: str, means: str, remedy: str, source: str) -> Signature:
    return Signature(name, re.compile(pattern, re.IGNORECASE), means, remedy, source)


SIGNATURES = (
    _known(
        "old-settings",
        r"unknown setting \[path\.scripts\]",
        "Elasticsearch 6 was given settings of 5, as the upgrade to 3.x ended half-way",
        "run 'chef-backend-ctl upgrade' on this node once more",
        "chef-server PR 3214",
    ),
    _known(
        "old-index",
        r"index \[{1,2}[^\]]{1,99}\]{1,2}.{0,40}was created (?:with version|before).{0,200}(?:re-?index|upgraded)",
        "the search index was made by an Elasticsearch that is too old for this one",
        "delete it on all backends and build it again: orch.chef_backend_reindex",
        "Chef Backend's upgrade page, Elasticsearch's index compatibility",
    ),
    _known(
        "wal-gone",
        r"requested WAL segment \S{1,60} has already been removed",
        "the leader has thrown away what this follower still needs",
        "it needs a full copy: 'salt-run chef_backend.status' names the commands",
        "Chef Backend's page on recovery",
    ),
    _known(
        "other-system",
        r"database system identifier differs between the primary and standby",
        "PostgreSQL's data here is of another cluster",
        "it needs a full copy: 'salt-run chef_backend.status' names the commands",
        "PostgreSQL's streaming replication",
    ),
    _known(
        "password",
        r"password authentication failed for user",
        "the secrets of this node are not the cluster's",
        "compare /etc/chef-backend/chef-backend-secrets.json, or the frontend's chef-server.rb, with the leader's",
        "PostgreSQL's authentication",
    ),
    _known(
        "connections",
        r"remaining connection slots are reserved|sorry, too many clients already",
        "PostgreSQL has no connection left",
        "stop whoever holds them, or raise max_connections in chef-backend.rb",
        "PostgreSQL's connection settings",
    ),
    _known(
        "no-space",
        r"no space left on device",
        "a disk is full",
        "make room there, then run the same command again",
        "Chef Backend needs 250 MB free",
    ),
    _known(
        "clock",
        r"clock difference against peer \S{1,60} is too high",
        "etcd sees the clocks of two backends too far apart",
        "have NTP set both",
        "etcd's log",
    ),
    _known(
        "slow-etcd",
        r"failed to send out heartbeat on time|server is likely overloaded",
        "etcd's disk, or its host, is too slow",
        "give it a faster disk, or find out what else uses it",
        "etcd's frequently asked questions",
    ),
    _known(
        "map-count",
        r"max virtual memory areas vm\.max_map_count \[\d{1,12}\] is too low",
        "Elasticsearch may not map as much memory as it needs",
        "sysctl -w vm.max_map_count=262144, and keep it in /etc/sysctl.d",
        "Elasticsearch's bootstrap checks",
    ),
    _known(
        "no-memory",
        r"insufficient memory for the Java Runtime Environment|java\.lang\.OutOfMemoryError",
        "Elasticsearch has not got the memory that it wants",
        "free memory on the host, or lower elasticsearch.heap_size in chef-backend.rb",
        "the Java virtual machine",
    ),
    _known(
        "migrations-locked",
        r"cannot lock migration state",
        "another chef-server-ctl upgrade is at work on this database",
        "wait until it has ended, then run the same command again",
        "chef-server's partybus",
    ),
    _known(
        "licence",
        r"without accepting the license",
        "the product's licence is not accepted",
        "read it, and set server:accept_license in the pillar",
        "Chef Infra Server 13 and later",
    ),
    _known(
        "dpkg-interrupted",
        r"dpkg was interrupted, you must manually run",
        "an installation was cut off",
        "run 'dpkg --configure -a' on this node, then the same command again",
        "dpkg",
    ),
    _known(
        "package-locked",
        r"could not get lock /var/lib/(?:dpkg|apt)|is locked by another process|app is currently holding the yum lock",
        "somebody else is installing packages",
        "wait until that has ended, then run the same command again",
        "the package manager",
    ),
)
BY_NAME = {one.name: one for one in SIGNATURES}


def known(text: str) -> list[Signature]:
    """Return the signatures that a text holds, each once, in the order of the table."""
    return [one for one in SIGNATURES if one.pattern.search(text)]


def told(text: str) -> str:
    """Say what is known of a text, one sentence a signature, with blanks between; empty if nothing is."""
    return "; ".join(map(str, known(text)))

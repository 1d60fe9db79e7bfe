"""What this node is: its identity, settings, secrets and versions."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from . import paths
from .machine import Machine, this_machine


class NotConfigured(Exception):
    """The node belongs to no cluster."""


@dataclass(frozen=True)
class Identity:
    """A member: host name, published IPv4 address, GUID of 32 hex digits (also its etcd member name)."""

    name: str
    ip: str
    guid: str

    @property
    def slot(self) -> str:
        """Name of the replication slot that the leader keeps for this member."""
        return f"cb_{self.guid}"


@dataclass(frozen=True)
class Settings:
    """Times in seconds of the lab (divided by its speed already), heartbeats in ms, lag in bytes."""

    leader_ttl: int
    status_post: float
    health_interval: float
    health_failures: int
    max_bytes_behind: int
    required_active_followers: int
    heartbeat_ms: int
    election_ms: int
    speed: float


def new_guid() -> str:
    """32 random hex digits."""
    return secrets.token_hex(16)


def read_settings(file: Path = paths.SETTINGS) -> dict[str, str]:
    """The keys of chef-backend.rb, as `publish_address '10.0.0.1'` or `leaderl.leader_ttl_seconds = 30`.

    Raises ValueError naming the line that is neither a setting nor a comment.
    """
    found = {}
    lines = file.read_text().splitlines() if file.exists() else []
    for number, line in enumerate(lines, 1):
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        match = re.fullmatch(r"([a-z_.]+)\s*=?\s*(['\"]?)([^'\"]*)\2", line)
        if not match:
            raise ValueError(f"{file}, line {number}: not a setting: {line}")
        found[match[1]] = match[3]
    return found


def settings(machine: Machine | None = None) -> Settings:
    """The node's settings with the documented defaults, in the lab's time."""
    machine = machine or this_machine()
    given = read_settings()
    # etcd counts TTLs in whole seconds.
    ttl = max(1, round(machine.scaled(float(given.get("leaderl.leader_ttl_seconds", 30)))))
    return Settings(
        leader_ttl=ttl,
        status_post=machine.scaled(float(given.get("leaderl.status_post_interval_seconds", 10))),
        health_interval=machine.scaled(float(given.get("leaderl.health_check.interval_seconds", 5))),
        health_failures=int(given.get("leaderl.health_check.max_pgsql_failures", 5)),
        max_bytes_behind=int(given.get("leaderl.health_check.max_bytes_behind_leader", 52428800)),
        required_active_followers=int(given.get("leaderl.required_active_followers", 0)),
        # Below these, two cores shared by a whole lab hold needless elections.
        heartbeat_ms=int(machine.scaled(float(given.get("etcd.heartbeat_interval", 500)), 100)),
        election_ms=int(machine.scaled(float(given.get("etcd.election_timeout", 5000)), 1000)),
        speed=machine.speed,
    )


def create_identity(address: str | None = None) -> Identity:
    """A new identity of this host, written to its place; raises ValueError without an address to publish."""
    machine = this_machine()
    ip = address or read_settings().get("publish_address") or machine.address
    if not ip:
        raise ValueError(f"no address to publish: set publish_address in {paths.SETTINGS}")
    identity = Identity(machine.name, ip, new_guid())
    paths.IDENTITY.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(paths.IDENTITY, json.dumps(asdict(identity)))
    return identity


def identity() -> Identity:
    """This node as a member; raises NotConfigured before create-cluster or join-cluster."""
    try:
        return Identity(**json.loads(paths.IDENTITY.read_text()))
    except FileNotFoundError:
        raise NotConfigured("cluster not configured") from None


def create_secrets() -> None:
    """New passwords of a cluster, in the product's file, readable by root and by PostgreSQL's user only."""
    install_secrets(
        json.dumps(
            {
                "postgresql": {
                    "db_superuser_password": secrets.token_hex(24),
                    "replication_password": secrets.token_hex(24),
                },
                "etcd": {"initial_cluster_token": secrets.token_hex(16)},
            },
            indent=2,
        )
    )


def install_secrets(text: str) -> None:
    """Put the secrets in place, root:chef_pgsql 0640; raises ValueError when they are not a cluster's."""
    try:
        if not json.loads(text)["postgresql"]["db_superuser_password"]:
            raise ValueError("the password is empty")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"not the secrets of a cluster: {error!r}") from error
    paths.SECRETS.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    shutil.chown(paths.SECRETS.parent, "root", paths.PG_USER)
    write_atomically(paths.SECRETS, text, 0o640)
    shutil.chown(paths.SECRETS, "root", paths.PG_USER)


def superuser_password() -> str:
    """The password with which chef_pgsql connects over the network."""
    password: str = json.loads(paths.SECRETS.read_text())["postgresql"]["db_superuser_password"]
    return password


def installed_version() -> str:
    """The version of the package on the disk."""
    version: str = json.loads(paths.MANIFEST.read_text())["build_version"]
    return version


def running_version() -> str:
    """The version that the node's last upgrade, create-cluster or join-cluster brought it to."""
    try:
        return paths.UPGRADED_TO.read_text().strip()
    except FileNotFoundError:
        return installed_version()


def version_numbers(version: str) -> tuple[int, ...]:
    """`2.3.16` as (2, 3, 16)."""
    return tuple(int(part) for part in version.split("."))


def write_atomically(file: Path, text: str, mode: int = 0o644) -> None:
    """Replace `file` in one step; a reader sees the old or the new text."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "w") as out:
        out.write(text)
    os.chmod(temporary, mode)
    temporary.replace(file)

"""What a frontend is told: /etc/opscode/chef-server.rb, and where the product keeps what."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

SETTINGS = Path("/etc/opscode/chef-server.rb")
DATA = Path("/var/opt/opscode")
LOGS = Path("/var/log/opscode")
SERVICES = Path("/opt/opscode/sv")
MANIFEST = Path("/opt/opscode/version-manifest.json")
MIGRATION_LEVEL = DATA / "upgrades" / "migration-level"
UPGRADED_TO = DATA / "upgraded-to"
LICENSE = DATA / ".license.accepted"
PSQL = "/opt/opscode/embedded/bin/psql"

CLIENTS_PORT, API_PORT, STATUS_PORT = 80, 4545, 4546
"""What clients reach, nginx; behind it, on 127.0.0.1 only: the API server and the status page."""

DATABASE = "opscode_chef"


class ServerError(Exception):
    """The command ends with this message and `status`."""

    def __init__(self, message: str, status: int = 1):
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class ServerSettings:
    """What chef-server.rb says. members: addresses of the backends; ports: local ones of HAProxy."""

    fqdn: str
    superuser: str
    password: str
    members: tuple[str, ...]
    postgresql_port: int
    elasticsearch_port: int

    @property
    def api_password(self) -> str:
        """The API server's own password in the database, the same on every frontend of a cluster.

        Derived, as all frontends have the superuser's password, but no other secret in common.
        """
        return hashlib.sha256(f"{self.password}:{DATABASE}".encode()).hexdigest()


def read_settings(file: Path = SETTINGS) -> ServerSettings:
    """Read chef-server.rb as gen-server-config writes it; raises ServerError naming what is missing."""
    if not file.exists():
        raise ServerError(f"{file} is missing: make it with chef-backend-ctl gen-server-config on a backend.")
    found = {}
    for line in file.read_text().splitlines():
        match = re.fullmatch(r"\s*([a-z_0-9]+(?:\['[a-z_0-9]+'\])?)\s*=?\s*(.+?)\s*", line.split("#", 1)[0])
        if match:
            found[match[1]] = match[2].strip("'\"")
    try:
        return ServerSettings(
            fqdn=found["fqdn"],
            superuser=found["postgresql['db_superuser']"],
            password=found["postgresql['db_superuser_password']"],
            members=tuple(json.loads(found["chef_backend_members"])),
            postgresql_port=int(found["haproxy['remote_postgresql_port']"]),
            elasticsearch_port=int(found["haproxy['remote_elasticsearch_port']"]),
        )
    except KeyError as missing:
        raise ServerError(f"{file}: {missing.args[0]} is not set") from missing
    except ValueError as error:
        raise ServerError(f"{file}: {error}") from error


def installed_version() -> str:
    """The version of the package on the disk."""
    version: str = json.loads(MANIFEST.read_text())["build_version"]
    return version


def version_numbers(version: str) -> tuple[int, ...]:
    """`14.16.19` as (14, 16, 19)."""
    return tuple(int(part) for part in version.split("."))


def write_private(file: Path, text: str, mode: int = 0o600) -> bool:
    """Replace `file` in one step; True when its text changed."""
    if file.exists() and file.read_text() == text:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as out:
        out.write(text)
    temporary.replace(file)
    return True

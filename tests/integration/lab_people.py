"""Those who use the laboratory in its own tests: a client that writes, and an onlooker who waits and counts."""

from __future__ import annotations

import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.rows import TupleRow

from tests.lab.common import PATIENCE
from tests.lab.evidence import Event
from tests.lab.hosts import Lab

Found = TypeVar("Found")

SECRETS = "/etc/chef-backend/chef-backend-secrets.json"
FAULTS = "/etc/lab/faults.json"


def password(lab: Lab) -> str:
    """The cluster's superuser's password, as every backend keeps it."""
    backend = next(host for host in lab.backends if lab.is_on(host))
    text = (lab.root(backend) / SECRETS.lstrip("/")).read_text()
    secret: str = json.loads(text)["postgresql"]["db_superuser_password"]
    return secret


def sql(lab: Lab, host: str, statement: str, database: str = "postgres") -> list[TupleRow]:
    """Rows of one statement, asked of a host's PostgreSQL (a backend's) or HAProxy (a frontend's) over the network."""
    with psycopg.connect(
        host=lab.address(host), user="chef_pgsql", password=password(lab), dbname=database,
        connect_timeout=2, autocommit=True,
    ) as connection:  # fmt: skip
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def until(holds: Callable[[], Found], what: str) -> Found:
    """Poll until ``holds()`` is true and return what it returned; fail naming ``what`` when patience is over."""
    end = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < end, f"after {PATIENCE} s still not: {what}"
        time.sleep(0.05)
    return found


def serves(lab: Lab, host: str) -> int:
    """What a host's /leader answers: 200, 503, or 0 when it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{lab.address(host)}:7331/leader", timeout=1) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def leaders(lab: Lab, among: Iterable[str] | None = None) -> list[str]:
    """The hosts whose /leader answers 200 now."""
    return [host for host in among or lab.backends if serves(lab, host) == 200]


def the_leader(lab: Lab) -> str:
    """The host that serves, after the time that a change may take."""
    return until(lambda: leaders(lab), "somebody leads")[0]


def ctl(lab: Lab, host: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run chef-backend-ctl to its end, whatever its status."""
    return lab.exec(host, "chef-backend-ctl", *words, check=False, timeout=120)


def nodes(lab: Lab, host: str) -> dict[str, dict[str, Any]]:
    """What ``cluster-status --json`` shows on a host, by name; empty when it fails."""
    shown = ctl(lab, host, "cluster-status", "--json")
    return {node["name"]: node for node in json.loads(shown.stdout)["nodes"]} if shown.returncode == 0 else {}


def replicas(lab: Lab, leader: str) -> set[str]:
    """The names of those that stream from ``leader``, by its own word; empty when it does not answer."""
    try:
        rows = sql(lab, leader, "select host(client_addr) from pg_stat_replication where state = 'streaming'")
    except psycopg.Error:
        return set()
    addresses = {address for (address,) in rows}
    return {name for name in lab.backends if lab.address(name) in addresses}


def throws_wal_away(lab: Lab, leader: str, follower: str) -> None:
    """While a follower is stopped, its leader goes on without it for so long that it keeps nothing for it any more."""
    for service in ("leaderl", "postgresql"):  # the one starts the other again
        assert ctl(lab, follower, "stop", service).returncode == 0
    until(lambda: follower not in replicas(lab, leader), "it follows no more")
    sql(lab, leader, "alter system set wal_keep_size = 0")
    sql(lab, leader, "select pg_reload_conf()")
    for number in range(4):
        sql(lab, leader, f"create table thrown_away_{number} (number int)")
        sql(lab, leader, "select pg_switch_wal()")
    sql(lab, leader, "select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active")
    sql(lab, leader, "checkpoint")
    assert ctl(lab, follower, "start", "leaderl").returncode == 0


def install(lab: Lab, host: str, version: str) -> subprocess.CompletedProcess[str]:
    """Install a version's package on a backend, and nothing more."""
    return _install(lab, host, lab.package(version))


def install_server(lab: Lab, host: str, version: str) -> subprocess.CompletedProcess[str]:
    """Install a version's package on a frontend, and nothing more."""
    return _install(lab, host, lab.server_package(version))


def _install(lab: Lab, host: str, source: Path) -> subprocess.CompletedProcess[str]:
    lab.put(host, f"/root/{source.name}", source.read_bytes())
    return lab.exec(host, "dpkg", "-i", f"/root/{source.name}")


def events(lab: Lab, kind: str, since: float) -> list[Event]:
    """The journal's events of a kind from a time (epoch seconds) on."""
    return [event for event in lab.journal() if event["event"] == kind and event["time"] >= since]


class Writer(threading.Thread):
    """Writes numbered rows through a frontend's HAProxy; each acknowledged commit is remembered.

    acknowledged: numbers; times: when (monotonic seconds). Use as a context manager.
    """

    def __init__(self, lab: Lab, frontend: str = "fe1", pause: float = 0.002):
        super().__init__(daemon=True)
        self.lab, self.frontend, self.pause = lab, frontend, pause
        self.secret = password(lab)
        self.first = 0
        self.acknowledged: list[int] = []
        self.times: list[float] = []
        self.halt = threading.Event()

    def __enter__(self) -> Writer:
        sql(self.lab, self.frontend, "create table if not exists written (number int primary key)")
        self.first = sql(self.lab, self.frontend, "select coalesce(max(number), 0) from written")[0][0]
        self.start()
        until(lambda: len(self.acknowledged) > 50, "50 rows are written")
        return self

    def __exit__(self, *_: object) -> None:
        self.halt.set()
        self.join(20)
        assert not self.is_alive(), "the writer hangs"

    def run(self) -> None:
        number = self.first
        connection: psycopg.Connection | None = None
        while not self.halt.wait(self.pause):
            number += 1  # a number whose fate is unknown is never used again
            try:
                connection = connection or self._connect()
                connection.execute("insert into written values (%s)", (number,))
            except psycopg.Error:
                if connection:
                    connection.close()
                connection = None
                continue
            self.acknowledged.append(number)
            self.times.append(time.monotonic())

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=self.lab.address(self.frontend), user="chef_pgsql", password=self.secret, dbname="postgres",
            connect_timeout=1, autocommit=True, tcp_user_timeout=1000,
            options="-c statement_timeout=2000",
        )  # fmt: skip

    def writes_again(self) -> None:
        """Wait until ten more rows are acknowledged."""
        enough = len(self.acknowledged) + 10
        until(lambda: len(self.acknowledged) >= enough, "rows are written again")

    def longest_gap(self) -> float:
        """The longest time in seconds between two acknowledged rows."""
        return max(after - before for before, after in zip(self.times, self.times[1:], strict=False))

    def lost(self) -> set[int]:
        """Acknowledged rows that are not there."""
        there = {number for (number,) in sql(self.lab, self.frontend, "select number from written")}
        return set(self.acknowledged) - there

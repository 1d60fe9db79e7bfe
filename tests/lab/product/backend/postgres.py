"""PostgreSQL on this node: made, started, stopped, promoted, rewound, asked."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from . import faults, node, paths, runit

Row = tuple[Any, ...]

SERVICE = paths.SERVICES / "postgresql"
STANDBY = paths.PGDATA / "standby.signal"
FOLLOW = paths.PGDATA / "leaderl.conf"
PASSFILE = paths.POSTGRESQL / ".pgpass"

CONFIGURATION = f"""
# written by chef-backend-ctl
listen_addresses = '*'
unix_socket_directories = '{paths.SOCKETS}'
password_encryption = 'scram-sha-256'
wal_log_hints = on
max_wal_senders = 10
max_replication_slots = 10
wal_keep_size = 128MB
shared_buffers = 32MB
max_connections = 120
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 500ms
wal_receiver_timeout = 5s
wal_sender_timeout = 5s
tcp_keepalives_idle = 5
log_line_prefix = '%m '
include_if_exists 'leaderl.conf'
"""

ACCESS = """
# written by chef-backend-ctl
local all all peer map=backend
local replication all peer map=backend
host all all 127.0.0.1/32 scram-sha-256
host all all samenet scram-sha-256
host replication all samenet scram-sha-256
"""

USERS = f"""
backend {paths.PG_USER} {paths.PG_USER}
backend root {paths.PG_USER}
"""


def run_script() -> str:
    """What runit runs. A deposed leader's data may not be served until it has been brought back into line."""
    return (
        f"if [ -e {paths.NO_START} ]; then\n"
        f"  echo 'not starting: {paths.NO_START} exists'; sleep 1; exit 1\n"
        "fi\n"
        f"mkdir -p {paths.SOCKETS}; chown {paths.PG_USER} {paths.SOCKETS}\n"
        f"exec chpst -u {paths.PG_USER} {paths.PG_BIN}/postgres -D {paths.PGDATA}"
    )


def stop_script() -> str:
    """In place of TERM (a smart shutdown, which waits for all clients): a fast shutdown."""
    return f"kill -INT $(head -1 {paths.PGDATA}/postmaster.pid)"


def lsn(text: str) -> int:
    """`16/B374D848` as a number of bytes."""
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


FOLLOWERS = "pg_stat_replication left join pg_replication_slots on active_pid = pid"
"""Who streams from a node: told by the slot, as a follower may come from another address than the published one."""


def query(statement: str, parameters: tuple[object, ...] = (), host: str | None = None, seconds: int = 2) -> list[Row]:
    """Run one statement as superuser; rows, or an empty list. Raises psycopg2.Error.

    host: address of another node, or None for this one through its socket; seconds: to connect and to answer.
    """
    import psycopg2  # here: it is a third of what a command needs to start, and most need no PostgreSQL

    connection = psycopg2.connect(
        user=paths.PG_USER,
        dbname="postgres",
        host=str(paths.SOCKETS) if host is None else host,
        password=None if host is None else node.superuser_password(),
        connect_timeout=seconds,
        # Unsent data of a vanished host would otherwise be retried for a quarter of an hour.
        tcp_user_timeout=seconds * 1000,
    )
    with closing(connection):
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []


def try_query(statement: str, parameters: tuple[object, ...] = (), host: str | None = None) -> list[Row] | None:
    """As query(), with None when the server does not answer."""
    import psycopg2

    try:
        return query(statement, parameters, host)
    except (psycopg2.Error, OSError):
        return None


def in_recovery(host: str | None = None) -> bool | None:
    """True on a follower, False on a primary, None when it does not answer."""
    import psycopg2

    try:
        recovers: bool = query("select pg_is_in_recovery()", host=host, seconds=1)[0][0]
    except (psycopg2.Error, OSError):
        return None
    return recovers


def exists() -> bool:
    """True when there is a data folder."""
    return (paths.PGDATA / "PG_VERSION").exists()


def is_standby() -> bool:
    """True when the data is a follower's."""
    return STANDBY.exists()


def is_running() -> bool:
    """True when runit has a process of it."""
    return runit.is_running(SERVICE)


def initialise() -> None:
    """A new, empty primary with the cluster's superuser and password."""
    paths.POSTGRESQL.mkdir(parents=True, exist_ok=True)
    shutil.chown(paths.POSTGRESQL, paths.PG_USER, paths.PG_USER)
    password = paths.POSTGRESQL / ".initial"
    node.write_atomically(password, node.superuser_password(), 0o600)
    shutil.chown(password, paths.PG_USER, paths.PG_USER)
    try:
        _as_user(
            "initdb",
            "--no-sync",
            "--data-checksums",
            "-U",
            paths.PG_USER,
            "--auth=scram-sha-256",
            f"--pwfile={password}",
            "-D",
            str(paths.PGDATA),
            check=True,
        )
    finally:
        password.unlink()
    with (paths.PGDATA / "postgresql.conf").open("a") as file:
        file.write(CONFIGURATION)
    (paths.PGDATA / "pg_hba.conf").write_text(ACCESS)
    (paths.PGDATA / "pg_ident.conf").write_text(USERS)


def start(seconds: float = 30) -> bool | None:
    """Start and wait for an answer: True as a follower, False as a primary, None without one in time."""
    runit.start(SERVICE)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        state = in_recovery()
        if state is not None:
            return state
        time.sleep(0.02)
    return None


def stop() -> None:
    """A fast stop: what was committed is on the disk and sent to every connected follower."""
    runit.stop(SERVICE)


def stop_hard() -> None:
    """An immediate stop: nothing more is written or sent."""
    kill_hard()
    runit.stop(SERVICE)


def kill_hard() -> None:
    """Tell the server to stop at once, without waiting, and keep runit from starting it again."""
    subprocess.Popen(["sv", "-w", "0", "down", str(SERVICE)], stdout=subprocess.DEVNULL)
    try:
        pid = int((paths.PGDATA / "postmaster.pid").read_text().split()[0])
        # After a power loss the file is stale, and its number may be another process's now.
        if Path(f"/proc/{pid}/comm").read_text().strip() == "postgres":
            os.kill(pid, signal.SIGQUIT)
    except (OSError, ValueError, IndexError):
        return


def promote(seconds: float = 30) -> bool:
    """Make the follower a primary; False when it is none in time."""
    _as_user("pg_ctl", "promote", "--no-wait", "-D", str(paths.PGDATA))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if in_recovery() is False:
            return True
        time.sleep(0.005)
    return False


def replayed() -> int:
    """How far this follower's data goes, in bytes of WAL."""
    received, applied = query("select pg_last_wal_receive_lsn()::text, pg_last_wal_replay_lsn()::text")[0]
    return max(lsn(received or "0/0"), lsn(applied or "0/0"))


def last_checkpoint() -> str:
    """Location of the last checkpoint of a stopped server, as PostgreSQL writes it."""
    answer = _as_user("pg_controldata", str(paths.PGDATA), check=True).stdout
    for line in answer.splitlines():
        name, _, value = line.partition(":")
        if name == "Latest checkpoint location":
            return value.strip()
    raise RuntimeError(f"pg_controldata names no checkpoint: {answer[:200]}")


def follow(leader: node.Identity, me: node.Identity) -> bool:
    """Write whom to stream from; True when that is new."""
    node.write_atomically(PASSFILE, f"*:5432:*:{paths.PG_USER}:{node.superuser_password()}\n", 0o600)
    shutil.chown(PASSFILE, paths.PG_USER, paths.PG_USER)
    source = _source(leader) + ("" if faults.read().get("nameless") else f" application_name={me.name}")
    wanted = f"primary_conninfo = '{source}'\nprimary_slot_name = '{me.slot}'\n"
    if FOLLOW.exists() and FOLLOW.read_text() == wanted:
        return False
    node.write_atomically(FOLLOW, wanted, 0o600)
    shutil.chown(FOLLOW, paths.PG_USER, paths.PG_USER)
    return True


def make_standby(leader: node.Identity, me: node.Identity) -> None:
    """Have the data start as a follower of `leader`; pg_rewind has copied the source's settings."""
    follow(leader, me)
    STANDBY.touch()
    shutil.chown(STANDBY, paths.PG_USER, paths.PG_USER)


def rewind(leader: node.Identity, me: node.Identity) -> str | None:
    """Undo what the leader does not have; None on success, otherwise what pg_rewind said."""
    follow(leader, me)
    answer = _as_user("pg_rewind", "-D", str(paths.PGDATA), "--source-server", f"{_source(leader)} dbname=postgres")
    return None if answer.returncode == 0 else (answer.stderr + answer.stdout).strip()


def base_backup(leader: node.Identity, me: node.Identity) -> str | None:
    """Copy all data from the leader; None on success, otherwise what pg_basebackup said.

    Until the copy is complete the `unsynced` file stands: a half copy may never lead or start.
    """
    paths.UNSYNCED.parent.mkdir(parents=True, exist_ok=True)
    paths.UNSYNCED.touch()
    shutil.rmtree(paths.PGDATA, ignore_errors=True)
    paths.POSTGRESQL.mkdir(parents=True, exist_ok=True)
    shutil.chown(paths.POSTGRESQL, paths.PG_USER, paths.PG_USER)
    follow_folder = paths.PGDATA
    follow_folder.mkdir(mode=0o700)
    shutil.chown(follow_folder, paths.PG_USER, paths.PG_USER)
    node.write_atomically(PASSFILE, f"*:5432:*:{paths.PG_USER}:{node.superuser_password()}\n", 0o600)
    shutil.chown(PASSFILE, paths.PG_USER, paths.PG_USER)
    answer = _as_user("pg_basebackup", "-D", str(paths.PGDATA), "-X", "stream", "-c", "fast", "-d", _source(leader))
    if answer.returncode:
        return (answer.stderr + answer.stdout).strip()
    make_standby(leader, me)
    paths.UNSYNCED.unlink()
    return None


def copy_to(folder: Path, seconds: float) -> str | None:
    """Copy this node's data into an empty folder of chef_pgsql's; None on success, otherwise what went wrong.

    Raises subprocess.TimeoutExpired after `seconds`.
    """
    answer = _as_user(
        "pg_basebackup",
        "-D",
        str(folder),
        "-X",
        "stream",
        "-c",
        "fast",
        "-h",
        str(paths.SOCKETS),
        "-U",
        paths.PG_USER,
        seconds=seconds,
    )
    return (answer.stderr + answer.stdout).strip() if answer.returncode else None


def take_as_primary() -> None:
    """Make the data folder, just put in place from a copy, this node's primary."""
    for path in (paths.PGDATA, *paths.PGDATA.rglob("*")):
        shutil.chown(path, paths.PG_USER, paths.PG_USER)
    paths.PGDATA.chmod(0o700)
    STANDBY.unlink(missing_ok=True)
    FOLLOW.unlink(missing_ok=True)


def verify_checksums() -> None:
    """Read all data of the stopped server and compare the checksums; raises RuntimeError when it is damaged.

    A server that was stopped hard cannot be checked before it has recovered.
    """
    if not exists() or "shut down" not in _as_user("pg_controldata", str(paths.PGDATA)).stdout:
        return
    _as_user("pg_checksums", "--check", "-D", str(paths.PGDATA), check=True)


def _source(leader: node.Identity) -> str:
    return (
        f"host={leader.ip} user={paths.PG_USER} passfile={PASSFILE} connect_timeout=2"
        " keepalives_idle=2 keepalives_interval=1 keepalives_count=2"
    )


def _as_user(
    program: str, *arguments: str, check: bool = False, seconds: float | None = None
) -> subprocess.CompletedProcess[str]:
    answer = subprocess.run(
        ["chpst", "-u", paths.PG_USER, str(Path(paths.PG_BIN) / program), *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        timeout=seconds,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    if check and answer.returncode:
        raise RuntimeError(f"{program} failed: {(answer.stderr + answer.stdout).strip()[-500:]}")
    return answer

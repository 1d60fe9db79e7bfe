"""What chef-server-ctl does: reconfigure, upgrade, services, cleanup, reindex, maintenance, version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2
from psycopg2.extensions import cursor as Cursor

from . import faults, journal, runit, server_api, server_haproxy, server_index, server_nginx, server_redis
from .machine import this_machine
from .server_settings import (
    DATABASE,
    LICENSE,
    MIGRATION_LEVEL,
    SERVICES,
    SETTINGS,
    UPGRADED_TO,
    ServerError,
    installed_version,
    read_settings,
    version_numbers,
    write_private,
)

BACKUPS = Path("/var/opt/chef-backup")
NAMES = ("haproxy", "goiardi", "status_api", "nginx")
"""The services, in the order in which they start: clients come in by the last."""

_RULE = "-" * 19
_HEADINGS = tuple(f"{_RULE}\n {kind} Services \n{_RULE}\n" for kind in ("Internal", "External"))

FIRST_WITH_MAINTENANCE = (14, 6, 32)
FIRST_WITH_CHECK_CONFIG = (14,)
FIRST_WITH_LEVEL_IN_DATABASE = (12, 17, 15)
LAST_TO_END_MAINTENANCE = (15, 10, 52)
"""Later versions' `reconfigure` leaves maintenance mode as it is."""


def reconfigure(_arguments: list[str]) -> int:
    """Write all configuration, start everything, see that it works."""
    settings = read_settings()
    server_haproxy.configure(settings)
    server_haproxy.wait_for_leader()
    server_index.make(settings)
    is_first = server_api.prepare_database(settings)
    server_api.configure(settings)
    if version_numbers(installed_version()) <= LAST_TO_END_MAINTENANCE:
        # Open source: the key is written anew from the settings, whose default is off. When in its course: inferred.
        _hold_clients_back(False)
    server_nginx.configure()
    server_api.wait_until_it_answers(with_key=is_first)
    if not UPGRADED_TO.exists():
        write_private(UPGRADED_TO, installed_version() + "\n", 0o644)
        write_private(MIGRATION_LEVEL, _level(installed_version()), 0o644)
    print("Chef Infra Server Reconfigured!")
    return 0


def upgrade(_arguments: list[str]) -> int:
    """Bring the database to the installed version; the first frontend migrates, a file tells the others."""
    _require_license()
    if any((SERVICES / name).exists() and runit.is_running(SERVICES / name) for name in ("goiardi", "status_api")):
        raise ServerError("Stop Chef Infra Server before it is upgraded: chef-server-ctl stop")  # synthetic
    settings = read_settings()
    before = UPGRADED_TO.read_text().strip() if UPGRADED_TO.exists() else installed_version()
    installed = installed_version()
    if version_numbers(installed) < version_numbers(before):
        raise ServerError(f"Chef Infra Server {before} cannot be downgraded to {installed}.")  # synthetic
    server_haproxy.configure(settings)
    server_haproxy.wait_for_leader()
    if faults.once("migration_locked"):  # open source: the migration tool logs it, and ends with 0
        print("Cannot lock migration state.  Another upgrade in progress?", file=sys.stderr)
        return 0
    wanted = _level(installed)
    mine = MIGRATION_LEVEL.read_text() if MIGRATION_LEVEL.exists() else ""
    with (
        closing(server_api.connect(settings, DATABASE)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "select shobj_description(oid, 'pg_database') from pg_database where datname = %s",
            (DATABASE,),
        )
        (done,) = cursor.fetchone() or (None,)
        if done == wanted and mine != wanted:
            # Documented: copy the file from the frontend that migrated. The text is synthetic.
            raise ServerError(f"The database is migrated already: copy {MIGRATION_LEVEL} from the first frontend.")
        if done != wanted:
            _migrate(cursor, wanted)
        cursor.execute(f"comment on database {DATABASE} is %s", (wanted,))
        if version_numbers(installed) >= FIRST_WITH_LEVEL_IN_DATABASE:
            _keep_level(cursor, wanted)
    write_private(MIGRATION_LEVEL, wanted, 0o644)
    write_private(UPGRADED_TO, installed + "\n", 0o644)
    print("Chef Infra Server Upgraded!")
    return 0


def _migrate(cursor: Cursor, level: str) -> None:
    """The schema step, which a second time would do harm: each one leaves a row that can be counted. synthetic."""
    cursor.execute("create table if not exists public.migrations (level text, frontend text, at timestamptz)")
    cursor.execute("insert into public.migrations values (%s, %s, now())", (level, this_machine().name))


def _keep_level(cursor: Cursor, level: str) -> None:
    """Open source: the database keeps its own level."""
    cursor.execute("create table if not exists public.partybus_migration_state (name text primary key, value text)")
    cursor.execute(
        "insert into public.partybus_migration_state values ('migration-level', %(level)s) "
        "on conflict (name) do update set value = %(level)s",
        {"level": level},
    )


def _level(version: str) -> str:
    """The level that a release brings the database to. synthetic: only the file is documented."""
    return json.dumps({"major": 1, "minor": version_numbers(version)[0] * 100 + version_numbers(version)[1]}) + "\n"


def _require_license() -> None:
    if LICENSE.exists() or version_numbers(installed_version()) < (13,):
        return
    if os.environ.get("CHEF_LICENSE", "").startswith("accept"):
        LICENSE.parent.mkdir(parents=True, exist_ok=True)
        LICENSE.touch()
        return
    raise ServerError("Chef Infra Server cannot execute without accepting the license", 172)


def _services(verb: str) -> Callable[[list[str]], int]:
    def run(arguments: list[str]) -> int:
        unknown = [name for name in arguments if name not in NAMES]
        if unknown:
            raise ServerError(f"Unknown service: {unknown[0]}")
        if not (SERVICES / NAMES[0]).exists():
            raise ServerError("Chef Infra Server is not configured: run chef-server-ctl reconfigure.")  # synthetic
        names = arguments or (NAMES if verb != "stop" else tuple(reversed(NAMES)))
        slow = faults.ordered("slow_stop") if verb == "stop" else None
        if slow and slow["service"] in names:
            _is_deaf(SERVICES / slow["service"], runit.GRACE + float(slow["seconds"]))
        inside, outside = _HEADINGS if verb == "status" and not arguments else ("", "")
        print(inside, end="")
        worst = 0
        for name in names:
            answer = runit.sv(verb, name, environment={**os.environ, "SVDIR": str(SERVICES)})
            print((answer.stdout + answer.stderr).rstrip())
            worst = max(worst, answer.returncode)
        if outside:
            print(outside + _external())
        return worst

    return run


def _external() -> str:
    """What `status` says of a PostgreSQL that is elsewhere. synthetic: what it says of one that cannot be reached."""
    settings = read_settings()
    where = f"127.0.0.1:{settings.postgresql_port}"
    try:
        server_api.connect(settings).close()
    except ServerError:
        return f"down: postgresql: failed to connect to {where}"
    return f"run: postgresql: connected OK to {where}"


def _is_deaf(folder: Path, seconds: float) -> None:
    """Have a service outlive what runit waits for: it does not hear the TERM, and ends in the background later.

    runit's line lacks ``got TERM`` therefore, which it sets only for a signal that it has sent itself.
    """
    pid, term = (folder / "supervise" / "pid").read_text().strip(), folder / "control" / "t"
    if pid:
        runit.write_script(term, "exit 0")
        later = f"sleep {seconds}; rm {term}; kill {pid}"
        # not even its errors: who reads those of this command would wait for this one's end
        subprocess.Popen(["sh", "-c", f"exec >/dev/null 2>&1 </dev/null; {later}"], start_new_session=True)


def cleanup(_arguments: list[str]) -> int:
    """Remove what an upgrade left behind."""
    print("Chef Infra Server Cleaned up!")  # synthetic: the stand-in leaves nothing behind
    return 0


def backup(arguments: list[str]) -> int:
    """Pack this frontend's settings and secrets; the lab knows no other backup of a frontend."""
    if "--config-only" not in arguments:
        raise ServerError("lab: only --config-only")
    BACKUPS.mkdir(parents=True, exist_ok=True)
    name = BACKUPS / time.strftime("chef-backup-%Y-%m-%d-%H-%M-%S.tgz", time.gmtime())
    with tarfile.open(name, "w:gz") as archive:
        archive.add(SETTINGS.parent, "etc/opscode")
    name.chmod(0o600)
    print(f"** Backup written to {name}")  # synthetic
    return 0


def maintenance(arguments: list[str]) -> int:
    """Have nginx refuse clients (`on`) or let them in again (`off`); since 14.6.32."""
    if version_numbers(installed_version()) < FIRST_WITH_MAINTENANCE:
        return _unknown("maintenance")
    if arguments not in (["on"], ["off"]):
        raise ServerError("Usage: chef-server-ctl maintenance on|off")
    if not runit.is_running(SERVICES / "haproxy"):
        # S23: the product keeps the switch in its own Redis
        raise ServerError(
            "Error connecting to Redis on 127.0.0.1:16379 (Errno::ECONNREFUSED) (Redis::CannotConnectError)"
        )
    _hold_clients_back(arguments == ["on"])
    print(f"Maintenance mode is {arguments[0]}.")  # synthetic
    return 0


def _hold_clients_back(on: bool) -> None:
    server_redis.write(on)
    server_nginx.follow(on)


def check_config(_arguments: list[str]) -> int:
    """See that the settings can be read and the cluster be reached; changes nothing. Since 14.0."""
    if version_numbers(installed_version()) < FIRST_WITH_CHECK_CONFIG:
        return _unknown("check-config")
    server_api.connect(read_settings()).close()
    print("[INFO] Configuration checks passed")  # synthetic
    return 0


def version(_arguments: list[str]) -> int:
    """The installed version."""
    print(installed_version())
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "reconfigure": reconfigure,
    "upgrade": upgrade,
    **{verb: _services(verb) for verb in ("start", "stop", "restart", "status")},
    "check-config": check_config,
    "backup": backup,
    "cleanup": cleanup,
    "reindex": server_index.reindex,
    "maintenance": maintenance,
    "version": version,
}


def main(argv: list[str] | None = None) -> int:
    """Run one command line, with the journal; returns the exit status."""
    return journal.kept(this_machine().name, "chef-server-ctl", run, sys.argv[1:] if argv is None else argv)


def run(argv: list[str]) -> int:
    """Without the journal."""
    faults.start()
    if os.geteuid() != 0:
        print("chef-server-ctl must be run as root.", file=sys.stderr)
        return 1
    name = argv[0] if argv else "help"
    if name in ("help", "-h", "--help"):
        print("\n".join(["usage: chef-server-ctl COMMAND", "", *sorted(COMMANDS)]))
        return 0
    if name not in COMMANDS:
        return _unknown(name)
    ordered = faults.take(name)
    if ordered is not None:
        return ordered
    try:
        return COMMANDS[name](argv[1:])
    except ServerError as error:
        print(error, file=sys.stderr)
        return error.status
    except (OSError, TimeoutError, psycopg2.Error, subprocess.CalledProcessError) as error:
        print(f"chef-server-ctl {name} failed: {error}", file=sys.stderr)
        return 1


def _unknown(name: str) -> int:
    print(f"I don't know that command: {name}", file=sys.stderr)
    return 1

"""The frontend's API server (goiardi, Debian's package) and its database in the cluster."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection

from . import runit
from .server_settings import (
    API_PORT,
    CLIENTS_PORT,
    DATABASE,
    LOGS,
    PSQL,
    SERVICES,
    ServerError,
    ServerSettings,
    write_private,
)

SERVICE = SERVICES / "goiardi"
STATUS_SERVICE = SERVICES / "status_api"
CONFIGURATION = Path("/etc/goiardi/goiardi.conf")
ADMIN_KEY = Path("/etc/goiardi/admin.pem")
SCHEMA = "/usr/share/goiardi/sql-files/sql-files/goiardi-schema-postgres.sql"
STATUS_FILE = Path("/etc/opscode/status-api.json")

SETUP_LOCK = 4545
"""Advisory lock of the database server: two frontends never make the schema at once."""

GRANTS = f"""
grant all on schema goiardi, sqitch to {DATABASE};
grant all on all tables in schema goiardi to {DATABASE};
grant all on all sequences in schema goiardi to {DATABASE};
grant all on all functions in schema goiardi to {DATABASE};
alter role {DATABASE} in database {DATABASE} set search_path = goiardi, sqitch, public;
"""

ORGANISATION, ORGANISATION_ID = "default", "0123456789abcdef0123456789abcdef"
"""The one that goiardi knows."""

TABLES = f"""
create table public.orgs (id char(32) primary key, name text not null unique);
insert into public.orgs values ('{ORGANISATION_ID}', '{ORGANISATION}');
create table public.others (org_id char(32) not null, kind text not null, name text not null);
create view public.nodes as select '{ORGANISATION_ID}'::char(32) as org_id, name from goiardi.nodes
  union all select org_id, name from public.others where kind = 'node';
create view public.roles as select '{ORGANISATION_ID}'::char(32) as org_id, name from goiardi.roles
  union all select org_id, name from public.others where kind = 'role';
create view public.clients as select '{ORGANISATION_ID}'::char(32) as org_id, name from goiardi.clients
  union all select org_id, name from public.others where kind = 'client';
create view public.environments as select '{ORGANISATION_ID}'::char(32) as org_id, name from goiardi.environments
  union all select org_id, name from public.others where kind = 'environment';
create view public.data_bag_items as
  select '{ORGANISATION_ID}'::char(32) as org_id, b.name as data_bag_name, i.orig_name as item_name
  from goiardi.data_bag_items i join goiardi.data_bags b on b.id = i.data_bag_id
  union all select org_id, kind, name from public.others
  where kind not in ('node', 'role', 'client', 'environment');
"""
"""Chef Infra Server's own tables, as far as they are counted; `others`: objects of organisations that a test adds."""

TEMPLATE = """\
ipaddress = "127.0.0.1"
port = {api_port}
hostname = "{fqdn}"
proxy-port = {clients_port}
log-level = "warning"
conf-root = "/etc/goiardi"
use-auth = true
use-postgresql = true
pg-search = true
convert-search = true
local-filestore-dir = "/var/lib/goiardi/lfs"
db-pool-size = 10
max-connections = 20
[postgresql]
username = "{database}"
password = "{password}"
host = "127.0.0.1"
port = "{port}"
dbname = "{database}"
sslmode = "disable"
"""


def connect(settings: ServerSettings, database: str = "postgres", seconds: int = 5) -> Connection:
    """A connection as superuser to the leader, through HAProxy; raises ServerError."""
    try:
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=settings.postgresql_port,
            user=settings.superuser,
            password=settings.password,
            dbname=database,
            connect_timeout=seconds,
        )
    except psycopg2.Error as error:
        raise ServerError(f"The cluster's PostgreSQL does not let us in: {str(error).strip()}") from error
    connection.autocommit = True
    return connection


def prepare_database(settings: ServerSettings) -> bool:
    """Make role, database and schema unless the cluster has them; True when they were made now."""
    with closing(connect(settings)) as connection, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (SETUP_LOCK,))
        cursor.execute("select 1 from pg_roles where rolname = %s", (DATABASE,))
        if cursor.fetchone() is None:
            cursor.execute(f"create role {DATABASE} login")
        cursor.execute(f"alter role {DATABASE} password %s", (settings.api_password,))
        cursor.execute("select 1 from pg_database where datname = %s", (DATABASE,))
        if cursor.fetchone() is None:
            cursor.execute(f"create database {DATABASE} owner {DATABASE}")
        if _has_schema(settings):
            return False
        _load_schema(settings)
    return True


def _has_schema(settings: ServerSettings) -> bool:
    """True when the grants, which come last, are there: a broken attempt is begun anew."""
    with closing(connect(settings, DATABASE)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select 1 from pg_db_role_setting s join pg_roles r on r.oid = s.setrole where r.rolname = %s",
            (DATABASE,),
        )
        return cursor.fetchone() is not None


def _load_schema(settings: ServerSettings) -> None:
    # Without ON_ERROR_STOP: the schema sets a parameter that newer servers do not have.
    answer = subprocess.run(
        [
            PSQL,
            "-h",
            "127.0.0.1",
            "-p",
            str(settings.postgresql_port),
            "-U",
            settings.superuser,
            "-q",
            "-d",
            DATABASE,
            "-f",
            SCHEMA,
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PGPASSWORD": settings.password},
    )
    if answer.returncode:
        raise ServerError(f"The schema could not be loaded: {answer.stderr.strip()[-300:]}")
    with closing(connect(settings, DATABASE)) as connection, connection.cursor() as cursor:
        cursor.execute(TABLES)
        cursor.execute(GRANTS)


def configure(settings: ServerSettings) -> None:
    """Write the API server's and the status service's files, and run them; restarted only when changed."""
    text = TEMPLATE.format(
        api_port=API_PORT,
        clients_port=CLIENTS_PORT,
        fqdn=settings.fqdn,
        database=DATABASE,
        password=settings.api_password,
        port=settings.postgresql_port,
    )
    changed = write_private(CONFIGURATION, text)
    runit.define(SERVICE, f"mkdir -p /var/lib/goiardi/lfs\nexec goiardi -c {CONFIGURATION}", str(LOGS / "goiardi"))
    runit.define(STATUS_SERVICE, "exec /opt/opscode/embedded/bin/status-api", str(LOGS / "status_api"))
    runit.serve({SERVICE: changed, STATUS_SERVICE: False})


def answers(port: int, seconds: float = 2) -> bool:
    """True when the API server answers a request, be it that it wants a signature; port: its own, or nginx's."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/nodes", timeout=seconds).close()
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True


def wait_until_it_answers(with_key: bool, seconds: float = 30) -> None:
    """Wait for the API server behind nginx, `with_key` also until it has written the administrator's key.

    Only the first server on a new database writes one. Raises ServerError.
    """
    until = time.monotonic() + seconds
    while not answers(CLIENTS_PORT) or (with_key and not ADMIN_KEY.exists()):
        if time.monotonic() > until:
            raise ServerError(f"The API server does not answer after {seconds:.0f} seconds.")
        time.sleep(0.1)

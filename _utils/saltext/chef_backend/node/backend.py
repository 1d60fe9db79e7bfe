"""What this backend is asked: its version, who leads, whether failover is on, how far followers are."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import waiting
from saltext.chef_backend.errors import NotYet
from saltext.chef_backend.judge import identity
from saltext.chef_backend.node import ctl, files, itself, web
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.product import backend_settings, command, etcd_metrics, migrations, objects, runit
from saltext.chef_backend.product import index as indexes
from saltext.chef_backend.product.cluster_status import UNKNOWN, ClusterStatus
from saltext.chef_backend.product.reading import ParseError
from saltext.chef_backend.product.status import Status

MANIFEST = "/opt/chef-backend/version-manifest.json"
PSQL = "/opt/chef-backend/embedded/bin/psql"
PGSQL_USER = "chef_pgsql"
TAKES_WRITES = "select pg_is_in_recovery()"
MAPPING_URL = "http://127.0.0.1:9200/chef/_mapping"
METRICS_URL = "http://127.0.0.1:2379/metrics"
INDEX_URL = "http://127.0.0.1:9200/chef/_settings/index.version.created*?human"
LOGS = "/var/log/chef-backend"
SERVICES = ("leaderl", "epmd", "etcd", "postgresql", "elasticsearch")
STATES = {"on": "on", "true": "on", "enabled": "on", "off": "off", "false": "off", "disabled": "off"}


def version(host: Host) -> str:
    """Return the installed version. Raises CommandExecutionError."""
    return ctl.version(host, MANIFEST, "chef-backend")


def cluster_status(host: Host, timeout: float = 60, within: float = 0) -> str:
    """Return the table that ``cluster-status`` prints: every node and its role, seen from this one.

    :param within: seconds; what was asked so lately, with nothing changed since, is not asked again.
    """
    words = (command.BACKEND, "cluster-status")
    return ctl.lately(host, words, within, lambda: ctl.run(host, words, timeout))


def status(host: Host, service: str | None = None, simple: bool = False, timeout: float = 60, within: float = 0) -> str:
    """Return what ``status`` prints.

    :param service: one service only.
    :param simple: runit's own lines.
    :param within: seconds; what was asked so lately, with nothing changed since, is not asked again.
    :raises CommandExecutionError: nothing was printed at all.
    """
    words = (command.BACKEND, "status", *([service] if service else []), *(["--simple"] if simple else []))
    return ctl.lately(host, words, within, lambda: ctl.read(host, words, timeout))


def services(host: Host, within: float = 0) -> Status:
    """Return this node's services, and what they see of the cluster. Raises CommandExecutionError, ParseError."""
    return Status.from_text(status(host, within=within))


def cluster(host: Host, timeout: float = 60, within: float = 0) -> ClusterStatus:
    """Return the cluster as this node sees it. Raises CommandExecutionError."""
    try:
        return ClusterStatus.from_table(cluster_status(host, timeout, within))
    except ParseError as err:
        raise CommandExecutionError(f"{host.name}: chef-backend-ctl cluster-status: {err}") from err


def is_own(host: Host, seen: ClusterStatus, name: str) -> bool:
    """Tell whether a node of cluster-status is this host; one whose services are down may not be listed at all.

    :raises CommandExecutionError: it may be, and is not surely.
    """
    own = itself.own(host)
    row = itself.row(host, seen.nodes, own)
    if row is not None:
        return row.name == name
    for node in seen.nodes:
        if node.name == name and identity.may_be(node, own):
            shown = f"cluster-status shows {name} ({node.ip}), not surely this host"
            raise CommandExecutionError(f"{host.name}: {shown}: it says {own}")
    return False


def leader(host: Host, timeout: float = 60) -> str:
    """Return the name of the node that leads, by Role and by PostgreSQL.

    :raises CommandExecutionError: not exactly one node does: no leader is not a node's name.
    """
    return _leader(host, cluster(host, timeout))


def _leader(host: Host, seen: ClusterStatus) -> str:
    if len(seen.leaders) != 1 or not seen.leaders[0].leads:
        roles = ", ".join(f"{node.name}: {node.role}/{node.pg}" for node in seen.nodes)
        raise CommandExecutionError(f"{host.name} sees no single leader (role/PG: {roles})")
    return seen.leaders[0].name


def is_leader(host: Host) -> bool:
    """Tell whether this node leads, by its own name in ``cluster-status``. Raises CommandExecutionError."""
    seen = cluster(host)
    return is_own(host, seen, _leader(host, seen))


def takes_writes(host: Host, timeout: float = 30) -> bool:
    """Tell whether this node's PostgreSQL is the one that takes writes: asked of itself, not of a table that lags.

    :raises CommandExecutionError: it does not tell.
    """
    said = ask_postgresql(host, TAKES_WRITES, timeout=timeout).strip()
    if said not in ("t", "f"):
        raise CommandExecutionError(f"{host.name}: psql says {said!r}, expected t or f")
    return said == "f"


def new_leader(host: Host, timeout: float) -> str:
    """Return the leader after a hand-over, as soon as cluster-status shows one: it lags by what nodes post every 10 s.

    :raises CommandExecutionError: no other node is shown as the one leader when the bound has passed.
    """

    def look() -> str:
        seen = cluster(host)
        leads = _leader(host, seen)
        if is_own(host, seen, leads):
            raise NotYet(f"{host.name} leads")
        return leads

    return waiting.until(host.clock, look, timeout)


def failover(host: Host, timeout: float = 60) -> str:
    """Return ``on``, ``off``, ``mixed`` or ``unknown``: whether nodes may take over the lead.

    There is no command that reads it; the Blocked column of 2.0.30 and later tells. Earlier versions: ``unknown``.
    """
    return cluster(host, timeout).failover


def failover_word(state: object) -> str:
    """Return ``on`` or ``off`` for the six words of ctl, and for the booleans that YAML makes of on and off.

    :raises CommandExecutionError: it is no such word.
    """
    word = {True: "on", False: "off"}[state] if isinstance(state, bool) else str(state)
    if word not in STATES:
        raise CommandExecutionError(f"failover {word!r}: expected one of {', '.join(STATES)}")
    return STATES[word]


def ensure_failover(host: Host, state: object, timeout: float = 60, before: str | None = None) -> dict[str, str]:
    """Switch failover on or off and wait until cluster-status shows it.

    The command is run even if the state seems right already when it cannot be read (before 2.0.30).

    :param before: what failover is now, where the caller has seen it; asked if not given.
    :param timeout: bound in seconds for the nodes to show it; they post their state every 10 s.
    :returns: ``{"before": as read, "after": as read}``; ``unknown`` where the version does not show it.
    :raises CommandExecutionError: the command fails, or another state is shown when the bound has passed.
    """
    wanted, before = failover_word(state), before or failover(host)
    if before == wanted:
        return {"before": before, "after": before}
    ctl.run(host, command.switch_failover(wanted))

    def look() -> str:
        shown = failover(host)
        if shown not in (wanted, UNKNOWN):
            raise NotYet(f"{host.name}: failover was switched {wanted}, but cluster-status shows {shown}")
        return shown

    return {"before": before, "after": waiting.until(host.clock, look, timeout, every=0.2)}


def failover_off_and_on(host: Host, timeout: float = 60) -> None:
    """Switch failover off and on again, as the documented procedure has it after a hand-over; wait until it shows on.

    :param timeout: bound in seconds for the nodes to show it.
    :raises CommandExecutionError: a command fails, or another state is shown when the bound has passed.
    """
    ctl.run(host, command.switch_failover("off"))
    ensure_failover(host, "on", timeout, before="off")


def replication(host: Host, timeout: float = 30) -> str:
    """Return PostgreSQL's own view of who follows this node, one JSON object a line; empty on a follower.

    The columns' names differ by PostgreSQL version (``replay_location`` before 10, ``replay_lsn`` since); ``current``
    is where the leader writes now.
    """
    number = ask_postgresql(host, "show server_version_num", timeout=timeout).strip()
    here = "pg_current_wal_lsn()" if int(number) >= 100000 else "pg_current_xlog_location()"
    return ask_postgresql(
        host,
        "select row_to_json(r) from (select application_name, state, to_json(s) as peer, "
        f"case when pg_is_in_recovery() then null else {here}::text end as current "
        "from pg_stat_replication s) r",
        timeout=timeout,
    )


def connected(host: Host, timeout: float = 30) -> list[str]:
    """Return the addresses from which somebody is connected to this node's PostgreSQL now, sorted.

    Source: PostgreSQL's ``pg_stat_activity``; what comes over a socket has no address.

    :raises CommandExecutionError: it does not tell.
    """
    asked = "select distinct host(client_addr) from pg_stat_activity where client_addr is not null"
    said = ask_postgresql(host, asked, timeout=timeout)
    return sorted(said.split())


def settings(host: Host) -> dict[str, str]:
    """Return of this node's own settings what an upgrade has to know; none where there is no such file.

    :raises CommandExecutionError: they cannot be read.
    """
    try:
        return backend_settings.read(files.read(host.path(backend_settings.PATH)) or "")
    except (OSError, ValueError) as err:
        raise CommandExecutionError(f"{host.name}: {backend_settings.PATH}: {err}") from err


def index_created(host: Host) -> str:
    """Return the version of the Elasticsearch that created the search index, such as ``5.6.16``.

    It decides whether 3.x can read the index. Raises CommandExecutionError if it cannot be told.
    """
    return web.read(host, INDEX_URL, indexes.parse_index_created)


def index_is_mapped(host: Host) -> bool:
    """Tell whether a frontend has made the search index. Raises CommandExecutionError if it cannot be told."""
    return web.read(host, MAPPING_URL, indexes.parse_is_mapped)


def has_index(host: Host) -> bool:
    """Tell whether there is a search index at all. Raises CommandExecutionError if it cannot be told."""
    answer = web.get(host, MAPPING_URL, status=True)
    if answer.get("status") not in (200, 404):
        shown = answer.get("error") or answer.get("status")
        raise CommandExecutionError(f"{host.name}: {MAPPING_URL}: {shown}")
    return bool(answer["status"] == 200)


def fsync(host: Host) -> float:
    """Return the seconds that one of a hundred of etcd's writes takes at least. Raises CommandExecutionError."""
    return web.read(host, METRICS_URL, etcd_metrics.fsync)


def ground(host: Host) -> dict[str, Any]:
    """Return what a new run stands on here, as ``chef_backend_agent.ground`` does."""
    found: dict[str, Any] = {"clock": host.clock.now(), "settings": settings(host), "errors": {}}
    asked: dict[str, Callable[[Host], object]] = {"fsync": fsync, "index": has_index}
    for part, ask in asked.items():
        try:
            found[part] = ask(host)
        except CommandExecutionError as err:
            found[part] = None
            found["errors"][part] = str(err)
    return found


def stored(host: Host, timeout: float = 300) -> dict[str, dict[str, Any]]:
    """Return how many objects of each kind this node's PostgreSQL holds, by organisation.

    :returns: as :func:`product.objects.parse_stored` does.
    :raises CommandExecutionError: it does not tell.
    """
    try:
        return objects.parse_stored(ask_postgresql(host, objects.STORED, objects.DATABASE, timeout))
    except ParseError as err:
        raise CommandExecutionError(f"{host.name}: psql: {err}") from err


def migration_level(host: Host) -> str | None:
    """Return to which level Chef Infra Server's database was migrated, such as ``1.31``; None if it does not keep it.

    :raises CommandExecutionError: it does not tell.
    """
    try:
        if ask_postgresql(host, migrations.THERE, objects.DATABASE).strip() != "t":
            return None
        return str(migrations.read(ask_postgresql(host, migrations.LEVEL, objects.DATABASE)))
    except ParseError as err:
        raise CommandExecutionError(f"{host.name}: psql: {err}") from err


def known_service(name: str) -> str:
    """Return the name of a service. Raises CommandExecutionError if a backend has none of that name."""
    if name not in SERVICES:
        raise CommandExecutionError(f"unknown service {name!r}: expected one of {', '.join(SERVICES)}")
    return name


def is_stopped(host: Host, service: str, timeout: float = 60) -> bool:
    """Tell whether a service was stopped, by runit's own line in ``status --simple``; False while runit starts it.

    The table of ``status`` does not tell: a service that dies at each start is ``down`` there too, now and then.

    :raises CommandExecutionError: the line cannot be read: what is unknown is not stopped.
    """
    text = status(host, known_service(service), simple=True, timeout=timeout)
    try:
        lines = [line for line in runit.parse_simple(text) if line.name == service]
    except ParseError as err:
        raise CommandExecutionError(f"{host.name}: chef-backend-ctl status {service} --simple: {err}") from err
    if len(lines) != 1:
        raise CommandExecutionError(f"{host.name}: status --simple shows no {service}: {text[:200]}")
    return lines[0].stopped


def log(host: Host, service: str) -> str:
    """Return where the log of a service lies.

    PostgreSQL's lies in a folder of its version: of several it is the one that was written to last.

    :raises CommandExecutionError: a backend has no such service.
    """
    folder = f"{LOGS}/{known_service(service)}"
    newest = max(host.path(folder).glob("*/current"), key=_written, default=None)
    return f"{folder}/{newest.parent.name}/current" if newest else f"{folder}/current"


def _written(path: Path) -> float:
    """When a log was written to last, epoch seconds; 0 for one that is being replaced at this moment."""
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def tail(host: Host, service: str, lines: int) -> str:
    """Return the last lines of a service's log; ctl's own ``tail`` never ends."""
    path = host.path(log(host, service))
    done = ctl.run_all(host, ["tail", "-n", str(int(lines)), str(path)], 30)
    if done.status != 0:
        raise CommandExecutionError(f"{path}: {done.stderr}")
    return done.stdout


def unpacked(host: Host, manifest: str = MANIFEST) -> float:
    """Return when the installed package was unpacked, epoch seconds. Raises OSError."""
    return os.stat(host.path(manifest)).st_ctime  # mtime is the build's; ctime is when dpkg or rpm put it there


def ask_postgresql(host: Host, query: str, database: str = "postgres", timeout: float = 30) -> str:
    """Return what this node's PostgreSQL answers to a query that only reads. Raises CommandExecutionError."""
    # not runas: Salt would ask a login shell for the user's environment first, a quarter of a second each time
    words = ["runuser", "-u", PGSQL_USER, "--", str(host.path(PSQL)), "-d", database, "-X", "-A", "-t", "-c", query]
    done = ctl.run_all(host, words, timeout)
    if done.status != 0:
        raise CommandExecutionError(command.failure(host.name, words, done, timeout))
    return done.stdout

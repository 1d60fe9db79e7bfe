"""cluster-status and status: what the cluster and this node's services look like."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

from . import node, paths, postgres, runit, services
from .cluster import Cluster, Post
from .ctl_base import Command, CommandFailed, Options, cluster, option
from .etcd import Conflict, Etcd, Unavailable
from .system import ask_elasticsearch, disks


def cluster_status(options: Options) -> int:
    """Every node that posted its status lately, as it posted it: up to one posting interval old."""
    here = cluster()
    posts = sorted(here.posts().values(), key=lambda post: post.name)
    block = here.block()
    if options.json:
        print(json.dumps({"nodes": [_as_json(post, block.holds(post.guid)) for post in posts]}, indent=2))
        return 0
    version = node.version_numbers(node.installed_version())
    header = ["Name", "IP", "GUID", "Role", "PG", "ES"]
    rows = [[post.name, post.ip, post.guid, post.role, post.pg, post.es] for post in posts]
    # synthetic: that these columns exist is documented, what they are called and hold is not
    if version >= (1, 1, 2):
        header += ["Following"]
        for row, post in zip(rows, posts, strict=True):
            row.append(post.following or "-")
    if version >= (2, 0, 30):
        header += ["Blocked", "Eligible"]
        for row, post in zip(rows, posts, strict=True):
            row.append("blocked" if block.holds(post.guid) else "not_blocked")
            row.append("eligible" if post.eligible else "not_eligible")
    print(table(header, rows))
    return 0


def _as_json(post: Post, blocked: bool) -> dict[str, object]:
    # synthetic, except that a user's script (S14) finds the name four lines before the role
    # and partially_synced within five lines after it
    return {
        "name": post.name,
        "ip": post.ip,
        "guid": post.guid,
        "es": post.es,
        "role": post.role,
        "pg": post.pg,
        "following": post.following or None,
        "blocked": blocked,
        "eligible": post.eligible,
        "partially_synced": post.partially_synced,
    }


def table(header: list[str], rows: list[list[str]]) -> str:
    """Columns as wide as their content, two blanks between them, as in S1."""
    widths = [max(len(line[column]) for line in [header, *rows]) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [header, *rows]
    )


def status(options: Options) -> int:
    """This node's services, and in the last column what it sees of the cluster."""
    known = services.names(node.installed_version())
    asked = options.service
    has_system = "epmd" in known
    if asked and asked not in known and not (has_system and asked in ("disk", "disks")):
        print(f"Unknown service: {asked}")
        print("Did you mean:")
        for name in known:
            print(f"  {name}")
        return 1
    me = node.identity()
    wanted = [asked] if asked in known else [] if asked else list(known)
    if options.simple:
        return simple("status", wanted)
    here = cluster(1)
    blocks = []
    if wanted:
        rows = [[name, *_local(name), _seen(name, here, me)] for name in wanted]
        blocks.append(table(["Service", "Local Status", "Time in State", "Distributed Node Status"], rows))
    if has_system and (not asked or asked in ("disk", "disks")):
        local = "; ".join(f"{folder}: {state}" for folder, state in disks().items())
        blocks.append(
            table(
                ["System", "Local Status", "Distributed Node Status"],
                [["disks", local, _or_error(lambda: _disks_seen(here))]],
            )
        )
    print("\n\n".join(blocks))
    return 0


def simple(verb: str, names: list[str]) -> int:
    """runit's own lines for these services (S8); its exit status."""
    worst = 0
    environment = {**os.environ, "SVDIR": str(paths.SERVICES)}
    for name in names:
        answer = runit.sv(verb, name, environment=environment)
        print(_as_of_product(name, answer.stdout + answer.stderr))
        worst = max(worst, answer.returncode)
    return worst


def _as_of_product(name: str, line: str) -> str:
    """runit's line without the traces of the lab's `down` file, which keeps PostgreSQL leaderl's business."""
    state, semicolon, logger = line.rstrip().partition(";")
    state = state.replace(", normally down", "")
    if name == "postgresql" and "down: " in state and "normally up" not in state:
        state += ", normally up"
    return state + semicolon + logger


def _local(service: str) -> tuple[str, str]:
    folder = services.folder(service)
    since = time.time() - (folder / "supervise" / "status").stat().st_mtime if folder.exists() else 0
    pid_file = folder / "supervise" / "pid"
    pid = pid_file.read_text().strip() if pid_file.exists() else ""
    state = f"running (pid {pid})" if pid and runit.is_running(folder) else "down"
    days, rest = divmod(max(0, int(since)), 86400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    return state, f"{days}d {hours}h {minutes}m {seconds}s"


def _seen(service: str, here: Cluster, me: node.Identity) -> str:
    views: dict[str, Callable[[], str]] = {
        "leaderl": lambda: _leaderl_seen(here),
        "epmd": lambda: "status: local-only",
        "etcd": lambda: _etcd_seen(here),
        "postgresql": lambda: _postgresql_seen(here),
        "elasticsearch": lambda: _elasticsearch_seen(),
    }
    return _or_error(views[service])


def _or_error(view: Callable[[], str]) -> str:
    try:
        return view()
    except (Unavailable, Conflict) as error:
        # synthetic wording; that a cell can hold `error: ...` is in S7
        return f"error: could not reach etcd ({str(error).splitlines()[0][:60].replace(';', ',')})"
    except CommandFailed as error:
        return f"error: {error}"


def _leaderl_seen(here: Cluster) -> str:
    posts, total = here.posts().values(), len(here.members())
    leaders = sum(post.role == "leader" for post in posts)
    followers = sum(post.role == "follower" for post in posts)
    waiting = sum(post.role not in ("leader", "follower") for post in posts)
    return f"leader: {leaders}; waiting: {waiting}; follower: {followers}; total: {total}"


def _etcd_seen(here: Cluster) -> str:
    members = here.etcd.members()
    addresses = [member["peerURLs"][0].split("//")[1].split(":")[0] for member in members]
    healthy = sum(Etcd((address,), 1).is_healthy() for address in addresses)
    # synthetic: only `green` is public
    colour = "green" if healthy == len(members) else "yellow" if healthy * 2 > len(members) else "red"
    return f"health: {colour}; healthy nodes: {healthy}/{len(members)}"


def _postgresql_seen(here: Cluster) -> str:
    """The leader's own replication statistics, asked over the network as the product's text (S7) tells."""
    import psycopg2

    members = here.members()
    leader = members.get(here.serving() or "")
    try:
        if leader is None or here.leader() != leader.name or postgres.in_recovery(leader.ip) is not False:
            raise CommandFailed("could not reach pgsql leader for replication stats")
        rows = postgres.query("select application_name, state from pg_stat_replication", host=leader.ip)
    except psycopg2.Error:
        raise CommandFailed("could not reach pgsql leader for replication stats") from None
    states = {name: state for name, state in rows if name in members}
    partly = {post.name for post in here.posts().values() if post.partially_synced}
    synced = sum(state == "streaming" for name, state in states.items() if name not in partly)
    syncing = len((set(states) | partly) - {leader.name}) - synced
    offline = len(members) - 1 - synced - syncing
    return f"leader: 1; offline: {offline}; syncing: {syncing}; synced: {synced}"


def _elasticsearch_seen() -> str:
    health = ask_elasticsearch("/_cluster/health")
    if health is None:
        raise CommandFailed("could not reach elasticsearch")  # synthetic
    return f"state: {health['status']}; nodes online: {health['number_of_nodes']}/{health['members']}"


def _disks_seen(here: Cluster) -> str:
    posts, total = here.posts().values(), len(here.members())
    healthy = sum(all(state == "OK" for state in post.disks.values()) for post in posts)
    colour = "green" if healthy == total else "yellow"
    return f"health: {colour}; healthy nodes: {healthy}/{total}"


COMMANDS = {
    "cluster-status": Command(
        cluster_status, "Show the nodes of the cluster.", (option("--json", action="store_true"),)
    ),
    "status": Command(
        status,
        "Show the status of the services.",
        (option("service", nargs="?"), option("--simple", action="store_true")),
    ),
}

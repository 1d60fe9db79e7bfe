"""cluster-status and status: what the cluster and this node's services look like."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace

from . import faults, node, paths, postgres, printing, runit, services
from .cluster import Cluster, Post
from .ctl_base import Command, CommandFailed, Options, cluster, option
from .etcd import Conflict, Etcd, Unavailable
from .system import ask_elasticsearch, disks


def cluster_status(options: Options) -> int:
    """Every node that posted its status lately, as it posted it: up to one posting interval old."""
    here, called = cluster(), faults.called()
    posts = [
        replace(post, name=called.get(name, name), following=called.get(post.following, post.following))
        for name, post in sorted(here.posts().items())
    ]
    block = here.block()
    if options.json:
        print(json.dumps({"nodes": [_as_json(post, block.holds(post.guid)) for post in posts]}, indent=2))
        return 0
    blocked = {post.name for post in posts if block.holds(post.guid)}
    print(printing.cluster_status(node.version_numbers(node.installed_version()), posts, blocked))
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
        blocks.append(printing.services(rows))
    if has_system and (not asked or asked in ("disk", "disks")):
        local = "; ".join(f"{folder}: {state}" for folder, state in disks().items())
        blocks.append(printing.system(local, _or_error(lambda: _disks_seen(here))))
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
    return state, printing.time_in_state(since)


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
        return printing.NO_ETCD.format(str(error).splitlines()[0][:60].replace(";", ","))
    except CommandFailed as error:
        return f"error: {error}"


def _leaderl_seen(here: Cluster) -> str:
    return printing.leaderl([post.role for post in here.posts().values()], len(here.members()))


def _etcd_seen(here: Cluster) -> str:
    members = here.etcd.members()
    addresses = [member["peerURLs"][0].split("//")[1].split(":")[0] for member in members]
    healthy = sum(Etcd((address,), 1).is_healthy() for address in addresses)
    return printing.etcd(healthy, len(members))


def _postgresql_seen(here: Cluster) -> str:
    """The leader's own replication statistics, asked over the network as the product's text (S7) tells."""
    import psycopg2

    members = here.members()
    leader = members.get(here.serving() or "")
    try:
        if leader is None or here.leader() != leader.name or postgres.in_recovery(leader.ip) is not False:
            raise CommandFailed("could not reach pgsql leader for replication stats")
        asked = f"select slot_name, host(client_addr), state from {postgres.FOLLOWERS}"
        rows = postgres.query(asked, host=leader.ip)
    except psycopg2.Error:
        raise CommandFailed("could not reach pgsql leader for replication stats") from None
    names = {known: name for name, member in members.items() for known in (member.slot, member.ip)}
    # a base backup has no slot, or one of its own
    told = [(slot if slot in names else address, state) for slot, address, state in rows]
    states = {names[known]: state for known, state in told if known in names}
    partly = {post.name for post in here.posts().values() if post.partially_synced}
    synced = sum(state == "streaming" for name, state in states.items() if name not in partly)
    syncing = len((set(states) | partly) - {leader.name}) - synced
    return printing.postgresql(synced, syncing, len(members) - 1)


def _elasticsearch_seen() -> str:
    health = ask_elasticsearch("/_cluster/health")
    if health is None:
        raise CommandFailed("could not reach elasticsearch")  # synthetic
    return printing.elasticsearch(health["status"], health["number_of_nodes"], health["members"])


def _disks_seen(here: Cluster) -> str:
    posts, total = here.posts().values(), len(here.members())
    healthy = sum(all(state == "OK" for state in post.disks.values()) for post in posts)
    return printing.disks(healthy, total)


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

"""Who may lead and who leads: set-cluster-failover, set-node-failover, demote, promote, force-leader."""

from __future__ import annotations

import json
import time
import uuid

from . import faults, node, paths, postgres, printing
from .cluster import Cluster
from .ctl_base import Command, CommandFailed, Options, cluster, option
from .machine import this_machine

STATES = {"on": True, "true": True, "enabled": True, "off": False, "false": False, "disabled": False}
ALLOWED = 120
"""Seconds (of the product) in which a new leader must serve. synthetic: the product's limit is unknown."""

DISABLED = printing.DISABLED


def set_cluster_failover(options: Options) -> None:
    """Allow or forbid any election."""
    allowed = STATES[options.state]
    cluster().change_block(cluster=not allowed)
    print(printing.FAILOVER[allowed])


def set_node_failover(options: Options) -> None:
    """Allow or forbid that this node is elected."""
    allowed = STATES[options.state]
    me = node.identity()
    cluster().change_block(node=me.guid, blocked=not allowed)
    print(f"Failover is now {'enabled' if allowed else 'disabled'} for node {me.name}.")  # synthetic


def demote(_options: Options) -> None:
    """The leader steps down in favour of the best follower."""
    here = cluster()
    leader = here.leader()
    if leader is None:
        raise CommandFailed("There is no leader to demote.")  # synthetic
    hand_over(here, leader, best_follower(here, leader))
    print(f"{leader} has been demoted; {here.leader()} is the new leader.")  # synthetic


def promote(options: Options) -> None:
    """The named node becomes leader, by hand-over, or by election when nobody leads."""
    here = cluster()
    name = faults.meant(options.node)
    if name not in here.members():
        raise CommandFailed(f"Unknown node: {options.node}")  # synthetic
    leader = here.leader()
    if leader == name:
        raise CommandFailed(f"{options.node} is already the leader.")  # synthetic
    refuse_blocked(here, name)
    if leader is not None:
        refuse_blocked(here, leader)
        hand_over(here, leader, name)
    else:
        here.etcd.put("control/force", name)
        wait_for_leader(here, name)
    print(f"{options.node} is now the leader.")  # synthetic


def force_leader(_options: Options) -> None:
    """With no leader, this node leads, whatever is blocked."""
    here = cluster()
    me = node.identity()
    if here.leader() is not None:
        raise CommandFailed(f"The cluster has a leader: {here.leader()}.")  # synthetic
    if paths.UNSYNCED.exists():
        raise CommandFailed(f"{me.name} is partially synced and may not lead.")  # synthetic
    paths.FORCED.touch()
    here.etcd.put("control/force", me.name)
    wait_for_leader(here, me.name)
    print(f"{me.name} is now the leader.")  # synthetic


def refuse_blocked(here: Cluster, name: str) -> None:
    """Raise CommandFailed when failover is off, for the cluster or for this member."""
    member = here.members()[name]
    if here.block().holds(member.guid):
        raise CommandFailed(DISABLED)


def best_follower(here: Cluster, leader: str) -> str:
    """Name of the follower with the least lag; raises CommandFailed when none can lead."""
    members, block = here.members(), here.block()
    if block.holds(members[leader].guid):
        raise CommandFailed(DISABLED)
    rows = postgres.query(
        f"select slot_name from {postgres.FOLLOWERS} where state = 'streaming'"
        " order by pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) / 65536, client_addr",
        host=members[leader].ip,
    )
    names = {member.slot: name for name, member in members.items()}
    streaming: list[str] = [names[slot] for (slot,) in rows if slot in names]
    allowed = [name for name in streaming if not block.holds(members[name].guid)]
    if streaming and not allowed:
        raise CommandFailed(DISABLED)
    if not allowed:
        raise CommandFailed(printing.NO_FOLLOWER)
    return allowed[0]


def hand_over(here: Cluster, leader: str, target: str) -> None:
    """Ask the leader to hand over and wait until the target serves; raises CommandFailed."""
    request = str(uuid.uuid4())
    here.etcd.put("control/request", json.dumps({"id": request, "to": target}), ttl=10)
    until = time.monotonic() + this_machine().scaled(ALLOWED, 10)
    while time.monotonic() < until:
        answer = json.loads(here.etcd.get("control/answer") or "{}")
        if answer.get("id") == request and answer.get("refused"):
            raise CommandFailed(f"{leader} does not hand over: {answer['refused']}.")  # synthetic
        if here.leader() == target and here.serving() == target:
            return
        time.sleep(0.05)
    raise CommandFailed("No new leader was elected in the allowed time.")  # synthetic


def wait_for_leader(here: Cluster, name: str) -> None:
    """Wait until this member leads and serves; raises CommandFailed."""
    seconds = this_machine().scaled(ALLOWED, 10)
    until = time.monotonic() + seconds
    while not (here.leader() == name and here.serving() == name):
        if time.monotonic() > until:
            here.etcd.delete("control/force")
            raise CommandFailed(f"{name} did not become leader in {seconds:.0f} seconds.")  # synthetic
        time.sleep(0.05)


_STATE = option("state", choices=sorted(STATES), metavar="STATE")

COMMANDS = {
    "set-cluster-failover": Command(set_cluster_failover, "Allow or forbid failover in the cluster.", (_STATE,)),
    "set-node-failover": Command(set_node_failover, "Allow or forbid failover to this node.", (_STATE,)),
    "demote": Command(demote, "Have the leader step down."),
    "promote": Command(promote, "Make a node the leader.", (option("node"),)),
    "force-leader": Command(force_leader, "Make this node the leader when there is none."),
}

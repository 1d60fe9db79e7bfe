"""Who belongs to the cluster: create-cluster, join-cluster, remove-node, cleanse."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from . import faults, node, paths, postgres, runit, services
from .cluster import Cluster
from .ctl_base import Command, CommandFailed, Options, cluster, confirm, option, progress, wait_until
from .etcd import Conflict, Etcd, Unavailable
from .machine import this_machine

NOBODY_JOINS, MENDED = "3.0.0", (3, 1, 1)
"""Documented: a node cannot join a cluster that was installed with the one; mended in the other."""

PATIENCE = 600
"""Seconds (of the product) that a node gets to join. synthetic: the product's limit is unknown."""


def create_cluster(options: Options) -> None:
    """A new cluster with this node as its first, which leads."""
    if options.quorum_loss_recovery:
        _recover_quorum(options)
        return
    _refuse_member()
    node.read_settings()
    node.create_secrets()
    me = node.create_identity()
    postgres.initialise()
    progress(options, "Initialising PostgreSQL")
    _set_up(me, {me.guid: f"http://{me.ip}:2380"})
    _lead_alone(me)
    progress(options, "Starting Chef Backend")


def _recover_quorum(options: Options) -> None:
    """On the survivor of a lost quorum: a cluster of one with the data that is here."""
    me = node.identity()
    confirm(options, "The other nodes are removed from the cluster and have to join it anew.")
    services.stop_all()
    shutil.rmtree(paths.ETCD / "data", ignore_errors=True)
    if paths.UNSYNCED.exists():
        raise CommandFailed(f"{me.name} is partially synced and may not lead.")  # synthetic
    paths.NO_START.unlink(missing_ok=True)
    # The only copy that is left leads, also when it was a follower.
    postgres.STANDBY.unlink(missing_ok=True)
    postgres.FOLLOW.unlink(missing_ok=True)
    services.configure({me.guid: f"http://{me.ip}:2380"})
    services.start_all()
    _lead_alone(me)
    progress(options, "Recovered the cluster with this node alone")


def _lead_alone(me: node.Identity) -> None:
    """Enter this node into a cluster of its own, and wait until it leads it."""
    services.wait_for_etcd()
    here = cluster()
    here.add(me)
    here.note_installed_with(node.installed_version())
    wait_until(
        lambda: here.serving() == me.name and here.leader() == me.name,
        this_machine().scaled(PATIENCE, 30),
        "this node to lead",
    )


def join_cluster(options: Options) -> None:
    """Become a member of the cluster that PEER_IP belongs to; with --recovery, once more."""
    if not options.recovery:
        _refuse_member()
    elif not paths.SETTINGS.exists():
        raise CommandFailed(f"No existing installation was found: {paths.SETTINGS} is not there.")  # synthetic
    source = Path(options.secrets or paths.SECRETS)
    if not source.exists():
        raise CommandFailed(f"No secrets: {source} is not there. Copy it from a node of the cluster.")  # synthetic
    peer = Etcd((options.peer,), 3)
    if Cluster(peer).installed_with() == NOBODY_JOINS and node.version_numbers(node.installed_version()) < MENDED:
        raise CommandFailed(f"A node cannot join a cluster that was installed with {NOBODY_JOINS}.")  # synthetic
    if options.recovery:
        _leave_for_recovery(options.peer)
    node.install_secrets(source.read_text())
    leader = Cluster(peer).members().get(Cluster(peer).serving() or "")
    if leader is None:
        raise CommandFailed(f"The cluster of {options.peer} has no leader: nobody can join it now.")  # synthetic
    if postgres.in_recovery(leader.ip) is not False:
        raise CommandFailed(f"{leader.name} does not accept the secrets, or does not answer.")  # synthetic
    me = node.create_identity(options.publish_address)
    _announce(peer, me)
    initial = {member["name"] or me.guid: member["peerURLs"][0] for member in peer.members()}
    progress(options, f"Joining the cluster of {leader.name}")
    _set_up(me, initial)
    services.wait_for_etcd()
    Cluster(peer).add(me)
    here = cluster()
    wait_until(lambda: _follows(here, me), this_machine().scaled(PATIENCE, 60), "this node to follow the leader")
    progress(options, "Starting Chef Backend")


def _announce(peer: Etcd, me: node.Identity) -> None:
    for _ in range(100):
        try:
            peer.add_member(me.ip)
            return
        except Unavailable:
            time.sleep(0.1)  # etcd admits no member while another one is on its way in
        except Conflict as error:
            raise CommandFailed(f"{me.ip} is a member of the cluster already: remove-node it first.") from error
    raise CommandFailed("etcd does not admit another member now.")  # synthetic


def _follows(here: Cluster, me: node.Identity) -> bool:
    try:
        post = here.posts().get(me.name)
    except Unavailable:
        return False
    return post is not None and post.guid == me.guid and post.role == "follower" and post.pg == "follower"


def _leave_for_recovery(peer: str) -> None:
    """Forget this node's former membership and data, as preparation of a new one."""
    try:
        me = node.identity()
    except node.NotConfigured:
        return
    services.stop_all()
    there = Etcd((peer,), 3)
    for member in there.members():
        if member["name"] == me.guid:
            there.remove_member(member["id"])
    Cluster(there).forget(me.name)
    _wipe()


def remove_node(options: Options) -> None:
    """Take a dead node out of the cluster."""
    here = cluster()
    name = faults.meant(options.name)
    member = here.members().get(name)
    if member is None:
        raise CommandFailed(f"Unknown node: {options.name}")  # synthetic
    confirm(options, f"{options.name} is removed from the cluster.")
    if Etcd((member.ip,), 1).is_healthy() or postgres.in_recovery(member.ip) is not None:
        raise CommandFailed(f"{options.name} is still alive: stop it first.")  # synthetic
    for found in here.etcd.members():
        if found["name"] == member.guid:
            here.etcd.remove_member(found["id"])
    here.change_block(node=member.guid, blocked=False)
    here.forget(name)
    print(f"{options.name} has been removed from the cluster.")  # synthetic


def cleanse(options: Options) -> None:
    """Remove all data, settings and logs of this node; the settings are saved below root's home."""
    confirm(options, "This removes all Chef Backend data from this node.")
    if services.is_configured():
        services.stop_all()
    settings = paths.SETTINGS.parent
    if settings.exists():
        # synthetic: what follows in the name, and that the files lie directly in it
        shutil.copytree(settings, Path(time.strftime(f"{paths.CLEANSED}-%Y-%m-%dT%H-%M-%S")))
    for folder in (settings, paths.DATA, paths.LOGS):
        shutil.rmtree(folder, ignore_errors=True)
    for service in services.NAMES:  # else it would write into what is deleted
        if services.folder(service).exists():
            runit.sv("term", services.folder(service) / "log", wait=None)


def _wipe() -> None:
    for folder in (paths.ETCD, paths.POSTGRESQL, paths.ELASTICSEARCH.parent, paths.IDENTITY.parent):
        shutil.rmtree(folder, ignore_errors=True)
    paths.UPGRADED_TO.unlink(missing_ok=True)


def _refuse_member() -> None:
    try:
        me = node.identity()
    except node.NotConfigured:
        return
    raise CommandFailed(f"{me.name} is configured already: cleanse it first.")  # synthetic


def _set_up(me: node.Identity, initial: dict[str, str]) -> None:
    node.write_atomically(paths.UPGRADED_TO, node.installed_version() + "\n")
    services.configure(initial)
    services.start_all()


COMMANDS = {
    "create-cluster": Command(
        create_cluster,
        "Create a new cluster.",
        (option("--quorum-loss-recovery", action="store_true"),),
        licensed=True,
    ),
    "join-cluster": Command(
        join_cluster,
        "Join a cluster.",
        (
            option("peer", metavar="PEER_IP"),
            option("-s", "--secrets-file-path", dest="secrets"),
            option("-p", "--publish-address"),
            option("-i", "--interface"),
            option("--recovery", action="store_true"),
        ),
        licensed=True,
    ),
    "remove-node": Command(remove_node, "Remove a node from the cluster.", (option("name"),)),
    "cleanse": Command(cleanse, "Delete all data of this node."),
}

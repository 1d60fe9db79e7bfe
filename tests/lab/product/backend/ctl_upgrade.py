"""upgrade and down-for-upgrade: from the version that runs to the one that is installed.

What the product prints here is nowhere public: all messages are synthetic.
"""

from __future__ import annotations

import threading
import time

from . import faults, node, paths, postgres, printing, services
from .cluster import Cluster
from .ctl_base import Command, CommandFailed, Options, cluster, option, other_members, progress
from .ctl_failover import best_follower, hand_over, refuse_blocked
from .etcd import Conflict, Etcd, Unavailable
from .machine import this_machine

MIGRATION = 6
"""Seconds (of the product) that the data of a new version's services takes. synthetic."""
MARKER_TTL = 10
"""Whole seconds after which a killed `upgrade` counts no longer as being in it."""
REJOIN = 120
"""Seconds (of the product) that a node gets to rejoin. synthetic: the product's limit is unknown."""


def upgrade(options: Options) -> None:
    """Bring this node to the installed version and wait until it has rejoined."""
    me = node.identity()
    running, installed = node.running_version(), node.installed_version()
    is_down = paths.DOWN_FOR_UPGRADE.exists()
    refuse_path(running, installed, is_down)
    if is_down:
        _upgrade_down_node(me, options)
        return
    here = cluster()
    leads = here.leader() == me.name
    if leads and options.failover:
        _leave_leadership(here, me, options)
        leads = False
    marker = _Marker(here, me)
    marker.begin()
    try:
        if leads:
            # Nobody told PostgreSQL's clients or followers: what was not sent yet exists here only.
            postgres.stop_hard()
        services.stop_all()
        progress(options, "Stopping services")
        _migrate(installed)
        progress(options, f"Migrating from {running} to {installed}")
        if marker.overlapped() and not leads:
            paths.UNSYNCED.touch()
        services.start_all()
        began = time.time()
        progress(options, "Starting services")
        _wait_rejoined(here, me, began)
        if marker.overlapped() and not leads:
            _break_off(me)
    finally:
        marker.end()
    progress(options, f"{me.name} has rejoined the cluster")


def refuse_path(running: str, installed: str, is_down: bool) -> None:
    """Raise CommandFailed for a way that the product does not go (the table in its documentation)."""
    refused = printing.refused_path(running, installed, is_down)
    if refused:
        raise CommandFailed(refused)


def _break_off(me: node.Identity) -> None:
    """Another node went down for its upgrade before this one was back for good: its data counts for nothing."""
    paths.UNSYNCED.touch()
    postgres.stop()
    raise CommandFailed(printing.BROKEN_OFF.format(me.name))


class _Marker:
    """Shows the others that this node is in `upgrade`, and finds out who else was meanwhile.

    Two followers at once are documented as unsupported, with loss of data: neither has a source to be copied
    from that it can rely on. Here both end partially synced.
    """

    def __init__(self, here: Cluster, me: node.Identity):
        self.here, self.me = here, me
        self.key = f"control/upgrade/{me.name}"
        self.overlap = f"control/overlap/{me.name}"
        self._ended = threading.Event()

    def begin(self) -> None:
        self.here.etcd.delete(self.overlap)
        self.here.etcd.put(self.key, "1", ttl=MARKER_TTL)
        for other in self.here.upgrading() - {self.me.name}:
            self.here.etcd.put(f"control/overlap/{other}", self.me.name)
            self.here.etcd.put(self.overlap, other)
        threading.Thread(target=self._refresh, daemon=True).start()

    def _refresh(self) -> None:
        while not self._ended.wait(3):
            try:
                self.here.etcd.put(self.key, "1", ttl=MARKER_TTL)
            except (Unavailable, Conflict):
                continue

    def overlapped(self) -> bool:
        """Whether another node is known to have been in `upgrade` since begin(): without a quorum none is, yet."""
        until = time.monotonic() + 3
        while time.monotonic() < until:
            try:
                return self.here.etcd.get(self.overlap) is not None
            except Unavailable:
                time.sleep(0.2)
        return False

    def end(self) -> None:
        self._ended.set()
        for key in (self.key, self.overlap):
            try:
                self.here.etcd.delete(key)
            except Unavailable:
                continue


def _leave_leadership(here: Cluster, me: node.Identity, options: Options) -> None:
    refuse_blocked(here, me.name)
    target = best_follower(here, me.name)
    hand_over(here, me.name, target)
    progress(options, f"Handing over the leadership to {target}")
    seconds = this_machine().scaled(REJOIN, 20)
    until = time.monotonic() + seconds
    # Not before its data is in line: it would be stopped in the middle of a rewind.
    while not _streams(here, me):
        if time.monotonic() > until:
            raise CommandFailed(f"{me.name} does not follow {target} after {seconds:.0f} seconds.")
        time.sleep(0.1)


def _migrate(installed: str) -> None:
    """Check the stopped data for damage, write the new version's configuration."""
    began = time.monotonic()
    postgres.verify_checksums()
    services.configure(supervise=False)
    # seen by users on the way to 3.x (chef-server PR 3214): the settings of the version before are left
    old = faults.once("old_settings")
    paths.SEARCH_SETTINGS.parent.mkdir(parents=True, exist_ok=True)
    node.write_atomically(paths.SEARCH_SETTINGS, "path.scripts: /tmp\n" if old else "")
    node.write_atomically(paths.UPGRADED_TO, installed + "\n")
    seconds = float(faults.read().get("upgrade_seconds", this_machine().scaled(MIGRATION, 0.5)))
    time.sleep(max(0.0, began + seconds - time.monotonic()))


def _wait_rejoined(here: Cluster, me: node.Identity, began: float) -> None:
    """Until this node leads, or streams and its new leaderl has posted so; raises CommandFailed.

    synthetic: only PostgreSQL counts; an Elasticsearch that does not start on its old index does not fail `upgrade`.
    """
    seconds = this_machine().scaled(REJOIN, 20)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            post = here.posts().get(me.name)
            if post and post.posted > began and post.partially_synced:
                break  # only a full copy, ordered by hand, mends that
            if (
                post
                and post.posted > began
                and post.role == post.pg
                and post.role in ("leader", "follower")
                and (post.role == "leader" or _streams(here, me))
                and Etcd().is_healthy()
            ):
                return
        except (Unavailable, Conflict):
            pass  # etcd has just been restarted
        time.sleep(0.1)
    unsynced = f" It is partially synced: {paths.UNSYNCED} exists." if paths.UNSYNCED.exists() else ""
    waited = time.time() - began
    raise CommandFailed(printing.NOT_REJOINED.format(me.name, waited) + unsynced)


def _streams(here: Cluster, me: node.Identity) -> bool:
    """Whether the leader sends to this node, as the leader itself says."""
    try:
        leader = here.members().get(here.serving() or "")
        if leader is None or leader.name == me.name or here.leader() != leader.name:
            return False
        return bool(
            postgres.try_query(
                f"select 1 from {postgres.FOLLOWERS} where slot_name = %s and state = 'streaming'",
                (me.slot,),
                host=leader.ip,
            )
        )
    except Unavailable:
        return False


def down_for_upgrade(options: Options) -> None:
    """Take this node out; while any node is down so, nobody but the last leader is elected."""
    me = node.identity()
    here = cluster()
    try:
        here.etcd.put(f"control/down/{me.name}", "1")
    except Unavailable:
        # The last nodes to go find no quorum left: the local file is what counts.
        progress(options, "No quorum: the cluster is not told")
    paths.DOWN_FOR_UPGRADE.touch()
    services.stop_all()
    progress(options, f"{me.name} is down for the upgrade")


def _upgrade_down_node(me: node.Identity, options: Options) -> None:
    """In the way with downtime: nothing to wait for until the node comes back that led."""
    installed = node.installed_version()
    _migrate(installed)
    paths.DOWN_FOR_UPGRADE.unlink()
    services.start_all()
    progress(options, f"{me.name} runs {installed}")
    seconds = this_machine().scaled(REJOIN, 20)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            here = cluster(1)
            led = here.serving() == me.name
            if led and not (here.leader() == me.name and postgres.in_recovery() is False):
                time.sleep(0.2)
                continue  # the others are kept from standing until this node, who led, leads again
            here.etcd.delete(f"control/down/{me.name}")
            if led or here.down() or _streams(here, me):
                return
        except (Unavailable, Conflict):
            if not any(Etcd((ip,), 1).answers() for ip in other_members()):
                return  # the first one back: no quorum before the next
        time.sleep(0.2)
    raise CommandFailed(f"{me.name} has no leader after {seconds:.0f} seconds.")


COMMANDS = {
    "upgrade": Command(
        upgrade, "Upgrade this node to the installed version.", (option("--failover", action="store_true"),)
    ),
    "down-for-upgrade": Command(down_for_upgrade, "Stop this node for an upgrade with downtime."),
}

"""leaderl: elects the leader through etcd, runs PostgreSQL accordingly, posts the node's status."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import psycopg2

from . import faults, journal, node, paths, postgres
from .cluster import Post
from .etcd import Conflict, Unavailable
from .following import Following, is_of_another_past
from .leader_state import Here, log, start_threads
from .leading import Leading, leave
from .system import disks, elasticsearch_role

CANDIDACY = 0.25
"""Seconds that a candidate waits for the others to say how far their data goes."""


class Leaderl:
    """The loop. Each round asks etcd who leads, and acts as this node's role demands."""

    def __init__(self, here: Here):
        self.here = here
        self.leading = Leading(here)
        self.following = Following(here)
        self.wake = threading.Event()
        self.next_post = self.following_post()
        self.settled = False
        self.shown: dict[str, str] = {}
        self.complaint = ""
        self.ending = False

    def run(self) -> None:
        """Until the process is told to end."""
        # Low ticks cost processor time of all hosts; the watch makes up for a slow one.
        slow = min(1.0, self.here.settings.leader_ttl / 10)
        while not self.ending:
            pause = slow
            try:
                self.round()
                self.post_if_due()
            except Unavailable as error:
                pause = 0.1
                self.without_etcd(error)
            except (Conflict, psycopg2.Error, RuntimeError, OSError) as error:
                log(f"{type(error).__name__}: {error}")
            self.wake.wait(pause)
            self.wake.clear()
        leave(self.leading)

    def without_etcd(self, error: Unavailable) -> None:
        """No quorum: a leader serves on within its lease, a follower goes on streaming."""
        here = self.here
        if here.role in ("leader", "promoting") and not here.lease_holds():
            self.leading.step_down(f"no word from etcd within the lease: {error}", hard=True)
        elif here.role != "leader" and str(error) != self.complaint:
            log(error)
        self.complaint = str(error)

    def round(self) -> None:
        """One round."""
        here = self.here
        if here.role == "leader" and not here.serving():
            # etcd answered again only after the fence had fallen. Renewing the key now would lead without a PostgreSQL.
            self.leading.step_down("the lease had ended", hard=True)
        leader = here.cluster.leader()
        if here.role == "leader":
            self.leading.tick(leader)
        elif leader == here.me.name:
            self.assume()
        elif leader is None:
            self.run_for_leader()
        elif here.cluster.serving() == leader:
            member = here.cluster.members().get(leader)
            if member:
                self.following.tick(member)
        # else: the new leader promotes; until it serves there is nobody to follow

    def assume(self) -> None:
        """The key bears this node's name: handed over, or held since before a restart of leaderl."""
        sent = time.monotonic()
        self.here.cluster.etcd.put(
            "leader",
            ttl=self.here.settings.leader_ttl,
            prevValue=self.here.me.name,
            prevExist=True,
            refresh=True,
        )
        self.here.renew(sent)
        if postgres.is_standby():
            self.leading.take_over()
        else:
            self.leading.resume()

    def run_for_leader(self) -> None:
        """Nobody leads: stand as a candidate if this node may, and win if its data goes furthest."""
        here = self.here
        if here.role != "deposed_leader":
            here.role = "waiting_for_leader"
        here.following, here.streaming = "", False
        last = here.cluster.serving()
        if not self.may_lead(last):
            return
        position = self.position(last)
        if position is None:
            return
        here.cluster.etcd.put(f"candidates/{here.me.name}", json.dumps(position), ttl=2)
        time.sleep(CANDIDACY)
        others = {name: json.loads(text) for name, text in here.cluster.etcd.children("candidates").items()}
        if any((there, name) > (position, here.me.name) for name, there in others.items() if name != here.me.name):
            return
        sent = time.monotonic()
        try:
            here.cluster.etcd.put("leader", here.me.name, ttl=here.settings.leader_ttl, prevExist=False)
        except Conflict:
            return
        here.renew(sent)
        log("elected with", position)
        if postgres.is_standby():
            self.leading.take_over()
        else:
            self.leading.resume()

    def may_lead(self, last: str | None) -> bool:
        """Whether this node may stand at all; `last`: who served last, None in a new cluster."""
        here = self.here
        promoted = here.cluster.etcd.get("control/force") == here.me.name
        if (faults.read().get("never_leads") and not promoted) or not postgres.exists() or paths.UNSYNCED.exists():
            return False
        if time.monotonic() < self.leading.stands_again:
            return False
        if is_of_another_past(here):
            return False
        if promoted and paths.NO_START.exists():
            return False  # documented: a person removes it before the previous leader is promoted
        if last in (None, here.me.name):
            # In a new cluster only the node that created it has data; the leader who returns always may.
            return True
        if paths.NO_START.exists() or not postgres.is_standby():
            return False  # a primary that did not serve last holds data that nobody else has
        if promoted:
            return True
        if here.cluster.down() or here.cluster.block().holds(here.me.guid):
            return False
        # After a restart of everything the last leader, who has the newest data, gets the time to return.
        return time.monotonic() - here.started > here.settings.leader_ttl

    def position(self, last: str | None) -> list[int] | None:
        """How good this node's data is, comparable: the last leader's is complete. None: not known yet."""
        if not postgres.is_standby():
            return [1, 0]
        if not postgres.is_running() and postgres.start() is None:
            return None
        try:
            return [int(last == self.here.me.name), postgres.replayed()]
        except psycopg2.Error:
            return None

    def post_if_due(self) -> None:
        """Write this node's status into etcd, every so often and not sooner: what others see lags.

        The first time as soon as the node has found its role.
        """
        here = self.here
        found = here.role == "leader" or here.streaming
        if time.monotonic() < self.next_post and (self.settled or not found):
            return
        self.settled = self.settled or found
        self.next_post = self.following_post()
        unsynced = paths.UNSYNCED.exists()
        post = Post(
            name=here.me.name,
            ip=here.me.ip,
            guid=here.me.guid,
            role=here.role,
            pg=here.pg,
            es=elasticsearch_role(),
            following=here.following,
            eligible=not unsynced and (here.role == "leader" or here.streaming),
            partially_synced=unsynced,
            version=node.running_version(),
            disks=disks(),
            posted=time.time(),
        )
        here.cluster.post(post, self.post_interval())
        shown = {"role": post.role, "pg": post.pg, "es": post.es}
        if shown != self.shown:
            journal.event("posted", here.me.name, **shown)
            self.shown = shown

    def post_interval(self) -> float:
        """Seconds between two posts: the product's, or as a test has ordered."""
        ordered = faults.read().get("posts")
        return float(ordered["every"]) if ordered else self.here.settings.status_post

    def following_post(self) -> float:
        """When to post next, monotonic seconds: after one interval, or at the phase of it that a test has ordered."""
        interval, ordered = self.post_interval(), faults.read().get("posts")
        if not ordered:
            return time.monotonic() + interval
        ahead: float = ordered["phase"] * interval - time.time() % interval
        return time.monotonic() + (ahead if ahead > 0 else ahead + interval)

    def watch(self) -> None:
        """Thread: wake the loop when the leadership or a request changes."""
        index = None
        while True:
            try:
                key, index = self.here.cluster.etcd.wait(index, 30)
            except (Unavailable, Conflict):
                index = None
                time.sleep(0.1)
                continue
            if key in ("leader", "pgleader", "control/request", "control/blocked_leaders"):
                self.wake.set()


def main() -> None:
    """Run as the node's service."""
    machine = Here(node.identity(), node.settings())
    program = Leaderl(machine)
    start_threads(machine)
    threading.Thread(target=program.watch, daemon=True).start()

    def end(*_: object) -> None:
        program.ending = True
        program.wake.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    log("leaderl started, pid", os.getpid(), "as", machine.me.name, machine.me.ip, machine.me.guid)
    program.run()

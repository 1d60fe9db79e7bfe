"""leaderl while it leads, and how it begins and ends to."""

from __future__ import annotations

import json
import os
import time

import psycopg2

from . import paths, postgres
from .etcd import Conflict, Unavailable
from .leader_state import Here, log
from .node import Identity
from .system import ask_elasticsearch

SLOW_START = 8.0
"""Seconds that Elasticsearch is away at least before it counts as failing: two shared cores start it slowly."""


class Leading:
    """The leader's part of leaderl."""

    def __init__(self, here: Here):
        self.here = here
        self.failures = 0
        self.next_check = 0.0
        self.stands_again = 0.0
        self.announced = False
        self.search_answered = 0.0

    def take_over(self) -> None:
        """Promote the follower's PostgreSQL and serve; after a hand-over with all that the old leader had."""
        here = self.here
        here.role = "promoting"
        order = json.loads(here.cluster.etcd.get("control/handover") or "{}")
        planned = order.get("to") == here.me.name
        if planned and not self._wait_replayed(postgres.lsn(order["lsn"])):
            log("gave up waiting for", order["lsn"])
        if not postgres.promote() or not here.lease_holds():
            log("promotion did not succeed in time")
            self.step_down("promotion failed", hard=True)
            return
        self._begin("hand-over" if planned else "crash")
        if planned:
            here.cluster.etcd.delete("control/handover")

    def resume(self) -> None:
        """Start this node's primary: the first of a new cluster, or the leader who returns."""
        self.here.role = "promoting"
        paths.NO_START.unlink(missing_ok=True)
        if postgres.start() is not False:
            self.step_down("PostgreSQL does not start as a primary", hard=True)
            return
        self._begin("start")

    def _begin(self, how: str) -> None:
        here = self.here
        paths.FORCED.unlink(missing_ok=True)
        self.failures = 0
        self.announced = False
        self.search_answered = time.monotonic()
        here.serve(how)
        self._announce()

    def _announce(self) -> None:
        """Have the others follow. Without a word from etcd half-way, the next round does it again."""
        here = self.here
        self._keep_slots()
        # So that pg_rewind on the others sees the new timeline.
        postgres.query("checkpoint", seconds=10)
        here.cluster.etcd.put("pgleader", here.me.name)
        here.cluster.etcd.delete("control/force")
        self.announced = True

    def _wait_replayed(self, lsn: int, seconds: float = 10) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                text = postgres.query("select pg_last_wal_replay_lsn()::text")[0][0]
            except psycopg2.Error:
                text = None
            # Strictly beyond: the checkpoint's own record must have been replayed too.
            if text and postgres.lsn(text) > lsn:
                return True
            time.sleep(0.005)
        return False

    def tick(self, leader: str | None) -> None:
        """One round as leader; `leader`: who holds the key now."""
        here = self.here
        if leader is None:
            self._claim_again()
        elif leader != here.me.name:
            self.step_down(f"{leader} leads", hard=True)
        else:
            sent = time.monotonic()
            try:
                here.cluster.etcd.put(
                    "leader",
                    ttl=here.settings.leader_ttl,
                    prevValue=here.me.name,
                    prevExist=True,
                    refresh=True,
                )
            except Conflict:
                return
            here.renew(sent)
            self._check_health()
            if here.role != "leader":
                return  # it has just stepped down
            if not self.announced:
                self._announce()
            self._answer_request()

    def _claim_again(self) -> None:
        here = self.here
        sent = time.monotonic()
        try:
            here.cluster.etcd.put("leader", here.me.name, ttl=here.settings.leader_ttl, prevExist=False)
        except Conflict:
            self.step_down("the key was lost", hard=True)
        else:
            here.renew(sent)

    def _check_health(self) -> None:
        here = self.here
        if time.monotonic() < self.next_check:
            return
        self.next_check = time.monotonic() + here.settings.health_interval
        try:
            streaming = postgres.query("select count(*) from pg_stat_replication where state = 'streaming'")[0][0]
            self._keep_slots()
        except (psycopg2.Error, Unavailable) as error:
            self.failures += 1
            log(f"health check failed ({self.failures} of {here.settings.health_failures} allowed):", error)
            if self.failures > here.settings.health_failures:
                self._leave_to_another("PostgreSQL failed its health checks", hard=True)
            return
        self.failures = 0
        here.enough_followers = streaming >= here.settings.required_active_followers
        self._check_search(streaming)

    def _check_search(self, followers: int) -> None:
        """Documented: Elasticsearch failing on the leader moves the lead, PostgreSQL's as well, if failover is on."""
        settings = self.here.settings
        allowed = max(settings.health_interval * (settings.health_failures + 1), SLOW_START)
        if ask_elasticsearch("/_lab") is not None:
            self.search_answered = time.monotonic()
            return
        fails = time.monotonic() - self.search_answered > allowed
        # synthetic: where nobody could take over, it leads on
        if fails and followers and not self.here.cluster.block().holds(self.here.me.guid):
            self._leave_to_another("Elasticsearch failed its health checks", hard=False)

    def _leave_to_another(self, why: str, *, hard: bool) -> None:
        """Step down for what this node fails with; the others have the time to elect one of them."""
        self.step_down(why, hard=hard)
        self.release()
        self.stands_again = time.monotonic() + 2 * self.here.settings.leader_ttl

    def _keep_slots(self) -> None:
        """Each other member has a slot, so that WAL it needs stays; nobody else has one."""
        others = {member.slot for member in self.here.cluster.members().values()} - {self.here.me.slot}
        found = {name: active for name, active in postgres.query("select slot_name, active from pg_replication_slots")}
        for slot in others - set(found):
            postgres.query("select pg_create_physical_replication_slot(%s, true)", (slot,))
        for slot in set(found) - others:
            if slot.startswith("cb_") and not found[slot]:
                postgres.query("select pg_drop_replication_slot(%s)", (slot,))

    def _answer_request(self) -> None:
        """A hand-over was asked for (demote, promote, upgrade --failover): do it, or say why not."""
        here = self.here
        text = here.cluster.etcd.get("control/request")
        if text is None:
            return
        here.cluster.etcd.delete("control/request")
        request = json.loads(text)
        target = here.cluster.members().get(request["to"])
        why_not = self._why_not(target, request["to"])
        if why_not:
            log("refused to hand over:", why_not)
        answer = {"id": request["id"], "refused": why_not}
        here.cluster.etcd.put("control/answer", json.dumps(answer), ttl=60)
        if target is not None and why_not is None:
            self.hand_over(target)

    def _why_not(self, target: Identity | None, name: str) -> str | None:
        if target is None:
            return f"{name} is not a member of the cluster"
        block = self.here.cluster.block()
        if block.holds(self.here.me.guid) or block.holds(target.guid):
            return "failover is disabled"
        rows = postgres.query(
            f"select pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint from {postgres.FOLLOWERS}"
            " where slot_name = %s and state = 'streaming'",
            (target.slot,),
        )
        if not rows:
            return f"{name} does not replicate"
        limit = self.here.settings.max_bytes_behind
        if rows[0][0] is None or rows[0][0] > limit:
            return f"{name} is {rows[0][0]} bytes behind (limit {limit})"
        return None

    def hand_over(self, target: Identity) -> None:
        """Leave, with nothing behind that the next leader lacks."""
        here = self.here
        log("hands over to", target.name)
        postgres.query("checkpoint", seconds=60)
        here.stop_serving("hand-over")
        here.role = "deposed_leader"
        here.pg = "down"
        # A fast stop waits until the followers have everything, the shutdown checkpoint included.
        postgres.stop()
        order = {"to": target.name, "from": here.me.name, "lsn": postgres.last_checkpoint()}
        here.cluster.etcd.put("control/handover", json.dumps(order), ttl=here.settings.leader_ttl * 2)
        paths.NO_START.touch()
        try:
            here.cluster.etcd.put("leader", target.name, ttl=here.settings.leader_ttl, prevValue=here.me.name)
        except Conflict:
            log("the key was lost during the hand-over")

    def step_down(self, why: str, *, hard: bool) -> None:
        """Stop to serve, and PostgreSQL with it: fast, or at once when its followers may be gone (`hard`)."""
        here = self.here
        here.stop_serving(why)
        log("steps down:", why)
        here.role = "deposed_leader"
        here.pg = "down"
        if hard:
            postgres.stop_hard()
        else:
            postgres.stop()
        if not postgres.is_standby():  # one that was not promoted in time has nothing that must not be served
            paths.NO_START.touch()

    def release(self) -> None:
        """Give the key back, so that the others need not wait until it expires."""
        try:
            self.here.cluster.etcd.delete("leader", prevValue=self.here.me.name)
        except (Conflict, Unavailable) as error:
            log("the key stays until it expires:", error)


def leave(leading: Leading) -> None:
    """leaderl was told to end (TERM): a leader stops PostgreSQL cleanly and gives its key back."""
    here = leading.here
    if here.role in ("leader", "promoting"):
        here.stop_serving("leaderl ends")
        postgres.stop()
        leading.release()
    os._exit(0)

"""leaderl while it follows: keep PostgreSQL streaming from the leader, or bring it back into line."""

from __future__ import annotations

import time

import psycopg2

from . import faults, paths, postgres
from .leader_state import Here, log
from .node import Identity

PATIENCE = 4.0
"""Seconds without streaming, the leader being reachable, after which the data is brought back into line."""

QUESTION = "select pg_is_in_recovery(), (select status from pg_stat_wal_receiver)"


def is_of_another_past(here: Here) -> bool:
    """Whether a backup has been restored in the cluster that this node's data does not go back to."""
    mine = paths.RESTORED.read_text() if paths.RESTORED.exists() else ""
    return mine != here.cluster.restored()


class Following:
    """The follower's part of leaderl."""

    def __init__(self, here: Here):
        self.here = here
        self.last_streaming = time.monotonic()
        self.joined = ""

    def tick(self, leader: Identity) -> None:
        """One round as follower of `leader`, who serves."""
        here = self.here
        if not self._may_follow():
            here.role, here.pg, here.following = "waiting_for_leader", self._pg_alone(), ""
            here.streaming = False
            return
        if here.role != "deposed_leader":
            here.role = "follower"
        if is_of_another_past(self.here):
            self._rejoin(leader, whole=True)
            return
        if not postgres.exists() or not postgres.is_standby() or self._stopped_and_not_joined(leader):
            self._rejoin(leader)
            return
        if not postgres.is_running() and postgres.start() is None:
            log("PostgreSQL does not start")
            return
        if postgres.follow(leader, here.me):
            postgres.query("select pg_reload_conf()")
            self.last_streaming = time.monotonic()
            log("streams from", leader.name, "now")
        self._look(leader)

    def _may_follow(self) -> bool:
        if paths.UNSYNCED.exists() and postgres.exists():
            return False  # a sync was broken off; only a full copy, ordered by hand, mends it
        if paths.NO_START.exists() and postgres.is_standby():
            return False
        return not (faults.read().get("no_rejoin") and not postgres.is_running())

    def _pg_alone(self) -> str:
        return "waiting_for_leader" if postgres.is_running() else "down"

    def _stopped_and_not_joined(self, leader: Identity) -> bool:
        return not postgres.is_running() and self.joined != leader.name

    def _look(self, leader: Identity) -> None:
        here = self.here
        try:
            recovery, receiver = postgres.query(QUESTION)[0]
        except psycopg2.Error as error:
            log("PostgreSQL does not answer:", error)
            here.pg, here.streaming = "down", False
            return
        here.streaming = bool(recovery) and receiver == "streaming"
        if here.streaming:
            self.last_streaming = time.monotonic()
            here.role, here.pg, here.following = "follower", "follower", leader.name
            self._drop_slots()
            return
        here.pg, here.following = "waiting_for_leader", ""
        if time.monotonic() - self.last_streaming > PATIENCE and postgres.in_recovery(leader.ip) is False:
            log("does not stream from", leader.name)
            self._rejoin(leader)

    def _drop_slots(self) -> None:
        """Slots of the time when this node led would keep WAL for ever."""
        postgres.query(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
            " where not active and slot_name like 'cb_%%'"
        )

    def _rejoin(self, leader: Identity, *, whole: bool = False) -> None:
        """Bring the data into line with the leader's: rewind it, or copy everything (`whole`, or if that fails)."""
        here = self.here
        restored = here.cluster.restored()
        here.streaming = False
        if postgres.in_recovery(leader.ip) is not False:
            return
        if postgres.is_running():
            postgres.stop()
        here.pg = "down"
        began = time.monotonic()
        if postgres.exists() and not whole:
            problem = postgres.rewind(leader, here.me)
            if problem and postgres.in_recovery(leader.ip) is not False:
                return
            if problem:
                log("pg_rewind:", problem)
        else:
            problem = "nothing to rewind"
        if problem:
            problem = postgres.base_backup(leader, here.me)
            if problem:
                log("pg_basebackup:", problem)
                return
            paths.RESTORED.write_text(restored)
        postgres.make_standby(leader, here.me)
        paths.NO_START.unlink(missing_ok=True)
        self.joined = leader.name
        self.last_streaming = time.monotonic()
        if postgres.start() is None:
            log("PostgreSQL does not start")
        log(f"follows {leader.name} after {time.monotonic() - began:.2f} s")

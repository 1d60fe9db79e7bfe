"""What leaderl knows of itself, shared by its threads: its role, and the lease under which it leads."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import journal, postgres
from .cluster import Cluster
from .etcd import Etcd
from .node import Identity, Settings


def log(*words: object) -> None:
    """One line into leaderl's log (svlogd adds the time)."""
    print(*words, flush=True)


class Here:
    """This node as leaderl sees it.

    role: initializing, waiting_for_leader, follower, promoting, leader, deposed_leader;
    pg: leader, follower, waiting_for_leader, down; following: whom PostgreSQL streams from, or ''.
    """

    def __init__(self, me: Identity, settings: Settings):
        self.me = me
        self.settings = settings
        self.cluster = Cluster(Etcd(timeout=min(1.0, settings.leader_ttl / 5)))
        self.role = "initializing"
        self.pg = "down"
        self.following = ""
        self.streaming = False
        self.enough_followers = True
        self.started = time.monotonic()
        self._lock = threading.Lock()
        self._serving = False
        self._deadline = 0.0

    def renew(self, sent: float) -> None:
        """The leader's key was set or refreshed by a request that left at `sent` (monotonic seconds).

        The lease ends before the key can expire, counted from the sending: nobody else can lead before.
        """
        ttl = self.settings.leader_ttl
        with self._lock:
            self._deadline = sent + ttl - max(0.5, ttl * 0.1)

    def lease_holds(self) -> bool:
        """True while nobody else can have become leader."""
        return time.monotonic() < self._deadline

    def serve(self, how: str) -> None:
        """Begin to answer as leader; how: hand-over, crash or start."""
        self.role, self.pg, self.following = "leader", "leader", ""
        with self._lock:
            self._serving = True
        journal.event("leads", self.me.name, how=how)
        log("leads:", how)

    def stop_serving(self, why: str) -> None:
        """Answer 503 from now on."""
        with self._lock:
            was_serving, self._serving = self._serving, False
        if was_serving:
            journal.event("stops-leading", self.me.name, why=why)
            log("stops leading:", why)

    def serving(self) -> bool:
        """False once the lease has ended, even if it was renewed afterwards."""
        return self._serving

    def answers_as_leader(self) -> bool:
        """What GET /leader says."""
        return self._serving and self.lease_holds() and self.enough_followers

    def fence(self) -> None:
        """Thread: when the lease ends, stop serving and PostgreSQL at once, whatever else hangs."""
        while True:
            time.sleep(0.05)
            if self._serving and not self.lease_holds():
                self.stop_serving("the lease has ended")
                postgres.kill_hard()


class _Answers(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.0"
    # In one segment: HAProxy hangs up after the status line.
    wbufsize = 65536

    def do_GET(self) -> None:
        if self.path.rstrip("/") != "/leader":
            self._answer(404, b"not found\n")
        elif self.server.here.answers_as_leader():
            self._answer(200, b"leader\n")
        else:
            self._answer(503, b"not the leader\n")

    do_HEAD = do_OPTIONS = do_GET

    def _answer(self, status: int, text: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            self.wfile.flush()
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        """HAProxy asks several times a second: nothing worth a line."""


class _Server(ThreadingHTTPServer):
    def __init__(self, here: Here):
        super().__init__(("", 7331), _Answers)
        self.here = here


def start_threads(here: Here) -> None:
    """Begin to answer on port 7331 and to watch the lease."""
    threading.Thread(target=_Server(here).serve_forever, daemon=True).start()
    threading.Thread(target=here.fence, daemon=True).start()

"""Elasticsearch stand-in on port 9200: health, the index `chef` with its creating version, documents, a search.

Its master is the living node with the lowest GUID: independent of who leads, as in the product. A node whose data was
deleted takes the index of a peer that has one; where nobody has one, a new and empty one is made. (In the product it
may be `reconfigure` on a frontend that makes it: unknown.) A node that finds an index which its version cannot read
ends with an error, however often runit starts it.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import urllib.parse
import urllib.request
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypedDict

from . import journal, node, services
from .machine import this_machine
from .search_index import Index, TooOld, release

PATIENCE = 2
"""Seconds that a node without an index looks for a peer that has one, before it makes a new one."""


class Peer(TypedDict):
    """Another node that is alive: its address, the UUID of its index, and when that was made (epoch seconds)."""

    ip: str
    index: str
    made: float


class Store:
    """This node's copy of the index, and what it knows of its peers. Raises TooOld at its start."""

    def __init__(self, me: node.Identity):
        self.me = me
        self.version = release(node.running_version())
        self.lock = threading.Lock()
        self.alive: dict[str, Peer] = {}
        self.members: dict[str, str] = {}
        self.told = ""
        found = Index.on_disk()
        if found:
            found.refuse(self.version)
        theirs = self._of_peer(0 if found else PATIENCE)
        # A node that was away while the others began a new index joins them; the same index it has itself.
        if theirs and (found is None or theirs.uuid != found.uuid):
            found = theirs
        self._take(found or Index.new(self.version))

    def _take(self, index: Index) -> None:
        index.save()  # before it is judged: what a peer sent lies on the disk
        index.refuse(self.version)
        self.index = index

    def peers(self) -> list[str]:
        """Addresses of the other members, as this node's configuration knows them."""
        return [ip for guid, ip in self.members.items() if guid != self.me.guid]

    def look(self) -> None:
        """See who is alive, and which index each has."""
        members = json.loads(services.INITIAL.read_text())
        posted = _etcd_members() or {guid: url.split("//")[1].split(":")[0] for guid, url in members.items()}
        self.members = posted
        alive: dict[str, Peer] = {}
        for guid, ip in posted.items():
            answer = _get(ip, "/_lab") if guid != self.me.guid else None
            if answer:
                alive[guid] = {"ip": ip, "index": answer["index"], "made": answer["made"]}
        self.alive = alive

    def master(self) -> str:
        """GUID of the master."""
        return min([self.me.guid, *self.alive])

    def agree(self) -> None:
        """Take the oldest index of those who are alive: nodes that started anew all at once made several.

        Raises TooOld.
        """
        oldest = min(self.alive.values(), key=lambda peer: peer["made"], default=None)
        if oldest and oldest["made"] < self.index.made:
            with self.lock:
                found = _get(oldest["ip"], "/_lab/index")
                if found:
                    self._take(Index(**found))

    def tell(self) -> None:
        """Note in the lab's journal how this node sees the index, when that has changed."""
        status = self.health()["status"]
        if status != self.told:
            journal.event("elasticsearch", self.me.name, status=status)
            self.told = status

    def _of_peer(self, seconds: float) -> Index | None:
        """The index of a peer that has one; peers that do not answer are asked again for some seconds."""
        until = time.monotonic() + seconds
        while True:
            self.look()
            for peer in self.alive.values():
                found = _get(peer["ip"], "/_lab/index")
                if found:
                    return Index(**found)
            if not self.peers() or time.monotonic() > until:
                return None
            time.sleep(0.2)

    def put(self, path: str, document: object) -> None:
        """Keep one document."""
        with self.lock:
            self.index.documents[path] = document
            self.index.save()

    def drop(self, query: str) -> int:
        """Forget the documents that a query finds; returns how many."""
        with self.lock:
            found = self.index.matching(query)
            for path in found:
                del self.index.documents[path]
            self.index.save()
        return len(found)

    def health(self) -> dict[str, Any]:
        """What /_cluster/health says; `members` is the lab's own addition."""
        complete = len(self.alive) + 1 == len(self.members)
        agreed = all(peer["index"] == self.index.uuid for peer in self.alive.values())
        return {
            "cluster_name": "chef-backend",
            "status": "green" if complete and agreed else "yellow",
            "number_of_nodes": len(self.alive) + 1,
            "members": len(self.members),
        }


def _get(ip: str, path: str) -> dict[str, Any] | None:
    try:
        with urllib.request.urlopen(f"http://{ip}:9200{path}", timeout=0.5) as answer:
            found: dict[str, Any] = json.load(answer)
    except (OSError, ValueError):
        return None
    return found


def _etcd_members() -> dict[str, str]:
    try:
        with urllib.request.urlopen("http://127.0.0.1:2379/v2/members", timeout=0.5) as answer:
            found = json.load(answer)["members"]
    except (OSError, ValueError, KeyError):
        return {}
    return {member["name"]: member["peerURLs"][0].split("//")[1].split(":")[0] for member in found if member["name"]}


class _Answers(BaseHTTPRequestHandler):
    server: _Server

    @property
    def store(self) -> Store:
        return self.server.store

    def do_GET(self) -> None:
        url = urllib.parse.urlparse(self.path)
        options = urllib.parse.parse_qs(url.query)
        store, index = self.store, self.store.index
        if url.path == "/":
            self._json(200, {"name": store.me.name, "version": {"number": store.version}})
        elif url.path == "/_cluster/health":
            self._json(200, store.health())
        elif url.path == "/_lab":
            answer = {"guid": store.me.guid, "master": store.master(), "index": index.uuid, "made": index.made}
            self._json(200, answer)
        elif url.path == "/_lab/index":
            with store.lock:
                answer = asdict(index)
            self._json(200, answer)
        elif url.path == "/_cat/indices":
            self._cat(options)
        elif url.path.startswith("/chef/_settings"):
            settings = {"uuid": index.uuid, "version": {"created_string": index.created}}
            self._json(200, {"chef": {"settings": {"index": settings}}})
        elif url.path in ("/chef/_count", "/chef/_search"):
            with store.lock:
                found = index.matching(options.get("q", ["*"])[0])
                hits = [{"_id": path.rpartition("/")[2], "_source": index.documents[path]} for path in found]
            counted = {"count": len(hits)}
            wanted = hits[: int(options.get("size", ["10"])[0])]
            searched = {"hits": {"total": len(hits), "hits": wanted}}
            self._json(200, counted if url.path == "/chef/_count" else searched)
        elif url.path in index.documents:
            self._json(200, {"found": True, "_source": index.documents[url.path]})
        else:
            self._json(404, {"found": False})

    def do_PUT(self) -> None:
        self.store.put(self.path, json.loads(self._body()))
        self._json(201, {"created": True})

    def do_POST(self) -> None:
        url = urllib.parse.urlparse(self.path)
        if url.path != "/chef/_delete_by_query":
            self.do_PUT()
            return
        self._body()
        self._json(200, {"deleted": self.store.drop(urllib.parse.parse_qs(url.query)["q"][0])})

    def _body(self) -> bytes:
        """What was sent; the other members are sent it too."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.headers.get("X-Lab-Copy"):
            for ip in self.store.peers():
                self._copy(ip, body)
        return body

    def _copy(self, ip: str, body: bytes) -> None:
        request = urllib.request.Request(
            f"http://{ip}:9200{self.path}",
            body,
            method=self.command,
            headers={"X-Lab-Copy": "1", "Content-Type": "application/json"},
        )
        try:
            urllib.request.urlopen(request, timeout=0.5).close()
        except OSError:
            return  # a member that is away copies everything when it returns with an empty disk

    def _cat(self, options: dict[str, list[str]]) -> None:
        columns = {
            "health": self.store.health()["status"],
            "status": "open",
            "index": "chef",
            "docs.count": str(len(self.store.index.documents)),
        }
        wanted = options.get("h", [",".join(columns)])[0].split(",")
        line = " ".join(columns.get(name, "") for name in wanted) + "\n"
        self._send(200, line.encode(), "text/plain")

    def _json(self, status: int, answer: object) -> None:
        self._send(status, json.dumps(answer, indent=2).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Health checks are nothing worth a line."""


class _Server(ThreadingHTTPServer):
    def __init__(self, store: Store):
        super().__init__(("", 9200), _Answers)
        self.store = store


def main() -> int:
    """Run as the node's service; returns 1 when the index is too old, and ends by a signal otherwise."""
    try:
        _serve(Store(node.identity()))
    except TooOld as refusal:
        print(f"[ERROR] {refusal}", file=sys.stderr)
    return 1


def _serve(store: Store) -> None:
    threading.Thread(target=_Server(store).serve_forever, daemon=True).start()
    pause = this_machine().scaled(5, 0.5)
    while True:
        store.look()
        store.agree()
        store.tell()
        time.sleep(pause)

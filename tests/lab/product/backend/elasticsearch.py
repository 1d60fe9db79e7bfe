"""Elasticsearch stand-in on port 9200: health, the index `chef` with its creating version, documents, a search.

Its master is the living node with the lowest GUID: independent of who leads, as in the product. A node whose data was
deleted takes the index of a peer that has one; where nobody has one there is none, and the cluster is green all the
same, until `reconfigure` on a frontend makes it with its mapping, or a document comes first, which makes it with a
guessed one. A node that finds an index which its version cannot read ends with an error, however often runit starts it.
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

from . import journal, node, paths, services
from .machine import this_machine
from .search_index import Index, TooOld, guessed, release

SHARDS = {"total": 5, "successful": 5, "failed": 0}
NO_INDEX = {"error": {"type": "index_not_found_exception", "reason": "no such index", "index": "chef"}, "status": 404}


class Peer(TypedDict):
    """Another node that is alive: its address, the UUID of its index, and when that was made (epoch seconds)."""

    ip: str
    index: str | None
    made: float | None


class Store:
    """This node's copy of the index, and what it knows of its peers. Raises TooOld at its start."""

    def __init__(self, me: node.Identity):
        self.me = me
        self.version = release(node.running_version())
        self.lock = threading.Lock()
        self.alive: dict[str, Peer] = {}
        self.members: dict[str, str] = {}
        self.told = ""
        self.index = Index.on_disk()
        if self.index:
            self.index.refuse(self.version)
        self.look()
        self.agree()

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
        """Take the oldest index of those who are alive: nodes that were apart may have made several.

        Raises TooOld.
        """
        there = [peer for peer in self.alive.values() if peer["made"] is not None]
        oldest = min(there, key=lambda peer: peer["made"] or 0, default=None)
        if oldest and (self.index is None or (oldest["made"] or 0) < self.index.made):
            with self.lock:
                found = _get(oldest["ip"], "/_lab/index")
                if found:
                    self._take(Index(**found))

    def make(self, mapping: dict[str, Any]) -> Index:
        """Make the index; `mapping`: what it is made with."""
        index = Index.new(self.version, mapping)
        self._take(index)
        return index

    def adopt(self, index: Index) -> None:
        """Take the index that a peer has just made, if there is none here."""
        if self.index is None:
            self._take(index)

    def tell(self) -> None:
        """Note in the lab's journal how this node sees the index, when that has changed."""
        status = self.health()["status"]
        if status != self.told:
            journal.event("elasticsearch", self.me.name, status=status)
            self.told = status

    def put(self, path: str, document: object) -> None:
        """Keep one document."""
        with self.lock:
            if self.index is not None:
                self.index.documents[path] = document
                self.index.save()

    def drop(self, query: str) -> int:
        """Forget the documents that a query finds; returns how many."""
        with self.lock:
            if self.index is None:
                return 0
            found = self.index.matching(query)
            for path in found:
                del self.index.documents[path]
            self.index.save()
        return len(found)

    def health(self) -> dict[str, Any]:
        """What /_cluster/health says; `members` is the lab's own addition."""
        complete = len(self.alive) + 1 == len(self.members)
        own = self.index and self.index.uuid
        agreed = all(peer["index"] == own for peer in self.alive.values())
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
        store, index = self.store, self.store.index
        if url.path == "/":
            self._json(200, {"name": store.me.name, "version": {"number": store.version}})
        elif url.path == "/_cluster/health":
            self._json(200, store.health())
        elif url.path == "/_lab":
            has = {"index": index and index.uuid, "made": index and index.made}
            self._json(200, {"guid": store.me.guid, "master": store.master(), **has})
        elif url.path == "/_cat/indices":
            self._cat(urllib.parse.parse_qs(url.query), index)
        elif index is None:
            self._json(404, NO_INDEX)
        elif url.path == "/_lab/index":
            with store.lock:
                answer = asdict(index)
            self._json(200, answer)
        else:
            self._of_the_index(url.path, urllib.parse.parse_qs(url.query), index)

    def _of_the_index(self, path: str, options: dict[str, list[str]], index: Index) -> None:
        if path == "/chef/_mapping":
            self._json(200, {"chef": {"mappings": index.mapping}})
        elif path.startswith("/chef/_settings"):
            settings = {"uuid": index.uuid, "version": {"created_string": index.created}}
            self._json(200, {"chef": {"settings": {"index": settings}}})
        elif path == "/chef/_count":
            with self.store.lock:
                self._json(200, {"count": len(index.matching(options.get("q", ["*"])[0])), "_shards": SHARDS})
        elif path == "/chef/_search":
            self._search(json.loads(options.get("source", ["{}"])[0]), index)
        elif path in index.documents:
            self._json(200, {"found": True})
        else:
            self._json(404, {"found": False})

    def _search(self, source: dict[str, Any], index: Index) -> None:
        """Count what there is by its fields; where the mapping was guessed, that cannot be done."""
        if not index.is_mapped:
            reason = "Fielddata is disabled on text fields by default."
            self._json(400, {"error": {"type": "illegal_argument_exception", "reason": reason}, "status": 400})
            return
        with self.store.lock:
            paths = index.matching("*")
            found = {"hits": {"total": len(paths), "hits": []}, "_shards": SHARDS}
            self._json(200, {**found, "aggregations": index.counted(source.get("aggs", {}), paths)})

    def do_PUT(self) -> None:
        body = self._read()
        if self.path == "/_lab/index":
            self.store.adopt(Index(**json.loads(body)))
            self._json(200, {})
            return
        makes = self.path == "/chef"
        if makes and self.store.index is not None:
            error = {"type": "resource_already_exists_exception", "reason": "index [chef] already exists"}
            self._json(400, {"error": error, "status": 400})
            return
        document = json.loads(body or b"{}")
        if self.store.index is None:
            made = self.store.make(document["mappings"] if makes else guessed(document))
            self._copy("PUT", "/_lab/index", json.dumps(asdict(made)).encode())
        if makes:
            self._json(200, {"acknowledged": True})
            return
        self._copy("PUT", self.path, body)
        self.store.put(self.path, document)
        self._json(201, {"created": True})

    def do_POST(self) -> None:
        url = urllib.parse.urlparse(self.path)
        if url.path != "/chef/_delete_by_query":
            self.do_PUT()
            return
        body = self._read()
        if self.store.index is None:
            self._json(404, NO_INDEX)
            return
        self._copy("POST", self.path, body)
        self._json(200, {"deleted": self.store.drop(urllib.parse.parse_qs(url.query)["q"][0])})

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _copy(self, method: str, path: str, body: bytes) -> None:
        """Send the other members what was sent here; one that is away copies everything when it returns empty."""
        if self.headers.get("X-Lab-Copy"):
            return
        for ip in self.store.peers():
            headers = {"X-Lab-Copy": "1", "Content-Type": "application/json"}
            request = urllib.request.Request(f"http://{ip}:9200{path}", body, method=method, headers=headers)
            try:
                urllib.request.urlopen(request, timeout=0.5).close()
            except OSError:
                continue

    def _cat(self, options: dict[str, list[str]], index: Index | None) -> None:
        if index is None:
            self._send(200, b"", "text/plain")
            return
        columns = {
            "health": self.store.health()["status"],
            "status": "open",
            "index": "chef",
            "docs.count": str(len(index.documents)),
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
        _refuse_old_settings()
        _serve(Store(node.identity()))
    except TooOld as refusal:
        print(f"[ERROR] {refusal}", file=sys.stderr)
    return 1


def _refuse_old_settings() -> None:
    """As Elasticsearch 6 does with settings of 5. Raises TooOld."""
    settings = paths.SEARCH_SETTINGS.read_text() if paths.SEARCH_SETTINGS.exists() else ""
    if "path.scripts" in settings and node.version_numbers(release(node.running_version())) >= (6,):
        raise TooOld(
            "java.lang.IllegalArgumentException: unknown setting [path.scripts] please check that any required"
        )


def _serve(store: Store) -> None:
    threading.Thread(target=_Server(store).serve_forever, daemon=True).start()
    pause = this_machine().scaled(5, 0.5)
    while True:
        store.look()
        store.agree()
        store.tell()
        time.sleep(pause)

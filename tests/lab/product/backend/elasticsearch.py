"""Elasticsearch stand-in on port 9200: health, the index `chef` with its creating version, documents on disk.

Its master is the living node with the lowest GUID: independent of who leads, as in the product.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import journal, node, paths, services
from .machine import this_machine

RELEASES = (((3, 0, 0), "6.8.23"), ((2, 1, 0), "5.6.16"), ((2, 0, 30), "5.4.1"), ((2, 0, 0), "5.2.2"))
"""Elasticsearch by the first Chef Backend that brought it. synthetic between the documented releases."""
OLDEST = "2.3.1"
REINDEX_UP_TO = (5, 4, 1)
INDEX = paths.ELASTICSEARCH / "chef.json"


def release(backend: str) -> str:
    """The Elasticsearch that a version of Chef Backend runs."""
    numbers = node.version_numbers(backend)
    return next((found for first, found in RELEASES if numbers >= first), OLDEST)


class Store:
    """The index on disk: who created it, and its documents by path."""

    def __init__(self, me: node.Identity):
        self.me = me
        self.version = release(node.running_version())
        self.lock = threading.Lock()
        self.alive: dict[str, str] = {}
        self.members: dict[str, str] = {}
        self.told = ""
        if INDEX.exists():
            found = json.loads(INDEX.read_text())
        else:
            found = self._from_peer() or {"created": self.version, "documents": {}}
        self.created, self.documents = found["created"], found["documents"]
        self._save()

    def _save(self) -> None:
        INDEX.parent.mkdir(parents=True, exist_ok=True)
        node.write_atomically(INDEX, json.dumps({"created": self.created, "documents": self.documents}))

    def peers(self) -> list[str]:
        """Addresses of the other members, as this node's configuration knows them."""
        return [ip for guid, ip in self.members.items() if guid != self.me.guid]

    def look(self) -> None:
        """See who is alive."""
        members = json.loads(services.INITIAL.read_text())
        posted = _etcd_members() or {guid: url.split("//")[1].split(":")[0] for guid, url in members.items()}
        self.members = posted
        alive = {self.me.guid: self.me.ip}
        for guid, ip in posted.items():
            if guid != self.me.guid and _get(ip, "/_lab"):
                alive[guid] = ip
        self.alive = alive

    def tell(self) -> None:
        """Note in the lab's journal how this node sees the index, when that has changed."""
        status = self.health()["status"]
        if status != self.told:
            journal.event("elasticsearch", self.me.name, status=status)
            self.told = status

    def _from_peer(self) -> dict | None:
        self.look()
        for ip in self.peers():
            found = _get(ip, "/_lab/index")
            if found:
                return found
        return None

    def put(self, path: str, document: object) -> None:
        """Keep one document."""
        with self.lock:
            self.documents[path] = document
            self._save()

    def health(self) -> dict:
        """What /_cluster/health says; `members` is the lab's own addition."""
        numbers = tuple(int(part) for part in self.created.split("."))
        unreadable = self.version.startswith("6") and numbers <= REINDEX_UP_TO
        complete = len(self.alive) == len(self.members)
        status = "red" if unreadable else "green" if complete else "yellow"
        return {
            "cluster_name": "chef-backend",
            "status": status,
            "number_of_nodes": len(self.alive),
            "members": len(self.members),
        }


def _get(ip: str, path: str) -> dict | None:
    try:
        with urllib.request.urlopen(f"http://{ip}:9200{path}", timeout=0.5) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def _etcd_members() -> dict[str, str]:
    try:
        with urllib.request.urlopen("http://127.0.0.1:2379/v2/members", timeout=0.5) as answer:
            found = json.load(answer)["members"]
    except (OSError, ValueError, KeyError):
        return {}
    return {member["name"]: member["peerURLs"][0].split("//")[1].split(":")[0] for member in found if member["name"]}


class _Answers(BaseHTTPRequestHandler):
    @property
    def store(self) -> Store:
        return self.server.store

    def do_GET(self) -> None:
        url = urllib.parse.urlparse(self.path)
        store = self.store
        if url.path == "/":
            self._json(200, {"name": store.me.name, "version": {"number": store.version}})
        elif url.path == "/_cluster/health":
            self._json(200, store.health())
        elif url.path == "/_lab":
            self._json(200, {"guid": store.me.guid, "master": min(store.alive or {store.me.guid: ""})})
        elif url.path == "/_lab/index":
            self._json(200, {"created": store.created, "documents": store.documents})
        elif url.path == "/_cat/indices":
            self._cat(urllib.parse.parse_qs(url.query))
        elif url.path.startswith("/chef/_settings"):
            self._json(200, {"chef": {"settings": {"index": {"version": {"created_string": store.created}}}}})
        elif url.path in store.documents:
            self._json(200, {"found": True, "_source": store.documents[url.path]})
        else:
            self._json(404, {"found": False})

    def do_PUT(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.store.put(self.path, document)
        if not self.headers.get("X-Lab-Copy"):
            for ip in self.store.peers():
                self._copy(ip, document)
        self._json(201, {"created": True})

    do_POST = do_PUT

    def _copy(self, ip: str, document: object) -> None:
        request = urllib.request.Request(
            f"http://{ip}:9200{self.path}",
            json.dumps(document).encode(),
            method="PUT",
            headers={"X-Lab-Copy": "1", "Content-Type": "application/json"},
        )
        try:
            urllib.request.urlopen(request, timeout=0.5).close()
        except OSError:
            return  # a member that is away copies everything when it returns with an empty disk

    def _cat(self, options: dict) -> None:
        columns = {
            "health": self.store.health()["status"],
            "status": "open",
            "index": "chef",
            "docs.count": str(len(self.store.documents)),
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


def main() -> None:
    """Run as the node's service."""
    store = Store(node.identity())
    server = ThreadingHTTPServer(("", 9200), _Answers)
    server.store = store
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pause = this_machine().scaled(5, 0.5)
    while True:
        store.look()
        store.tell()
        time.sleep(pause)

"""Elasticsearch on the three backends: each node's copy of the index, who made it, whether all agree."""

import dataclasses
import itertools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saltext.chef_backend.product.objects import KINDS
from tests.lab.product.backend import printing

if TYPE_CHECKING:
    from tests.simulation.product.backend import Backend
    from tests.simulation.product.cluster import Cluster

RELEASES = (((3, 0, 0), "6.8.23"), ((2, 1, 0), "5.6.16"), ((2, 0, 30), "5.4.1"), ((2, 0, 0), "5.2.2"))
OLDEST = "2.3.1"
UNREADABLE = (5, 4, 1)  # Elasticsearch 6 needs an index that was created by a later one
AGREE = 5.0  # seconds within which nodes that have different indices take the oldest
SHARDS = {"total": 5, "successful": 5, "failed": 0}
START = 4.0  # seconds from the process' begin until it answers
OBJECTS = {"acme": 5, "other": 7}  # what PostgreSQL holds of each organisation, to be found by searches


@dataclasses.dataclass
class Index:
    """One index; its copies on several nodes are one object, which all that run change together."""

    created: str
    made: float
    uuid: str
    documents: dict[str, int] = dataclasses.field(default_factory=dict)  # by organisation

    @property
    def whole(self) -> bool:
        """Whether searches find all that there is."""
        return self.documents == OBJECTS

    def age(self) -> tuple[float, str]:
        """By what the oldest is told."""
        return self.made, self.uuid


def release(backend: str) -> str:
    """The Elasticsearch that a version of Chef Backend runs."""
    numbers = printing.numbers(backend)
    return next((found for first, found in RELEASES if numbers >= first), OLDEST)


def reads(version: str, index: Index) -> bool:
    """Whether an Elasticsearch can read an index."""
    return printing.numbers(version)[0] < 6 or printing.numbers(index.created) > UNREADABLE


class Search:
    """The Elasticsearch of a cluster."""

    def __init__(self, cluster: "Cluster") -> None:
        self.cluster = cluster
        self._numbers = itertools.count(1)
        self._agreeing = False

    def new(self, created: str) -> Index:
        """Make an index, with nothing in it."""
        return Index(created, self.cluster.engine.now, f"index-{next(self._numbers)}")

    def starts(self, node: "Backend") -> None:
        """The process of a node has begun: later it answers, or has ended again."""
        node.look_at_data()
        self.cluster.engine.after(START, self._started, node, node.services["elasticsearch"].pid)

    def _started(self, node: "Backend", pid: int) -> None:
        service = node.services["elasticsearch"]
        if not node.runs("elasticsearch") or service.pid != pid:
            return
        there = [peer.index for peer in self.peers(node) if peer.index is not None]
        index = min((*there, *([node.index] if node.index else [])), key=Index.age, default=None)
        if index is not None:
            node.take_index(index)
            service.flaps = not reads(node.elasticsearch, index)
        self.cluster.changed()

    def make(self, node: "Backend") -> None:
        """Have an index with its mapping, if there is none: ``reconfigure`` on a frontend does, through a leader."""
        if node.index is None:
            index = self.new(node.elasticsearch)
            for one in (node, *self.peers(node)):
                if one.index is None:
                    one.take_index(index)
            self.cluster.changed()

    def changed(self) -> None:
        """See whether nodes that reach each other have different indices: they made several while they did not."""
        if not self._agreeing and any(self._oldest(node) is not node.index for node in self.cluster.nodes):
            self._agreeing = True
            self.cluster.engine.after(AGREE, self._agree)

    def _agree(self) -> None:
        self._agreeing = False
        for node in self.cluster.nodes:
            oldest = self._oldest(node)
            if oldest is not None and oldest is not node.index:
                node.take_index(oldest)
                node.services["elasticsearch"].flaps = not reads(node.elasticsearch, oldest)
        self.cluster.changed()

    def _oldest(self, node: "Backend") -> Index | None:
        """The oldest index of a node that answers, and of its peers."""
        if not self.answers(node):
            return node.index
        there = [one.index for one in (node, *self.peers(node)) if one.index is not None]
        return min(there, key=Index.age, default=None)

    def peers(self, node: "Backend") -> list["Backend"]:
        """The other nodes that answer."""
        linked = self.cluster.network.linked
        return [
            one for one in self.cluster.nodes if one is not node and self.answers(one) and linked(one.name, node.name)
        ]

    def answers(self, node: "Backend") -> bool:
        """Whether a node's Elasticsearch answers."""
        service = node.services.get("elasticsearch")
        if not node.runs("elasticsearch") or service is None or service.flaps:
            return False
        return self.cluster.engine.now - service.at >= START - 1e-6

    def role(self, node: "Backend") -> str:
        """``master``, ``not_master`` or ``down``."""
        if not self.answers(node):
            return "down"
        return "master" if all(node.guid < peer.guid for peer in self.peers(node)) else "not_master"

    def cell(self, node: "Backend") -> str:
        """What ``status`` shows of it."""
        if not self.answers(node):
            return printing.NO_SEARCH
        peers, members = self.peers(node), len(self.cluster.members)
        whole = len(peers) + 1 == members and all(peer.index is node.index for peer in peers)
        return printing.elasticsearch("green" if whole else "yellow", len(peers) + 1, members)

    def asked(self, node: "Backend | None", url: str) -> dict[str, Any]:
        """The answer to what is asked of the index; an error where nobody answers, or there is none."""
        if node is None or not self.answers(node):
            return {"error": "[Errno 111] Connection refused"}
        if node.index is None:
            return {"status": 404, "error": "HTTP 404: Not Found"}
        index = node.index
        if url.endswith("/_mapping"):
            return _said({"chef": {"mappings": {"object": {"_source": {"enabled": False}}}}})
        if url.endswith("/_count"):
            return _said({"count": sum(index.documents.values()), "_shards": SHARDS})
        if "/_search?" in url:
            return _said(_counted(index.documents))
        settings = {"uuid": index.uuid, "version": {"created_string": index.created}}
        return _said({"chef": {"settings": {"index": settings}}})


def database(organisation: str) -> str:
    """What an organisation is called in the index."""
    return f"chef_{organisation.encode().hex():0>32}"


def stored() -> list[dict[str, object]]:
    """What PostgreSQL holds, by organisation."""
    none = dict.fromkeys(KINDS, 0)
    return [
        {"organisation": name, "database": database(name), "counts": {**none, "node": count}}
        for name, count in OBJECTS.items()
    ]


def _counted(documents: Mapping[str, int]) -> dict[str, object]:
    def buckets(*each: dict[str, object]) -> dict[str, object]:
        return {"buckets": list(each), "sum_other_doc_count": 0}

    of = [
        {"key": database(name), "doc_count": count, "types": buckets({"key": "node", "doc_count": count})}
        for name, count in documents.items()
    ]
    return {"_shards": SHARDS, "timed_out": False, "aggregations": {"databases": buckets(*of)}}


def _said(body: Mapping[str, object]) -> dict[str, Any]:
    return {"status": 200, "body": json.dumps(body)}

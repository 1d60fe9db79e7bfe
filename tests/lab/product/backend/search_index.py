"""The search index of one node of the Elasticsearch stand-in: on disk, with the version that created it.

The whole index is one file. What it holds is the lab's own; that each index has a UUID and a creating version, and
keeps both for life, is Elasticsearch's.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

from . import faults, node, paths
from .chef_index import mapping

FILE = paths.ELASTICSEARCH / "chef.json"
RELEASES = (((3, 0, 0), "6.8.23"), ((2, 1, 0), "5.6.16"), ((2, 0, 30), "5.4.1"), ((2, 0, 0), "5.2.2"))
"""Elasticsearch by the first Chef Backend that brought it. synthetic between the documented releases."""
OLDEST = "2.3.1"
UNREADABLE = (5, 4, 1)
"""Documented: Elasticsearch 6 (Chef Backend 3.x) needs an index that was created by a later version than this."""


def guessed(document: dict[str, Any]) -> dict[str, Any]:
    """What Elasticsearch makes it with by itself, where a document comes first."""
    kept = {"keyword": {"type": "keyword", "ignore_above": 256}}
    return {"object": {"properties": {name: {"type": "text", "fields": kept} for name in document}}}


class TooOld(Exception):
    """This version cannot read the index."""


@dataclass
class Index:
    """Who created it and when (epoch seconds), its UUID, its documents by path."""

    created: str
    made: float
    uuid: str
    documents: dict[str, Any] = field(default_factory=dict)
    mapping: dict[str, Any] = field(default_factory=mapping)

    @classmethod
    def new(cls, version: str, mapping: dict[str, Any]) -> Index:
        """An empty index of this version of Elasticsearch."""
        return cls(version, time.time(), str(uuid.uuid4()), mapping=mapping)

    @classmethod
    def on_disk(cls) -> Index | None:
        """What lies on this node's disk; None after its data was deleted."""
        return cls(**json.loads(FILE.read_text())) if FILE.exists() else None

    def save(self) -> None:
        """Write it to the disk."""
        FILE.parent.mkdir(parents=True, exist_ok=True)
        node.write_atomically(FILE, json.dumps(asdict(self)))

    def refuse(self, version: str) -> None:
        """Raise TooOld when this version of Elasticsearch cannot read the index."""
        too_old = node.version_numbers(version)[0] >= 6 and node.version_numbers(self.created) <= UNREADABLE
        if too_old and not faults.read().get("reads_old_index"):
            # synthetic: after what Elasticsearch writes of an index that is two major versions old
            raise TooOld(
                f"The index [[chef/{self.uuid}]] was created with version [{self.created}], which Elasticsearch"
                f" {version} cannot read: it has to be deleted and built again"
            )

    @property
    def is_mapped(self) -> bool:
        """Whether a frontend has made it: its fields can be counted by."""
        return all("_source" in kind for kind in self.mapping.values())

    def matching(self, query: str) -> list[str]:
        """Paths of the documents in which each `field:word` of `a:b AND c:d` is so; all for `*`."""
        wanted = [part.partition(":") for part in query.split(" AND ")] if query != "*" else []
        return sorted(
            path
            for path, document in self.documents.items()
            if all(str(document.get(name)) == word for name, _, word in wanted)
        )

    def counted(self, aggregations: dict[str, Any], paths: list[str]) -> dict[str, Any]:
        """Documents counted by the words in a field, and by a second one inside: a `terms` aggregation."""
        answer = {}
        for name, one in aggregations.items():
            several: dict[str, list[str]] = {}
            for path in paths:
                several.setdefault(str(self.documents[path].get(one["terms"]["field"])), []).append(path)
            buckets = [
                {"key": key, "doc_count": len(inside), **self.counted(one.get("aggs", {}), inside)}
                for key, inside in sorted(several.items())
            ]
            answer[name] = {"buckets": buckets, "sum_other_doc_count": 0}
        return answer


def release(backend: str) -> str:
    """The Elasticsearch that a version of Chef Backend runs."""
    numbers = node.version_numbers(backend)
    return next((found for first, found in RELEASES if numbers >= first), OLDEST)

"""Read what ``chef-backend-ctl cluster-status`` prints. Columns are found by their header, never by position."""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from saltext.chef_backend.product.reading import ParseError, lines_of, read_json

UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class Node:
    """One node in cluster-status. What this version does not show is None."""

    name: str
    ip: str
    guid: str
    role: str
    pg: str
    es: str
    following: str | None = None
    blocked: bool | None = None
    eligible: bool | None = None
    partially_synced: bool | None = None
    extra: tuple[tuple[str, str], ...] = ()  # header and value of columns that are not known
    called: str = ""  # its name to the product, where another one is used for it here

    @property
    def product_name(self) -> str:
        """What the product's commands call it."""
        return self.called or self.name

    @property
    def leads(self) -> bool:
        """Whether the node leads by its role and by its PostgreSQL."""
        return self.role == "leader" and self.pg == "leader"


_IDENTITY = ("name", "ip", "guid")  # never blank
_STATE = ("role", "pg", "es")  # blank means unknown
_FLAGS = ("blocked", "eligible", "partially_synced")
_FIELDS = (*_IDENTITY, *_STATE, "following", *_FLAGS)


@dataclasses.dataclass(frozen=True)
class ClusterStatus:
    """What ``cluster-status`` shows: all nodes that one node can reach."""

    nodes: tuple[Node, ...]
    extra: tuple[tuple[str, str], ...] = ()  # key and value that JSON holds beside its nodes

    @classmethod
    def from_table(cls, text: str) -> "ClusterStatus":
        """Read the table.

        :raises ParseError: no header, a column that is needed is missing, a row that does not fit.
        """
        header, *lines = lines_of(text, "cluster-status")
        if not re.match(r"\s*Name\s.*\bRole\b", header):
            raise ParseError("no header of cluster-status (Name ... Role ...)", header)
        # headers of two words are told apart by two blanks; if there are none, padding is lost and each word is one
        padded = re.search(r"\S\s{2,}\S", header)
        found = list(re.finditer(r"\S+(?:\s\S+)*" if padded else r"\S+", header))
        names, starts = [match[0] for match in found], [match.start() for match in found] if padded else None
        columns = [_field(name) for name in names]
        missing = [field for field in (*_IDENTITY, *_STATE) if field not in columns]
        if missing or len(set(columns)) != len(columns):
            trouble = f"without {', '.join(missing)}" if missing else "that names a column twice"
            raise ParseError(f"a header of cluster-status {trouble}", header)
        rows = [dict(zip(names, _cells(line, len(names), starts), strict=True)) for line in lines]
        return cls._checked([_node(row, line) for row, line in zip(rows, lines, strict=True)], header)

    @classmethod
    def from_json(cls, text: str) -> "ClusterStatus":
        """Read ``cluster-status --json``: a list of nodes, or a mapping of them, perhaps below ``nodes``.

        :raises ParseError: not JSON, a key twice, or no nodes in it.
        """
        data = read_json(text, "cluster-status")
        extra: tuple[tuple[str, str], ...] = ()
        if isinstance(data, dict) and isinstance(data.get("nodes"), (dict, list)):
            extra = tuple((key, json.dumps(value)) for key, value in data.items() if key != "nodes")
            data = data["nodes"]
        rows = list(data.values()) if isinstance(data, dict) else data
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ParseError("no nodes in this JSON", text[:80])
        if isinstance(data, dict):
            rows = [_keyed(key, row) for key, row in data.items()]
        return cls._checked([_node(row, json.dumps(row)) for row in rows], text[:80], extra)

    @classmethod
    def _checked(cls, nodes: Sequence[Node], line: str, extra: tuple[tuple[str, str], ...] = ()) -> "ClusterStatus":
        if not nodes:
            raise ParseError("cluster-status names no node", line)
        for field in ("name", "guid"):
            values = [getattr(node, field) for node in nodes]
            if len(set(values)) != len(values):
                raise ParseError(f"cluster-status names a {field} twice", ", ".join(values))
        return cls(tuple(nodes), extra)

    @property
    def leaders(self) -> tuple[Node, ...]:
        """The nodes that lead by role or by PostgreSQL; both on one node is what a healthy cluster has."""
        return tuple(node for node in self.nodes if node.role == "leader" or node.pg == "leader")

    @property
    def failover(self) -> str:
        """``on``, ``off``, ``mixed`` or ``unknown``, from the Blocked column (2.0.30 and later)."""
        blocked = {node.blocked for node in self.nodes}
        if None in blocked or not blocked:
            return UNKNOWN
        if len(blocked) > 1:
            return "mixed"
        return "off" if True in blocked else "on"


def _keyed(key: str, row: dict[str, Any]) -> dict[str, Any]:
    """A node below a key: the key is its GUID or, if it has one, its name; anything else is kept as an extra."""
    for field in ("guid", "name"):
        if field not in row or row[field] == key:
            return row | {field: key}
    return row | {"key": key}


def _cells(line: str, count: int, starts: Sequence[int] | None) -> list[str]:
    """Split a row: at its gaps and at its header's offsets. Where both are possible they must agree.

    :param starts: offsets of the header's columns, or None where padding is lost.
    """
    by_gap = re.split(r"\s{2,}", line.strip())
    by_edge = None
    # a row is cut at the offsets only where two blanks stand before each: else a cell would be cut in two
    if starts and all(not line[start - 2 : start].strip() for start in starts[1:]):
        by_edge = [line[at:end].strip() for at, end in zip(starts, [*starts[1:], None], strict=True)]
    if len(by_gap) == count and by_edge in (None, by_gap):
        return by_gap
    if len(by_gap) < count and by_edge and not any(re.search(r"\s{2}", cell) for cell in by_edge):
        return by_edge
    if len(by_gap) == 1 and len(line.split()) == count:
        return line.split()
    raise ParseError("a row of cluster-status that does not fit its header", line)


def _field(header: str) -> str:
    return re.sub(r"[\s-]+", "_", header.strip().lower())


def _node(columns: Mapping[str, Any], line: str) -> Node:
    fields: dict[str, Any] = {}
    extra = []
    for header, value in columns.items():
        field = _field(header)
        if field in fields:
            raise ParseError(f"a node that names {field} twice", line)
        if field not in _FIELDS:
            extra.append((header, value if isinstance(value, str) else json.dumps(value)))
        elif field in _FLAGS:
            fields[field] = _flag(field, value, line)
        elif value is not None and not isinstance(value, str):
            raise ParseError(f"a node whose {field} is not text", line)
        elif field == "following":
            fields[field] = None if value in (None, "", "-") else value
        else:
            fields[field] = value or ""
    missing = [field for field in _IDENTITY if not fields.get(field)]
    missing += [field for field in _STATE if field not in fields]
    if missing:
        raise ParseError(f"a node without {', '.join(missing)}", line)
    return Node(**(fields | {field: fields[field] or UNKNOWN for field in _STATE}), extra=tuple(extra))


def _flag(field: str, value: object, line: str) -> bool | None:
    """Read yes or no. How the table words it is not public: ES says master and not_master, so may these columns."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else value
    if word in ("yes", "true", "y", field):
        return True
    if word in ("no", "false", "n", f"not_{field}", f"in{field}", f"un{field}"):
        return False
    if word in (None, "", "-", UNKNOWN):
        return None
    raise ParseError(f"{field} is neither yes nor no", line)

"""A capture: every reading output that this extension ever reads, of each node, so that it can be looked at elsewhere.

It is a mapping that JSON can hold: ``{"format", "extension", "cluster", "taken", "nodes": {node: {"kind", "version",
"salt", "python", "os", "outputs": {name: {"asked", "status", "text", "error"}}}}}``. A command is asked by its words, a
service by its URL; the status is the command's, or of HTTP, or None.
"""

import dataclasses
import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

from saltext.chef_backend.product import etcd_metrics, haproxy, objects, replication, runit
from saltext.chef_backend.product import index as indexes
from saltext.chef_backend.product.cluster_status import ClusterStatus
from saltext.chef_backend.product.manifest import parse_manifest
from saltext.chef_backend.product.reading import ParseError, read_json
from saltext.chef_backend.product.status import Status

FORMAT = 1
BACKEND, FRONTEND = "backend", "frontend"
Plain = Mapping[str, Any]
READERS: Mapping[str, Mapping[str, Callable[[str], object]]] = {
    BACKEND: {
        "manifest": parse_manifest,
        "cluster-status": ClusterStatus.from_table,
        "status": Status.from_text,
        "status --simple": runit.parse_simple,
        "replication": replication.lag,
        "takes writes": lambda text: _one_of(text, ("t", "f")),
        "connected": lambda text: [ipaddress.ip_address(word) for word in text.split()],
        "stored": objects.parse_stored,
        "index created": indexes.parse_index_created,
        "index mapping": indexes.parse_is_mapped,
        "etcd metrics": etcd_metrics.fsync,
    },
    FRONTEND: {
        "manifest": parse_manifest,
        "status": runit.running,
        "haproxy": haproxy.parse_show_stat,
        "api": lambda text: read_json(text, "the status page")["status"],
        "index": indexes.parse_index_uuid,
        "count": indexes.parse_count,
        "indexed": objects.parse_indexed,
        "migration-level": lambda text: read_json(text, "the migration-level")["minor"],
    },
}
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_HEX = re.compile(r"(?<![0-9a-fA-F])[0-9a-f]{32}(?![0-9a-fA-F])")
_KEPT = ("127.0.0.1", "0.0.0.0")


@dataclasses.dataclass(frozen=True)
class Output:
    """What was asked, and what came: text, or why not."""

    asked: str
    status: int | None = None
    text: str = ""
    error: str = ""


def read(text: str) -> dict[str, Any]:
    """Read a capture's file.

    :raises ParseError: it was cut off, is none, or is of another format.
    """
    found = read_json(text, "a capture")
    if not isinstance(found, dict) or "format" not in found or not isinstance(found.get("nodes"), dict):
        raise ParseError("not a capture", text[:80])
    if found["format"] != FORMAT:
        raise ParseError(f"a capture of format {FORMAT} was expected, and it is of another", found["format"])
    for name, node in found["nodes"].items():
        outputs = node.get("outputs") if isinstance(node, dict) else None
        if not isinstance(outputs, dict) or node.get("kind") not in READERS:
            raise ParseError("not a node of a capture", name)
        for output in outputs.values():
            if not isinstance(output, dict) or not isinstance(output.get("text"), str):
                raise ParseError("not an output of a capture", str(output)[:80])
    return found


def unread(capture: Plain) -> list[str]:
    """Return what of a capture could not be had, or cannot be read by this extension: one sentence each."""
    troubles = []
    for name, node in sorted(capture["nodes"].items()):
        if node.get("error"):
            troubles.append(f"{name}: {node['error']}")
        for part, reader in READERS[node["kind"]].items():
            output = node["outputs"].get(part)
            if output is None:
                continue
            why = output["error"] or _why_not(reader, output["text"])
            if why:
                troubles.append(f"{name}: {part}: {why}")
    return troubles


def _why_not(reader: Callable[[str], object], text: str) -> str | None:
    try:
        reader(text)
    except (ValueError, KeyError, TypeError) as err:
        return f"cannot be read: {err}"
    return None


def _one_of(text: str, words: tuple[str, ...]) -> str:
    if text.strip() not in words:
        raise ParseError(f"expected one of {', '.join(words)}", text[:80])
    return text.strip()


def anonymous(capture: Plain) -> dict[str, Any]:
    """Return a capture with names of nodes, hosts and organisations, addresses and GUIDs replaced, alike everywhere."""
    names = sorted(_names(capture), key=len, reverse=True)
    numbers = {name: f"name{number}" for number, name in enumerate(names, 1)}
    called = re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in names))
    addresses: dict[str, str] = {}
    guids: dict[str, str] = {}

    def address(found: re.Match[str]) -> str:
        if found[0] in _KEPT:
            return found[0]
        number = len(addresses) + 1
        return addresses.setdefault(found[0], f"198.51.{number // 250}.{number % 250 + 1}")

    def hidden(value: Any) -> Any:
        if isinstance(value, str):
            text = _IPV4.sub(address, called.sub(lambda found: numbers[found[0]], value))
            return _HEX.sub(lambda found: guids.setdefault(found[0], f"{len(guids) + 1:032x}"), text)
        if isinstance(value, Mapping):
            return {hidden(key) if key in numbers else key: hidden(inner) for key, inner in value.items()}
        return [hidden(inner) for inner in value] if isinstance(value, (list, tuple)) else value

    found: dict[str, Any] = hidden(capture)
    return found


def _names(capture: Plain) -> set[str]:
    """The names that a capture tells: the cluster, minions, hosts, nodes, organisations."""
    found = {str(capture["cluster"]), *capture["nodes"]}
    for node in capture["nodes"].values():
        found |= {str(name) for name in node.get("names", ())}
        for part, output in node["outputs"].items():
            try:
                if part == "cluster-status":
                    found |= {one.name for one in ClusterStatus.from_table(output["text"]).nodes}
                elif part == "stored":
                    found |= set(objects.parse_stored(output["text"]))
            except ValueError:
                continue  # what cannot be read is kept as it is, but for what others tell
    shorts = {name.partition(".")[0] for name in found if not name.replace(".", "").isdigit()}
    return {name for name in found | shorts if len(name) > 1}

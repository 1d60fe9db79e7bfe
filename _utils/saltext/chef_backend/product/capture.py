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
_UUID = re.compile(r"""("uuid" ?: ?")([A-Za-z0-9_-]{4,64})(")""")
_TOKEN = re.compile(r"[A-Za-z0-9_.:-]+")
_PARTS = re.compile(r"([_.:])")
LEFT_OUT = "left out: it cannot be read, so that nobody can tell which names it holds"
# words that stand in what the product prints, whatever a site calls so
OWN_WORDS = frozenset(
    re.findall(
        r"\S+",
        """
    application_name backend bag blocked chef client counts current data database default disks down dpkg
    elasticsearch eligible enabled environment epmd error es etcd false follower following frontend green guid
    haproxy health http https index ip item key leader leaderl local localhost log maint mappings master name
    nginx node nodes not_master null object offline opscode-erchef organisation peer pg pid pong postgresql red
    redis_lb role run running service services settings state status streaming synced syncing total true unknown
    up waiting yellow
    """,
    )
)


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
        if not isinstance(outputs, dict) or node.get("kind") not in list(READERS):
            raise ParseError("not a node of a capture", name)
        for output in outputs.values():
            texts = [output.get(key) for key in ("asked", "text", "error")] if isinstance(output, dict) else [None]
            if not all(isinstance(text, str) for text in texts) or not isinstance(
                output.get("status"), (int, type(None))
            ):
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
    except Exception as err:  # whatever an unknown product makes of a reader
        return f"cannot be read: {err or type(err).__name__}"
    return None


def _one_of(text: str, words: tuple[str, ...]) -> str:
    if text.strip() not in words:
        raise ParseError(f"expected one of {', '.join(words)}", text[:80])
    return text.strip()


def anonymous(capture: Plain) -> dict[str, Any]:
    """Return a capture with names of nodes, hosts, organisations and data bags, addresses and ids replaced, alike.

    What cannot be read may hold names that nobody can tell: its text is left out. Words of the product, and of the form
    of a capture, stay, also where a site has called something so.
    """
    readable = {node: _readable(found) for node, found in capture["nodes"].items()}
    names = sorted(_names(capture["cluster"], readable) - OWN_WORDS)
    hide = _Hidden({name: f"name{number}" for number, name in enumerate(names, 1)})
    nodes = {
        hide.text(name): {
            **node,
            "names": [hide.text(one) for one in node.get("names", ())],
            "outputs": {
                part: {**output, **{key: hide.text(output[key]) for key in ("asked", "text", "error")}}
                for part, output in node["outputs"].items()
            },
            **({"error": hide.text(node["error"])} if node.get("error") else {}),
        }
        for name, node in readable.items()
    }
    return {**capture, "cluster": hide.text(capture["cluster"]), "nodes": nodes}


class _Hidden:
    """Replaces what tells of a site, the same by the same."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._ids: dict[str, str] = {}

    def text(self, text: str) -> str:
        """Return a text with all of it replaced."""
        text = _UUID.sub(lambda found: f"{found[1]}{self._id(found[2], 'uuid')}{found[3]}", text)
        text = _HEX.sub(lambda found: self._id(found[0].lower(), ""), text)
        text = _IPV4.sub(lambda found: found[0] if found[0] in _KEPT else self._id(found[0], "address"), text)
        return _TOKEN.sub(lambda found: self._token(found[0]), text)

    def _token(self, token: str) -> str:
        known = self._names.get(token.lower())
        if known is not None:
            return known
        if token.count(":") > 1 and _is_ipv6(token):
            return self._id(token.lower(), "address")
        parts = _PARTS.split(token)  # pg_be1, be1.example.net: every other one is what lies between
        return "".join(self._names.get(part.lower(), part) for part in parts) if len(parts) > 1 else token

    def _id(self, found: str, kind: str) -> str:
        number = len(self._ids) + 1
        made = {"address": f"198.51.{number // 250}.{number % 250 + 1}", "uuid": f"uuid{number:018}"}
        return self._ids.setdefault(found, made.get(kind, f"{number:032x}"))


def _is_ipv6(token: str) -> bool:
    try:
        return ipaddress.ip_address(token).version == 6 and token not in ("::", "::1")
    except ValueError:
        return False


def _readable(node: Plain) -> dict[str, Any]:
    """A node of a capture without the texts that cannot be read."""
    outputs = {}
    for part, output in node["outputs"].items():
        reader = READERS[node["kind"]].get(part)
        odd = reader is None or (output["text"] and not output["error"] and _why_not(reader, output["text"]))
        outputs[part] = {**output, "text": "", "error": LEFT_OUT} if odd else output
    return {**node, "outputs": outputs}


def _names(cluster: str, nodes: Mapping[str, Plain]) -> set[str]:
    """The names that a capture tells, in small letters: of cluster, minions, hosts, nodes, organisations, data bags."""
    found = {str(cluster), *nodes}
    for node in nodes.values():
        found |= {str(name) for name in node.get("names", ())}
        texts = {part: output["text"] for part, output in node["outputs"].items() if output["text"]}
        if "cluster-status" in texts:
            found |= {one.name for one in ClusterStatus.from_table(texts["cluster-status"]).nodes}
        if "stored" in texts:
            found |= set(objects.parse_stored(texts["stored"]))
        if "indexed" in texts:
            found |= objects.kinds_of(texts["indexed"]) - set(objects.KINDS)
    small = {name.lower() for name in found}
    small |= {name.partition(".")[0] for name in small if not name.replace(".", "").isdigit()}
    return {name for name in small if len(name) > 1}

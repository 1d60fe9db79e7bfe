"""The shape of what the product prints: columns, services, words and keys, without what differs from site to site."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from saltext.chef_backend.product import haproxy
from saltext.chef_backend.product.cluster_status import ClusterStatus
from saltext.chef_backend.product.status import Status

Facts = set[str]
# keys that are names: of organisations in the index, of an index's types
NAMES = re.compile(r"chef_[0-9a-f]{8,}|[0-9a-f]{8,}|_default_")


def of(capture: Mapping[str, Any]) -> dict[str, Facts]:
    """Return what each output of a capture looks like, by kind of node and name: of all nodes together."""
    found: dict[str, Facts] = {}
    for node in capture["nodes"].values():
        for name, output in node["outputs"].items():
            facts = found.setdefault(f"{node['kind']}: {name}", set())
            if output["error"]:
                continue  # what was not had has no shape
            facts |= _of_output(name, node["kind"], output)
    return found


def differences(wanted: Mapping[str, Facts], lab: Mapping[str, Facts]) -> list[str]:
    """Say what differs between a capture's shapes and the laboratory's, one sentence each.

    Words are those that were seen: one that the laboratory knows and the capture does not is no difference.
    """
    lines = []
    for name in sorted(set(wanted) | set(lab)):
        if name not in wanted or not wanted[name]:
            lines += [f"{name}: not in the capture"] if name not in wanted else []
            continue
        if name not in lab or not lab[name]:
            lines.append(f"{name}: the laboratory prints none")
            continue
        lines += [f"{name}: {fact}: in the capture, not in the laboratory" for fact in sorted(wanted[name] - lab[name])]
        missing = {fact for fact in lab[name] - wanted[name] if not fact.startswith("word ")}
        lines += [f"{name}: {fact}: in the laboratory, not in the capture" for fact in sorted(missing)]
    return lines


def _of_output(name: str, kind: str, output: Mapping[str, Any]) -> Facts:
    facts = {f"status {output['status']}"} if output["status"] is not None else set()
    reader = READERS.get((kind, name)) or READERS.get(("", name))
    if reader is not None:
        try:
            facts |= set(reader(output["text"]))
        except Exception as err:  # of a product that nobody has seen
            facts.add(f"cannot be read: {type(err).__name__}: {err}")
    return facts


def _cluster_status(text: str) -> Iterator[str]:
    head = next(line for line in text.splitlines() if line.strip())
    yield from (f"column {word}" for word in re.split(r"\s{2,}", head.strip()))
    for node in ClusterStatus.from_table(text).nodes:
        yield f"word role {node.role}"
        yield f"word PG {node.pg}"
        yield f"word ES {node.es}"


def _status(text: str) -> Iterator[str]:
    found = Status.from_text(text)
    for service in found.services:
        yield f"service {service.name}"
        yield f"word {service.state}"
        yield from (f"{service.name} says {key}" for key, _ in service.cluster)
    for check in found.system:
        yield f"system {check.name}"
        yield from (f"word {value}" for _, value in check.local)


def _runit(text: str) -> Iterator[str]:
    for line in text.splitlines():
        shown = re.sub(r"[0-9]+", "N", line.strip())
        found = re.match(r"(run|down): ([\w-]+): (.*)", shown)
        if found:
            yield f"service {found[2]}"
            yield f"word {found[1]}: {re.sub(r'to .*', 'to HOST', found[3]) if 'connected' in found[3] else found[3]}"
        elif shown:
            yield f"line {shown}"


def _haproxy(text: str) -> Iterator[str]:
    yield from (f"column {word}" for word in text.splitlines()[0].removeprefix("# ").split(",") if word)
    for server in haproxy.parse_show_stat(text):
        yield f"proxy {server.proxy}"
        yield f"word {server.status}"


def _keys(text: str) -> Iterator[str]:
    """The paths of a JSON document, or of one a line; lists and names count as one."""
    for document in [text] if text.lstrip().startswith("{\n") else text.splitlines() or [text]:
        yield from (f"key {path}" for path in _paths(json.loads(document)))


def _paths(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, f"{path}.{'NAME' if NAMES.fullmatch(key) else key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, f"{path}[]")
    else:
        yield path.lstrip(".")


def _metrics(text: str) -> Iterator[str]:
    yield from (
        f"metric {name}" for name in set(re.findall(r"^(etcd\w*wal_fsync\w*?)(?:_bucket|_sum|_count)?[ {]", text, re.M))
    )


READERS: Mapping[tuple[str, str], Callable[[str], Iterator[str]]] = {
    ("", "cluster-status"): _cluster_status,
    ("backend", "status"): _status,
    ("backend", "status --simple"): _runit,
    ("frontend", "status"): _runit,
    ("", "replication"): _keys,
    ("", "stored"): _keys,
    ("", "index created"): _keys,
    ("", "index mapping"): _keys,
    ("", "etcd metrics"): _metrics,
    ("", "haproxy"): _haproxy,
    ("", "api"): _keys,
    ("", "index"): _keys,
    ("", "count"): _keys,
    ("", "indexed"): _keys,
    ("", "migration-level"): _keys,
}

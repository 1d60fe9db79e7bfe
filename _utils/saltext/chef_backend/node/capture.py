"""What this node prints where this extension reads it, as it is, without secrets: for a capture."""

import dataclasses
import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.judge.identity import Own
from saltext.chef_backend.node import backend, ctl, files, frontend, server, web
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.product import capture, command, masking, objects
from saltext.chef_backend.product.capture import Output

BOUND = 120.0  # seconds of a command
MOST = 2_000_000  # characters of one output


def of_backend(host: Host) -> dict[str, Any]:
    """Return what a backend prints, as a node of a capture."""
    own = (command.BACKEND, "status")
    asked: Mapping[str, Callable[[], Output]] = {
        "manifest": lambda: _file(host, backend.MANIFEST),
        "cluster-status": lambda: _command(host, (command.BACKEND, "cluster-status")),
        "status": lambda: _command(host, own),
        "status --simple": lambda: _command(host, (*own, "--simple")),
        "replication": lambda: _text("pg_stat_replication", lambda: backend.replication(host)),
        "takes writes": lambda: _text(
            "pg_is_in_recovery()", lambda: backend.ask_postgresql(host, backend.TAKES_WRITES)
        ),
        "connected": lambda: _text("pg_stat_activity", lambda: " ".join(backend.connected(host))),
        "stored": lambda: _text(
            "objects in opscode_chef", lambda: backend.ask_postgresql(host, objects.STORED, objects.DATABASE)
        ),
        "index created": lambda: _url(host, backend.INDEX_URL),
        "index mapping": lambda: _url(host, backend.MAPPING_URL),
        "etcd metrics": lambda: _url(host, backend.METRICS_URL),
    }
    return _node(host, capture.BACKEND, asked)


def of_frontend(host: Host, api: str) -> dict[str, Any]:
    """Return what a frontend prints, as a node of a capture.

    :param api: URL of its status page.
    """
    asked: Mapping[str, Callable[[], Output]] = {
        "manifest": lambda: _file(host, frontend.MANIFEST),
        "status": lambda: _command(host, (command.SERVER, "status")),
        "haproxy": lambda: _text(frontend.HAPROXY_SOCKET, lambda: frontend.show_stat(host)),
        "api": lambda: _url(host, api),
        "index": lambda: _url(host, frontend.SETTINGS_URL),
        "count": lambda: _url(host, frontend.COUNT_URL),
        "indexed": lambda: _url(host, frontend.INDEXED_URL),
        "migration-level": lambda: _text(server.LEVEL, lambda: server.level(host)["text"]),
    }
    return _node(host, capture.FRONTEND, asked)


def _node(host: Host, kind: str, asked: Mapping[str, Callable[[], Output]]) -> dict[str, Any]:
    grains = host.grains
    return {
        "kind": kind,
        "names": list(Own.of_grains(host.name, grains).names),
        "salt": str(grains.get("saltversion", "")),
        "python": platform.python_version(),
        "os": f"{grains.get('os', '')} {grains.get('osrelease', '')}".strip(),
        "outputs": {name: dataclasses.asdict(ask()) for name, ask in asked.items()},
    }


def _command(host: Host, words: Sequence[str]) -> Output:
    shown = command.shown(words)
    try:
        done = ctl.run_all(host, words, BOUND)
    except CommandExecutionError as err:
        return Output(shown, error=str(err))
    error = f"it did not end within {BOUND:g} s" if done.status is None else ""
    error = error or ("" if done.stdout.strip() else f"it printed nothing, status {done.status}: {done.stderr[-300:]}")
    return Output(shown, done.status, _safe(done.stdout), masking.mask(error))


def _text(shown: str, ask: Callable[[], str]) -> Output:
    try:
        return Output(shown, text=_safe(ask()))
    except Exception as err:  # of a product that nobody has seen: the other outputs are had all the same
        return Output(shown, error=masking.mask(f"{type(err).__name__}: {err}"))


def _file(host: Host, path: str) -> Output:
    try:
        return Output(path, text=_safe(files.read(host.path(path)) or ""))
    except (OSError, ValueError) as err:
        return Output(path, error=str(err))


def _url(host: Host, url: str) -> Output:
    answer = web.get(host, url, status=True, verify_ssl=False)
    shown, body = url.partition("?")[0], answer.get("body") or ""
    error = "" if body else str(answer.get("error") or "nothing came")
    return Output(shown, answer.get("status"), _safe(body), masking.mask(error))


def _safe(text: str) -> str:
    return masking.mask(text)[:MOST]

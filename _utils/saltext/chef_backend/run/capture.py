"""A capture of a cluster, kept on this master; and the bundle for whoever is asked for help. Only reads."""

import io
import json
import re
import tarfile
import time
from collections.abc import Callable
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext import chef_backend
from saltext.chef_backend.errors import Refused
from saltext.chef_backend.product import capture as captures
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import history, overview
from saltext.chef_backend.run.bus import ask_all
from saltext.chef_backend.run.master import Master

BOUND = 300  # seconds within which a node has to say that it is at it: it asks a dozen things
LOGS_BOUND = 900
ARCHIVE = re.compile(r"(?<!\S)(/?[\w./-]+\.(?:tar\.gz|tgz|tbz2|tar\.bz2|tar\.xz|zip))\b")
NOTHING = "nothing: all of it was had, and can be read"


def taken(master: Master, cluster: str, anonymous: bool = False) -> dict[str, Any]:
    """Take a capture, and keep it on this master; return where, and what of it could not be read.

    :param anonymous: names, addresses and GUIDs are replaced by others, alike everywhere.
    :returns: ``{"ok", "text", "path", "unread": list of text}``; ok if all of it was had, and can be read.
    """
    if not isinstance(anonymous, bool):
        raise Refused(f"anonymous: found {anonymous!r}, expected True or False: nothing was written", "pillar")
    found = _of_all(master, cluster)
    unread = captures.unread(found)
    shown = captures.anonymous(found) if anonymous else found
    name = f"{'capture' if anonymous else cluster}-{_moment(master)}.json"
    path = master.notes.keep(f"captures/{name}", json.dumps(shown, indent=1))
    text = "\n".join([f"written: {path}", "could not be read:", *(f"  - {one}" for one in unread or [NOTHING])])
    return {"ok": not unread, "text": text, "path": path, "unread": unread}


def bundled(master: Master, cluster: str, node: str | None = None, run: str | None = None) -> dict[str, Any]:
    """Put together what whoever is asked for help wants first, in one archive on this master; return where.

    :param node: the node concerned, whose ``gather-logs`` is run; it holds what the product logs, and that may be
        secret: it stays on that node.
    :param run: a run's id; the newest if not given.
    :raises Refused: there is no such node.
    """
    backends = clusters.backends(master, cluster)
    if node is not None and node not in backends:
        raise Refused(f"node: {node!r} is no backend of this cluster, expected one of {', '.join(backends)}", "pillar")
    files: dict[str, str] = {}
    troubles: list[str] = []

    def part(name: str, make: Callable[[], str]) -> None:
        try:
            files[name] = make()
        except (CommandExecutionError, ValueError) as err:  # what can be had is had all the same
            files[name] = str(err)
            troubles.append(f"{name}: {err}")

    def capture() -> str:
        found = _of_all(master, cluster)
        troubles.extend(captures.unread(found))
        return json.dumps(found, indent=1)

    def journal() -> str:
        wanted = run or next((one.run for one in history.runs(master, cluster)), None)
        if wanted is None:
            return "no run is known"
        return json.dumps(history.history(master, cluster, wanted), indent=1, default=str)

    part("capture.json", capture)
    part("status.txt", lambda: str(overview.status(master, cluster)["text"]))
    part("journal.json", journal)
    part("report.txt", lambda: str(history.reported(master, cluster, run)["text"]))
    lines = []
    if node is not None:
        part(
            f"gather-logs-{node}.txt",
            lambda: str(ask_all(master.bus, [node], "chef_backend.gather_logs", timeout=LOGS_BOUND)[node]),
        )
        archives = ARCHIVE.findall(files[f"gather-logs-{node}.txt"])
        lines = [f"{node} keeps its logs, which may hold secrets: {', '.join(archives)}"] if archives else []
    files["unread.txt"] = "\n".join(troubles or [NOTHING])
    path = master.notes.keep(f"bundles/{cluster}-{_moment(master)}.tar.gz", _archive(files))
    missing = [f"  - {one}" for one in troubles]
    text = "\n".join([f"written: {path}", *lines, *(["missing, or could not be read:", *missing] if missing else [])])
    return {"ok": not troubles, "text": text, "path": path, "files": sorted(files)}


def _of_all(master: Master, cluster: str) -> dict[str, Any]:
    settings = clusters.settings(master, cluster)
    backends, frontends = clusters.backends(master, cluster), clusters.frontends(master, cluster)
    said = master.bus.ask(backends, "chef_backend_agent.capture", timeout=BOUND)
    said |= master.bus.ask(frontends, "chef_server_agent.capture", settings.frontend_api, timeout=BOUND)
    nodes = {}
    for node, answer in said.items():
        kind = captures.BACKEND if node in backends else captures.FRONTEND
        nodes[node] = answer.value if answer.ok else {"kind": kind, "outputs": {}, "error": answer.error}
    return {
        "format": captures.FORMAT,
        "extension": chef_backend.__version__,
        "cluster": cluster,
        "taken": master.clock.now(),
        "nodes": nodes,
    }


def _archive(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in sorted(files.items()):
            member, content = tarfile.TarInfo(f"bundle/{name}"), text.encode()
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _moment(master: Master) -> str:
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(master.clock.now()))

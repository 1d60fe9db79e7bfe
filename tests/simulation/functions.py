"""What Salt's own functions do on a simulated host, as far as the extension calls them; and what is installed there."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from saltext.chef_backend.product import objects
from tests.simulation import history as happened
from tests.simulation.history import History
from tests.simulation.minion import STATES, Minion
from tests.simulation.place import BACKENDS, FRONTENDS
from tests.simulation.processes import QUERY, package
from tests.simulation.product import backend_ctl, search
from tests.simulation.product.backend import Backend, began
from tests.simulation.product.cluster import Cluster
from tests.simulation.product.ctl import Call, Failed
from tests.simulation.product.frontend import Frontend


class Functions:
    """Salt's functions on a host.

    :param answer: what a URL of this host answers.
    :param packages: by source, what they hold: name, version and sha256.
    """

    def __init__(
        self,
        minion: Minion,
        history: History,
        answer: Callable[[str], dict[str, Any]],
        packages: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._minion, self._history, self._answer, self._packages = minion, history, answer, packages
        self._engine = minion.engine
        minion.salt.update(
            {
                "saltutil.is_running": self._is_running,
                "schedule.is_enabled": lambda: True,
                "schedule.list": lambda show_all=False, return_yaml=True: dict(minion.schedule),
                "schedule.add": self._schedule_add,
                "schedule.delete": self._schedule_delete,
                "event.send": self._event_send,
                "http.query": self._query,
                "file.get_hash": lambda path, form: package(path).get("sha256"),
                "cp.get_url": self._get_url,
            }
        )

    def _get_url(self, source: str, path: str) -> str:
        self._engine.point("fetch", source)
        self._engine.sleep(1.0)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self._packages[source], file)
        return path

    def _is_running(self, pattern: str) -> list[dict[str, str]]:
        own = self._engine.current.process.own if self._engine.current else None
        return [
            {"fun": job.message.function, "jid": job.message.jid}
            for job in self._minion.jobs.values()
            if job.message.function in STATES and self._minion.is_at(job.message.jid) and job is not own
        ]

    def _schedule_add(
        self, name: str, function: str, seconds: int, run_on_start: bool = True, **_: Any
    ) -> dict[str, Any]:
        self._minion.add_job(name, seconds, function, run_on_start)
        return {"result": True, "comment": ""}

    def _schedule_delete(self, name: str) -> dict[str, Any]:
        return {"result": self._minion.schedule.pop(name, None) is not None, "comment": ""}

    def _event_send(self, tag: str, data: Mapping[str, Any]) -> bool:
        if data["step"] == "restore failover":
            what = happened.LOUD if data["how"] == "failed" else happened.RESTORED
            self._history.note(self._minion.name, what, data["comment"])
        return True

    def _query(self, url: str, opts: Mapping[str, float], **_: Any) -> dict[str, Any]:
        processes = self._minion.processes
        if processes is not None and processes.unasked:
            self._engine.sleep(opts["http_request_timeout"] if processes.unasked == "hangs" else QUERY)
            return {"error": "timed out"}
        self._engine.sleep(QUERY)
        return self._answer(url)


FSYNC = "".join(f'etcd_debugging_wal_fsync_duration_seconds_bucket{{le="{edge}"}} 100\n' for edge in ("0.001", "+Inf"))


class OfBackend:
    """Chef Backend on a host."""

    def __init__(self, cluster: Cluster, node: Backend) -> None:
        self._cluster, self._node = cluster, node

    def read(self, argv: Sequence[str]) -> str:
        if argv[1] == "cluster-status":
            return backend_ctl.cluster_status(self._cluster, self._node)
        simple = "--simple" in argv
        service = next((word for word in argv[2:] if not word.startswith("-")), None)
        return backend_ctl.status(self._cluster, self._node, service, simple)

    def work(self, argv: Sequence[str], env: Mapping[str, str]) -> Callable[[Call], None]:
        return backend_ctl.command(self._cluster, self._node, argv)

    def wall(self, text: str) -> str:
        raise Failed("nft: command not found", 127)

    def held(self, package: str) -> str:
        return self._node.held

    def unpack(self, package: str, version: str) -> None:
        node = self._node
        node.installed, node.held, node.unpacked = version, "", node.place.now()
        node.write_manifest()

    def configure(self, package: str, version: str) -> None:
        self._node.held = version

    def began(self, pid: int) -> float | None:
        return began(self._node.services.values(), pid)

    def query(self, question: str) -> str:
        node = self._node
        if not node.runs("postgresql"):
            raise Failed("psql: could not connect to server: No such file or directory", 2)
        if question == "select pg_is_in_recovery()":
            return "f" if node.role == "leader" else "t"
        if question == "show server_version_num":
            return "90507"
        if question == objects.STORED:
            return "\n".join(json.dumps(one) for one in search.stored())
        if "pg_stat_activity" in question:
            return "\n".join((*BACKENDS.values(), *FRONTENDS.values()))
        if node.role != "leader":
            return ""
        self._cluster.advance()
        return "\n".join(json.dumps(self._row(one)) for one in self._cluster.members if one.streaming)

    def _row(self, follower: Backend) -> dict[str, Any]:
        peer = {"replay_location": _lsn(follower.position), "client_addr": follower.ip}
        here = _lsn(self._cluster.acknowledged)
        return {"application_name": follower.name, "state": "streaming", "peer": peer, "current": here}

    def answer(self, url: str) -> dict[str, Any]:
        """What etcd and Elasticsearch answer here."""
        of_etcd = {"/metrics": FSYNC, "/v2/stats/self": json.dumps({"name": self._node.guid})}
        body = next((body for path, body in of_etcd.items() if url.endswith(path)), None)
        if body is not None:
            runs = self._node.runs("etcd")
            return {"status": 200, "body": body} if runs else {"error": "[Errno 111] Connection refused"}
        return self._cluster.search.asked(self._node, url)


class OfFrontend:
    """Chef Infra Server on a host."""

    def __init__(self, frontend: Frontend) -> None:
        self._frontend = frontend

    def read(self, argv: Sequence[str]) -> str:
        if argv[1] == "search":
            leader = self._frontend.leader()
            index = leader.index if leader is not None else None
            found = index.documents.get(argv[-1].rpartition("/")[2], 0) if index is not None else 0
            return f"{found} items found"
        return self._frontend.status()

    def work(self, argv: Sequence[str], env: Mapping[str, str]) -> Callable[[Call], None]:
        return self._frontend.command(argv, env)

    def wall(self, text: str) -> str:
        return self._frontend.wall(text)

    def held(self, package: str) -> str:
        return self._frontend.held

    def unpack(self, package: str, version: str) -> None:
        frontend = self._frontend
        frontend.installed, frontend.held, frontend.unpacked = version, "", frontend.place.now()
        frontend.unpacked_at = frontend.place.engine.now
        frontend.write_manifest()

    def configure(self, package: str, version: str) -> None:
        self._frontend.held = version

    def began(self, pid: int) -> float | None:
        return began(self._frontend.services.values(), pid)

    def query(self, question: str) -> str:
        raise Failed("runuser: user chef_pgsql does not exist")

    def answer(self, url: str) -> dict[str, Any]:
        """What the API answers, or Elasticsearch through HAProxy."""
        if url.endswith("/_status"):
            status, word = self._frontend.api()
            if not status:
                return {"error": "[Errno 111] Connection refused"}
            return {"status": status, "body": json.dumps({"status": word})}
        return self._frontend.cluster.search.asked(self._frontend.leader(), url)


def _lsn(position: float) -> str:
    return f"1/{int(position * 64):X}"

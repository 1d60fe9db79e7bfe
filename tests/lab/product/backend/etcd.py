"""A small client of etcd's v2 API, as leaderl and chef-backend-ctl need it."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any, TypedDict

ROOT = "/v2/keys/cb/"


class Unavailable(Exception):
    """No answer, or no quorum: the truth is not to be had now."""


class Conflict(Exception):
    """A compare-and-swap found something else than expected."""


class Record(TypedDict, total=False):
    """etcd's own record of a key."""

    key: str
    value: str
    modifiedIndex: int
    nodes: list[Record]


class Member(TypedDict):
    """A member of etcd, as it tells of itself; `name` is empty until it has started."""

    id: str
    name: str
    peerURLs: list[str]
    clientURLs: list[str]


class Etcd:
    """Keys below cb/. `hosts`: addresses to ask, in this order; `timeout`: seconds for one request.

    One request to a dead member hangs for seconds, so that short time-outs and a repetition by the caller
    beat long ones. Reads go through the quorum: an isolated member would answer with stale data.
    """

    def __init__(self, hosts: tuple[str, ...] = ("127.0.0.1",), timeout: float = 1.0):
        self.hosts = hosts
        self.timeout = timeout

    def get(self, key: str) -> str | None:
        """The value, None when there is no such key; raises Unavailable."""
        node = self.node(key)
        return None if node is None else node.get("value", "")

    def node(self, key: str) -> Record | None:
        """etcd's own record of a key; None when there is none."""
        status, answer = self._ask("GET", key, {"quorum": "true", "recursive": "true"})
        if status == 404:
            return None
        record: Record = answer["node"]
        return record

    def children(self, key: str) -> dict[str, str]:
        """Last part of the name and value of each key directly below `key`; empty when there is none."""
        node = self.node(key) or Record()
        return {child["key"].rsplit("/", 1)[1]: child.get("value", "") for child in node.get("nodes", [])}

    def put(self, key: str, value: str | None = None, **options: object) -> None:
        """Set a key. Options are etcd's: ttl (whole seconds), prevValue, prevIndex, prevExist, refresh.

        Raises Conflict when a condition does not hold, Unavailable without an answer.
        """
        form = {
            name: str(option).lower() if isinstance(option, bool) else str(option) for name, option in options.items()
        }
        if value is not None:
            form["value"] = value
        self._ask("PUT", key, {}, form, missing_is_conflict=True)

    def delete(self, key: str, **conditions: str) -> None:
        """Remove a key (and what is below it); none there is no error. Raises Conflict, Unavailable."""
        options = conditions if "prevValue" in conditions else {"recursive": "true", **conditions}
        self._ask("DELETE", key, options)

    def wait(self, index: int | None, seconds: float) -> tuple[str, int]:
        """Block until a key below cb/ changes: its name below cb/ and the index to wait for next.

        Raises Unavailable when nothing changed in `seconds`; Conflict when the index is too old.
        """
        options = {"wait": "true", "recursive": "true"}
        if index is not None:
            options["waitIndex"] = str(index)
        _, answer = self._ask("GET", "", options, timeout=seconds)
        return answer["node"]["key"].removeprefix("/cb/"), answer["node"]["modifiedIndex"] + 1

    def members(self) -> list[Member]:
        """etcd's members; raises Unavailable."""
        members: list[Member] = self._send("GET", "/v2/members")[1]["members"]
        return members

    def add_member(self, ip: str) -> None:
        """Announce a new member; raises Conflict when it is one already."""
        self._send("POST", "/v2/members", json.dumps({"peerURLs": [f"http://{ip}:2380"]}).encode(), timeout=10)

    def remove_member(self, member: str) -> None:
        """Remove the member with this id."""
        self._send("DELETE", f"/v2/members/{member}", timeout=10)

    def is_healthy(self) -> bool:
        """What this member says of itself at /health."""
        try:
            status, answer = self._send("GET", "/health")
        except (Unavailable, Conflict):
            return False
        return status == 200 and str(answer.get("health")).lower() == "true"

    def answers(self) -> bool:
        """True when a member's process answers at all, quorum or not."""
        try:
            self._send("GET", "/version")
        except (Unavailable, Conflict):
            return False
        return True

    def _ask(
        self,
        method: str,
        key: str,
        options: Mapping[str, str],
        form: Mapping[str, str] | None = None,
        timeout: float | None = None,
        missing_is_conflict: bool = False,
    ) -> tuple[int, dict[str, Any]]:
        query = "?" + urllib.parse.urlencode(options) if options else ""
        body = urllib.parse.urlencode(form).encode() if form is not None else None
        status, answer = self._send(method, ROOT + key + query, body, timeout, form is not None)
        if status == 404 and missing_is_conflict:
            raise Conflict(f"{key}: {answer.get('message')}")
        return status, answer

    def _send(
        self, method: str, path: str, body: bytes | None = None, timeout: float | None = None, is_form: bool = False
    ) -> tuple[int, dict[str, Any]]:
        problem = "no member to ask"
        for host in self.hosts:
            request = urllib.request.Request(f"http://{host}:2379{path}", data=body, method=method)
            if body is not None:
                request.add_header(
                    "Content-Type", "application/x-www-form-urlencoded" if is_form else "application/json"
                )
            try:
                with urllib.request.urlopen(request, timeout=timeout or self.timeout) as answer:
                    text = answer.read()
                    return answer.status, json.loads(text) if text.strip() else {}
            except urllib.error.HTTPError as error:
                answer = _error_answer(error)
                if error.code == 404:
                    return 404, answer
                if error.code in (409, 412) or (error.code == 400 and answer.get("errorCode") == 401):
                    raise Conflict(f"{path}: {answer.get('message')}") from error
                problem = f"{host}: {error.code} {answer.get('message', '')}"
            except (OSError, ValueError, http.client.HTTPException) as error:  # the last: it ended while it answered
                problem = f"{host}: {error}"
        raise Unavailable(f"etcd does not answer: {problem}")


def _error_answer(error: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        answer = json.loads(error.read())
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    return answer if isinstance(answer, dict) else {}

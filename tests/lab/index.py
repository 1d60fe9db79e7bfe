"""The search index of a lab: an old one on demand, a search through a frontend, which Elasticsearch made it."""

import functools
import json
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.lab.common import LabError, wait_until
from tests.lab.hosts import Lab

OLD = "5.4.1"
DATA = "/var/opt/chef-backend/elasticsearch/data"
_FILE = f"{DATA}/chef.json"
_SERVICE = "/opt/chef-backend/sv/elasticsearch"


def make_old(lab: Lab, created: str = OLD) -> None:
    """Make the index on all backends one that an older Elasticsearch created, as if the cluster began with it.

    A short-cut for tests: the cluster need not be booted at 2.0.30 and upgraded. Elasticsearch is stopped on all
    backends meanwhile (by runit, so that the journal holds no command of it) and runs again when this returns.
    Raises LabError if a node does not answer with that version afterwards.
    """
    with ThreadPoolExecutor(len(lab.backends)) as pool:
        list(pool.map(lambda host: lab.exec(host, "sv", "-w", "20", "down", _SERVICE), lab.backends))
        for host in lab.backends:
            found = json.loads((lab.root(host) / _FILE.lstrip("/")).read_text())
            lab.put(host, _FILE, json.dumps({**found, "created": created}))
        list(pool.map(lambda host: lab.exec(host, "sv", "up", _SERVICE), lab.backends))
    for host in lab.backends:
        wait_until(functools.partial(_other, lab, host, created), 30)


def _other(lab: Lab, host: str, created: str) -> str | None:
    found = creator(lab, host)
    return None if found == created else f"the index on {host} was created by {found or 'nobody'}, not by {created}"


def creator(lab: Lab, host: str) -> str | None:
    """The version of the Elasticsearch that created the index, as a backend's own says; None if it does not answer."""
    try:
        settings = _get(lab, host, "/chef/_settings/index.version.created*?human")
    except LabError:
        return None
    version: str = settings["chef"]["settings"]["index"]["version"]["created_string"]
    return version


def search(lab: Lab, frontend: str, query: str = "name:*") -> set[str]:
    """Names of the documents that `field:pattern` finds, asked through a frontend's HAProxy as its server asks.

    Raises LabError when nobody answers.
    """
    options = urllib.parse.urlencode({"q": query, "size": 100000})
    answer = _get(lab, frontend, f"/chef/_search?{options}")
    return {hit["_source"]["name"] for hit in answer["hits"]["hits"]}


def _get(lab: Lab, host: str, path: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://{lab.address(host)}:9200{path}", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
    except (OSError, ValueError) as error:
        raise LabError(f"Elasticsearch at {host}:9200{path}: {error}") from error
    return found

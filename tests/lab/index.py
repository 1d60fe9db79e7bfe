"""The search index of a lab: an old one on demand, a search through a frontend, which Elasticsearch made it."""

import functools
import json
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


def another(organisation: str) -> str:
    """SQL, for database `opscode_chef`: one more organisation, with an object of each kind, which is called after it.

    organisation: its name, at most 16 letters.
    """
    number = organisation.encode().hex().ljust(32, "0")
    return f"""
insert into public.orgs values ('{number}', '{organisation}');
insert into public.others select '{number}', kind, kind || '1'
  from unnest(array['node', 'role', 'client', 'environment', 'passwords']) kind
"""


def search(lab: Lab, frontend: str, name: str = "*") -> set[str]:
    """Names of the nodes of all organisations that the index holds, by a name, asked through a frontend's HAProxy.

    A search of the product finds ids only, as sources are off; the stand-in tells names by a door of its own.
    Raises LabError when nobody answers.
    """
    documents = _get(lab, frontend, "/_lab/index")["documents"].values()
    held = (one["content"] for one in documents if one.get("X_CHEF_type_CHEF_X") == "node")
    names = {content.removeprefix("name__=__").strip() for content in held}
    return names if name == "*" else names & {name}


def is_mapped(lab: Lab, host: str) -> bool:
    """Whether the index has the mapping that a frontend makes it with. Raises LabError where there is none."""
    kinds = _get(lab, host, "/chef/_mapping")["chef"]["mappings"].values()
    return all(kind.get("_source") == {"enabled": False} for kind in kinds)


def _get(lab: Lab, host: str, path: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://{lab.address(host)}:9200{path}", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
    except (OSError, ValueError) as error:
        raise LabError(f"Elasticsearch at {host}:9200{path}: {error}") from error
    return found

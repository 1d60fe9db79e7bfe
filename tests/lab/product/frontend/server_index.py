"""The search index as a frontend has to do with it: made by `reconfigure`, built again by `reindex` from PostgreSQL.

The API server here (goiardi) does not write to Elasticsearch by itself: what a search finds is what the last `reindex`
sent. The documents have the product's fields; what is printed is synthetic, but for the line of a failure.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing
from typing import Any

import psycopg2

from . import faults, server_api, server_haproxy
from .chef_index import mapping
from .server_settings import (
    CLIENTS_PORT,
    DATABASE,
    ServerError,
    ServerSettings,
    installed_version,
    read_settings,
    version_numbers,
)

LEAST = {2: (12,), 5: (12, 16, 2), 6: (13, 2, 0)}
"""Documented: the first Chef Infra Server that knows an Elasticsearch, by its major version."""

BATCH = 100
"""Objects between two lines of progress."""

OBJECTS = """
select 'node', name from public.nodes where org_id = %(id)s union all
select 'role', name from public.roles where org_id = %(id)s union all
select 'client', name from public.clients where org_id = %(id)s union all
select 'environment', name from public.environments where org_id = %(id)s union all
select 'data_bag_item', data_bag_name || '/' || item_name from public.data_bag_items where org_id = %(id)s
order by 1, 2
"""


def make(settings: ServerSettings) -> None:
    """Have the index with its mapping; only if there is none: one that a document has made stays as it is.

    Raises ServerError, also where this version does not know the cluster's Elasticsearch.
    """
    number = str(_ask(settings, "GET", "/")["version"]["number"])
    least = LEAST.get(int(number.split(".")[0]))
    if least is None or version_numbers(installed_version()) < least:
        raise ServerError(f"Unsupported Elasticsearch version {number}")  # synthetic
    try:
        _ask(settings, "GET", "/chef/_mapping")
    except ServerError as error:
        if error.status != 404:
            raise
        _ask(settings, "PUT", "/chef", {"mappings": mapping()})


def reindex(arguments: list[str]) -> int:
    """Build the index of one organisation, or of all (-a), again."""
    if len(arguments) != 1:
        raise ServerError("Usage: chef-server-ctl reindex (-a | ORGNAME)")
    settings = read_settings()
    try:
        there = organisations(settings)
    except (ServerError, OSError, psycopg2.Error):
        there = {server_api.ORGANISATION: server_api.ORGANISATION_ID}  # synthetic: which, where nobody can tell
    if arguments[0] not in ("-a", "--all-orgs", *there):
        raise ServerError(f"Org {arguments[0]} does not exist")
    fault = faults.ordered("fails_to_reindex") or {}
    for name, number in there.items():
        if arguments[0] not in ("-a", "--all-orgs", name):
            continue
        try:
            if name == fault.get("organisation"):
                raise ServerError(f"lab: {name} fails as ordered")
            _build(settings, name, number)
        except (ServerError, OSError, psycopg2.Error) as error:  # open source: it says so, and goes on with the next
            print(f"Failed to reindex data for {name}!", file=sys.stderr)
            print(error, file=sys.stderr)
    return 0


def _build(settings: ServerSettings, organisation: str, number: str) -> None:
    up = server_haproxy.up_servers() or {}
    if any(len(up.get(proxy, ())) != 1 for proxy in server_haproxy.PROXIES):
        raise ServerError("HAProxy has no single backend to send to: is the cluster without a leader?")
    if not server_api.answers(CLIENTS_PORT):  # open source: it asks the API for what there is, through nginx
        raise ServerError(f"The API does not answer at http://127.0.0.1:{CLIENTS_PORT}")
    objects = _rows(settings, OBJECTS, {"id": number})
    database = f"chef_{number}"
    query = urllib.parse.urlencode({"q": f"X_CHEF_database_CHEF_X:{database}"})
    _ask(settings, "POST", f"/chef/_delete_by_query?{query}", {})
    print(f"- Dropped the index of {organisation}", flush=True)
    for count, (kind, name) in enumerate(objects, 1):
        known = f"{number}-{kind}-{name}"
        document = {
            "X_CHEF_database_CHEF_X": database,
            "X_CHEF_type_CHEF_X": kind,
            "X_CHEF_id_CHEF_X": known,
            "content": f"name__=__{name} ",
        }
        _ask(settings, "PUT", f"/chef/object/{urllib.parse.quote(known, safe='')}", document)
        if count % BATCH == 0 or count == len(objects):
            print(f"- Re-indexed {count} of {len(objects)} objects of {organisation}", flush=True)
    print(f"- Re-indexing of {organisation} is complete")


def organisations(settings: ServerSettings) -> dict[str, str]:
    """The organisations, and what their documents' databases are called by."""
    return {name: number for name, number in _rows(settings, "select name, id from public.orgs order by name", {})}


def documents(settings: ServerSettings, database: str, kind: str) -> list[str]:
    """The ids of the documents of a kind that the leader's Elasticsearch holds of an organisation. Raises ServerError.

    By a door of the stand-in's own: the product asks by a search.
    """
    held = _ask(settings, "GET", "/_lab/index")["documents"].values()
    wanted = {"X_CHEF_database_CHEF_X": database, "X_CHEF_type_CHEF_X": kind}
    return [one["X_CHEF_id_CHEF_X"] for one in held if wanted.items() <= one.items()]


def _rows(settings: ServerSettings, statement: str, values: dict[str, str]) -> list[tuple[str, str]]:
    with (
        closing(server_api.connect(settings, DATABASE)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, values)
        found: list[tuple[str, str]] = cursor.fetchall()
        return found


def _ask(settings: ServerSettings, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the leader's Elasticsearch; raises ServerError when it is not there, with its status when it refuses."""
    address = f"http://127.0.0.1:{settings.elasticsearch_port}"
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, sent, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise ServerError(f"Elasticsearch refuses {path}: {error}", error.code) from error
    except OSError as error:
        raise ServerError(f"Elasticsearch does not answer at {address}: {error}") from error

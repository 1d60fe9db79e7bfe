"""reindex: the search index of the nodes, built again from PostgreSQL through the frontend's HAProxy.

The API server here (goiardi) knows one organisation, `default`, and does not write to Elasticsearch by itself: what a
search finds is what the last `reindex` sent. What is printed is synthetic, and so is the shape of the documents.
"""

from __future__ import annotations

import json
import sys
import urllib.parse
import urllib.request
from contextlib import closing

import psycopg2

from . import server_api, server_haproxy
from .server_settings import CLIENTS_PORT, DATABASE, ServerError, ServerSettings, read_settings

ORGANISATION = "default"
BATCH = 100
"""Nodes between two lines of progress."""


def reindex(arguments: list[str]) -> int:
    """Build the index of one organisation, or of all (-a), again."""
    if len(arguments) != 1:
        raise ServerError("Usage: chef-server-ctl reindex (-a | ORGNAME)")
    if arguments[0] not in ("-a", "--all-orgs", ORGANISATION):
        raise ServerError(f"Org {arguments[0]} does not exist")
    try:
        _build(read_settings())
    except (ServerError, OSError, psycopg2.Error) as error:  # open source: it says so, and goes on with the next
        print(f"Failed to reindex data for {ORGANISATION}!", file=sys.stderr)
        print(error, file=sys.stderr)
    return 0


def _build(settings: ServerSettings) -> None:
    up = server_haproxy.up_servers() or {}
    if any(len(up.get(proxy, ())) != 1 for proxy in server_haproxy.PROXIES):
        raise ServerError("HAProxy has no single backend to send to: is the cluster without a leader?")
    if not server_api.answers(CLIENTS_PORT):  # open source: it asks the API for what there is, through nginx
        raise ServerError(f"The API does not answer at http://127.0.0.1:{CLIENTS_PORT}")
    names = _nodes(settings)
    query = urllib.parse.urlencode({"q": f"organization:{ORGANISATION}"})
    _send(settings, "POST", f"/chef/_delete_by_query?{query}", {})
    print(f"- Dropped the index of {ORGANISATION}", flush=True)
    for number, name in enumerate(names, 1):
        document = {"name": name, "type": "node", "organization": ORGANISATION}
        _send(settings, "PUT", f"/chef/node/{urllib.parse.quote(name, safe='')}", document)
        if number % BATCH == 0 or number == len(names):
            print(f"- Re-indexed {number} of {len(names)} nodes of {ORGANISATION}", flush=True)
    print(f"- Re-indexing of {ORGANISATION} is complete")


def _nodes(settings: ServerSettings) -> list[str]:
    with (
        closing(server_api.connect(settings, DATABASE)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("select name from goiardi.nodes order by name")
        return [name for (name,) in cursor.fetchall()]


def _send(settings: ServerSettings, method: str, path: str, body: dict[str, str]) -> None:
    """Send to the leader's Elasticsearch; raises ServerError when it is not there."""
    address = f"http://127.0.0.1:{settings.elasticsearch_port}"
    request = urllib.request.Request(
        address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method=method
    )
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except OSError as error:
        raise ServerError(f"Elasticsearch does not answer at {address}: {error}") from error

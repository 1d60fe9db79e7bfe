"""GET /_status behind nginx, as Chef Infra Server documents it: 200 `pong` when all answer, 500 `fail`.

The names of the upstreams below `upstreams` are partly synthetic.
"""

from __future__ import annotations

import json
import urllib.request
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2

from . import server_api
from .server_settings import API_PORT, DATABASE, STATUS_PORT, ServerError, read_settings


def _sql() -> bool:
    try:
        with (
            closing(server_api.connect(read_settings(), DATABASE, 2)) as connection,
            connection.cursor() as cursor,
        ):
            # A follower would answer a plain question too, but take no node.
            cursor.execute("select pg_is_in_recovery()")
            return cursor.fetchone() == (False,)
    except (ServerError, psycopg2.Error):
        return False


def _index() -> bool:
    try:
        address = f"http://127.0.0.1:{read_settings().elasticsearch_port}/_cluster/health"
        with urllib.request.urlopen(address, timeout=2) as answer:
            colour: str = json.load(answer)["status"]
    except (ServerError, OSError, ValueError, KeyError):
        return False
    return colour in ("green", "yellow")


def status() -> tuple[int, dict[str, object]]:
    """HTTP status and answer."""
    upstreams = {"chef_sql": _sql(), "chef_index": _index(), "goiardi": server_api.answers(API_PORT)}
    words = {name: "pong" if well else "fail" for name, well in upstreams.items()}
    return (
        (200, {"status": "pong", "upstreams": words})
        if all(upstreams.values())
        else (
            500,
            {"status": "fail", "upstreams": words},
        )
    )


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        code, answer = status() if self.path == "/_status" else (404, {"error": ["not found"]})
        body = json.dumps(answer).encode()
        try:
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        """Probes are nothing worth a line."""


def main() -> None:
    """Run as the frontend's service."""
    ThreadingHTTPServer(("127.0.0.1", STATUS_PORT), _Answers).serve_forever()

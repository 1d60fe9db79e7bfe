"""Elasticsearch and etcd as seen on loopback, at the ports that are the product's."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import salt.utils.http


class Elasticsearch:
    """Answers by path, each a mapping or text; 404 for any other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.answers: dict[str, dict[str, Any] | str] = {}
        outer = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = outer.answers.get(self.path.partition("?")[0])
                text = json.dumps({"error": "no such index"} if found is None else found)
                body = (found if isinstance(found, str) else text).encode()
                self.send_response(200 if found is not None else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing to tell."""

        self.server = HTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{self.server.server_port}"
        query = salt.utils.http.query

        def asked(url: str, **options: Any) -> Any:
            for port in (9200, 2379):
                url = url.replace(f"http://127.0.0.1:{port}", here)
            return query(url=url, **options)

        monkeypatch.setattr(salt.utils.http, "query", asked)

    def index(
        self, created: str = "5.6.16", uuid: str = "Yg1ZSu6ZQ1GTiVmBzDTSAQ", count: int = 0, mapped: bool = True
    ) -> None:
        """An index is there; ``mapped``: a frontend has made it."""
        kind = {"_source": {"enabled": False}} if mapped else {"properties": {}}
        self.answers["/chef/_mapping"] = {"chef": {"mappings": {"object": kind}}}
        settings = {"uuid": uuid, "version": {"created_string": created}}
        told = {"chef": {"settings": {"index": settings}}}
        self.answers["/chef/_settings"] = self.answers["/chef/_settings/index.version.created*"] = told
        self.answers["/chef/_count"] = {"count": count, "_shards": {"total": 5, "successful": 5, "failed": 0}}

    def end(self) -> None:
        """Answer no more."""
        self.server.shutdown()
        self.server.server_close()

"""The status page of a frontend's own API."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest


class StatusPage:
    """The page, and what it says of the whole: ``pong`` at first."""

    def __init__(self) -> None:
        page = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(page.status)
                self.send_header("Content-Length", str(len(page.body)))
                self.end_headers()
                self.wfile.write(page.body)

            def log_message(self, *_: object) -> None:
                """Nothing to tell."""

        self.says("pong")
        self.server = HTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server.server_port}/_status"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def says(self, word: str) -> None:
        """From now on the page says this; Chef's is 500 where it is not ``pong``."""
        self.status, self.body = 200 if word == "pong" else 500, json.dumps({"status": word}).encode()

    def end(self) -> None:
        """Answer no more."""
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(name="status_page")
def fixture_status_page() -> Iterator[StatusPage]:
    """Return the status page of the frontend's API, which says pong."""
    page = StatusPage()
    yield page
    page.end()

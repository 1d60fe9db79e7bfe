"""A frontend, the status page of its own API, and what a client from another host gets from it."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from saltext.chef_backend.node import clients, edge
from saltext.chef_backend.product.edge import Answer, Door
from tests.functional.minion import Minion
from tests.functional.recorded import Recorded

SERVER = "chef-server-ctl"
API = "http://127.0.0.1/_status"
RUNS = "run: opscode-erchef: (pid 11) 5s; run: log: (pid 12) 5s\ndown: nginx: 3s, normally up\n"
STOPPED = "down: opscode-erchef: 5s, normally up; run: log: (pid 12) 5s\n"
# out of service the API is not looked at
WHILE_OUT = {"name": "frontend", "backend_version": "2.3.16", "api": API, "leader_timeout": 1, "api_timeout": 0}


@pytest.fixture(name="frontend")
def fixture_frontend(minion: Minion, recorded: Recorded) -> Callable[[str], Minion]:
    """Return a function that makes the minion a frontend of a version."""

    def of(version: str) -> Minion:
        minion.write("/opt/opscode/version-manifest.json", f'{{"build_version": "{version}"}}')
        recorded.say(f"{SERVER} status", RUNS)
        recorded.say(f"{SERVER} start")
        return minion

    return of


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


class Outside:
    """What a client from another host gets: as the recorded commands have left it, or as a test says."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self.says: Answer | None = None
        self.sends_to = ""  # the URL to which the plain port sends its clients

    def answer(self, address: str, door: Door) -> Answer:
        """What it gets now."""
        if self.sends_to and door.port == 80 and address == "127.0.0.1":
            return Answer(301, location=self.sends_to)
        if self.says is not None:
            return self.says
        there = Answer(401)
        for words in self._recorded.changing:
            if words[:2] == ["nft", "delete table inet salt_chef_backend"]:
                there = Answer(401)
            elif words[0] == "nft" or words[1:] == ["stop"]:
                there = Answer(closed=True, error="[Errno 111] Connection refused")
            elif words[1:2] == ["maintenance"]:
                there = Answer(503 if words[2] == "on" else 401)
        return there


@pytest.fixture(name="outside", autouse=True)
def fixture_outside(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> Outside:
    """Return what a client from another host gets; this host itself may have no address but its loopback's."""
    seen = Outside(recorded)
    monkeypatch.setattr(edge, "ask", seen.answer)
    monkeypatch.setattr(edge, "_own_address", lambda host: "192.0.2.7")
    monkeypatch.setattr(edge, "FOLLOWS", 1.0)
    monkeypatch.setattr(clients, "STOPS", 1.0)
    return seen

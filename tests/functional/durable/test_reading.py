"""What only reads is ended at its bound with all its children; an API that never answers holds nobody up."""

import os
import signal
import socket
import threading

import pytest

from saltext.chef_backend.node import supervisor, web
from tests.functional.durable.conftest import WITHIN, until

HANGS = """#!/bin/bash
echo one line
bash -c 'echo $$ > {folder}/child; sleep 600' &
setsid bash -c 'echo $$ > {folder}/orphan; exec env -u SHELL sleep 600' &
sleep 600
"""


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("chef_backend.cluster_status", "chef-backend-ctl cluster-status"),
        ("chef_backend.status", "chef-backend-ctl status"),
        ("chef_server.status", "chef-server-ctl status"),
    ],
)
def test_one_that_hangs_is_ended_with_all_its_children(minion, recorded, tmp_path, function, words):
    program = recorded.bin / words.partition(" ")[0]
    program.write_text(HANGS.format(folder=tmp_path), encoding="utf-8")
    said = minion.told(function, timeout=1)
    assert said == f"be1: {words} did not end within 1 s, and was ended with all its children:\n  one line"
    for name in ("child", "orphan"):
        pid = int((tmp_path / name).read_text())
        until(lambda pid=pid: supervisor.ticks_of(pid) is None, f"the {name} is ended")


def test_a_child_that_holds_the_output_and_cannot_be_found_holds_nobody_up(minion, recorded, tmp_path):
    program = recorded.bin / "chef-backend-ctl"
    hidden = f"setsid env -i /bin/bash -c 'echo $$ > {tmp_path}/hidden; exec sleep 60' &"
    program.write_text(f"#!/bin/bash\n{hidden}\necho seen\nsleep 600\n", encoding="utf-8")
    try:
        assert minion.told("chef_backend.status", timeout=1).endswith("and was ended with all its children:\n  seen")
    finally:
        os.kill(int((tmp_path / "hidden").read_text()), signal.SIGKILL)


class Silent:
    """A server that accepts, and never answers, or not to the end."""

    def __init__(self, says: bytes):
        self.server, self.says, self.held = socket.socket(), says, list[socket.socket]()
        self.server.bind(("127.0.0.1", 0))
        self.server.listen()
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}/_status"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.held.append(connection)
            connection.sendall(self.says)

    def end(self):
        for one in (self.server, *self.held):
            one.close()


@pytest.fixture(name="silent", params=[b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"], ids=["nothing", "half"])
def fixture_silent(request):
    server = Silent(request.param)
    yield server
    server.end()


def test_an_api_that_never_answers_is_waited_for_within_the_bound(minion, silent):
    said = list[str]()
    waits = threading.Thread(
        target=lambda: said.append(minion.told("chef_server.wait_for_api", silent.url, timeout=1)), daemon=True
    )
    waits.start()
    waits.join(WITHIN)
    assert not waits.is_alive()
    assert said[0].startswith(f"be1: the Chef API does not answer: {silent.url}: ")


def test_so_is_every_other_service_that_is_asked(minion, silent):
    assert web.get(minion.host(), silent.url, 1)["error"]

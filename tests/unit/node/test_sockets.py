"""An answer that comes bit by bit holds nobody up: its bound is one of the whole, and what did not come is unknown."""

import contextlib
import itertools
import socket
import threading

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.node import edge, frontend
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.product.edge import Answer, Door, judge

BOUND, EVERY = 0.4, 0.02  # seconds
HANDSHAKE = b"\x16\x03\x03\x40\x00"  # a record of TLS, of which more is to come


@contextlib.contextmanager
def trickling(family, address, first=b"", then=(b"x",)):
    """A server that says a byte again and again for much longer than the bound; yields its address."""
    ended = threading.Event()

    def serve(server):
        with contextlib.suppress(OSError):
            connection, _ = server.accept()
            with connection:
                connection.sendall(first)
                for said in itertools.chain(then, itertools.repeat(then[-1])):
                    if ended.wait(EVERY):
                        return
                    connection.sendall(said)

    with socket.socket(family) as server:
        server.bind(address)
        server.listen()
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        try:
            yield server.getsockname()
        finally:
            ended.set()
            server.close()


@pytest.fixture(autouse=True)
def fixture_bounds(monkeypatch):
    monkeypatch.setattr(edge, "BOUND", BOUND)
    monkeypatch.setattr(frontend, "HAPROXY_ANSWERS", BOUND)


@pytest.mark.parametrize(
    ("scheme", "first"),
    [
        ("http", b""),  # a status line that does not end
        ("http", b"HTTP/1.1 503 Service Unavailable\r\nX-Long: "),  # headers that do not
        ("https", HANDSHAKE),
    ],
)
def test_i8_an_edge_that_trickles_is_unknown_and_no_refusal(scheme, first):
    with trickling(socket.AF_INET, ("127.0.0.1", 0), first) as (_, port):
        answer = edge.ask("127.0.0.1", Door(scheme, port))
    assert (answer.status, answer.closed, judge(answer).what) == (None, False, "unknown")
    if scheme == "http":
        assert judge(answer).said == f"TimeoutError: no whole answer within {BOUND} s"


def test_i8_answers_before_the_answer_are_none_however_many_come():
    more = b"HTTP/1.1 100 Continue\r\n\r\n"
    with trickling(socket.AF_INET, ("127.0.0.1", 0), more, (more,)) as (_, port):
        assert judge(edge.ask("127.0.0.1", Door("http", port))).what == "unknown"


def test_an_edge_that_is_slow_and_in_time_is_heard():
    said = b"HTTP/1.1 503 Service Unavailable\r\nLocation: /x\r\n\r\n"
    with trickling(socket.AF_INET, ("127.0.0.1", 0), then=(said[:20], said[20:], b"x")) as (_, port):
        assert edge.ask("127.0.0.1", Door("http", port)) == Answer(503, location="/x")


def test_a_haproxy_that_trickles_has_not_answered(tmp_path, monkeypatch):
    monkeypatch.setattr(frontend, "HAPROXY_SOCKET", "/s")
    trickles = trickling(socket.AF_UNIX, str(tmp_path / "s"), b"# pxname,svname")
    with trickles, pytest.raises(CommandExecutionError) as caught:
        frontend.show_stat(Host("fe1", {}, root=tmp_path))
    assert str(caught.value) == f"fe1: {tmp_path / 's'}: no whole answer within {BOUND} s"

"""The lab's clients: how losses and outages are counted, and that requests are signed as the protocol demands."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.lab.clients.chef_api import ApiError, ChefApi
from tests.lab.clients.tally import ACKNOWLEDGED, IN_DOUBT, REFUSED, Answer, End, Tally
from tests.lab.clients.writers import ApiWriter, Writer, WriterError


def tally(*answers, stored=(), began=0.0, ended=10.0):
    """A tally from (key, ended, outcome)."""
    found = tuple(Answer(key, at - 0.1, at, outcome) for key, at, outcome in answers)
    return Tally("w", began, ended, found, frozenset(stored))


def test_lost_is_what_was_acknowledged_and_is_not_there():
    account = tally(
        ("w-1", 1, ACKNOWLEDGED), ("w-2", 2, ACKNOWLEDGED), ("w-3", 3, IN_DOUBT), ("w-4", 4, REFUSED), stored=["w-1"]
    )
    assert [answer.key for answer in account.lost] == ["w-2"]
    assert (account.count(ACKNOWLEDGED), account.count(IN_DOUBT), account.count(REFUSED)) == (2, 1, 1)
    assert account.rate == pytest.approx(0.2)


def test_what_is_in_doubt_may_be_stored_but_what_was_refused_may_not():
    account = tally(("w-1", 1, IN_DOUBT), ("w-2", 2, REFUSED), stored=["w-1", "w-2"])
    assert account.lost == ()
    assert [answer.key for answer in account.revived] == ["w-2"]


def test_clients_are_let_in_by_every_answer_but_503_or_no_connection():
    ends = [End(REFUSED, "", 503), End(REFUSED), End(REFUSED, "", 401), End(IN_DOUBT, "", 502), End(ACKNOWLEDGED)]
    answers = tuple(Answer(f"w-{number}", number, number + 0.1, *end) for number, end in enumerate(ends))
    account = Tally("w", 0.0, 10.0, answers, frozenset(["w-4"]))
    assert [answer.key for answer in account.let_in(-1)] == ["w-2", "w-3", "w-4"]
    assert [answer.key for answer in account.let_in(2.5, 4.05)] == ["w-3"], "wholly between the two"
    assert account.let_in(-1, 2) == ()


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([("w-1", 1, ACKNOWLEDGED), ("w-2", 6, ACKNOWLEDGED), ("w-3", 9, ACKNOWLEDGED)], (1, 6)),
        ([("w-1", 1, ACKNOWLEDGED), ("w-2", 3, REFUSED), ("w-3", 8, ACKNOWLEDGED)], (1, 8)),
        ([("w-1", 7, ACKNOWLEDGED)], (0, 7)),
        ([("w-1", 2, ACKNOWLEDGED)], (2, 10)),
        ([], (0, 10)),
    ],
)
def test_the_longest_outage_reaches_from_one_acknowledgement_to_the_next(answers, expected):
    outage = tally(*answers).outage
    assert (outage.begin, outage.end) == expected
    assert outage.seconds == expected[1] - expected[0]


class Scripted(Writer):
    """Ends its writes as a script says, then for ever as the script's last one; never tries a key again."""

    def __init__(self, *outcomes):
        super().__init__("scripted", rate=500)
        self.outcomes, self.numbers = outcomes, []

    def write(self, number):
        self.numbers.append(number)
        return End(self.outcomes[min(number, len(self.outcomes)) - 1], "why")

    def stored(self):
        return frozenset(answer.key for answer in self.answers if answer.outcome == ACKNOWLEDGED)


def test_a_writer_remembers_every_answer_and_uses_each_key_once():
    writer = Scripted(ACKNOWLEDGED, IN_DOUBT, REFUSED, ACKNOWLEDGED)
    writer.start()
    writer.await_writes(10, timeout=5)
    writer.stop()
    account = writer.tally()
    assert [answer.outcome for answer in account.answers[:4]] == [ACKNOWLEDGED, IN_DOUBT, REFUSED, ACKNOWLEDGED]
    assert writer.numbers == list(range(1, len(account.answers) + 1))
    assert len({answer.key for answer in account.answers}) == len(account.answers)
    assert account.lost == ()


def test_a_writer_that_does_not_get_on_says_why():
    writer = Scripted(REFUSED)
    writer.start()
    with pytest.raises(WriterError, match=r"scripted: fewer than 1 writes were acknowledged in 0\.2 s: why"):
        writer.await_writes(1, timeout=0.2)
    writer.stop()


@pytest.fixture(name="key", scope="module")
def fixture_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(name="server")
def fixture_server():
    """An HTTP server that keeps what it got and answers as `server.answer` (status, body) says."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.server.seen.append((self.command, self.path, dict(self.headers), content))
            status, body = self.server.answer
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_GET = do_POST

        def log_message(self, *_):
            """Nothing to say."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.seen, server.answer = [], (200, {})
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def pem(key):
    written = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return written.decode()


def client(server, key):
    return ChefApi(f"http://127.0.0.1:{server.server_port}/", "admin", pem(key))


def test_a_request_is_signed_as_protocol_1_3_demands(server, key):
    client(server, key).create_node("n1")
    ((method, path, headers, content),) = server.seen
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    signed = (
        f"Method:POST\nPath:/nodes\nX-Ops-Content-Hash:{digest}\nX-Ops-Sign:version=1.3\n"
        f"X-Ops-Timestamp:{headers['X-Ops-Timestamp']}\nX-Ops-UserId:admin\nX-Ops-Server-API-Version:0"
    )
    lines = [headers[f"X-Ops-Authorization-{number}"] for number in range(1, 7)]
    assert all(len(line) <= 60 for line in lines)
    signature = base64.b64decode("".join(lines))
    key.public_key().verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        key.public_key().verify(signature, signed.encode() + b" ", padding.PKCS1v15(), hashes.SHA256())
    assert (method, path, json.loads(content)["name"]) == ("POST", "/nodes", "n1")
    assert headers["X-Ops-Sign"] == "algorithm=sha256;version=1.3;"


def test_nodes_are_listed_by_name(server, key):
    server.answer = (200, {"n1": "http://x/nodes/n1", "n2": "http://x/nodes/n2"})
    assert client(server, key).nodes() == {"n1", "n2"}


@pytest.mark.parametrize("status", [401, 409, 500, 503])
def test_a_status_that_is_no_success_is_an_error_with_that_status(server, key, status):
    server.answer = (status, {"error": ["no"]})
    with pytest.raises(ApiError, match=rf"POST http://127.0.0.1:\d+/nodes: {status} ") as caught:
        client(server, key).create_node("n1")
    assert (caught.value.status, caught.value.told) == (status, True)


def test_a_server_that_is_not_there_was_told_nothing(server, key):
    api = client(server, key)
    api.url = "http://127.0.0.1:1"
    with pytest.raises(ApiError) as caught:
        api.create_node("n1")
    assert (caught.value.status, caught.value.told) == (None, False)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(201, ACKNOWLEDGED), (401, REFUSED), (503, REFUSED), (500, IN_DOUBT), (502, IN_DOUBT), (409, IN_DOUBT)],
)
def test_a_node_is_refused_by_503_and_in_doubt_after_a_gateways_error(server, key, status, outcome):
    writer = ApiWriter("w", f"127.0.0.1:{server.server_port}", "admin", pem(key))
    server.answer = (status, {})
    end = writer.write(1)
    assert (end.outcome, end.status) == (outcome, None if outcome == ACKNOWLEDGED else status)

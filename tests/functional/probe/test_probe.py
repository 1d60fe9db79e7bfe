"""The probe on a frontend, against a Chef API server that checks its signature, refuses and comes back."""

import base64
import datetime
import hashlib
import http.server
import ipaddress
import json
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from saltext.chef_backend.node import probe as probes

RUN = "20261122120000000000"


class Api:
    """A server of data bags, in memory; ``refuse`` is the status it answers with instead."""

    def __init__(self, key):
        self.key, self.store, self.asked, self.refuse = key, {}, [], None
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                api.asked.append((time.monotonic(), self.command, self.path))
                status, answer = api.answer(self.command, self.path, self.headers, body)
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_PUT = do_POST = do

            def log_message(self, *_args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/organizations/acme"

    def speak_https(self, certificate, key):
        """From now on answer by HTTPS only; both are paths."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def answer(self, method, path, headers, body):
        if self.refuse:
            return self.refuse, {}
        self.check(method, path, headers, body)
        path = path.removeprefix("/organizations/acme")
        if method == "POST":
            given = json.loads(body)
            self.store[f"{path}/{given.get('name', given.get('id'))}"] = given
            return 201, {}
        if path not in self.store:
            return 404, {}
        if method == "PUT":
            self.store[path] = json.loads(body)
        return 200, self.store[path]

    def check(self, method, path, headers, body):
        """Raise InvalidSignature unless the request is signed as protocol 1.3 says."""
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        assert headers["X-Ops-Content-Hash"] == digest
        signed = (
            f"Method:{method}\nPath:{path}\nX-Ops-Content-Hash:{digest}\nX-Ops-Sign:version=1.3\n"
            f"X-Ops-Timestamp:{headers['X-Ops-Timestamp']}\nX-Ops-UserId:probe\nX-Ops-Server-API-Version:0"
        )
        parts = sorted(
            (int(name.rpartition("-")[2]), value)
            for name, value in headers.items()
            if name.lower().startswith("x-ops-authorization-")
        )
        signature = base64.b64decode("".join(value for _, value in parts))
        self.key.public_key().verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())


class Probe:
    """The probe of a frontend, by its door; what it tells is in the frontend's journal."""

    def __init__(self, minion):
        self.minion, self.lookers = minion, []

    def look(self, api, interval=0.2, ca=None):
        """Look, for as long as that goes on."""
        return self.minion.call("chef_backend_probe.look", "prod", RUN, api.url, "probe", api.pem, interval, ca)

    def start(self, api, **options):
        """Look in a thread; returns it."""
        looker = threading.Thread(target=self.look, args=(api,), kwargs=options, daemon=True)
        self.lookers.append(looker)
        looker.start()
        return looker

    def stop(self):
        """End looking."""
        return self.minion.call("chef_backend_probe.stop", RUN)

    def end(self):
        """End looking, and wait until that has ended."""
        stopped = self.stop()
        for looker in self.lookers:
            looker.join(10)
            assert not looker.is_alive()
        return stopped

    @property
    def told(self):
        """What was told until now: how, and which error."""
        entries = self.minion.call("chef_server_agent.journal", RUN)["entries"]
        assert {(entry["step"], entry["cluster"]) for entry in entries} <= {("probe", "prod")}
        assert all(entry["seconds"] >= 0 for entry in entries)
        return [(entry["how"], entry["data"]["error"]) for entry in entries]


@pytest.fixture(name="probe")
def fixture_probe(minion):
    probe = Probe(minion)
    yield probe
    probe.end()


@pytest.fixture(name="api")
def fixture_api(tmp_path):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    formats = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "probe.pem").write_bytes(key.private_bytes(*formats))
    api = Api(key)
    api.pem = str(tmp_path / "probe.pem")
    yield api
    api.server.shutdown()
    api.server.server_close()


def certify(key, path):
    """Write a certificate for 127.0.0.1 that the key itself has signed."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fe1")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
    made = made.add_extension(here, critical=False).sign(key, hashes.SHA256())
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return str(path)


def until(check):
    for _ in range(200):
        if check():
            return
        time.sleep(0.05)
    raise AssertionError("not within 10 s")


def test_it_tells_that_it_looks_then_only_what_changes_and_ends_when_told(probe, api):
    probe.start(api)
    until(lambda: len(api.asked) > 12)
    assert probe.told == [("begin", None)]
    api.refuse = 503
    until(lambda: len(probe.told) == 2)
    api.refuse = None
    until(lambda: len(probe.told) == 3)
    assert probe.told == [("begin", None), ("failed", "503 Service Unavailable"), ("end", None)]
    assert probe.end() is True
    assert probe.stop() is False


def test_it_writes_one_item_of_its_own_and_nothing_else(probe, api):
    probe.start(api)
    until(lambda: len(api.asked) > 8)
    probe.end()
    assert set(api.store) == {"/data/salt-chef-backend", "/data/salt-chef-backend/probe"}


def test_it_ends_by_itself_when_no_sign_of_life_comes(probe, api, monkeypatch):
    monkeypatch.setattr(probes, "LEASE", 1)
    assert probe.look(api) is True
    assert probe.told[0] == ("begin", None)


def test_a_second_call_only_keeps_the_first_alive(probe, api):
    looker = probe.start(api)
    until(lambda: api.asked)
    life = probe.minion.path(probes.LIFE).read_text(encoding="utf-8")
    assert probe.look(api) is False
    assert probe.minion.path(probes.LIFE).read_text(encoding="utf-8") > life, "later"
    assert looker.is_alive()


def test_a_sign_of_life_of_another_run_ends_the_first(probe, api):
    looker = probe.start(api)
    until(lambda: api.asked)
    another = ["prod", "20261122130000000000", api.url, "probe", api.pem, 0.2]
    assert probe.minion.call("chef_backend_probe.look", *another) is False
    looker.join(10)
    assert not looker.is_alive()


def test_a_key_that_is_not_there_is_told_once_and_is_no_outage(probe, api):
    api.pem += ".not-there"
    probe.start(api)
    until(lambda: probe.told)
    time.sleep(1)
    probe.end()
    ((how, error),) = probe.told
    assert how == "begin" and "No such file" in error


def test_what_is_no_rsa_key_is_told(probe, api, tmp_path):
    key, none = ec.generate_private_key(ec.SECP256R1()), serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none)
    (tmp_path / "probe.pem").write_bytes(pem)
    probe.start(api)
    until(lambda: probe.told)
    ((how, error),) = probe.told
    assert (how, error) == ("begin", f"{api.pem} is no RSA key, as clients of Chef have")
    assert api.asked == []


def test_by_https_with_the_certificate_of_the_pillar(probe, api, tmp_path):
    certificate = certify(api.key, tmp_path / "fe1.crt")
    api.speak_https(certificate, api.pem)
    probe.start(api, ca=certificate)
    until(lambda: probe.told)
    probe.end()
    assert probe.told == [("begin", None)]
    assert api.store


def test_by_https_a_certificate_that_nobody_vouches_for_is_told_and_nothing_is_sent(probe, api, tmp_path):
    api.speak_https(certify(api.key, tmp_path / "fe1.crt"), api.pem)
    probe.start(api)
    until(lambda: probe.told)
    probe.end()
    ((how, error),) = probe.told
    assert how == "begin" and "CERTIFICATE_VERIFY_FAILED" in error
    assert api.asked == []

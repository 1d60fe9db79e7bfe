"""The probe on a frontend, against a Chef API server that checks its signature, refuses and comes back."""

import base64
import datetime
import hashlib
import http.server
import importlib.util
import ipaddress
import json
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.functional.minion import REPO

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
    """The module on a frontend, in a folder of its own; what it tells is kept."""

    def __init__(self, folder):
        path = REPO / "_modules" / "chef_backend_probe.py"
        spec = importlib.util.spec_from_file_location("probe_in_test", path)
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.module.FOLDER = str(folder)
        self.module.__context__ = {}
        self.told = []
        self.module.__salt__ = {"chef_backend_progress.tell": self.tell}

    def tell(self, step, how, *, run, cluster, seconds, data, comment=None):
        assert (step, run, cluster) == ("probe", RUN, "prod")
        assert seconds >= 0
        self.told.append((how, data["error"]))


@pytest.fixture(name="probe")
def fixture_probe(tmp_path):
    return Probe(tmp_path / "folder")


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


def look(probe, api, interval=0.2, ca=None):
    """Have the minion look, in a thread; returns it."""
    work = probe.module.look
    looker = threading.Thread(target=work, args=("prod", RUN, api.url, "probe", api.pem, interval, ca), daemon=True)
    looker.start()
    return looker


def until(check):
    for _ in range(200):
        if check():
            return
        time.sleep(0.05)
    raise AssertionError("not within 10 s")


def test_it_tells_that_it_looks_then_only_what_changes_and_ends_when_told(probe, api):
    looker = look(probe, api)
    until(lambda: len(api.asked) > 12)
    assert probe.told == [("begin", None)]
    api.refuse = 503
    until(lambda: len(probe.told) == 2)
    api.refuse = None
    until(lambda: len(probe.told) == 3)
    assert probe.told == [("begin", None), ("failed", "503 Service Unavailable"), ("end", None)]
    assert probe.module.stop(RUN) is True
    looker.join(10)
    assert not looker.is_alive()
    assert probe.module.stop(RUN) is False


def test_it_writes_one_item_of_its_own_and_nothing_else(probe, api):
    looker = look(probe, api)
    until(lambda: len(api.asked) > 8)
    probe.module.stop(RUN)
    looker.join(10)
    assert set(api.store) == {"/data/salt-chef-backend", "/data/salt-chef-backend/probe"}


def test_it_ends_by_itself_when_no_sign_of_life_comes(probe, api, monkeypatch):
    monkeypatch.setattr(probe.module, "LEASE", 1)
    looker = look(probe, api)
    looker.join(10)
    assert not looker.is_alive()
    assert probe.told[0] == ("begin", None)


def test_a_second_call_only_keeps_the_first_alive(probe, api):
    looker = look(probe, api)
    until(lambda: api.asked)
    assert probe.module.look("prod", RUN, api.url, "probe", api.pem, 0.2) is False
    probe.module.stop(RUN)
    looker.join(10)


def test_a_key_that_is_not_there_is_told_once_and_is_no_outage(probe, api):
    api.pem += ".not-there"
    looker = look(probe, api)
    until(lambda: probe.told)
    time.sleep(1)
    probe.module.stop(RUN)
    looker.join(10)
    assert [how for how, _ in probe.told] == ["begin"]
    assert "No such file" in probe.told[0][1]


def test_by_https_with_the_certificate_of_the_pillar(probe, api, tmp_path):
    certificate = certify(api.key, tmp_path / "fe1.crt")
    api.speak_https(certificate, api.pem)
    looker = look(probe, api, ca=certificate)
    until(lambda: probe.told)
    probe.module.stop(RUN)
    looker.join(10)
    assert probe.told == [("begin", None)]
    assert api.store


def test_by_https_a_certificate_that_nobody_vouches_for_is_told_and_nothing_is_sent(probe, api, tmp_path):
    api.speak_https(certify(api.key, tmp_path / "fe1.crt"), api.pem)
    looker = look(probe, api)
    until(lambda: probe.told)
    probe.module.stop(RUN)
    looker.join(10)
    ((how, error),) = probe.told
    assert how == "begin" and "CERTIFICATE_VERIFY_FAILED" in error
    assert api.asked == []

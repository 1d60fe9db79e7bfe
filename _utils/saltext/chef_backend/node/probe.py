"""The probe: whether writes are taken, seen from one frontend while a run is under way. Optional (pillar ``probe``).

It writes one thing only: item ``probe`` of data bag ``salt-chef-backend`` (both made if they are not there), through
the frontend's own API and HAProxy; it reads it back, and waits for its interval. It never stops or fails a run.

The run's process calls :func:`look` on the frontend again and again. The first call looks, the others are signs of
life to it: when none has come for ``LEASE`` seconds, whatever became of the run and its master, it ends by itself.
"""

import contextlib
import dataclasses
import fcntl
import json
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from saltext.chef_backend import journal
from saltext.chef_backend.node import files
from saltext.chef_backend.node.host import OWN, Host
from saltext.chef_backend.node.journal import tell
from saltext.chef_backend.product import signing

BAG, ITEM = "salt-chef-backend", "probe"
LEASE = 45  # seconds
BOUND = 5  # seconds for one request
LIFE = f"{OWN}/probe.json"


@dataclasses.dataclass(frozen=True)
class Server:
    """One organisation of a Chef Infra Server, as one client."""

    url: str  # of the organisation
    client: str
    key: str  # path of its private key
    ca: str | None = None  # path of the certificates that the address is checked with; None: the system's

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Send one signed request; returns the answer's JSON. Raises OSError or ValueError."""
        content = b"" if body is None else json.dumps(body).encode()
        address = self.url.rstrip("/") + path
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        wanted = signing.text_to_sign(method, urllib.parse.urlsplit(address).path, content, self.client, stamp)
        headers = signing.headers(content, self.client, stamp, self._signed(wanted))
        request = urllib.request.Request(address, data=content or None, method=method, headers=headers)
        # past any proxy of the environment: the frontend itself is asked
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if address.startswith("https"):
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.ca)))
        with urllib.request.build_opener(*handlers).open(request, timeout=BOUND) as answer:
            return json.load(answer)

    def _signed(self, text: bytes) -> bytes:
        with open(self.key, "rb") as file:
            key = serialization.load_pem_private_key(file.read(), None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError(f"{self.key} is no RSA key, as clients of Chef have")
        return key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def look(host: Host, cluster: str, run: str, server: Server, interval: float) -> bool:
    """Look until no heartbeat comes any more; if another call looks already, be one.

    :param run: the run's id.
    :param interval: seconds between two looks.
    :returns: True if this call looked, False if another one does.
    """
    folder = host.path(OWN)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(folder / "probe.lock", "a", encoding="utf-8") as lock:
        files.write(host.path(LIFE), json.dumps({"run": run, "until": host.clock.now() + LEASE}))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        seen = _Seen(host, cluster, run)
        while _lives(host, run):
            began = host.clock.now()
            seen.tell(_once(host, server), host.clock.now() - began)
            host.clock.sleep(max(0.2, interval))
    return True


def stop(host: Host, run: str) -> bool:
    """End looking for a run. Returns True if it did look."""
    return _lives(host, run) and files.remove(host.path(LIFE))


class _Seen:
    """What was seen before: only what is another is told."""

    def __init__(self, host: Host, cluster: str, run: str) -> None:
        self.host, self.cluster, self.run = host, cluster, run
        self.taken: bool | None = None  # None: no write was taken yet
        self.error: str | None = None

    def tell(self, error: str | None, seconds: float) -> None:
        """Tell what is not as before; an error is no outage before the first write was taken."""
        how, comment = None, error
        if self.taken is None and error is None:
            how = journal.BEGIN
        elif self.taken is None and error != self.error:
            how, comment = journal.BEGIN, f"no write was taken yet: {error}"
        elif self.taken and error:
            how = journal.FAILED
        elif self.taken is False and error is None:
            how = journal.END
        self.error = error
        if self.taken is not None or error is None:
            self.taken = error is None
        if how:
            told = {"run": self.run, "cluster": self.cluster}
            tell(self.host, "probe", how, round(seconds, 3), comment, data={"error": error}, **told)


def _once(host: Host, server: Server) -> str | None:
    """Write the item and read it again; returns what went wrong, or None."""
    item = {"id": ITEM, "written": repr(host.clock.now())}
    try:
        _write(server, item)
        found = server.request("GET", f"/data/{BAG}/{ITEM}")
        stored = found.get("raw_data", found) if isinstance(found, dict) else {}
        return None if stored.get("written") == item["written"] else "what was written is not what is read"
    except urllib.error.HTTPError as err:
        with err:
            return f"{err.code} {err.reason}"
    except (OSError, ValueError, TypeError) as err:
        return str(getattr(err, "reason", err))


def _write(server: Server, item: dict[str, str]) -> None:
    try:
        server.request("PUT", f"/data/{BAG}/{ITEM}", item)
    except urllib.error.HTTPError as err:
        if err.code != 404:
            raise
        with contextlib.suppress(urllib.error.HTTPError):  # 409: the bag is there, the item is not
            server.request("POST", "/data", {"name": BAG})
        server.request("POST", f"/data/{BAG}", item)


def _lives(host: Host, run: str) -> bool:
    try:
        life = json.loads(host.path(LIFE).read_text(encoding="utf-8"))
        # a clock that was set back must not lengthen it
        return bool(life["run"] == run and 0 < life["until"] - host.clock.now() <= LEASE)
    except (OSError, ValueError, KeyError, TypeError):
        return False

"""A small Chef Infra Server client: requests signed by the X-Ops protocol, version 1.3."""

import base64
import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_LINE = 60  # the signature is sent in headers of this many characters


class ApiError(Exception):
    """The server did not do what was asked.

    Attributes: `status` (HTTP status, None if there was no answer), `told` (whether a request may have reached it).
    """

    def __init__(self, text: str, status: int | None = None, told: bool = True):
        super().__init__(text)
        self.status, self.told = status, told


class ChefApi:
    """One server, as one user.

    :param url: of the server, e.g. `http://203.0.113.21`.
    :param user: the name that signs.
    :param key: the user's private RSA key, as PEM text.
    :param timeout: seconds for each request.
    """

    def __init__(self, url: str, user: str, key: str, timeout: float = 5.0):
        self.url, self.user, self.timeout = url.rstrip("/"), user, timeout
        loaded = serialization.load_pem_private_key(key.encode(), None)
        if not isinstance(loaded, rsa.RSAPrivateKey):
            raise ValueError(f"{user}: found a {type(loaded).__name__}, expected an RSA key")
        self._key = loaded

    def request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Send one signed request; returns the answer's JSON. Raises ApiError on anything but a 2xx status."""
        content = b"" if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data=content or None, method=method, headers=self._headers(method, path, content)
        )
        where = f"{method} {self.url}{path}"
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace").strip()
            raise ApiError(f"{where}: {error.code} {text[:200]}", error.code) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise ApiError(f"{where}: {reason}", told=not isinstance(reason, ConnectionRefusedError)) from error

    def create_node(self, name: str) -> None:
        """Create a node. Raises ApiError."""
        self.request("POST", "/nodes", {"name": name, "chef_type": "node", "json_class": "Chef::Node", "run_list": []})

    def nodes(self) -> set[str]:
        """The names of all nodes. Raises ApiError."""
        return set(self.request("GET", "/nodes"))

    def _headers(self, method: str, path: str, content: bytes) -> dict[str, str]:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        signed = "\n".join(
            (
                f"Method:{method}",
                f"Path:{path.partition('?')[0]}",
                f"X-Ops-Content-Hash:{digest}",
                "X-Ops-Sign:version=1.3",
                f"X-Ops-Timestamp:{now}",
                f"X-Ops-UserId:{self.user}",
                "X-Ops-Server-API-Version:0",
            )
        )
        signature = base64.b64encode(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
        lines = [signature[at : at + _LINE] for at in range(0, len(signature), _LINE)]
        return {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "X-Chef-Version": "11.16.0",
            "X-Ops-Sign": "algorithm=sha256;version=1.3;",
            "X-Ops-Userid": self.user,
            "X-Ops-Timestamp": now,
            "X-Ops-Content-Hash": digest,
            "X-Ops-Server-API-Version": "0",
            **{f"X-Ops-Authorization-{number}": line for number, line in enumerate(lines, 1)},
        }

"""A signed request to the Chef API, protocol 1.3: what is signed, and the headers that carry the signature."""

import base64
import hashlib

VERSION = "0"  # of the server's API
WIDTH = 60  # the signature is sent in headers of at most this many characters


def content_hash(body: bytes) -> str:
    """Return the hash of a request's body (bytes), as the protocol writes it."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")


def text_to_sign(method: str, path: str, body: bytes, client: str, stamp: str) -> bytes:
    """Return the bytes that the client's key signs.

    :param method: of HTTP, in capitals.
    :param path: of the address, without a query.
    :param body: bytes.
    :param client: the name that signs.
    :param stamp: the time, such as ``2026-11-22T12:00:00Z``.
    """
    lines = (
        f"Method:{method}",
        f"Path:{path}",
        f"X-Ops-Content-Hash:{content_hash(body)}",
        "X-Ops-Sign:version=1.3",
        f"X-Ops-Timestamp:{stamp}",
        f"X-Ops-UserId:{client}",
        f"X-Ops-Server-API-Version:{VERSION}",
    )
    return "\n".join(lines).encode()


def headers(body: bytes, client: str, stamp: str, signature: bytes) -> dict[str, str]:
    """Return the request's headers; ``signature`` are the bytes that the key made."""
    text = base64.b64encode(signature).decode("ascii")
    lines = [text[at : at + WIDTH] for at in range(0, len(text), WIDTH)]
    return {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "X-Chef-Version": "12.19.36",
        "X-Ops-Sign": "algorithm=sha256;version=1.3;",
        "X-Ops-Userid": client,
        "X-Ops-Timestamp": stamp,
        "X-Ops-Content-Hash": content_hash(body),
        "X-Ops-Server-API-Version": VERSION,
        **{f"X-Ops-Authorization-{number}": line for number, line in enumerate(lines, 1)},
    }

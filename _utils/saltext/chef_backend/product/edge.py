"""What a frontend's edge, its nginx, says to a client from another host: served, refused, or neither of them."""

import dataclasses
from collections.abc import Iterable
from urllib.parse import urlsplit

SERVED, REFUSED, UNKNOWN = "served", "refused", "unknown"
# an organisation's: /_status is not held back in maintenance mode; whether there is such an organisation is no matter
PATH = "/organizations/salt-chef-backend/nodes"
PORTS = {"http": 80, "https": 443}


@dataclasses.dataclass(frozen=True)
class Door:
    """Where clients come in."""

    scheme: str  # http or https
    port: int


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came of a request that nobody has signed."""

    status: int | None = None
    closed: bool = False  # the connection was refused, or reset before there was an answer
    error: str = ""
    location: str = ""  # where it sends its client instead


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a client gets, and by what that was seen."""

    what: str
    said: str


def door(url: str) -> Door | None:
    """Return the door of a URL; None if that is no URL of http or https."""
    try:
        parts = urlsplit(url)
        return Door(parts.scheme, parts.port or PORTS[parts.scheme])
    except (KeyError, ValueError):
        return None


def redirected(answer: Answer) -> Door | None:
    """Return to which other door an answer sends its client: by default the plain port does. None if it does not."""
    return door(answer.location) if answer.status is not None and 300 <= answer.status < 400 else None


def judge(answer: Answer) -> Seen:
    """Judge an answer at an organisation's URL.

    Documented: in maintenance mode nginx answers 503. Else the API answers, be it that it knows nobody (401, 404). A
    closed port refuses as well; what is no answer at all, or a failure of the API, says neither.
    """
    if answer.closed:
        return Seen(REFUSED, "no connection")
    if answer.status == 503:
        return Seen(REFUSED, "503")
    if answer.status is not None and (200 <= answer.status < 300 or 400 <= answer.status < 500):
        return Seen(SERVED, str(answer.status))
    return Seen(UNKNOWN, answer.error or str(answer.status))


def together(several: Iterable[Seen]) -> Seen:
    """Put together what clients get at several doors: they are served if any serves, and refused if all refuse."""
    found = list(several)
    kinds = {one.what for one in found}
    what = SERVED if SERVED in kinds else REFUSED if kinds == {REFUSED} else UNKNOWN
    return Seen(what, "; ".join(one.said for one in found if one.what == what or what == UNKNOWN))

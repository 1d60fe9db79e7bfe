"""What a frontend's edge, its nginx, says to a client from another host: served, refused, or neither of them."""

import dataclasses
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


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a client gets, and by what that was seen."""

    what: str
    said: str


def doors(api: str) -> tuple[Door, ...]:
    """Return where to ask, one after the other while it redirects: by default the plain port does, to the other.

    :param api: URL of the frontend's status page.
    """
    parts = urlsplit(api)
    scheme = parts.scheme or "http"
    first = Door(scheme, parts.port or PORTS[scheme])
    return tuple(dict.fromkeys([first, Door("https", PORTS["https"])]))


def ports(api: str) -> tuple[int, ...]:
    """Return the TCP ports at which clients come in, ascending: the well-known ones, and that of the status page."""
    return tuple(sorted({*PORTS.values(), *(door.port for door in doors(api))}))


def redirects(answer: Answer) -> bool:
    """Whether an answer sends its client to another door."""
    return answer.status is not None and 300 <= answer.status < 400


def judge(answer: Answer) -> Seen:
    """Judge an answer at an organisation's URL.

    Documented: in maintenance mode nginx answers 503. Else the API answers, be it that it knows nobody (401, 404). A
    closed port refuses as well; what is no answer at all, or a failure of the API, says neither.
    """
    if answer.closed:
        return Seen(REFUSED, "no connection")
    if answer.status == 503:
        return Seen(REFUSED, "503")
    if answer.status is not None and 200 <= answer.status < 500 and not redirects(answer):
        return Seen(SERVED, str(answer.status))
    return Seen(UNKNOWN, answer.error or str(answer.status))

"""A frontend's HAProxy: what it says of the backends (``show stat``), and whether that is one leader."""

import csv
import dataclasses
from collections.abc import Sequence

from saltext.chef_backend.product.reading import ParseError, lines_of

PROXIES = ("chef_backend_postgresql", "chef_backend_elasticsearch")


@dataclasses.dataclass(frozen=True)
class Server:
    """One backend as one proxy sees it."""

    proxy: str
    name: str
    status: str
    check: str  # why, such as L7STS/503


def parse_show_stat(text: str) -> tuple[Server, ...]:
    """Read ``show stat``'s CSV; returns a tuple of Server.

    :raises ParseError: no header, or a line that does not fit it.
    """
    first, *lines = lines_of(text, "HAProxy's show stat")
    if not first.startswith("# pxname,"):
        raise ParseError("no header of HAProxy's statistics", first)
    header = first[2:].split(",")
    missing = {"pxname", "svname", "status"} - set(header)
    if missing:
        raise ParseError(f"HAProxy's statistics without {', '.join(sorted(missing))}", first)
    if len(set(header)) != len(header):
        raise ParseError("HAProxy's statistics name a column twice", first)
    servers = []
    for line in lines:
        fields = _fields(line)
        if len(fields) != len(header):
            raise ParseError("a line of HAProxy's statistics that does not fit its header", line)
        row = dict(zip(header, fields, strict=True))
        check = "/".join(filter(None, (row.get("check_status"), row.get("check_code"))))
        if not row["pxname"] or not row["svname"] or not row["status"]:
            raise ParseError("a line of HAProxy's statistics without proxy, server or status", line)
        servers.append(Server(row["pxname"], row["svname"], row["status"], check))
    return tuple(servers)


def _fields(line: str) -> list[str]:
    """Split one line; each for itself, so that a stray quote does not swallow the next line."""
    try:
        return next(csv.reader([line], strict=True))
    except (csv.Error, StopIteration) as err:
        raise ParseError("a line of HAProxy's statistics that is not CSV", line) from err


def one_up(servers: Sequence[Server]) -> tuple[str, ...]:
    """Say what keeps HAProxy from one leader: each proxy must have exactly one server UP, both the same.

    The others must be down or in maintenance: HAProxy may send to a server in any other state, such as ``no check``.

    :returns: tuple of reasons as text; empty if all is well.
    """
    reasons, leaders = [], set()
    for proxy in PROXIES:
        # without "4" in the question, HAProxy adds sums of the proxy's two sides; they are no servers
        mine = [server for server in servers if server.proxy == proxy and server.name not in ("FRONTEND", "BACKEND")]
        up = [server.name for server in mine if not server.status.startswith(("DOWN", "MAINT"))]
        if not mine:
            reasons.append(f"{proxy}: HAProxy knows no such proxy")
        elif len(up) != 1 or not any(server.status == "UP" for server in mine):
            states = ", ".join(f"{server.name} {server.status}" for server in mine)
            reasons.append(f"{proxy}: {len(up)} backends may be sent to, expected exactly one, UP ({states})")
        else:
            leaders.add(up[0])
    if len(leaders) > 1:
        reasons.append(f"the proxies send to different backends: {', '.join(sorted(leaders))}")
    return tuple(reasons)

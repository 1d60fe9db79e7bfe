"""What a client from another host gets from this frontend: asked at this host's own address.

Not at 127.0.0.1, which maintenance mode lets through; and without following whoever redirects, perhaps to another host.
"""

import http.client
import ipaddress
import socket
import ssl
from typing import cast

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import waiting
from saltext.chef_backend.errors import NotYet
from saltext.chef_backend.node import sockets
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.product import edge
from saltext.chef_backend.product.edge import Answer, Door, Seen

BOUND = 10.0  # seconds to be let in, and again for the whole of one answer
FOLLOWS = 30.0  # seconds within which nginx is to do what it was told


def doors(host: Host, api: str) -> tuple[Door, ...]:
    """Return where clients come in: at the status page's port, and where that sends them, as it says to this host.

    At 127.0.0.1, which neither maintenance mode nor the firewall's rule keeps out.

    :param api: URL of this frontend's status page.
    :raises CommandExecutionError: it is no URL.
    """
    first = edge.door(api)
    if first is None:
        raise CommandExecutionError(f"{host.name}: {api!r} is no URL of a status page")
    other = edge.redirected(ask("127.0.0.1", first))
    return (other, first) if other and other != first else (first,)


def ports(host: Host, api: str) -> tuple[int, ...]:
    """Return the TCP ports at which clients may come in, ascending: those of its doors, and the well-known ones."""
    return tuple(sorted({*edge.PORTS.values(), *(door.port for door in doors(host, api))}))


def seen(host: Host, api: str) -> Seen:
    """Return what a client gets now.

    :param api: URL of this frontend's status page.
    :raises CommandExecutionError: this host has no address but those of its loopback.
    """
    address, found = _own_address(host), list[Seen]()
    for door in doors(host, api):
        answer = ask(address, door)
        if not edge.redirected(answer):  # where it sends them is asked itself
            judged = edge.judge(answer)
            shown = f"[{address}]" if ":" in address else address
            found.append(Seen(judged.what, f"{door.scheme}://{shown}:{door.port}{edge.PATH}: {judged.said}"))
    return edge.together(found)


def await_what(host: Host, api: str, wanted: str) -> Seen:
    """Wait until clients get what they are to get, ``served`` or ``refused``.

    :param api: URL of this frontend's status page.
    :raises CommandExecutionError: what they got last instead, when nginx has had its time to do what it was told.
    """

    def look() -> Seen:
        found = seen(host, api)
        if found.what != wanted:
            raise NotYet(f"clients are not {wanted}, seen from outside: {found.said}")
        return found

    try:
        return waiting.until(host.clock, look, FOLLOWS, every=0.5)
    except CommandExecutionError as err:
        raise CommandExecutionError(f"{host.name}: {err}") from err


def ask(address: str, door: Door) -> Answer:
    """Ask for an organisation's URL, unsigned; never raises."""
    connection = http.client.HTTPConnection(address, door.port, timeout=BOUND)
    if door.scheme == "https":  # what is asked is who answers at this address, not who it says it is
        unverified = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(address, door.port, timeout=BOUND, context=unverified)
    try:
        connection.request("GET", edge.PATH)
        # not by its getresponse, whose bound begins anew with each byte that comes
        within = cast(socket.socket, sockets.Answer(connection.sock, BOUND))
        with http.client.HTTPResponse(within, method="GET") as answer:
            answer.begin()
            return Answer(answer.status, location=answer.getheader("Location") or "")
    except (ConnectionRefusedError, ConnectionResetError) as err:  # of the latter http.client has a kind of its own
        return Answer(closed=True, error=str(err))
    except (OSError, http.client.HTTPException) as err:
        return Answer(error=f"{type(err).__name__}: {err}")
    finally:
        connection.close()


def _own_address(host: Host) -> str:
    for address in [*host.grains.get("ipv4", ()), *host.grains.get("ipv6", ())]:
        found = ipaddress.ip_address(address)
        if not (found.is_loopback or found.is_link_local):
            return str(address)
    raise CommandExecutionError(f"{host.name}: grains ipv4 and ipv6 hold no address at which clients could come in")

"""What a client from another host gets from this frontend: asked at this host's own address.

Not at 127.0.0.1, which maintenance mode lets through; and without following whoever redirects, perhaps to another host.
"""

import http.client
import ipaddress
import ssl

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import waiting
from saltext.chef_backend.errors import NotYet
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.product import edge
from saltext.chef_backend.product.edge import Answer, Door, Seen

BOUND = 10.0  # seconds for one answer
FOLLOWS = 30.0  # seconds within which nginx is to do what it was told


def seen(host: Host, api: str) -> Seen:
    """Return what a client gets now.

    :param api: URL of this frontend's status page.
    :raises CommandExecutionError: this host has no address but those of its loopback.
    """
    address, where, answer = _own_address(host), "", Answer()
    for door in edge.doors(api):
        where = f"{door.scheme}://{address}:{door.port}{edge.PATH}"
        answer = ask(address, door)
        if not edge.redirects(answer):
            break
    found = edge.judge(answer)
    return Seen(found.what, f"{where}: {found.said}")


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
        return Answer(connection.getresponse().status)
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

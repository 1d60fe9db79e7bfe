"""What this frontend is asked and told: its version, its HAProxy, its API, in and out of service, reconfigured."""

import io
import json
import socket
from collections.abc import Callable

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import outcome, waiting
from saltext.chef_backend.errors import NotYet
from saltext.chef_backend.node import ctl, edge, fence, files, journal, sockets, web
from saltext.chef_backend.node.host import OWN, Host
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.product import command, haproxy, objects
from saltext.chef_backend.product import edge as edges
from saltext.chef_backend.product import index as indexes
from saltext.chef_backend.product import maintenance as by

MANIFEST = "/opt/opscode/version-manifest.json"
# assumed: HAProxy listens on the port of loopback that it forwards to the leader's Elasticsearch
SEARCH_URL = "http://127.0.0.1:9200"
SETTINGS_URL, COUNT_URL = f"{SEARCH_URL}/chef/_settings", f"{SEARCH_URL}/chef/_count"
INDEXED_URL = f"{SEARCH_URL}{objects.INDEXED}"
HAPROXY_SOCKET = "/var/opt/opscode/haproxy/haproxy.sock"
HAPROXY_ANSWERS = 5.0  # seconds to be let in, and again for the whole of its answer
# nothing that can be observed tells for which release of the backends this frontend was reconfigured
RECONFIGURED_FOR = f"{OWN}/reconfigured-for"
# no command tells whether maintenance mode is on; see clients.py
OUT_OF_SERVICE = f"{OWN}/out-of-service"


def version(host: Host) -> str:
    """Return the installed version of chef-server-core. Raises CommandExecutionError."""
    return ctl.version(host, MANIFEST, "chef-server-core")


def status(host: Host, timeout: float = 60) -> str:
    """Return what ``chef-server-ctl status`` prints: runit's lines. Its exit status is another where a service is down.

    :raises CommandExecutionError: nothing was printed at all.
    """
    return ctl.read(host, (command.SERVER, "status"), timeout)


def show_stat(host: Host) -> str:
    """Return what this frontend's HAProxy thinks of the backends, one server a line (``show stat -1 4 -1``).

    :raises CommandExecutionError: it does not answer, or not all of it in time.
    """
    path = host.path(HAPROXY_SOCKET)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(HAPROXY_ANSWERS)
            connection.connect(str(path))
            connection.sendall(b"show stat -1 4 -1\n")
            whole = io.BufferedReader(sockets.Answer(connection, HAPROXY_ANSWERS)).read()
            return whole.decode("utf-8", "replace")
    except OSError as err:
        raise CommandExecutionError(f"{host.name}: {path}: {err}") from err


def wait_for_leader(host: Host, timeout: float = 60) -> float:
    """Wait until HAProxy sends both proxies to exactly one backend, the same one.

    At its start HAProxy takes every backend for up, so a single look is not enough to trust it.

    :returns: seconds waited.
    :raises CommandExecutionError: what HAProxy said last, if the bound has passed.
    """

    def look() -> None:
        trouble = haproxy.one_up(haproxy.parse_show_stat(show_stat(host)))
        if trouble:
            raise NotYet("; ".join(trouble))

    return _waited(host, look, timeout, "HAProxy has no single leader")


def wait_for_api(host: Host, url: str, timeout: float = 120) -> float:
    """Wait until the Chef API of this frontend answers ``pong``.

    :param url: the status page; it asks the database too.
    :returns: seconds waited.
    :raises CommandExecutionError: what it answered last, if the bound has passed.
    """

    until = host.clock.monotonic() + timeout

    def look() -> None:
        left = max(1.0, until - host.clock.monotonic())
        answer = web.get(host, url, min(left, web.BOUND), status=True, verify_ssl=False)
        try:
            said = json.loads(answer.get("body") or "{}").get("status")
        except (ValueError, AttributeError):
            said = None
        if answer.get("status") != 200 or said != "pong":
            shown = said or answer.get("error") or "no answer"
            raise NotYet(f"{url}: {answer.get('status') or ''} {shown}")

    return _waited(host, look, timeout, "the Chef API does not answer")


def reconfigured_for(host: Host) -> str | None:
    """Return the Chef Backend version this frontend was last reconfigured for, or None if none is noted."""
    return files.read(host.path(RECONFIGURED_FOR))


def out(host: Host) -> str | None:
    """Return how this frontend was taken out of service, ``maintenance``, ``stopped`` or ``firewall``; None if not."""
    return (files.read(host.path(OUT_OF_SERVICE)) or "").partition(" ")[0] or None


def reconfigured(
    host: Host,
    name: str,
    backend_version: str,
    api: str,
    leader_timeout: float = 60,
    timeout: float = 900,
    api_timeout: float = 120,
    index: bool = False,
) -> Result:
    """This frontend was reconfigured for a Chef Backend version, and its API answers.

    Before: its HAProxy must send to exactly one leader, else ``reconfigure`` would work on a wrong database. Out of
    service its API refuses, and stopped its HAProxy tells nothing: then ``clients.in_service`` looks at them. By
    default it lets clients in, whatever kept them out, but for the firewall's rule.

    :param backend_version: the version the backends have been upgraded to.
    :param api: URL of its status page.
    :param leader_timeout: bound in seconds for HAProxy to know one leader.
    :param timeout: bound in seconds for ``reconfigure``.
    :param api_timeout: bound in seconds for the API to answer afterwards.
    :param index: also where it was, and the search index is not there: it is ``reconfigure`` that makes one.
    """
    with outcome.on_node(name) as ret:
        fence.obey(host)
        before, left = reconfigured_for(host), out(host)
        if index and index_or_none(host) is None:
            before = None
        if before == backend_version and left:
            return outcome.done(ret, f"reconfigured for {backend_version}; taken out of service before, by {left}")
        if before == backend_version:
            wait_for_leader(host, leader_timeout)
            wait_for_api(host, api, api_timeout)
            return outcome.done(ret, f"reconfigured for {backend_version}; its API answers")
        if host.test:
            words = " ".join(command.RECONFIGURE)
            return outcome.would(ret, f"would run {words}", "reconfigured for", before, backend_version)
        with journal.told(host, "reconfigure"):
            if left != by.STOPPED:
                wait_for_leader(host, leader_timeout)
            ctl.run(host, command.RECONFIGURE, timeout=timeout, about=backend_version)
            ret["changes"]["reconfigured for"] = {"old": before, "new": backend_version}
            waited = wait_for_leader(host, leader_timeout)
            # what keeps clients out now, others see: up to 15.10.52 this command ends the maintenance mode
            seen = f"taken out of service before, by {left}"
            if left == by.FIREWALL:
                seen = f"out of service: {left}; {edge.await_what(host, api, edges.REFUSED).said}"
            elif not left:
                waited += wait_for_api(host, api, api_timeout)
                seen = "API answers"
            files.write(host.path(RECONFIGURED_FOR), f"{backend_version}\n", 0o644)
        return outcome.done(ret, f"reconfigured; one leader in HAProxy, {seen}, after {waited:.2f} s")
    return ret


def index_uuid(host: Host) -> str:
    """Return the UUID of the index ``chef`` that this frontend's searches ask: another index has another.

    :raises CommandExecutionError: nobody answers, or there is no such index.
    """
    return web.read(host, SETTINGS_URL, indexes.parse_index_uuid)


def index_or_none(host: Host) -> str | None:
    """Return the index's UUID; None if it cannot be told: then nothing counts as done."""
    try:
        return index_uuid(host)
    except CommandExecutionError:
        return None


def await_service(host: Host, api: str, leader_timeout: float, api_timeout: float) -> float:
    """Wait until this frontend can serve clients: one leader in HAProxy, and the API answers. Returns seconds."""
    return wait_for_leader(host, leader_timeout) + wait_for_api(host, api, api_timeout)


def _waited(host: Host, look: Callable[[], None], timeout: float, what: str) -> float:
    began = host.clock.monotonic()
    try:
        waiting.until(host.clock, look, timeout, every=0.2)
    except CommandExecutionError as err:
        raise CommandExecutionError(f"{host.name}: {what}: {err}") from err
    return host.clock.monotonic() - began

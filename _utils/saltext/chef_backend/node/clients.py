"""This frontend's clients, refused and let in, and seen to be so from outside.

They are refused in maintenance mode since 14.6.32, before that its services are stopped; one that is reconfigured
meanwhile refuses them by a firewall rule. A reboot starts services that were stopped, and may forget the other two:
nginx, or all that were stopped, are kept from that by the file ``down`` in their folders, at which runit looks
(runsv(8)); a command that starts them by name does not mind it.
"""

from collections.abc import Iterator
from pathlib import Path

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import outcome, waiting
from saltext.chef_backend.errors import NotYet
from saltext.chef_backend.node import ctl, edge, fence, files, firewall, frontend
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.product import command, runit
from saltext.chef_backend.product import edge as edges
from saltext.chef_backend.product import maintenance as by
from saltext.chef_backend.product.reading import ParseError
from saltext.chef_backend.product.version import Version

SERVICES = "/opt/opscode/sv"
EDGE = "nginx"  # the service by which clients come in
STOPS = 60.0  # seconds within which a service that is slow to stop has stopped
BEGUN = "begun"  # after how it is taken out of service, until it is
KEPT_DOWN = "kept down by salt-chef-backend until this frontend serves its clients again"  # a site may have its own


def take_out(host: Host, api: str, how: str, timeout: float = 300) -> str:
    """Take this frontend out of service, and see from outside that clients are refused.

    Clients are to see a clean refusal while the backends cannot serve them, not half an answer.

    :param api: URL of its status page.
    :param how: ``maintenance``, ``stopped``, or ``firewall``, with which its services run.
    :returns: what clients get.
    :raises CommandExecutionError: a command fails, a service goes on, or clients are not refused.
    """
    # before it is done: what dies in between is brought back all the same, and taken out once more
    files.write(host.path(frontend.OUT_OF_SERVICE), f"{how} {BEGUN}\n")
    if how == by.STOPPED:
        _keep_down(host, how)
        stop(host, timeout)
    elif how == by.FIREWALL:
        ports = edge.ports(host, api)
        firewall.put_up(host, ports)
        _keep_down(host, how)
        if not _edge_runs(host):  # the index is built through this frontend's services
            ctl.run(host, command.SERVER_START, timeout=timeout)
            more = edge.ports(host, api)  # where its nginx sends clients, only that could say
            if more != ports:
                firewall.put_up(host, more)
    else:
        ctl.run(host, command.maintenance("on"), timeout=timeout)
        _keep_down(host, how)
    seen = edge.await_what(host, api, edges.REFUSED)
    files.write(host.path(frontend.OUT_OF_SERVICE), f"{how}\n")
    return seen.said


def stop(host: Host, timeout: float = 300) -> None:
    """Stop all services of this frontend, and see that none runs: what is counts, not the exit status.

    runit waits 7 s for a service, and says that it failed where one needs longer, which is down a moment later.

    :raises CommandExecutionError: what runs still, and what the command said.
    """
    complaint = "stop ended with status 0"
    try:
        ctl.run(host, command.SERVER_STOP, timeout=timeout)
    except CommandExecutionError as err:
        complaint = str(err)

    def look() -> None:
        still = runit.running(frontend.status(host))
        if still:
            raise NotYet(f"{complaint}, but {', '.join(still)} runs")

    try:
        waiting.until(host.clock, look, STOPS, every=1.0)
    except (CommandExecutionError, ParseError) as err:
        raise CommandExecutionError(f"{host.name}: after stop: {err}") from err


def bring_back(host: Host, timeout: float = 300) -> bool:
    """Bring this frontend back into service, if it was taken out; its API is for the caller to look at.

    :returns: True if it was out of service.
    :raises CommandExecutionError: the command fails; the frontend counts as out of service still.
    """
    fence.obey(host)
    how = frontend.out(host)
    if how is None:
        return False
    if how != by.STOPPED and by.has_maintenance(Version.from_text(frontend.version(host))):
        ctl.run(host, command.maintenance("off"), timeout=timeout)
    ctl.run(host, command.SERVER_START, timeout=timeout)
    if how == by.FIREWALL:
        firewall.take_away(host)
    _keep_down_no_more(host)
    files.remove(host.path(frontend.OUT_OF_SERVICE))
    return True


def refuses(host: Host, api: str) -> str | None:
    """Return what clients of this frontend get instead of a refusal; None if they are refused, as seen from outside.

    :param api: URL of its status page.
    :raises CommandExecutionError: it cannot be asked from outside.
    """
    seen = edge.seen(host, api)
    return None if seen.what == edges.REFUSED else seen.said


def _kept_down(host: Host, how: str) -> list[Path]:
    """The folders of the services that must not start with the next boot."""
    return [folder for folder in _services(host) if how == by.STOPPED or folder.name == EDGE]


def _keep_down(host: Host, how: str) -> None:
    for folder in _kept_down(host, how):
        if not (folder / "down").exists():
            files.write(folder / "down", f"{KEPT_DOWN}\n", 0o644)


def _keep_down_no_more(host: Host) -> None:
    for folder in _services(host):
        if files.read(folder / "down") == KEPT_DOWN:
            files.remove(folder / "down")


def _services(host: Host) -> Iterator[Path]:
    return (folder for folder in sorted(host.path(SERVICES).glob("*")) if (folder / "run").exists())


def out_of_service(host: Host, name: str, api: str, how: str | None = None, timeout: float = 300) -> Result:
    """Clients are refused by this frontend, seen from outside; whoever let them in meanwhile, they are refused again.

    :param api: URL of its status page.
    :param how: ``firewall`` for one that is reconfigured meanwhile; else maintenance mode since 14.6.32, before that
        its services are stopped; of one that is out of service already, as it is.
    :param timeout: bound in seconds of each command.
    """
    with outcome.on_node(name) as ret:
        if how not in (None, *by.ALL):
            raise CommandExecutionError(f"how: found {how!r}, expected one of {', '.join(by.ALL)}")
        fence.obey(host)
        now = frontend.out(host)
        wanted = how or now or by.out_of_service_by(Version.from_text(frontend.version(host)))
        let_in = _why_not_out(host, api, wanted)
        if let_in is None:
            return outcome.done(ret, f"out of service: {wanted}")
        if host.test:
            return outcome.would(ret, "would take this frontend out of service", "clients", "served", "refused")
        seen = take_out(host, api, wanted, timeout)
        ret["changes"]["clients"] = {"old": let_in, "new": "refused"}
        return outcome.done(ret, f"out of service: {wanted}; {seen}")
    return ret


def _why_not_out(host: Host, api: str, how: str) -> str | None:
    """Return why this frontend has to be taken out of service (once more); None if it is, as seen from outside."""
    if frontend.out(host) != how:
        return "served"
    if (files.read(host.path(frontend.OUT_OF_SERVICE)) or "").endswith(BEGUN):
        return "served, perhaps: its end was cut off"
    if any(not (folder / "down").exists() for folder in _kept_down(host, how)):
        return "refused, but it would serve after a boot"
    if how == by.STOPPED and runit.running(frontend.status(host)):
        return "its services run again"
    if how == by.FIREWALL and not _edge_runs(host):
        return "refused, its services are down"  # after a boot
    if how == by.FIREWALL and not firewall.is_up(host):
        return "the firewall rule is gone"
    return refuses(host, api)


def _edge_runs(host: Host) -> bool:
    return EDGE in runit.running(frontend.status(host))


def in_service(
    host: Host, name: str, api: str, leader_timeout: float = 60, timeout: float = 300, api_timeout: float = 120
) -> Result:
    """This frontend serves its clients, seen from outside: back if it was out of service, and its API answers.

    :param api: URL of its status page.
    :param leader_timeout: bound in seconds for HAProxy to know one leader.
    :param timeout: bound in seconds for its services to start.
    :param api_timeout: bound in seconds for the API to answer.
    """
    with outcome.on_node(name) as ret:
        fence.obey(host)
        left = frontend.out(host)
        if left and host.test:
            return outcome.would(ret, "would bring this frontend back into service", "clients", "refused", "served")
        if bring_back(host, timeout):
            ret["changes"]["clients"] = {"old": "refused", "new": "served"}
        waited = frontend.await_service(host, api, leader_timeout, api_timeout)
        if not host.test:
            edge.await_what(host, api, edges.SERVED)
        return outcome.done(ret, f"in service; one leader in HAProxy and API answers after {waited:.2f} s")
    return ret

"""This frontend's clients, refused and let in: maintenance mode since 14.6.32, before that its services are stopped.

A reboot starts services that were stopped by hand. Those of a frontend that is out of service are kept from that by the
file ``down`` in their folders, at which runit looks (runsv(8)); a command that starts them by name does not mind it.
"""

from collections.abc import Iterator
from pathlib import Path

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import outcome
from saltext.chef_backend.node import ctl, fence, files, frontend
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.product import command, runit
from saltext.chef_backend.product import maintenance as by
from saltext.chef_backend.product.reading import ParseError
from saltext.chef_backend.product.version import Version

SERVICES = "/opt/opscode/sv"
BEGUN = "begun"  # after how it is taken out of service, until it is
KEPT_DOWN = "kept down by salt-chef-backend until this frontend serves its clients again"  # a site may have its own


def take_out(host: Host, timeout: float = 300) -> str:
    """Take this frontend out of service: maintenance mode since 14.6.32, before that all its services stop.

    Clients are to see a clean refusal while the backends cannot serve them, not half an answer.

    :returns: ``maintenance`` or ``stopped``.
    :raises CommandExecutionError: the command fails, or a service goes on.
    """
    how = by.out_of_service_by(Version.from_text(frontend.version(host)))
    # before it is done: what dies in between is brought back all the same, and taken out once more
    files.write(host.path(frontend.OUT_OF_SERVICE), f"{how} {BEGUN}\n")
    if how == by.MAINTENANCE:
        ctl.run(host, command.maintenance("on"), timeout=timeout)
    else:
        _keep_down(host)
        stop(host, timeout)
    files.write(host.path(frontend.OUT_OF_SERVICE), f"{how}\n")
    return how


def stop(host: Host, timeout: float = 300) -> None:
    """Stop all services of this frontend, and see that none runs. Raises CommandExecutionError."""
    ctl.run(host, command.SERVER_STOP, timeout=timeout)
    try:
        still = runit.running(frontend.status(host))
    except ParseError as err:
        raise CommandExecutionError(f"{host.name}: after stop, status: {err}") from err
    if still:
        raise CommandExecutionError(f"{host.name}: stop ended with status 0, but {', '.join(still)} runs")


def bring_back(host: Host, timeout: float = 300) -> bool:
    """Bring this frontend back into service, if it was taken out; its API is for the caller to look at.

    :returns: True if it was out of service.
    :raises CommandExecutionError: the command fails; the frontend counts as out of service still.
    """
    how = frontend.out(host)
    if how is None:
        return False
    if how == by.MAINTENANCE:
        ctl.run(host, command.maintenance("off"), timeout=timeout)
    _keep_down_no_more(host)
    ctl.run(host, command.SERVER_START, timeout=timeout)
    files.remove(host.path(frontend.OUT_OF_SERVICE))
    return True


def _keep_down(host: Host) -> None:
    """Have no service start with the next boot."""
    for folder in _services(host):
        if not (folder / "down").exists():
            files.write(folder / "down", f"{KEPT_DOWN}\n", 0o644)


def _keep_down_no_more(host: Host) -> None:
    for folder in _services(host):
        if files.read(folder / "down") == KEPT_DOWN:
            files.remove(folder / "down")


def _services(host: Host) -> Iterator[Path]:
    return (folder for folder in sorted(host.path(SERVICES).glob("*")) if (folder / "run").exists())


def out_of_service(host: Host, name: str, timeout: float = 300) -> Result:
    """Clients are refused by this frontend: maintenance mode since 14.6.32, before that its services are stopped.

    No command tells whether maintenance mode is on: what counts is that ctl accepted it, as noted on this frontend.
    What somebody has started of one that was stopped is stopped again.
    """
    with outcome.on_node(name) as ret:
        fence.obey(host)
        how = frontend.out(host)
        if how and not _is_begun_only(host) and not _runs_again(host, how):
            return outcome.done(ret, f"out of service: {how}")
        if host.test:
            return outcome.would(ret, "would take this frontend out of service", "clients", "served", "refused")
        how = take_out(host, timeout)
        ret["changes"]["clients"] = {"old": "served", "new": "refused"}
        return outcome.done(ret, f"out of service: {how}")
    return ret


def _is_begun_only(host: Host) -> bool:
    """Whether nobody has seen this frontend refuse its clients: the command that was to see to that was cut off."""
    return (files.read(host.path(frontend.OUT_OF_SERVICE)) or "").endswith(BEGUN)


def _runs_again(host: Host, how: str) -> bool:
    """Whether services of a frontend that was stopped run: somebody, or a reboot, has started them since."""
    return how == by.STOPPED and bool(runit.running(frontend.status(host)))


def in_service(
    host: Host, name: str, api: str, leader_timeout: float = 60, timeout: float = 300, api_timeout: float = 120
) -> Result:
    """This frontend serves its clients: it is back if it was out of service, and its API answers.

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
        return outcome.done(ret, f"in service; one leader in HAProxy and API answers after {waited:.2f} s")
    return ret

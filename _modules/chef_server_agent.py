"""What a run's master asks of this frontend: what it runs, whether it serves, its migration-level, its notes.

Nobody types these; what an operator types is in ``chef_server`` and in the runner ``chef_backend``. An entry of a
journal is a mapping; its fields stand in ``docs/reference/events.md``.
"""

from collections.abc import Mapping
from typing import Any

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.node import backup, clients, firewall, frontend, record_file, reindex, server
from saltext.chef_backend.node import busy as busies
from saltext.chef_backend.node import capture as captures
from saltext.chef_backend.node import journal as journals


def __virtual__() -> salt.Virtual:
    return salt.on_a_frontend()


def state() -> dict[str, Any]:
    """Return what judging this frontend needs.

    :returns: ``{"version": text, "begun": why an upgrade of it has begun and not ended, or None, "drained": bool}``.
    """
    return server.state(salt.host())


def out() -> str | None:
    """Return how this frontend was taken out of service, ``maintenance``, ``stopped`` or ``firewall``; None if not."""
    return frontend.out(salt.host())


def refuses(api: str) -> str | None:
    """Return what clients of this frontend get instead of a refusal; None if they are refused, as seen from outside.

    :param api: URL of its status page.
    :raises CommandExecutionError: it cannot be asked from outside.
    """
    return clients.refuses(salt.host(), api)


def indexed() -> dict[str, dict[str, int]]:
    """Return how many documents of each kind the index holds that this frontend's searches ask.

    :returns: ``{name of an organisation in the index: {kind: how many}}``.
    :raises CommandExecutionError: it cannot be asked, or not the whole of it was counted.
    """
    return reindex.indexed(salt.host())


def searched(organisation: str) -> int:
    """Return how many nodes of an organisation a search through this frontend's API finds.

    :raises CommandExecutionError: it fails, or does not tell.
    """
    return reindex.searched(salt.host(), organisation)


def may_keep_out() -> bool:
    """Hold that clients can be kept from this frontend while it is reconfigured.

    :returns: True.
    :raises CommandExecutionError: it has no nftables.
    """
    firewall.may_be_put_up(salt.host())
    return True


def accept(record: Mapping[str, Any]) -> dict[str, Any]:
    """Know a run's record as it is now: by it orders are told that come too late. It is no lock here.

    :returns: ``{"taken": whether it stands here now, "record": the one that does, "at": [boot's id, seconds since]}``.
    """
    host = salt.host()
    taken, stands = record_file.heed(host, record_file.word_of(host, record))
    return {"taken": taken, "record": stands.to_dict(), "at": list(host.clock.boot())}


def epoch() -> int:
    """Return the highest epoch of all runs that this frontend has heard of; 0 if it has heard of none."""
    return record_file.epoch(salt.host())


def finish(record: Mapping[str, Any]) -> bool:
    """Know that a run has ended: no order of it is obeyed any more. Returns True if no run is known here then."""
    host = salt.host()
    return record_file.finish(host, record_file.word_of(host, record))


def bring_back(timeout: float = 300, order: Mapping[str, Any] | None = None) -> bool:
    """Bring this frontend back into service, if it was taken out.

    :param timeout: bound in seconds of each command.
    :param order: of the run that orders it: it is refused where it comes too late.
    :returns: True if it was out of service.
    :raises CommandExecutionError: a command fails; it counts as out of service still.
    """
    return clients.bring_back(salt.host(order), timeout)


def await_service(api: str, timeout: float) -> bool:
    """Wait until this frontend can serve clients: one leader in HAProxy, and the API answers.

    :param api: URL of its status page.
    :param timeout: bound in seconds of each of the two.
    :returns: True.
    :raises CommandExecutionError: what was seen last, when the bound has passed.
    """
    frontend.await_service(salt.host(), api, timeout, timeout)
    return True


def busy() -> list[str]:
    """Return what is changing this frontend now: commands, Salt's states, and states that wait for their turn."""
    return busies.busy(salt.host())


def drain(order: Mapping[str, Any] | None = None) -> bool:
    """Note that the load balancer is about to be told to send this frontend no clients.

    :param order: of the run that orders it: it is refused where it comes too late.
    """
    server.drain(salt.host(order))
    return True


def upgrade_again(order: Mapping[str, Any] | None = None) -> bool:
    """Have the same command run ``upgrade`` here once more, although it has ended with 0.

    :param order: of the run that orders it: it is refused where it comes too late.
    """
    server.upgrade_again(salt.host(order))
    return True


def undrain(order: Mapping[str, Any] | None = None) -> bool:
    """Note that the load balancer sends clients to this frontend again. Returns True if it did not before.

    :param order: of the run that orders it: it is refused where it comes too late.
    """
    return server.undrain(salt.host(order))


def level() -> dict[str, str]:
    """Return this frontend's migration-level.

    :returns: ``{"text": content of the file, "sha256": its checksum}``.
    :raises CommandExecutionError: there is none: then this frontend has not migrated the database.
    """
    return server.level(salt.host())


def archive() -> dict[str, Any] | None:
    """Return the backup that this frontend has taken for the open run: ``{"path", "sha256"}``; None if it has none.

    :raises CommandExecutionError: it cannot be read any more.
    """
    return backup.archive(salt.host())


def migrations() -> dict[str, str | None]:
    """Return to which level this frontend's release migrates the database, and what its migration-level says.

    :returns: ``{"brings", "file"}``, each such as ``1.31``, or None where it does not tell.
    """
    return server.migrations(salt.host())


def capture(api: str) -> dict[str, Any]:
    """Return all that this extension reads here, as it is printed, without secrets: a node of a capture.

    :param api: URL of this frontend's status page.
    """
    return captures.of_frontend(salt.host(), api)


def journal(run: str) -> dict[str, list[Any]]:
    """Return what this node told of a run.

    :returns: ``{"entries": list of mappings, "troubles": list of what could not be read}``.
    """
    return journals.read(salt.host(), str(run))

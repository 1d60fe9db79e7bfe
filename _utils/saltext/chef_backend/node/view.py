"""What this backend answers when a run asks: what it runs, whether it is half-upgraded, what is at work on it.

One answer holds all that judging the node needs, so that a run asks each node once and not seven times.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.errors import of_file
from saltext.chef_backend.judge.identity import Own
from saltext.chef_backend.node import age, backend, itself, moments, record_file, side_by_side
from saltext.chef_backend.node.busy import busy
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.product import leaderl, signatures
from saltext.chef_backend.product.cluster_status import ClusterStatus
from saltext.chef_backend.product.reading import ParseError
from saltext.chef_backend.product.status import Service, Status
from saltext.chef_backend.record import Record

OF_THE_RUN = ("note", "unheard", "unlooked", "ended", "epoch")  # they come with the record
SLOW = ("cluster_status", "status")  # each starts a Ruby program: side by side
LATER = ("half_upgraded", "up", "signs", "replication")  # they look at what the others found
LOG_LINES = 400  # of a service that is not well


def view(
    host: Host,
    only: Sequence[str] | None = None,
    word: Mapping[str, Any] | None = None,
    table: str | None = None,
) -> dict[str, Any]:
    """Return all that judging this node needs, as ``chef_backend.judge.view.View`` reads it.

    :param only: names of the parts to ask for; all if not given.
    :param word: the record as its owner has it now, kept before anything is asked; a heartbeat as well.
    :param table: minion id of the one node that is to ask for cluster-status, the table of the whole cluster; every
        one of them if not given.
    :returns: ``{"node", "at", "record", "note", "unheard", "unlooked", "ended", "epoch", "own", "version", "busy",
        "cluster_status", "status", "half_upgraded", "up", "signs", "leads", "earlier", "unsynced", "no_start",
        "pg_log", "replication", "errors"}``; what failed stands under ``errors``. ``own``: the host's names and
        addresses, and what the product says: the member's name, GUID and publish address. ``at``: this node's boot, and
        the seconds since. ``earlier``: seconds that each node took in the run before.
        ``up``: seconds for which each service that runs has been running. ``signs``: names of the known lines in the
        logs of those that are not well. ``pg_log``: where PostgreSQL's log lies.
    """
    # without it no table can be read; etcd is asked only where there is one to read
    own = itself.own(host, guid=only is None or "cluster_status" in only)
    answer: dict[str, Any] = {"node": host.name, "at": list(host.clock.boot()), "errors": {}}
    answer["own"] = dataclasses.asdict(own)
    asked: dict[str, Callable[[], Any]] = {
        "record": lambda: _record(host, word),
        "note": lambda: _note(host),
        "unheard": lambda: moments.ago(host, moments.HEARD),
        "unlooked": lambda: moments.ago(host, moments.LOOKED),
        "ended": lambda: _ended(host),
        "epoch": lambda: record_file.epoch(host),
        "version": lambda: backend.version(host),
        "busy": lambda: busy(host),
        "cluster_status": lambda: backend.cluster_status(host),
        "status": lambda: backend.status(host),
        "half_upgraded": lambda: half_upgraded(host, answer.get("status")),
        "up": lambda: _up(host, answer.get("status")),
        "signs": lambda: signs(host, answer.get("status")),
        "leads": lambda: backend.takes_writes(host),
        "earlier": lambda: _took_before(host),
        "unsynced": lambda: host.path(leaderl.UNSYNCED).exists(),
        "pg_log": lambda: backend.log(host, "postgresql"),
        "no_start": lambda: host.path(leaderl.NO_START).exists(),
        "replication": lambda: backend.replication(host) if _pg_leads(host, own, answer.get("cluster_status")) else "",
    }
    parts = list(only or (part for part in asked if part != "leads"))  # which the table tells, too
    parts += OF_THE_RUN if only and "record" in only else ()
    wanted = [part for part in parts if part != "cluster_status" or table in (None, host.name)]

    def ask(part: str) -> None:
        try:
            answer[part] = asked[part]()
        except (CommandExecutionError, OSError, ValueError) as err:  # ParseError is a ValueError
            answer[part] = None
            answer["errors"][part] = of_file(err)

    if "record" in wanted:
        ask("record")
    with side_by_side.pool() as pool:
        slow = [pool.submit(ask, part) for part in SLOW if part in wanted]
        for part in wanted:
            if part not in (*SLOW, *LATER, "record"):
                ask(part)
        for each in slow:
            each.result()
    for part in LATER:
        if part in wanted:
            ask(part)
    return answer


def signs(host: Host, status: str | None) -> dict[str, list[str]]:
    """Return the names of the known lines in the logs of services that are not well; one that cannot be read has none.

    A line may be of long ago: it tells of a service that is not well now, and proves nothing of one that is.

    :param status: what ``status`` printed; without it nothing is known.
    """
    try:
        services = Status.from_text(status or "").services
    except ParseError:
        return {}
    found = {}
    for service in services:
        lags = service.name == "postgresql" and service.value("synced") != "2"  # a follower's own log tells why
        if (lags or service.state != "running" or service.error is not None) and service.name in backend.SERVICES:
            with contextlib.suppress(CommandExecutionError, OSError):
                text = backend.tail(host, service.name, LOG_LINES)
                found[service.name] = [one.name for one in signatures.known(text)]
    return {name: names for name, names in found.items() if names}


def half_upgraded(host: Host, status: str | None) -> str | None:
    """Return why this node's upgrade has begun and not ended, or None.

    A run that died here says so in this node's record: a reboot since then hides it from the services.

    :param status: what ``status`` printed; without it only the record is looked at.
    """
    record, note = record_file.read(host), record_file.own_note(host)
    if record and note and note.inside and record.target == backend.version(host):
        return f"run {record.run} did not finish on this node"
    return outdated_services(host, status) if status else None


def outdated_services(host: Host, status: str | None = None) -> str | None:
    """Name the services that started before the installed package was unpacked, or return None.

    Installing a package restarts nothing; until ``upgrade`` the node runs the version before.

    :param status: what ``status`` printed; asked if not given.
    """
    older = age.outdated(host, _running(status or backend.status(host)), backend.MANIFEST)
    return f"{', '.join(older)} started before {backend.version(host)} was installed" if older else None


def _running(status: str) -> list[Service]:
    return [service for service in Status.from_text(status).services if service.state == "running"]


def _up(host: Host, status: str | None) -> dict[str, float]:
    return age.of_services(host, _running(status)) if status else {}


def _record(host: Host, word: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if word:
        record_file.accept(host, Record.from_dict(word))
    record = record_file.read(host)
    return record.to_dict() if record else None


def _note(host: Host) -> dict[str, Any] | None:
    note = record_file.note(host)
    return note.to_dict() if note else None


def _ended(host: Host) -> str | None:
    """The run that ended here last; a file that cannot be read tells of no end, and is no reason not to upgrade."""
    with contextlib.suppress(CommandExecutionError):
        ended = record_file.last(host)
        return ended.run if ended else None
    return None


def _took_before(host: Host) -> dict[str, float]:
    """What each node took in the run before, in seconds; a file that cannot be read is no reason not to upgrade."""
    with contextlib.suppress(CommandExecutionError):
        ended = record_file.last(host)
        return dict(ended.took) if ended else {}
    return {}


def _pg_leads(host: Host, own: Own, text: str | None) -> bool:
    """Tell whether this node's PostgreSQL leads: by cluster-status, or where that cannot be read, by its own word."""
    try:
        row = itself.row(host, ClusterStatus.from_table(text or "").nodes, own)
    except ParseError:
        return backend.takes_writes(host)
    return row is not None and row.pg == "leader"

"""What this backend says of itself, by which its row in cluster-status is told: the product's word, and the host's."""

import contextlib
import dataclasses
from collections.abc import Iterable

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.judge import identity
from saltext.chef_backend.judge.identity import Own
from saltext.chef_backend.node import files, record_file, web
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.product import backend_settings, member
from saltext.chef_backend.product.cluster_status import Node
from saltext.chef_backend.product.member import Member

WITHIN = 5.0  # seconds for etcd to answer on loopback


def own(host: Host, guid: bool = True) -> Own:
    """Return what this host knows of itself; what cannot be read, or asked, tells nothing.

    The settings that were applied last go before those that are written down.

    :param guid: whether etcd is asked for the node's GUID.
    """
    told = Member(guid=_guid(host) if guid else None)
    for path, reader in ((member.RUNNING, member.of_running), (backend_settings.PATH, member.of_settings)):
        with contextlib.suppress(OSError, ValueError):  # ParseError is a ValueError
            told = told.or_else(reader(files.read(host.path(path)) or ""))
    return dataclasses.replace(Own.of_grains(host.name, host.grains), member=told)


def row(host: Host, nodes: Iterable[Node], known: Own) -> Node | None:
    """Return the row of cluster-status that is this node's, or None if none surely is.

    :param known: as :func:`own` returns it.
    """
    return identity.row_of(nodes, known, _before(host))


def _before(host: Host) -> Member | None:
    """This node as the record of a run knows it; a record that cannot be read tells nothing."""
    with contextlib.suppress(CommandExecutionError):
        record = record_file.read(host)
        return record.member(host.name) if record else None
    return None


def _guid(host: Host) -> str | None:
    answer = web.get(host, member.ETCD_SELF_URL, WITHIN)
    if "error" in answer:
        return None
    with contextlib.suppress(ValueError):
        return member.guid_of_etcd(answer.get("body") or "")
    return None

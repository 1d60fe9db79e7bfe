"""A backup that the product takes on this node: once a run, read to its end."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import outcome
from saltext.chef_backend.node import ctl, fence, journal, record_file
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.node.package import archive_members
from saltext.chef_backend.outcome import Result

FOLDER = "/var/opt/chef-backup"  # where both products write their own
FINAL = (".tar.gz", ".tgz")  # of an archive


def taken(host: Host, folder: str, words: Sequence[str], timeout: float) -> Result:
    """A backup archive of this run stands below a folder and can be read to its end.

    :param folder: of the archives.
    :param words: the command that takes one.
    :param timeout: bound in seconds.
    """
    with outcome.on_node(folder) as ret:
        fence.obey(host)
        before = record_file.backup_here(host)
        if before and (host.path(folder) / before).exists():
            return outcome.done(ret, f"{host.path(folder) / before} was taken for this run before")
        if host.test:
            return outcome.would(ret, "would take a backup here", "archive", None, "a new archive")
        with journal.told(host, "backup") as told:
            there = sorted(_archives(host.path(folder)))
            with ctl.changing(host, words, timeout=timeout + 30, about=host.run, before=there) as ended:
                new = sorted(_archives(host.path(folder)) - set(ended.before))
                if not new:
                    raise CommandExecutionError(f"backup ended with status 0, but no new archive stands in {folder}")
                archive = host.path(folder) / new[-1]
                size = archive.stat().st_size
                ret["changes"]["archive"] = {"old": None, "new": str(archive)}
                members = archive_members(host, archive, timeout)
                told.update(archive=str(archive), size=size, members=members)
                record_file.backed_up_here(host, archive.name)
        return outcome.done(ret, f"{archive}: {size} bytes, {members} members, readable to its end")
    return ret


def archive(host: Host) -> dict[str, Any] | None:
    """Return the archive that this node has taken for the open run: ``{"path", "sha256"}``; None if it has taken none.

    :raises CommandExecutionError: it cannot be read any more.
    """
    name = record_file.backup_here(host)
    if name is None:
        return None
    path = host.path(f"{FOLDER}/{name}")
    try:
        return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    except OSError as err:
        raise CommandExecutionError(f"{host.name}: {path}: {err.strerror}") from err


def _archives(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*") if path.name.endswith(FINAL)}

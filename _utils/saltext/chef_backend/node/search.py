"""Elasticsearch on this backend, for an index that a new release cannot read: stopped, deleted, started, readable.

Each is one step of the documented way, to be taken on ALL backends before the next one is taken on any: a node that
still runs sends its index to the emptied ones.
"""

import os
import shutil
import stat
from collections.abc import Callable

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import outcome, waiting
from saltext.chef_backend.errors import InVain, NotYet
from saltext.chef_backend.node import backend, ctl, fence, journal, record_file
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.product import command
from saltext.chef_backend.product.status import Status
from saltext.chef_backend.product.version import Version, reads_index
from saltext.chef_backend.waiting import Seen

SERVICE = "elasticsearch"
DATA = "/var/opt/chef-backend/elasticsearch/data"
LOG = f"look at /var/log/chef-backend/{SERVICE}/current"


def stopped(host: Host, name: str, timeout: float = 120) -> Result:
    """Elasticsearch is stopped on this backend, and runit does not try to start it.

    :param timeout: bound in seconds; the command itself waits 7 s, which a large index may exceed.
    """
    with outcome.on_node(name) as ret:
        fence.obey(host)
        if backend.is_stopped(host, SERVICE):
            return outcome.done(ret, f"{SERVICE} is stopped")
        if host.test:
            return outcome.would(ret, f"would stop {SERVICE}", SERVICE, "started", "stopped")
        with journal.told(host, "stop elasticsearch"):
            record_file.emptied_here(host, False)  # it ran: another node's old index may have come since
            complaint = ""
            try:
                ctl.run(host, command.STOP_SEARCH, timeout=timeout)
            except CommandExecutionError as err:  # of its own short bound: what is counts
                complaint = str(err)

            def look() -> None:
                if not backend.is_stopped(host, SERVICE):
                    raise NotYet(f"it is not stopped. {complaint}")

            _until(host, "stop", look, timeout)
        ret["changes"][SERVICE] = {"old": "started", "new": "stopped"}
        return outcome.done(ret, f"{SERVICE} is stopped, seen in status")
    return ret


def deleted(host: Host, name: str) -> Result:
    """This backend's copy of the search index is deleted; refused unless Elasticsearch is stopped here.

    It must be stopped on all backends, which this state cannot see.
    """
    with outcome.on_node(name) as ret:
        fence.obey(host)
        found = size(host)
        if not found["entries"]:
            if not host.test:
                record_file.emptied_here(host)
            return outcome.done(ret, "no index files are left")
        told = f"{found['bytes']} bytes of index files"
        if host.test:
            return outcome.would(ret, f"would delete {told}", "index files", f"{found['bytes']} bytes", None)
        with journal.told(host, "delete index"):
            record_file.emptied_here(host, False)
            try:
                _delete(host)
            finally:
                left = size(host)
                if left != found:
                    new = f"{left['bytes']} bytes" if left["entries"] else None
                    ret["changes"]["index files"] = {"old": f"{found['bytes']} bytes", "new": new}
            record_file.emptied_here(host)
        return outcome.done(ret, f"deleted {told}")
    return ret


def started(host: Host, name: str, timeout: float = 600) -> Result:
    """Elasticsearch runs on this backend and sees all three nodes, green.

    To be applied to all backends at once: none is green before the others run.
    """
    with outcome.on_node(name) as ret:
        fence.obey(host)
        was_stopped = backend.is_stopped(host, SERVICE)
        try:
            _is_green(host)
            return outcome.done(ret, f"{SERVICE} runs, green")
        except (CommandExecutionError, ValueError, KeyError) as err:
            trouble = str(err)
        if host.test and was_stopped:
            return outcome.would(ret, f"would start {SERVICE}", SERVICE, "stopped", "started")
        if host.test:
            ret.update(result=None, comment=f"would wait until it is green: {trouble}")
            return ret
        began = host.clock.monotonic()
        with journal.told(host, "start elasticsearch"):
            if was_stopped:
                ctl.run(host, command.START_SEARCH, timeout=timeout)
                ret["changes"][SERVICE] = {"old": "stopped", "new": "started"}
            _until(host, "run, green", lambda: _is_green(host), timeout)
        return outcome.done(ret, f"{SERVICE} runs, green after {host.clock.monotonic() - began:.1f} s")
    return ret


def readable(host: Host, name: str, timeout: float = 120) -> Result:
    """The search index was created by an Elasticsearch that the installed release can read, and by a frontend.

    Changes nothing. It is ``reconfigure`` on a frontend that makes it, with its mapping: this belongs after that.

    :param timeout: bound in seconds for the index to be there.
    """
    with outcome.on_node(name) as ret:
        fence.obey(host)
        installed = Version.from_text(backend.version(host))

        def look() -> Version:
            created = Version.from_text(backend.index_created(host))
            if not reads_index(installed, created):
                raise NotYet(f"the index was created by Elasticsearch {created}, which {installed} cannot read")
            if not backend.index_is_mapped(host):
                raise InVain(
                    f"{host.name}: Elasticsearch has guessed the index's mapping, as a document came before a frontend "
                    "was reconfigured: the same command deletes it, and has it made anew"
                )
            return created

        if host.test:
            try:
                created = look()
            except (CommandExecutionError, ValueError) as err:
                ret.update(result=None, comment=f"would wait until it can: {err}")
                return ret
        else:
            created = _until(host, "have an index that can be read", look, timeout)
        return outcome.done(ret, f"the index was created by Elasticsearch {created}; {installed} can read it")
    return ret


def size(host: Host) -> dict[str, int]:
    """Return how much lies in Elasticsearch's data folder: ``{"entries": directly in it, "bytes": of all files}``.

    A folder that is not there holds nothing. Symbolic links are counted, not followed.

    :raises CommandExecutionError: the folder itself is a symbolic link or no folder, or it cannot be read.
    """
    folder = str(host.path(DATA))
    try:
        total = 0
        for path, _, names in os.walk(folder):
            total += sum(os.lstat(os.path.join(path, name)).st_size for name in names)
        return {"entries": len(_entries(host)), "bytes": total}
    except OSError as err:
        raise CommandExecutionError(f"{host.name}: {folder} cannot be read: {err}") from err


def _delete(host: Host) -> None:
    """Delete what lies in Elasticsearch's data folder on this node: its copy of the search index.

    The folder itself stays. A symbolic link in it is removed, what it points to is not touched. Elasticsearch must be
    stopped on ALL backends before: a node that still runs would send the old index to the emptied ones. This function
    can see its own node only, and refuses unless it is stopped here.

    :raises CommandExecutionError: Elasticsearch is not stopped here, something cannot be deleted, or is there again.
    """
    folder = host.path(DATA)
    if not backend.is_stopped(host, SERVICE):
        raise CommandExecutionError(
            f"{host.name}: {SERVICE} is not stopped: nothing was deleted. Stop it on all backends first"
        )
    try:
        for entry in _entries(host):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)  # does not follow links either
            else:
                os.unlink(entry.path)
    except OSError as err:
        raise CommandExecutionError(f"{host.name}: {folder} is not wholly deleted: {err}") from err
    left = len(_entries(host))
    if left:
        raise CommandExecutionError(f"{host.name}: {folder} holds {left} entries again: did {SERVICE} start?")


def _entries(host: Host) -> list["os.DirEntry[str]"]:
    """Return what stands directly in the data folder."""
    folder = host.path(DATA)
    try:
        kind = os.lstat(folder).st_mode
    except FileNotFoundError:
        return []
    if not stat.S_ISDIR(kind):
        what = "a symbolic link" if stat.S_ISLNK(kind) else "no folder"
        raise CommandExecutionError(
            f"{host.name}: {folder} is {what}: nothing was deleted. Delete what it means by hand"
        )
    with os.scandir(folder) as found:
        return list(found)


def _is_green(host: Host) -> None:
    """See that Elasticsearch here is healthy, by its row in ``status``. Raises ValueError, CommandExecutionError."""
    row = Status.from_text(backend.status(host, SERVICE)).service(SERVICE)
    if row.state != "running" or row.error is not None:
        raise NotYet(f"{row.state}{f', {row.error}' if row.error is not None else ''}")
    online, _, members = (row.value("nodes online") or "").partition("/")
    if row.value("state") != "green" or not online or online != members:
        raise NotYet("; ".join(f"{key}: {value}" for key, value in row.cluster) or "status does not tell")


def _until(host: Host, what: str, look: Callable[[], Seen], timeout: float) -> Seen:
    try:
        return waiting.until(host.clock, look, timeout)
    except CommandExecutionError as err:
        raise CommandExecutionError(f"{host.name}: {SERVICE} does not {what}: {err}; {LOG}") from err

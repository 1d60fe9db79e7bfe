"""States of a backend's Elasticsearch, for an index that a new release cannot read: stopped, deleted, started.

Each is one step of the documented way, to be taken on ALL backends before the next one is taken on any: a node that
still runs sends its index to the emptied ones.
"""

import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import outcome
from saltext.chef_backend.product import version as versions
from saltext.chef_backend.product.status import Status
from saltext.chef_backend.product.version import Version

SERVICE = "elasticsearch"


def __virtual__():
    return True


def stopped(name, timeout=120):
    """Elasticsearch is stopped on this backend, and runit does not try to start it.

    :param name: free text.
    :param timeout: bound in seconds; the command itself waits 7 s, which a large index may exceed.
    """
    with _result(name) as ret:
        if _is_stopped():
            return outcome.done(ret, f"{SERVICE} is stopped")
        if __opts__["test"]:
            return outcome.would(ret, f"would stop {SERVICE}", SERVICE, "started", "stopped")
        with _told("stop elasticsearch"):
            complaint = _tried(lambda: __salt__["chef_backend_service.stop"](SERVICE, timeout=timeout))
            _wait(lambda: None if _is_stopped() else f"it is not stopped. {complaint}", timeout, "stop")
        ret["changes"][SERVICE] = {"old": "started", "new": "stopped"}
        return outcome.done(ret, f"{SERVICE} is stopped, seen in status")
    return ret


def deleted(name):
    """This backend's copy of the search index is deleted; refused unless Elasticsearch is stopped here.

    It must be stopped on all backends, which this state cannot see.

    :param name: free text.
    """
    with _result(name) as ret:
        found = __salt__["chef_backend_index.size"]()
        if not found["entries"]:
            return outcome.done(ret, "no index files are left")
        told = f"{found['bytes']} bytes of index files"
        if __opts__["test"]:
            return outcome.would(ret, f"would delete {told}", "index files", f"{found['bytes']} bytes", None)
        with _told("delete index"):
            try:
                __salt__["chef_backend_index.delete"]()
            finally:
                left = __salt__["chef_backend_index.size"]()
                if left != found:
                    new = f"{left['bytes']} bytes" if left["entries"] else None
                    ret["changes"]["index files"] = {"old": f"{found['bytes']} bytes", "new": new}
        return outcome.done(ret, f"deleted {told}")
    return ret


def started(name, timeout=600):
    """Elasticsearch runs on this backend and sees all three nodes, green.

    To be applied to all backends at once: none is green before the others run.

    :param name: free text.
    :param timeout: bound in seconds.
    """
    with _result(name) as ret:
        was_stopped = _is_stopped()
        trouble = _trouble()
        if trouble is None:
            return outcome.done(ret, f"{SERVICE} runs, green")
        if __opts__["test"]:
            if was_stopped:
                return outcome.would(ret, f"would start {SERVICE}", SERVICE, "stopped", "started")
            ret.update(result=None, comment=f"would wait until it is green: {trouble}")
            return ret
        with _told("start elasticsearch"):
            if was_stopped:
                __salt__["chef_backend_service.start"](SERVICE, timeout=timeout)
                ret["changes"][SERVICE] = {"old": "stopped", "new": "started"}
            waited = _wait(_trouble, timeout, "run, green")
        return outcome.done(ret, f"{SERVICE} runs, green after {waited} s")
    return ret


def readable(name, timeout=120):
    """The search index of this cluster was created by an Elasticsearch that the installed release can read.

    Changes nothing. That a new index is there at once is not documented: it may be ``reconfigure`` on a frontend that
    makes it, so this belongs after that.

    :param name: free text.
    :param timeout: bound in seconds for the index to be there.
    """
    with _result(name) as ret:
        installed = Version.from_text(__salt__["chef_backend.version"]())

        def trouble():
            created = Version.from_text(__salt__["chef_backend.index_created"]())
            if versions.reads_index(installed, created):
                return None
            return f"the index was created by Elasticsearch {created}, which {installed} cannot read"

        if __opts__["test"]:
            said = _asked(trouble)
            if said:
                ret.update(result=None, comment=f"would wait until it can: {said}")
                return ret
        else:
            _wait(trouble, timeout, "have an index that can be read")
        created = __salt__["chef_backend.index_created"]()
        return outcome.done(ret, f"the index was created by Elasticsearch {created}; {installed} can read it")
    return ret


def _is_stopped():
    return __salt__["chef_backend_service.is_stopped"](SERVICE)


def _trouble():
    """Say what keeps Elasticsearch here from being healthy, by its row in ``status``; None if nothing does."""
    row = Status.from_text(__salt__["chef_backend.status"](SERVICE)).service(SERVICE)
    if row.state != "running" or row.error is not None:
        return f"{row.state}{f', {row.error}' if row.error is not None else ''}"
    online, _, members = (row.value("nodes online") or "").partition("/")
    if row.value("state") != "green" or not online or online != members:
        return "; ".join(f"{key}: {value}" for key, value in row.cluster) or "status does not tell"
    return None


def _asked(trouble):
    """What ``trouble`` says, or that it cannot be told: unknown is trouble."""
    try:
        return trouble()
    except (CommandExecutionError, ValueError, KeyError) as err:  # ParseError is a ValueError
        return str(err)


def _tried(function):
    """Call what may complain of its own short bound; return its complaint, for the one who judges by what is."""
    try:
        function()
    except CommandExecutionError as err:
        return str(err)
    return ""


def _wait(trouble, timeout, what):
    """Ask until there is no trouble; returns seconds waited. Raises CommandExecutionError at the bound."""
    began = time.monotonic()
    while (said := _asked(trouble)) is not None:
        if time.monotonic() - began > timeout:
            log = f"look at /var/log/chef-backend/{SERVICE}/current"
            raise CommandExecutionError(
                f"{__grains__['id']}: {SERVICE} does not {what} within {timeout} s: {said}; {log}"
            )
        time.sleep(0.5)
    return round(time.monotonic() - began, 1)


def _result(name):
    return outcome.attempt(name, (CommandExecutionError, ValueError, OSError))  # ParseError is a ValueError


def _told(step):
    return outcome.told(step, __salt__["chef_backend_progress.tell"], time.monotonic)

"""chef-server-ctl on this frontend, and what its HAProxy and its API say."""

import json
import socket
import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import pillar as pillars
from saltext.chef_backend.product import command
from saltext.chef_backend.product import haproxy as proxies
from saltext.chef_backend.product.manifest import parse_manifest
from saltext.chef_backend.product.reading import ParseError

CTL = "chef-server-ctl"
MANIFEST = "/opt/opscode/version-manifest.json"
HAPROXY_SOCKET = "/var/opt/opscode/haproxy/haproxy.sock"
NOTE = "/var/lib/salt-chef-backend/reconfigured-for"


def __virtual__():
    return True


def run(*args, timeout=60, env=None):
    """Run chef-server-ctl with arguments.

    :param args: subcommand and its arguments, each a word of its own.
    :param timeout: bound in seconds.
    :param env: variables to add to the environment.
    :returns: standard output, as text.
    :raises CommandExecutionError: node, command, status and last lines, if the status is not 0.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.run show-config
    """
    argv = [CTL, *(str(arg) for arg in args)]
    began = time.monotonic()
    done = _run_all(argv, timeout, env=env)
    __salt__["chef_backend_progress.command"](argv, done["retcode"], time.monotonic() - began)
    if done["retcode"] != 0:
        raise CommandExecutionError(command.failure(__grains__["id"], argv, done, timeout))
    return done["stdout"]


def version():
    """Return the installed version of chef-server-core, such as ``14.16.19``.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.version
    """
    try:
        with open(MANIFEST, encoding="utf-8") as file:
            return str(parse_manifest(file.read()).version)
    except (OSError, ValueError) as err:  # ParseError, or bytes that are no text
        raise CommandExecutionError(f"{__grains__['id']}: {MANIFEST}: {err}") from err


def reconfigure(timeout=900):
    """Apply this frontend's settings; its HAProxy learns of the backends anew.

    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.reconfigure
    """
    return run("reconfigure", timeout=timeout)


def upgrade(accept_license=False, timeout=3600):
    """Migrate this frontend to the installed chef-server-core.

    :param accept_license: accept the licence (server 13 and later ask for it).
    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.upgrade accept_license=True
    """
    return run("upgrade", timeout=timeout, env={"CHEF_LICENSE": "accept"} if accept_license is True else None)


def start(timeout=300):
    """Start this frontend's services.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.start
    """
    return run("start", timeout=timeout)


def stop(timeout=300):
    """Stop this frontend's services.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.stop
    """
    return run("stop", timeout=timeout)


def status(timeout=60):
    """Return what ``chef-server-ctl status`` prints: runit's lines of this frontend's services.

    Its exit status is another where a service is down; read the text.

    :raises CommandExecutionError: if nothing was printed at all.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.status
    """
    argv = [CTL, "status"]
    done = _run_all(argv, timeout)
    if not done["stdout"].strip():
        raise CommandExecutionError(command.failure(__grains__["id"], argv, done, timeout))
    return done["stdout"]


def cleanup(timeout=900):
    """Remove what an upgrade left behind.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.cleanup
    """
    return run("cleanup", timeout=timeout)


def reindex(organisation=None, timeout=86400):
    """Rebuild the search index of one organisation, or of all.

    :param organisation: its name; all organisations if not given.
    :param timeout: bound in seconds; 1000 nodes take about 2 minutes.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.reindex acme
    """
    if organisation is not None and not pillars.ORGANISATION.fullmatch(str(organisation)):
        raise CommandExecutionError(f"{organisation!r} is not the name of an organisation")
    return run("reindex", organisation or "-a", timeout=timeout)


def maintenance(state, timeout=60):
    """Switch maintenance mode (chef-server-core 14.6.32 and later).

    :param state: on or off.
    :raises CommandExecutionError: another word, or the command fails.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.maintenance on
    """
    word = {True: "on", False: "off"}.get(state, state)
    if word not in ("on", "off"):
        raise CommandExecutionError(f"maintenance {state!r}: expected on or off")
    return run("maintenance", word, timeout=timeout)


def haproxy():
    """Return what this frontend's HAProxy thinks of the backends, one server a line (``show stat -1 4 -1``).

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.haproxy
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(HAPROXY_SOCKET)
            connection.sendall(b"show stat -1 4 -1\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode("utf-8", "replace")
    except OSError as err:
        raise CommandExecutionError(f"{__grains__['id']}: {HAPROXY_SOCKET}: {err}") from err


def wait_for_leader(timeout=60):
    """Wait until HAProxy sends both proxies to exactly one backend, the same one.

    At its start HAProxy takes every backend for up, so a single look is not enough to trust it.

    :param timeout: bound in seconds.
    :returns: seconds waited.
    :raises CommandExecutionError: what HAProxy said last, if the bound is passed.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.wait_for_leader
    """

    def trouble():
        return "; ".join(str(reason) for reason in proxies.one_up(proxies.parse_show_stat(haproxy())))

    return _until_none(trouble, timeout, "HAProxy has no single leader")


def wait_for_api(url="http://127.0.0.1/_status", timeout=120):
    """Wait until the Chef API of this frontend answers ``pong``.

    :param url: the status page; it asks the database too.
    :param timeout: bound in seconds.
    :returns: seconds waited.
    :raises CommandExecutionError: what it answered last, if the bound is passed.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.wait_for_api url=https://localhost/_status
    """

    def trouble():
        answer = __salt__["http.query"](url, status=True, verify_ssl=False, raise_error=False, opts=__opts__)
        try:
            said = json.loads(answer.get("body") or "{}").get("status")
        except (ValueError, AttributeError):
            said = None
        if answer.get("status") == 200 and said == "pong":
            return None
        return f"{url}: {answer.get('status') or ''} {said or answer.get('error') or 'no answer'}"

    return _until_none(trouble, timeout, "the Chef API does not answer")


def reconfigured_for():
    """Return the Chef Backend version this frontend was last reconfigured for, or None if none is noted.

    Nothing that can be observed tells it: HAProxy's settings do not change with the backends' version.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.reconfigured_for
    """
    return __salt__["chef_backend_note.read"](NOTE)


def note_reconfigured(backend_version):
    """Note the Chef Backend version this frontend has been reconfigured for.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.note_reconfigured 2.3.16
    """
    return __salt__["chef_backend_note.write"](NOTE, f"{backend_version}\n")


def _run_all(argv, timeout, **options):
    return __salt__["cmd.run_all"](
        argv, python_shell=False, timeout=timeout, output_encoding="utf-8", ignore_retcode=True, **options
    )


def _until_none(trouble, timeout, what):
    """Ask ``trouble`` until it has none to tell, at most ``timeout`` seconds."""
    began = time.monotonic()
    while True:
        try:
            said = trouble()
        except (CommandExecutionError, ParseError) as err:
            said = str(err)
        waited = time.monotonic() - began
        if not said:
            return round(waited, 2)
        if waited > timeout:
            raise CommandExecutionError(f"{__grains__['id']}: {what} within {timeout} s: {said}")
        time.sleep(0.2)

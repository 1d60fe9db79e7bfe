"""chef-server-ctl on this frontend, and what its HAProxy and its API say."""

from typing import Any

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.node import ctl, frontend
from saltext.chef_backend.node import reindex as index
from saltext.chef_backend.product import command


def __virtual__() -> salt.Virtual:
    return salt.on_a_frontend()


def run(*args: Any, timeout: float = 60) -> str:
    """Run chef-server-ctl with arguments.

    :param args: subcommand and its arguments, each a word of its own.
    :param timeout: bound in seconds.
    :returns: standard output, as text.
    :raises CommandExecutionError: node, command, status and last lines, if the status is not 0.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.run service-list
    """
    return ctl.run(salt.host(), (command.SERVER, *map(str, args)), timeout)


def version() -> str:
    """Return the installed version of chef-server-core, such as ``14.16.19``.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.version
    """
    return frontend.version(salt.host())


def reconfigure(timeout: float = 900) -> str:
    """Apply this frontend's settings; its HAProxy learns of the backends anew.

    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.reconfigure
    """
    return ctl.run(salt.host(), command.RECONFIGURE, timeout)


def upgrade(accept_license: bool = False, timeout: float = 3600) -> str:
    """Migrate this frontend to the installed chef-server-core.

    :param accept_license: accept the licence (server 13 and later ask for it).
    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.upgrade accept_license=True
    """
    environment = {"CHEF_LICENSE": "accept"} if accept_license is True else None
    return ctl.run(salt.host(), command.SERVER_UPGRADE, timeout, env=environment)


def start(timeout: float = 300) -> str:
    """Start this frontend's services.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.start
    """
    return ctl.run(salt.host(), command.SERVER_START, timeout)


def stop(timeout: float = 300) -> str:
    """Stop this frontend's services.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.stop
    """
    return ctl.run(salt.host(), command.SERVER_STOP, timeout)


def status(timeout: float = 60) -> str:
    """Return what ``chef-server-ctl status`` prints: runit's lines of this frontend's services.

    Its exit status is another where a service is down; read the text.

    :raises CommandExecutionError: nothing was printed at all.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.status
    """
    return frontend.status(salt.host(), timeout)


def cleanup(timeout: float = 900) -> str:
    """Remove what an upgrade left behind.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.cleanup
    """
    return ctl.run(salt.host(), command.SERVER_CLEANUP, timeout)


def reindex(organisation: str | None = None, timeout: float = 86400) -> str:
    """Rebuild the search index of one organisation, or of all.

    :param organisation: its name; all organisations if not given.
    :param timeout: bound in seconds; 1000 nodes take about 2 minutes.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.reindex acme
    """
    whose = None if organisation is None else index.known_organisation(organisation)
    return ctl.run(salt.host(), command.reindex(whose), timeout)


def maintenance(state: Any, timeout: float = 60) -> str:
    """Switch maintenance mode (chef-server-core 14.6.32 and later).

    :param state: on or off.
    :param timeout: bound in seconds.
    :raises CommandExecutionError: another word, or the command fails.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.maintenance on
    """
    word = {True: "on", False: "off"}.get(state, state)
    if word not in ("on", "off"):
        raise CommandExecutionError(f"maintenance {state!r}: expected on or off")
    return ctl.run(salt.host(), command.maintenance(word), timeout)


def haproxy() -> str:
    """Return what this frontend's HAProxy thinks of the backends, one server a line (``show stat -1 4 -1``).

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.haproxy
    """
    return frontend.show_stat(salt.host())


def wait_for_leader(timeout: float = 60) -> float:
    """Wait until HAProxy sends both proxies to exactly one backend, the same one.

    At its start HAProxy takes every backend for up, so a single look is not enough to trust it.

    :param timeout: bound in seconds.
    :returns: seconds waited.
    :raises CommandExecutionError: what HAProxy said last, if the bound has passed.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.wait_for_leader
    """
    return round(frontend.wait_for_leader(salt.host(), timeout), 2)


def wait_for_api(url: str = "http://127.0.0.1/_status", timeout: float = 120) -> float:
    """Wait until the Chef API of this frontend answers ``pong``.

    :param url: the status page; it asks the database too.
    :param timeout: bound in seconds.
    :returns: seconds waited.
    :raises CommandExecutionError: what it answered last, if the bound has passed.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server.wait_for_api url=https://localhost/_status
    """
    return round(frontend.wait_for_api(salt.host(), url, timeout), 2)

"""chef-backend-ctl on this backend: its services and its settings."""

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.node import backend, ctl
from saltext.chef_backend.product import command

__virtualname__ = "chef_backend"
__func_alias__ = {"int_": "int", "help_": "help"}


def __virtual__() -> salt.Virtual:
    return salt.on_a_backend()


def start(service: str | None = None, timeout: float = 120) -> str:
    """Start services.

    :param service: one of leaderl, epmd, etcd, postgresql, elasticsearch; all if not given.
    :param timeout: bound in seconds.
    :returns: what the command printed.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.start elasticsearch
    """
    return _verb("start", service, timeout)


def stop(service: str | None = None, timeout: float = 120) -> str:
    """Stop services; each is waited for at most 7 seconds. Arguments as of ``start``.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.stop elasticsearch
    """
    return _verb("stop", service, timeout)


def restart(service: str | None = None, timeout: float = 120) -> str:
    """Stop and start services. Arguments as of ``start``.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.restart leaderl
    """
    return _verb("restart", service, timeout)


def hup(service: str | None = None, timeout: float = 120) -> str:
    """Send services a HUP. Arguments as of ``start``.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.hup postgresql
    """
    return _verb("hup", service, timeout)


def int_(service: str | None = None, timeout: float = 120) -> str:
    """Send services an INT. Arguments as of ``start``.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.int postgresql
    """
    return _verb("int", service, timeout)


def term(service: str | None = None, timeout: float = 120) -> str:
    """Send services a TERM. Arguments as of ``start``.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.term leaderl
    """
    return _verb("term", service, timeout)


def kill(service: str | None = None, timeout: float = 120) -> str:
    """Send services a KILL. Arguments as of ``start``.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.kill elasticsearch
    """
    return _verb("kill", service, timeout)


def once(service: str | None = None, timeout: float = 120) -> str:
    """Start services without starting them again when they end. Arguments as of ``start``.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.once epmd
    """
    return _verb("once", service, timeout)


def is_stopped(service: str, timeout: float = 60) -> bool:
    """Tell whether a service was stopped, by runit's own line in ``status --simple``.

    The table of ``status`` does not tell: a service that dies at each start is ``down`` there too, now and then.

    :param service: one of leaderl, epmd, etcd, postgresql, elasticsearch.
    :param timeout: bound in seconds.
    :returns: False while runit tries to start it.
    :raises CommandExecutionError: the line cannot be read: what is unknown is not stopped.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.is_stopped elasticsearch
    """
    return backend.is_stopped(salt.host(), service, timeout)


def service_list(timeout: float = 60) -> str:
    """Return the names of the services, with a ``*`` at those that are enabled.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.service_list
    """
    return _run("service-list", timeout=timeout)


def tail(service: str, lines: int = 50) -> str:
    """Return the last lines of a service's log; ctl's own ``tail`` never ends.

    :param service: one of leaderl, epmd, etcd, postgresql, elasticsearch.
    :param lines: how many.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.tail leaderl lines=100
    """
    return backend.tail(salt.host(), service, lines)


def reconfigure(timeout: float = 900) -> str:
    """Apply /etc/chef-backend/chef-backend.rb on this node.

    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.reconfigure
    """
    return _run("reconfigure", timeout=timeout)


def show_config(timeout: float = 120) -> str:
    """Return the settings that ``reconfigure`` would apply.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.show_config
    """
    return _run("show-config", timeout=timeout)


def gather_logs(timeout: float = 900) -> str:
    """Collect logs and diagnostics into an archive on this node.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.gather_logs
    """
    return _run("gather-logs", timeout=timeout)


def gen_sample_backend_config(timeout: float = 60) -> str:
    """Return a commented sample of chef-backend.rb.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.gen_sample_backend_config
    """
    return _run("gen-sample-backend-config", timeout=timeout)


def uninstall(yes: bool = False, timeout: float = 600) -> str:
    """Stop and disable the services for good; the data stays.

    :param yes: must be True.
    :param timeout: bound in seconds.
    :raises CommandExecutionError: without ``yes=True``; nothing is touched then.

    CLI Example:

    .. code-block:: bash

        salt be3 chef_backend.uninstall yes=True
    """
    if yes is not True:
        raise CommandExecutionError("uninstall ends this node's services: say yes=True if that is meant")
    return _run("uninstall", "--yes", timeout=timeout)


def help_(timeout: float = 60) -> str:
    """Return the list of subcommands that this version knows.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.help
    """
    return _run("help", timeout=timeout)


def _verb(verb: str, service: str | None, timeout: float) -> str:
    return _run(verb, *([backend.known_service(service)] if service is not None else []), timeout=timeout)


def _run(*words: str, timeout: float) -> str:
    return ctl.run(salt.host(), (command.BACKEND, *words), timeout)

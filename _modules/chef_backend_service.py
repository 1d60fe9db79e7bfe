"""chef-backend-ctl on this backend: its services and its settings."""

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend.product import runit
from saltext.chef_backend.product.reading import ParseError

SERVICES = ("leaderl", "epmd", "etcd", "postgresql", "elasticsearch")
__func_alias__ = {"int_": "int", "help_": "help"}


def __virtual__():
    return True


def _verb(verb, says):
    """Make the function of one of runit's verbs: they differ in nothing but the word."""

    def function(service=None, timeout=120):
        if service is not None and service not in SERVICES:
            raise CommandExecutionError(f"unknown service {service!r}: expected one of {', '.join(SERVICES)}")
        return __salt__["chef_backend.run"](verb, *([service] if service else []), timeout=timeout)

    function.__name__ = verb
    function.__doc__ = f"""{says}

    :param service: one of leaderl, epmd, etcd, postgresql, elasticsearch; all if not given.
    :param timeout: bound in seconds.
    :returns: what the command printed.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_service.{verb} elasticsearch
    """
    return function


start = _verb("start", "Start services.")
stop = _verb("stop", "Stop services; each is waited for at most 7 seconds.")
restart = _verb("restart", "Stop and start services.")
hup = _verb("hup", "Send services a HUP.")
int_ = _verb("int", "Send services an INT.")
term = _verb("term", "Send services a TERM.")
kill = _verb("kill", "Send services a KILL.")
once = _verb("once", "Start services without starting them again when they end.")


def is_stopped(service, timeout=60):
    """Tell whether a service was stopped, by runit's own line in ``status --simple``.

    The table of ``status`` does not tell: a service that dies at each start is ``down`` there too, now and then.

    :param service: one of leaderl, epmd, etcd, postgresql, elasticsearch.
    :param timeout: bound in seconds.
    :returns: bool; False while runit tries to start it.
    :raises CommandExecutionError: the line cannot be read: what is unknown is not stopped.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_service.is_stopped elasticsearch
    """
    if service not in SERVICES:
        raise CommandExecutionError(f"unknown service {service!r}: expected one of {', '.join(SERVICES)}")
    text = __salt__["chef_backend.status"](service, simple=True, timeout=timeout)
    try:
        lines = [line for line in runit.parse_simple(text) if line.name == service]
    except ParseError as err:
        raise CommandExecutionError(f"{__grains__['id']}: chef-backend-ctl status {service} --simple: {err}") from err
    if len(lines) != 1:
        raise CommandExecutionError(f"{__grains__['id']}: status --simple shows no {service}: {text[:200]}")
    return lines[0].stopped


def service_list(timeout=60):
    """Return the names of the services, with a ``*`` at those that are enabled.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_service.service_list
    """
    return __salt__["chef_backend.run"]("service-list", timeout=timeout)


def tail(service, lines=50):
    """Return the last lines of a service's log; ctl's own ``tail`` never ends.

    :param service: one of leaderl, epmd, etcd, postgresql, elasticsearch.
    :param lines: how many.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_service.tail leaderl lines=100
    """
    if service not in SERVICES:
        raise CommandExecutionError(f"unknown service {service!r}: expected one of {', '.join(SERVICES)}")
    path = f"/var/log/chef-backend/{service}/current"
    done = __salt__["cmd.run_all"](["tail", "-n", str(int(lines)), path], python_shell=False)
    if done["retcode"] != 0:
        raise CommandExecutionError(f"{path}: {done['stderr']}")
    return done["stdout"]


def reconfigure(timeout=900):
    """Apply /etc/chef-backend/chef-backend.rb on this node.

    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_service.reconfigure
    """
    return __salt__["chef_backend.run"]("reconfigure", timeout=timeout)


def show_config(timeout=120):
    """Return the settings that ``reconfigure`` would apply.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_service.show_config
    """
    return __salt__["chef_backend.run"]("show-config", timeout=timeout)


def gather_logs(timeout=900):
    """Collect logs and diagnostics into an archive on this node.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_service.gather_logs
    """
    return __salt__["chef_backend.run"]("gather-logs", timeout=timeout)


def gen_sample_backend_config(timeout=60):
    """Return a commented sample of chef-backend.rb.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_service.gen_sample_backend_config
    """
    return __salt__["chef_backend.run"]("gen-sample-backend-config", timeout=timeout)


def uninstall(yes=False, timeout=600):
    """Stop and disable the services for good; the data stays.

    :param yes: must be True.
    :raises CommandExecutionError: without ``yes=True``; nothing is touched then.

    CLI Example:

    .. code-block:: bash

        salt be3 chef_backend_service.uninstall yes=True
    """
    if yes is not True:
        raise CommandExecutionError("uninstall ends this node's services: say yes=True if that is meant")
    return __salt__["chef_backend.run"]("uninstall", "--yes", timeout=timeout)


def help_(timeout=60):
    """Return the list of subcommands that this version knows.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_service.help
    """
    return __salt__["chef_backend.run"]("help", timeout=timeout)

"""Take this frontend out of service while its backends cannot serve it, and bring it back.

Clients are to see a clean refusal meanwhile, not half an answer: maintenance mode where the version has it, else its
services are stopped. What was done is noted in a file, as no command tells whether maintenance mode is on.
"""

import os

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend.product import maintenance, runit
from saltext.chef_backend.product.version import Version

NOTE = "/var/lib/salt-chef-backend/out-of-service"


def __virtual__():
    return True


def out():
    """Return how this frontend was taken out of service, ``maintenance`` or ``stopped``, or None if it was not.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_service.out
    """
    return __salt__["chef_backend_note.read"](NOTE)


def take_out(timeout=300):
    """Take this frontend out of service: maintenance mode since 14.6.32, before that all its services stop.

    :param timeout: bound in seconds.
    :returns: ``maintenance`` or ``stopped``.
    :raises CommandExecutionError: the command fails, or a service goes on.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_service.take_out
    """
    how = maintenance.out_of_service_by(Version.from_text(__salt__["chef_server.version"]()))
    # before it is done: what dies in between is brought back all the same
    __salt__["chef_backend_note.write"](NOTE, f"{how}\n")
    if how == maintenance.MAINTENANCE:
        __salt__["chef_server.maintenance"]("on", timeout=timeout)
        return how
    stop(timeout=timeout)
    return how


def stop(timeout=300):
    """Stop all services of this frontend, and see that none runs.

    :param timeout: bound in seconds.
    :returns: True.
    :raises CommandExecutionError: the command fails, or a service goes on.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_service.stop
    """
    __salt__["chef_server.stop"](timeout=timeout)
    still = runit.running(__salt__["chef_server.status"]())
    if still:
        raise CommandExecutionError(f"{__grains__['id']}: stop ended with status 0, but {', '.join(still)} runs")
    return True


def bring_back(timeout=300):
    """Bring this frontend back into service, if it was taken out; its API is for the caller to look at.

    :param timeout: bound in seconds.
    :returns: True if it was out of service.
    :raises CommandExecutionError: the command fails; the frontend counts as out of service still.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_service.bring_back
    """
    how = out()
    if how is None:
        return False
    if how == maintenance.MAINTENANCE:
        __salt__["chef_server.maintenance"]("off", timeout=timeout)
    __salt__["chef_server.start"](timeout=timeout)
    os.unlink(NOTE)
    return True

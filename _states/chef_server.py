"""States of a Chef Infra Server frontend."""

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.node import clients, frontend
from saltext.chef_backend.outcome import Result


def __virtual__() -> salt.Virtual:
    return salt.on_a_frontend()


def reconfigured(
    name: str,
    backend_version: str,
    api: str,
    leader_timeout: float = 60,
    timeout: float = 900,
    api_timeout: float = 120,
    index: bool = False,
) -> Result:
    """This frontend was reconfigured for a Chef Backend version, and its API answers.

    Before: its HAProxy must send to exactly one leader, else ``reconfigure`` would work on a wrong database. Out of
    service its API refuses, and stopped its HAProxy tells nothing: then ``in_service`` looks at them.

    :param name: free text.
    :param backend_version: the version the backends have been upgraded to.
    :param api: URL of its status page.
    :param leader_timeout: bound in seconds for HAProxy to know one leader.
    :param timeout: bound in seconds for ``reconfigure``.
    :param api_timeout: bound in seconds for the API to answer afterwards.
    :param index: also where it was, and the search index is not there: it is ``reconfigure`` that makes one.
    """
    return frontend.reconfigured(salt.host(), name, backend_version, api, leader_timeout, timeout, api_timeout, index)


def out_of_service(name: str, api: str, how: str | None = None, timeout: float = 300) -> Result:
    """Clients are refused by this frontend, seen from outside; whoever let them in meanwhile, they are refused again.

    :param name: free text.
    :param api: URL of its status page; that clients are refused is seen at the same port of this host's own address.
    :param how: ``firewall`` for one that is reconfigured meanwhile; else maintenance mode since 14.6.32, before that
        its services are stopped; of one that is out of service already, as it is.
    :param timeout: bound in seconds of each command.
    """
    return clients.out_of_service(salt.host(), name, api, how, timeout)


def in_service(
    name: str, api: str, leader_timeout: float = 60, timeout: float = 300, api_timeout: float = 120
) -> Result:
    """This frontend serves its clients, seen from outside: back if it was out of service, and its API answers.

    :param name: free text.
    :param api: URL of its status page.
    :param leader_timeout: bound in seconds for HAProxy to know one leader.
    :param timeout: bound in seconds for its services to start.
    :param api_timeout: bound in seconds for the API to answer.
    """
    return clients.in_service(salt.host(), name, api, leader_timeout, timeout, api_timeout)

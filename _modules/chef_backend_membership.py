"""chef-backend-ctl on this backend: who is a member of the cluster, and who is to lead it.

Nothing here is run by an upgrade of its own accord. Commands that ask a person to confirm get their ``--yes`` only
when the caller says ``yes=True``.
"""

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.node import ctl, membership
from saltext.chef_backend.product import command

__virtualname__ = "chef_backend"


def __virtual__() -> salt.Virtual:
    return salt.on_a_backend()


def demote(timeout: float = 300) -> str:
    """Make the leader step down, so that a follower is elected. Fails while failover is off.

    :param timeout: bound in seconds.
    :returns: what the command printed.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.demote
    """
    return ctl.run(salt.host(), (command.BACKEND, "demote"), timeout)


def promote(node: str, timeout: float = 300) -> str:
    """Make a node the leader. Fails while failover is off, or if the node leads already.

    :param node: the node's name, as in cluster-status.
    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.promote be2
    """
    return ctl.run(salt.host(), (command.BACKEND, "promote", membership.known_name(node)), timeout)


def force_leader(timeout: float = 300) -> str:
    """Make this node the leader of a cluster that has none. Writes it has not seen are lost.

    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.force_leader
    """
    return ctl.run(salt.host(), (command.BACKEND, "force-leader"), timeout)


def create_cluster(quorum_loss_recovery: bool = False, yes: bool = False, timeout: float = 900) -> str:
    """Make this node the first of a new cluster.

    :param quorum_loss_recovery: from the survivor of a cluster that lost two nodes.
    :param yes: confirm.
    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.create_cluster yes=True
    """
    options = ["--quorum-loss-recovery"] if quorum_loss_recovery else []
    return ctl.run(salt.host(), (command.BACKEND, "create-cluster", *options, *_yes(yes)), timeout)


def join_cluster(
    peer: str,
    secrets: str | None = None,
    publish_ip: str | None = None,
    interface: str | None = None,
    recovery: bool = False,
    yes: bool = False,
    accept_license: bool = False,
    quiet: bool = False,
    timeout: float = 1800,
) -> str:
    """Make this node a member of a peer's cluster. Nodes join one at a time.

    :param peer: IP address of a member.
    :param secrets: path of the cluster's secrets file on this node.
    :param publish_ip: address that the others reach this node at.
    :param interface: network interface instead of an address.
    :param recovery: this node replaces one that was removed.
    :param yes: confirm.
    :param accept_license: accept the product's licence.
    :param quiet: print less.
    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be3 chef_backend.join_cluster 192.0.2.11 secrets=/root/secrets.json yes=True
    """
    options = ["-p", publish_ip] if publish_ip else []
    options += ["-i", interface] if interface else []
    options += ["--recovery"] if recovery else []
    options += ["--accept-license"] if accept_license else []
    options += ["--quiet"] if quiet else []
    words = command.join_cluster(membership.known_address(peer), secrets, *options, *_yes(yes))
    return ctl.run(salt.host(), words, timeout)


def remove_node(node: str, yes: bool = False, timeout: float = 300) -> str:
    """Forget a node that is down for good. Fails while the node is alive.

    :param node: the node's name, as in cluster-status.
    :param yes: confirm.
    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.remove_node be3 yes=True
    """
    words = command.remove_node(membership.known_name(node))
    return ctl.run(salt.host(), words if yes is True else words[:-1], timeout)


def cleanse(yes: bool = False, timeout: float = 600) -> str:
    """Delete all of this node's Chef Backend data.

    :param yes: must be True: the data is gone afterwards.
    :param timeout: bound in seconds.
    :raises CommandExecutionError: without ``yes=True``; nothing is touched then.

    CLI Example:

    .. code-block:: bash

        salt be3 chef_backend.cleanse yes=True
    """
    if yes is not True:
        raise CommandExecutionError("cleanse deletes all data of this node: say yes=True if that is meant")
    return ctl.run(salt.host(), command.CLEANSE, timeout)


def gen_server_config(fqdn: str, timeout: float = 120) -> str:
    """Write a frontend's settings to a file on this node that only root reads, and return its path.

    They hold the database superuser's password: they are never returned, logged or put on the bus.

    :param fqdn: the frontend's name.
    :param timeout: bound in seconds.
    :returns: the path, below /var/lib/salt-chef-backend/server-config.
    :raises CommandExecutionError: bad name, or the command fails (its output is withheld).

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.gen_server_config chef.example.com
    """
    return membership.gen_server_config(salt.host(), fqdn, timeout)


def _yes(confirmed: bool) -> list[str]:
    return ["-y"] if confirmed is True else []

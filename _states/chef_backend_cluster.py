"""States of a backend that is replaced: its data is deleted, and it joins the cluster anew, as an empty follower."""

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.node import membership
from saltext.chef_backend.outcome import Result


def __virtual__() -> salt.Virtual:
    return salt.on_a_backend()


def emptied(name: str, timeout: float = 600) -> Result:
    """This node holds no data of a cluster any more.

    Whoever applies this has seen that the cluster does not miss it.

    :param name: free text.
    :param timeout: bound in seconds.
    """
    return membership.emptied(salt.host(), name, timeout)


def joined(name: str, peer: str, secrets: str, accept_license: bool = False, timeout: float = 3600) -> Result:
    """This node, which holds no data, is a member of the cluster that a peer belongs to.

    :param name: free text.
    :param peer: IP address of a member.
    :param secrets: path of the cluster's secrets on this node.
    :param accept_license: accept the product's licence.
    :param timeout: bound in seconds.
    """
    return membership.joined(salt.host(), name, peer, secrets, accept_license, timeout)

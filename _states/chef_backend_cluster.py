"""States of a backend that is replaced: its data is deleted, and it joins the cluster anew, as an empty follower."""

import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import outcome


def __virtual__():
    return True


def emptied(name, timeout=600):
    """This node holds no data of a cluster any more. Whoever applies this has seen that the cluster does not miss it.

    :param name: free text.
    :param timeout: bound in seconds.
    """
    with _result(name) as ret:
        before = __salt__["chef_backend_cluster.data_here"]()
        if not before:
            return outcome.done(ret, f"{__grains__['id']} holds no data")
        if __opts__["test"]:
            return outcome.would(ret, f"would delete all data of {__grains__['id']}", "data", before, [])
        with _told("cleanse"):
            __salt__["chef_backend_cluster.cleanse"](yes=True, timeout=timeout)
            after = __salt__["chef_backend_cluster.data_here"]()
            ret["changes"]["data"] = {"old": before, "new": after}
            if after:
                raise CommandExecutionError(f"cleanse ended with status 0, but {', '.join(after)} still holds files")
        return outcome.done(ret, f"all data of {__grains__['id']} is deleted")
    return ret


def joined(name, peer, secrets, accept_license=False, timeout=3600):
    """This node, which holds no data, is a member of the cluster that a peer belongs to.

    :param name: free text.
    :param peer: IP address of a member.
    :param secrets: path of the cluster's secrets on this node.
    :param accept_license: accept the product's licence.
    :param timeout: bound in seconds.
    """
    with _result(name) as ret:
        __salt__["chef_backend_cluster.secrets_ready"](secrets)
        if __opts__["test"]:
            return outcome.would(ret, f"would join the cluster of {peer}", "member of", None, peer)
        held = __salt__["chef_backend_cluster.data_here"]()
        if held:
            raise CommandExecutionError(f"{__grains__['id']} holds data in {', '.join(held)}: nothing was done")
        with _told("join"):
            __salt__["chef_backend_cluster.join_cluster"](
                peer, secrets=secrets, recovery=True, yes=True, accept_license=accept_license, timeout=timeout
            )
        ret["changes"]["member of"] = {"old": None, "new": peer}
        return outcome.done(ret, f"joined the cluster of {peer}")
    return ret


def _result(name):
    return outcome.attempt(name, (CommandExecutionError, ValueError, OSError))


def _told(step):
    return outcome.told(step, __salt__["chef_backend_progress.tell"], time.monotonic)

"""The steps of the runbook that replaces a backend which is down for good, on the master.

Which cluster (by its name in the pillar), which node (its minion id), where its secrets lie and who has confirmed it
is said in the orchestration's own pillar, or given here.
"""

from typing import TYPE_CHECKING

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.run import replacing

if TYPE_CHECKING:
    from saltext.chef_backend.salt import __orchestration_jid__


def __virtual__() -> salt.Virtual:
    return salt.on_a_master()


def opened(
    name: str,
    cluster: str | None = None,
    node: str | None = None,
    secrets: str | None = None,
    confirm: str | None = None,
    installed_with: str | None = None,
) -> Result:
    """The node may be replaced, and this orchestration holds the cluster.

    :param name: free text.
    :param node: minion id of the backend.
    :param secrets: path of the cluster's secrets on the node.
    :param confirm: ``delete all data of <node>``.
    :param installed_with: the version that the cluster was installed with, where it runs a later one than 3.0.0.
    """
    return replacing.opened(
        salt.master(__orchestration_jid__),
        name,
        salt.cluster_of_pillar(cluster),
        salt.from_pillar("node", node),
        salt.from_pillar("secrets", secrets),
        salt.from_pillar("confirm", confirm),
        salt.from_pillar("installed_with", installed_with),
    )


def removed(name: str, cluster: str | None = None, node: str | None = None) -> Result:
    """The node is no member of the cluster, or a healthy one. The product itself refuses to remove one that lives."""
    master = salt.master(__orchestration_jid__)
    return replacing.removed(master, name, salt.cluster_of_pillar(cluster), salt.from_pillar("node", node))


def emptied(name: str, cluster: str | None = None, node: str | None = None) -> Result:
    """All data of the node is deleted, which the cluster has forgotten; left alone, if it is a healthy member."""
    master = salt.master(__orchestration_jid__)
    return replacing.emptied(master, name, salt.cluster_of_pillar(cluster), salt.from_pillar("node", node))


def joined(
    name: str,
    cluster: str | None = None,
    node: str | None = None,
    secrets: str | None = None,
    accept_license: bool | None = None,
) -> Result:
    """The node is a member of the cluster, and follows the leader, from which it has copied all.

    :param name: free text.
    :param secrets: path of the cluster's secrets on the node.
    :param accept_license: accept the product's licence.
    """
    return replacing.joined(
        salt.master(__orchestration_jid__),
        name,
        salt.cluster_of_pillar(cluster),
        salt.from_pillar("node", node),
        salt.from_pillar("secrets", secrets),
        salt.from_pillar("accept_license", accept_license) is True,
    )


def verified(name: str, cluster: str | None = None, node: str | None = None) -> Result:
    """All three backends are well, the node among them, and failover is as it was."""
    master = salt.master(__orchestration_jid__)
    return replacing.verified(master, name, salt.cluster_of_pillar(cluster), salt.from_pillar("node", node))

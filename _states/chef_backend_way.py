"""The way of an upgrade is chosen and gone, hop by hop, on the master.

``cluster`` is the cluster's name in the pillar; without it the orchestration's own pillar says which.
"""

from typing import TYPE_CHECKING

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.run import hops

if TYPE_CHECKING:
    from saltext.chef_backend.salt import __orchestration_jid__


def __virtual__() -> salt.Virtual:
    return salt.on_a_master()


def chosen(name: str, cluster: str | None = None) -> Result:
    """Every hop to the target goes a way that is supported; it is said which. Nothing is touched."""
    return hops.chosen(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def gone(name: str, cluster: str | None = None) -> Result:
    """The cluster is at its target: each hop that is ahead is gone now, the way that fits, one after another."""
    return hops.gone(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))

"""The steps of the frontends' own upgrade, on the master: opened, prepared, each in its turn, verified.

``cluster`` is the cluster's name in the pillar; without it the orchestration's own pillar says which.
"""

from typing import TYPE_CHECKING

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.run import server

if TYPE_CHECKING:
    from saltext.chef_backend.salt import __orchestration_jid__


def __virtual__() -> salt.Virtual:
    return salt.on_a_master()


def opened(name: str, cluster: str | None = None) -> Result:
    """The frontends may be upgraded, and this orchestration holds their cluster: nothing else runs on it meanwhile."""
    return server.opened(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def staged(name: str, cluster: str | None = None) -> Result:
    """The package lies on every frontend that is due, verified. Nothing here changes a service."""
    return server.staged(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def backed_up(name: str, cluster: str | None = None) -> Result:
    """One follower has taken a backup, read to its end, if a frontend is due and the pillar wants one."""
    return server.backed_up(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def first_upgraded(name: str, cluster: str | None = None) -> Result:
    """One frontend runs the target, and has migrated the database: once for all, and alone."""
    return server.first_upgraded(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def others_upgraded(name: str, cluster: str | None = None) -> Result:
    """Every other frontend runs the target, with the migration-level of the first, batch by batch."""
    return server.others_upgraded(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def verified(name: str, cluster: str | None = None) -> Result:
    """Every frontend is wholly on the target, answers, gets its clients, and the backends are as healthy as before."""
    return server.verified(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))

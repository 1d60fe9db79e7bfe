"""The steps of a run with full downtime, on the master: who goes down, and who comes up again, is asked now.

``cluster`` is the cluster's name in the pillar; without it the orchestration's own pillar says which.
"""

from typing import TYPE_CHECKING

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.run import downtime

if TYPE_CHECKING:
    from saltext.chef_backend.salt import __orchestration_jid__


def __virtual__() -> salt.Virtual:
    return salt.on_a_master()


def installed(name: str, cluster: str | None = None) -> Result:
    """The package is installed on every backend; that restarts nothing."""
    return downtime.installed(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def frontends_out(name: str, cluster: str | None = None) -> Result:
    """Clients are refused by every frontend, where a backend is to go down."""
    return downtime.frontends_out(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def taken_down(name: str, turn: str, cluster: str | None = None) -> Result:
    """The next backend is down for the upgrade: the leader first, with which the writing ends.

    :param name: free text.
    :param turn: ``first``, ``second`` or ``third``.
    """
    return downtime.taken_down(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster), turn)


def upgraded(name: str, turn: str, cluster: str | None = None) -> Result:
    """The next backend runs the target: the leader of record last, for nobody else may lead before it does.

    :param name: free text.
    :param turn: ``first``, ``second`` or ``third``.
    """
    return downtime.upgraded(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster), turn)

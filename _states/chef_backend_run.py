"""The steps of a run, on the master, inside an orchestration: opened, prepared, backends in their turns, closed.

Who is meant is asked when a step runs. A gate that does not hold is a failed state with a plain comment. ``cluster``
is the cluster's name in the pillar; without it the orchestration's own pillar says which.
"""

from typing import TYPE_CHECKING, Any

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.run import closing, frontends, opening, turns
from saltext.chef_backend.run import failover as switch

if TYPE_CHECKING:
    from saltext.chef_backend.salt import __orchestration_jid__, __running__


def __virtual__() -> salt.Virtual:
    return salt.on_a_master()


def opened(name: str, way: str, cluster: str | None = None) -> Result:
    """The cluster may be upgraded this way, and this orchestration holds it.

    All nodes answer, the cluster is healthy, the version path is supported, nobody else is at it; then the record is
    written to every backend. A run that died or failed on the same target is taken over.

    :param name: free text.
    :param way: the way this orchestration goes: ``rolling``, ``downtime`` or ``reindex``.
    """
    return opening.opened(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster), way)


def staged(name: str, cluster: str | None = None) -> Result:
    """The package lies on every backend, verified, if one is due. Nothing here changes a service."""
    return turns.staged(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def backed_up(name: str, cluster: str | None = None) -> Result:
    """One follower has taken a backup, read to its end, if a backend is due and the pillar wants one."""
    return turns.backed_up(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def failover(name: str, to: Any, cluster: str | None = None) -> Result:
    """Failover of the cluster is on or off, and the record says so first.

    :param to: ``on`` or ``off``; it is not called ``state``, a word of the SLS itself.
    """
    return switch.switched(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster), to)


def failover_off(name: str, cluster: str | None = None) -> Result:
    """Failover is off, so that nothing fails over to a follower that is being upgraded; as it was, if none is due."""
    return turns.failover_off(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def failover_on(name: str, cluster: str | None = None) -> Result:
    """Failover is on again after the followers; as it was, if this run has not switched it."""
    return turns.failover_on(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def failover_off_and_on(name: str, cluster: str | None = None) -> Result:
    """After a hand-over failover was switched off and on again, as the documented procedure has it."""
    return turns.failover_off_and_on(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def upgraded(name: str, turn: str, cluster: str | None = None) -> Result:
    """The next backend whose turn it is runs the target and has rejoined: who that is, is asked now.

    Where the index is to be built again, the leader is waited for later: failover goes off first.

    :param name: free text.
    :param turn: ``first`` or ``second`` of the followers, or ``last``: the leader, handing over first.
    """
    return turns.upgraded(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster), turn)


def verified(name: str, cluster: str | None = None) -> Result:
    """Every backend runs the target version, the cluster is wholly healthy, failover is on."""
    return turns.verified(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def frontends_in_service(name: str, cluster: str | None = None) -> Result:
    """Every frontend is reconfigured for the upgraded backends, and serves its clients, batch by batch."""
    return frontends.in_service(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def closed(name: str, cluster: str | None = None) -> Result:
    """The run of this orchestration is ended: failover on if that is safe, the cluster free for the next.

    It runs whatever happened before. A run that failed keeps its record, so that the same command resumes it.
    """
    master, wanted = salt.master(__orchestration_jid__), salt.cluster_of_pillar(cluster)
    return closing.closed(master, name, wanted, __running__)

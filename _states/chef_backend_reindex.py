"""The steps of a run that builds the search index again, on the master.

Each on all backends before the next on any: one that still runs would send its old index to the emptied ones.
``cluster`` is the cluster's name in the pillar; without it the orchestration's own pillar says which.
"""

from typing import TYPE_CHECKING

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.run import reindexing

if TYPE_CHECKING:
    from saltext.chef_backend.salt import __orchestration_jid__


def __virtual__() -> salt.Virtual:
    return salt.on_a_master()


def frontends_out(name: str, cluster: str | None = None) -> Result:
    """Clients are refused by every frontend, where the index is to be built again."""
    return reindexing.frontends_out(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def failover_off(name: str, cluster: str | None = None) -> Result:
    """Failover is off until a frontend knows the new index: leaderl moves the lead where Elasticsearch fails."""
    return reindexing.failover_off(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def rejoined(name: str, cluster: str | None = None) -> Result:
    """The leader of before is back in the cluster: failover is off by now, which was not to wait for it."""
    return reindexing.rejoined(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def failover_on(name: str, cluster: str | None = None) -> Result:
    """Failover is on again, with the new index on every backend; as it was, if this run has not switched it."""
    return reindexing.failover_on(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def stopped(name: str, cluster: str | None = None) -> Result:
    """Elasticsearch is stopped on every backend, where the index cannot be read."""
    return reindexing.stopped(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def deleted(name: str, cluster: str | None = None) -> Result:
    """The index files are deleted on every backend, where the index cannot be read."""
    return reindexing.deleted(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def started(name: str, cluster: str | None = None) -> Result:
    """Elasticsearch runs on every backend, green."""
    return reindexing.started(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def reconfigured(name: str, cluster: str | None = None) -> Result:
    """One frontend is reconfigured for the new index; clients are still refused."""
    return reindexing.reconfigured(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def readable(name: str, cluster: str | None = None) -> Result:
    """Every backend can read the new index."""
    return reindexing.readable(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def filled_one(name: str, cluster: str | None = None) -> Result:
    """One organisation is built again and found by a search, before all are."""
    return reindexing.filled_one(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))


def filled(name: str, cluster: str | None = None) -> Result:
    """All organisations are built again, and found by a search."""
    return reindexing.filled(salt.master(__orchestration_jid__), name, salt.cluster_of_pillar(cluster))

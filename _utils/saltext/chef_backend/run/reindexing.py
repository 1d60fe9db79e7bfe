"""A search index that the new release cannot read: emptied on all backends, and filled again from one frontend.

Each step on all backends before the next on any: one that still runs would send its old index to the emptied ones.
"""

from collections.abc import Callable, Sequence

from saltext.chef_backend import outcome
from saltext.chef_backend.judge import answers
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.record import Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import failover, frontends, lock, look, orders, ways
from saltext.chef_backend.run.master import Master


def frontends_out(master: Master, name: str, cluster: str) -> Result:
    """Clients are refused by every frontend, where the index is to be built again."""
    with master.signals.step(name) as ret:
        views, record = look.look(master, cluster)
        if not _wanted(master, cluster, views, record):
            look.keep(master, cluster, views, record)
            return outcome.done(ret, "nothing is due")
        if not answers.half_upgraded(views):
            look.fits(master, cluster, views, record)
        return frontends.taken_out(master, name, cluster, record)
    return ret


def failover_off(master: Master, name: str, cluster: str) -> Result:
    """Failover is off from the hand-over until a frontend knows the new index, if it is to be built again.

    While failover is on, leaderl moves the lead away from a node whose Elasticsearch fails: all do, in these steps.
    """
    with master.signals.step(name) as ret:
        views, record = look.look(master, cluster)
        if not _wanted(master, cluster, views, record):
            look.keep(master, cluster, views, record)
            return outcome.done(ret, "nothing is due")
        return failover.switched(master, name, cluster, "off")
    return ret


def failover_on(master: Master, name: str, cluster: str) -> Result:
    """Failover is on again, with the new index on every backend; as it was, if this run has not switched it."""
    with master.signals.step(name) as ret:
        held = lock.held(master, cluster)
        if held and held.failover != "off":
            return outcome.done(ret, "failover was not switched")
        return failover.switched(master, name, cluster, "on")
    return ret


def stopped(master: Master, name: str, cluster: str) -> Result:
    """Elasticsearch is stopped on every backend, where an old index is left, and clients are refused, as seen."""

    def nodes_of(views: Views) -> Sequence[str]:
        nodes = _with_an_old_index(master, cluster, views)
        if nodes and not master.test:
            frontends.refuse(master, cluster, frontends.of_run(master, cluster, answers.run(views)))
        return nodes

    return _where_wanted(master, name, cluster, "orch.node.elasticsearch_stopped", nodes_of)


def deleted(master: Master, name: str, cluster: str) -> Result:
    """The index files are deleted on every backend, where an old index is left."""
    return _where_wanted(
        master, name, cluster, "orch.node.index_deleted", lambda views: _with_an_old_index(master, cluster, views)
    )


def started(master: Master, name: str, cluster: str) -> Result:
    """Elasticsearch runs on every backend, green.

    Also where no old index is left: one of them may not have come up before the run died.
    """
    return _where_wanted(master, name, cluster, "orch.node.elasticsearch_started", sorted)


def reconfigured(master: Master, name: str, cluster: str) -> Result:
    """One frontend is reconfigured for the new index; clients are still refused."""
    return _on_one(master, name, cluster, "orch.node.reconfigured")


def readable(master: Master, name: str, cluster: str) -> Result:
    """Every backend can read the new index."""
    return _where_wanted(master, name, cluster, "orch.node.index_readable", sorted)


def filled_one(master: Master, name: str, cluster: str) -> Result:
    """One organisation is built again and found by a search, before all are."""
    return _on_one(master, name, cluster, "orch.node.reindexed_one")


def filled(master: Master, name: str, cluster: str) -> Result:
    """All organisations are built again, and found by a search."""
    return _on_one(master, name, cluster, "orch.node.reindexed_all")


def _with_an_old_index(master: Master, cluster: str, views: Views) -> Sequence[str]:
    """Return every backend, if an old index is left on any of them, else none.

    An old one keeps its backend's Elasticsearch from starting: it tells nothing, as one does that is just starting. So
    what each node has noted of this run counts, and a filled index is not deleted because one of them is silent.
    """
    tells, run = ways.readers(master, cluster, views), answers.run(views)
    emptied = run.emptied if run else ()
    old = [node for node, reads in tells.items() if reads is False or (reads is None and node not in emptied)]
    return sorted(views) if old else []


def _on_one(master: Master, name: str, cluster: str, sls: str) -> Result:
    """Apply an SLS to one frontend, from which clients are kept while it is reconfigured and sends what it holds."""
    both = ",".join(["orch.node.kept_out", sls])
    return _where_wanted(master, name, cluster, both, lambda _: [clusters.frontends(master, cluster)[0]])


def _where_wanted(
    master: Master, name: str, cluster: str, sls: str, nodes_of: Callable[[Views], Sequence[str]]
) -> Result:
    """Apply an SLS, if the index is to be built again.

    :param nodes_of: to which nodes, asked only then; to none if no old index is left.
    """
    with master.signals.step(name) as ret:
        views, record = look.look(master, cluster)
        wanted = _wanted(master, cluster, views, record)
        nodes = nodes_of(views) if wanted else []
        if not nodes:
            look.keep(master, cluster, views, record)
            return outcome.done(ret, "no old index is left" if wanted else "nothing is due")
        if orders.apply(master, ret, cluster, record, nodes, sls):
            return outcome.done(ret, f"on {', '.join(nodes)}")
    return ret


def _wanted(master: Master, cluster: str, views: Views, record: Run | None) -> bool:
    """Whether the index is to be built again: this run's record says so; in test mode, if a backend is due."""
    if record is not None:
        return record.reindex
    return bool(clusters.due(views, str(clusters.settings(master, cluster).version)))

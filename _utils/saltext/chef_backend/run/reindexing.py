"""A search index that the new release cannot read: emptied on all backends, and filled again from one frontend.

Each step on all backends before the next on any: one that still runs would send its old index to the emptied ones.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import journal, outcome, waiting
from saltext.chef_backend.errors import NotYet
from saltext.chef_backend.judge import answers, gates, parity
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.product.objects import Counts
from saltext.chef_backend.record import Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import failover, frontends, lock, look, orders, progress, ways
from saltext.chef_backend.run.bus import ask_all
from saltext.chef_backend.run.master import Master

STORED, INDEXED = "chef_backend_agent.stored", "chef_server_agent.indexed"
SEARCHED = "chef_server_agent.searched"
EVERY = 60  # seconds between two looks at how far the index is


def organisation_is_there(master: Master, cluster: str, leader: str) -> None:
    """Hold that the organisation that is to be built first is one: else the run would fail with clients refused.

    :raises CommandExecutionError: PostgreSQL does not know it, or does not tell.
    """
    _stored(master, cluster, leader, clusters.settings(master, cluster).reindex_organisation)


def frontends_out(master: Master, name: str, cluster: str) -> Result:
    """Clients are refused by every frontend, where the index is to be built again."""
    with master.signals.step(name) as ret:
        seen = _look_where_due(master, ret, cluster)
        if seen is None:
            return ret
        views, record = seen
        if not answers.half_upgraded(views):
            look.fits(master, cluster, views, record)
        return frontends.taken_out(master, name, cluster, record)
    return ret


def failover_off(master: Master, name: str, cluster: str) -> Result:
    """Failover is off from the hand-over until a frontend knows the new index, if it is to be built again.

    While failover is on, leaderl moves the lead away from a node whose Elasticsearch fails: all do, in these steps.
    """
    with master.signals.step(name) as ret:
        seen = _look_where_due(master, ret, cluster)
        if seen is None:
            return ret
        views, record = seen
        if all(ways.readers(master, cluster, views).values()):
            look.keep(master, cluster, views, record)
            return outcome.done(ret, "every backend has the new index")
        turn = record.turn if record and record.turn in record.inside else None  # it is not back yet
        return failover.switched(master, name, cluster, "off", turn)
    return ret


def rejoined(master: Master, name: str, cluster: str) -> Result:
    """The leader of before is back in the cluster, and every other backend that was not seen back yet."""
    with master.signals.step(name) as ret:
        seen = _look_where_due(master, ret, cluster)
        if seen is None:
            return ret
        views, record = seen
        if record is None:
            ret.update(result=None, comment="would wait until the leader of before is back in the cluster")
            return ret
        gates.everybody_answers(views)  # who is silent may be the one
        if not record.inside:
            look.keep(master, cluster, views, record)
            return outcome.done(ret, "every backend is back in the cluster")
        nodes = sorted(record.inside)
        began = master.clock.monotonic()
        if orders.apply(master, ret, cluster, record, nodes, "orch.node.rejoined"):
            seconds = master.clock.monotonic() - began
            for node in set(nodes) & set(record.took):  # what was measured until the hand-over, and this besides
                lock.measured(master, node, record.took[node] + seconds)
            lock.note(master, cluster, turn=None)
            return outcome.done(ret, f"{', '.join(nodes)} is back in the cluster")
    return ret


def failover_on(master: Master, name: str, cluster: str) -> Result:
    """Failover is on again, with the new index on every backend; as it was, if this run has not switched it."""
    return failover.on_again(master, name, cluster)


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
    sls = _kept_out("orch.node.reconfigured")
    return _where_wanted(master, name, cluster, sls, lambda _: [clusters.frontends(master, cluster)[0]], index=True)


def readable(master: Master, name: str, cluster: str) -> Result:
    """Every backend can read the new index."""
    return _where_wanted(master, name, cluster, "orch.node.index_readable", sorted)


def filled_one(master: Master, name: str, cluster: str) -> Result:
    """One organisation's search finds as much as PostgreSQL holds of it, before all organisations' do."""
    one = clusters.settings(master, cluster).reindex_organisation
    return _filled(master, name, cluster, "orch.node.reindexed_one", one)


def filled(master: Master, name: str, cluster: str) -> Result:
    """Every organisation's search finds as much as PostgreSQL holds of it; those that do are not built again."""
    return _filled(master, name, cluster, "orch.node.reindexed_all", None)


def _filled(master: Master, name: str, cluster: str, sls: str, one: str | None) -> Result:
    """Have one frontend build what the index does not hold, and see both sides hold the same of each kind.

    :param one: the organisation that counts; every one if not given.
    """
    with master.signals.step(name) as ret:
        seen = _look_where_due(master, ret, cluster)
        if seen is None:
            return ret
        views, record = seen
        frontend = clusters.frontends(master, cluster)[0]
        stored = None if master.test else _stored(master, cluster, answers.leader(views), one)
        before = None if stored is None else parity.compare(stored, _indexed(master, cluster, frontend))
        if before is not None and not before.left:
            look.keep(master, cluster, views, record)
            return outcome.done(ret, f"the index holds {before}{_searched(master, cluster, frontend, before, one)}")
        left = parity.to_build(before) if before else None
        # what the pillar allows to be missing is not built again, if it was sent to this very index
        allowed = clusters.settings(master, cluster).reindex_missing
        anew = before is None or not before.lacks_no_more_than(allowed)
        with _progress_told(master, cluster, record, frontend, stored):
            built = orders.apply(
                master,
                ret,
                cluster,
                record,
                [frontend],
                _kept_out(sls),
                bound=clusters.settings(master, cluster).timeouts.reindex,
                again=False,  # what was filled meanwhile would be emptied, and filled again
                organisations=left,
                anew=anew,
            )
        if built:
            after = _until_whole(master, cluster, frontend, one)
            searched = _searched(master, cluster, frontend, after, one)
            return outcome.done(ret, f"on {frontend}: the index holds {after}{searched}")
    return ret


@contextlib.contextmanager
def _progress_told(
    master: Master, cluster: str, record: Run | None, frontend: str, stored: parity.Stored | None
) -> Iterator[None]:
    """Tell now and then how far the index is, while it is built: organisations, objects, rate, time left.

    :param stored: what PostgreSQL holds, which is not counted again meanwhile.
    """
    if record is None or stored is None:
        yield
        return
    aside = dataclasses.replace(master, bus=master.bus.own())  # a thread of its own asks by a client of its own
    seen: list[tuple[float, parity.Parity]] = []

    def tell() -> None:
        seen.append((aside.clock.monotonic(), parity.compare(stored, _indexed(aside, cluster, frontend))))
        said = parity.far(seen)
        progress.tell(aside, record, journal.GATE, journal.BEGIN, node=frontend, comment=said)

    end = master.clock.every(EVERY, tell)
    try:
        yield
    finally:
        end()


def _searched(master: Master, cluster: str, frontend: str, there: parity.Parity, one: str | None) -> str:
    """Search for the nodes of one organisation as the documents have it, and say how many were found.

    :param there: what the index holds.
    :raises CommandExecutionError: the search fails, or finds none where there are some.
    """
    if one is None:
        return ""
    settings = clusters.settings(master, cluster)

    def finds() -> int:
        found: int = ask_all(master.bus, [frontend], SEARCHED, one, timeout=settings.timeouts.ask)[frontend]
        if not found and there.nodes:
            raise NotYet(f"{frontend}: a search for the nodes of {one} finds none, and the index holds {there.nodes}")
        return found

    found = waiting.until(master.clock, finds, settings.timeouts.elasticsearch, every=1, most=30)
    return f"; a search for the nodes of {one} finds {found}"


def _until_whole(master: Master, cluster: str, frontend: str, one: str | None) -> parity.Parity:
    """Wait until the index holds what there is, but for what the pillar allows to be missing; return what it holds.

    :raises CommandExecutionError: it does not when the bound has passed, with both numbers.
    """
    settings = clusters.settings(master, cluster)

    def whole() -> parity.Parity:
        # hours have passed: another one may lead
        after = _compared(master, cluster, frontend, clusters.views(master, cluster, ["cluster_status"]), one)
        if after.left and not after.lacks_no_more_than(settings.reindex_missing):
            raise NotYet(
                f"{frontend}: the index is not whole, {after}:\n{parity.told(after)}\nWhere its logs say that these "
                "cannot be indexed, allow so many by reindex_missing in the pillar"
            )
        return after

    return waiting.until(master.clock, whole, settings.timeouts.elasticsearch, every=1, most=30)


def _kept_out(sls: str) -> str:
    """An SLS, and before it the one that keeps clients from a frontend: reconfigured, or sending, it lets them in."""
    return ",".join(["orch.node.kept_out", sls])


def _compared(master: Master, cluster: str, frontend: str, views: Views, one: str | None) -> parity.Parity:
    """Compare the leader's PostgreSQL with what a frontend's searches find. Raises CommandExecutionError."""
    return parity.compare(_stored(master, cluster, answers.leader(views), one), _indexed(master, cluster, frontend))


def _indexed(master: Master, cluster: str, frontend: str) -> Counts:
    """Return what a frontend's searches find, of all organisations. Raises CommandExecutionError."""
    bound = clusters.settings(master, cluster).timeouts.ask
    found: Counts = ask_all(master.bus, [frontend], INDEXED, timeout=bound)[frontend]
    return found


def _stored(master: Master, cluster: str, leader: str, one: str | None) -> parity.Stored:
    """Return what PostgreSQL holds of an organisation, or of all. Raises CommandExecutionError if it knows none."""
    bound = clusters.settings(master, cluster).timeouts.ask
    found: parity.Stored = ask_all(master.bus, [leader], STORED, timeout=bound)[leader]
    if one is None:
        return found
    if one not in found:
        raise CommandExecutionError(
            f"chef_backend:clusters:{cluster}:reindex_organisation: {leader} knows no organisation {one!r}, expected "
            f"one of {', '.join(sorted(found)[:10]) or 'none'}: correct it"
        )
    return {one: found[one]}


def _with_an_old_index(master: Master, cluster: str, views: Views) -> Sequence[str]:
    """Return every backend, if an old index is left on any of them, else none.

    An old one keeps its backend's Elasticsearch from starting: it tells nothing, as one does that is just starting. So
    what each node has noted of this run counts, and a filled index is not deleted because one of them is silent.

    :raises ValueError, CommandExecutionError: one of them does not answer.
    """
    gates.everybody_answers(views)
    tells, run = ways.readers(master, cluster, views), answers.run(views)
    emptied = run.emptied if run else ()
    old = [node for node, reads in tells.items() if reads is False or (reads is None and node not in emptied)]
    return sorted(views) if old else []


def _where_wanted(
    master: Master,
    name: str,
    cluster: str,
    sls: str,
    nodes_of: Callable[[Views], Sequence[str]],
    **more: Any,
) -> Result:
    """Apply an SLS, if the index is to be built again.

    :param nodes_of: to which nodes, asked only then; to none if no old index is left.
    :param more: what its pillar holds besides that of every node.
    """
    with master.signals.step(name) as ret:
        seen = _look_where_due(master, ret, cluster)
        if seen is None:
            return ret
        views, record = seen
        nodes = nodes_of(views)
        if not nodes:
            look.keep(master, cluster, views, record)
            return outcome.done(ret, "no old index is left")
        if orders.apply(master, ret, cluster, record, nodes, sls, **more):
            return outcome.done(ret, f"on {', '.join(nodes)}")
    return ret


def _look_where_due(master: Master, ret: Result, cluster: str) -> tuple[Views, Run | None] | None:
    """Return views and record; None where the index is not to be built again, which the step's result says then."""
    views, record = look.look(master, cluster)
    if _wanted(master, cluster, views, record):
        return views, record
    look.keep(master, cluster, views, record)
    outcome.done(ret, "nothing is due")
    return None


def _wanted(master: Master, cluster: str, views: Views, record: Run | None) -> bool:
    """Whether the index is to be built again: this run's record says so; in test mode, if a backend is due."""
    if record is not None:
        return record.reindex
    return bool(clusters.due(views, str(clusters.settings(master, cluster).version)))

"""Backends in their turns: prepared, upgraded one at a time, the leader last, and verified."""

import dataclasses
import functools

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import journal, outcome
from saltext.chef_backend.judge import answers, backup, gates
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.record import Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import failover, lock, look, orders, progress
from saltext.chef_backend.run.master import Master
from saltext.chef_backend.settings import Cluster

TURNS = FIRST, SECOND, LAST = "first", "second", "last"  # the last is the leader's


def staged(master: Master, name: str, cluster: str) -> Result:
    """The package lies on every backend, verified, if one is due. Nothing here changes a service."""
    with master.signals.step(name) as ret:
        views, record, due = _due(master, cluster)
        if not due:
            look.keep(master, cluster, views, record)
            return outcome.done(ret, "no backend is due")
        if orders.apply(master, ret, cluster, record, sorted(views), "orch.node.staged", restarts=False):
            return outcome.done(ret, f"on {', '.join(sorted(views))}")
    return ret


def backed_up(master: Master, name: str, cluster: str) -> Result:
    """One follower has taken a backup, read to its end, if a backend is due and the pillar wants one."""
    with master.signals.step(name) as ret:
        views, record, due = _due(master, cluster)
        if not due or not clusters.settings(master, cluster).backup:
            look.keep(master, cluster, views, record)
            return outcome.done(ret, "the pillar wants none" if due else "no backend is due")
        return back_up(master, ret, cluster, views, record)
    return ret


def back_up(master: Master, ret: Result, cluster: str, views: Views, record: Run | None) -> Result:
    """Have a whole follower take a backup, once a run; return the state's result.

    :raises CommandExecutionError, ValueError: it has failed, or no follower is whole.
    """
    before = backup.taken(views, record)
    if before:
        return outcome.done(ret, f"taken on {before} before")
    node = backup.whose(views, record, answers.leader_of_record(views))
    if record and record.backup != node:  # before it is asked: whoever resumes asks the same
        record = lock.note(master, cluster, backup=node)
    bound = clusters.settings(master, cluster).timeouts.backup
    if orders.apply(master, ret, cluster, record, [node], "orch.node.backed_up", restarts=False, bound=bound):
        outcome.done(ret, f"on {node}")
    return ret


def failover_off(master: Master, name: str, cluster: str) -> Result:
    """Failover is off, so that nothing fails over to a follower that is being upgraded; as it was, if none is due."""
    with master.signals.step(name) as ret:
        views, record, due = _due(master, cluster)
        followers = _roles(views, due)[0]
        if not followers:
            look.keep(master, cluster, views, record)
            return outcome.done(ret, "no follower is due")
        if not answers.half_upgraded(views):
            look.fits(master, cluster, views, record)
        return failover.switched(master, name, cluster, "off")
    return ret


def failover_on(master: Master, name: str, cluster: str) -> Result:
    """Failover is on again after the followers; as it was, if this run has not switched it.

    Where the index is to be built again it comes on for the hand-over alone: leaderl moves the lead away from a node
    whose Elasticsearch fails, as each does here until the index is new.
    """
    with master.signals.step(name) as ret:
        held = lock.held(master, cluster)
        if held and held.failover == "off" and held.reindex:
            views, record, due = _due(master, cluster)
            leader = _roles(views, due)[1]
            if not leader or _has_only_to_rejoin(master, cluster, views, record, leader[0]):
                look.keep(master, cluster, views, record)
                return outcome.done(ret, "no leader has to hand over: failover stays off until the index is new")
        return failover.on_again(master, name, cluster)
    return ret


def failover_off_and_on(master: Master, name: str, cluster: str) -> Result:
    """After a hand-over failover was switched off and on again, as the documented procedure has it."""
    with master.signals.step(name) as ret:
        if master.test:
            ret.update(result=None, comment="failover would be off, then on")
            return ret
        held = lock.held(master, cluster)
        if held is None or held.turn is None:
            return outcome.done(ret, "no leader was upgraded")
        ret["changes"].update(failover.switch_off_and_on(master, cluster))
        return outcome.done(ret, "failover is on")
    return ret


def upgraded(master: Master, name: str, cluster: str, turn: str) -> Result:
    """The next backend whose turn it is runs the target and has rejoined: who that is, is asked now.

    Where the index is to be built again, the leader is waited for later: failover goes off first.

    Two at once may lose data, so each waits for the gates, which see the one before back. If the lead has moved by
    itself, the last turn is that of a node that follows now: it is upgraded as such, with failover off meanwhile.

    :param turn: ``first`` or ``second`` of the followers, or ``last``: the leader, handing over first.
    """
    with master.signals.step(name) as ret:
        settings = clusters.settings(master, cluster)
        views, record, due = _due(master, cluster)
        node = _whose_turn(views, due, turn, master.test)
        if node is None:
            look.keep(master, cluster, views, record)
            return outcome.done(ret, "nothing is due")
        leads = node == answers.leader(views)
        if leads and _has_only_to_rejoin(master, cluster, views, record, node):
            look.keep(master, cluster, views, record)
            return outcome.done(ret, f"{node} leads: it runs {settings.version} already, and has only to rejoin")
        alone = turn == LAST and not leads and not master.test
        if alone:
            ret["changes"]["failover off"] = failover.switch(master, cluster, "off")
        _upgrade(master, ret, settings, views, node, "leader" if leads else "follower")
        if alone and not (record and record.reindex):  # there it stays off until the index is new
            ret["changes"]["failover on"] = failover.switch(master, cluster, "on")
    return ret


def verified(master: Master, name: str, cluster: str) -> Result:
    """Every backend runs the target version, the cluster is wholly healthy, failover is on."""
    with master.signals.step(name) as ret:
        settings = clusters.settings(master, cluster)
        if master.test:
            ret.update(result=None, comment=f"would verify that every backend runs {settings.version}")
            return ret

        shows = clusters.backends(master, cluster)[0]

        def all_are_well() -> Views:
            views, _ = look.look(master, cluster, table=shows)
            gates.healthy(views, settings.gates.max_lag_bytes)
            gates.upgraded(views, str(settings.version))
            gates.failover_is(views, "on")
            gates.settled(views, settings.gates.settle_seconds)
            return views

        held = lock.held(master, cluster)
        if held and held.turn:  # before the last look: a backend that misses the word after it waits for nobody
            lock.note(master, cluster, turn=None)
        _let_settle(master, settings)
        views = look.until_holds(master, cluster, all_are_well, settings.timeouts.rejoin)
        record = lock.note(master, cluster, step="verified", down=False)
        look.keep(master, cluster, views, record)
        progress.tell(master, record, "verify", journal.END)
        return outcome.done(ret, f"{len(views)} backends run {settings.version}, healthy, failover on")
    return ret


def _upgrade(master: Master, ret: Result, settings: Cluster, seen: Views, node: str, role: str) -> None:
    """Hold the gates of a node's turn, then have it install, upgrade and rejoin. Raises CommandExecutionError.

    :param seen: by which it is its turn.
    """
    cluster, turn = settings.name, {"step": f"upgrade {role} {node}", "turn": node}
    began = master.clock.monotonic()
    _let_settle(master, settings)
    views, record = look.until_holds(
        master, cluster, lambda: _gates(master, settings, seen, node, role, turn), settings.timeouts.gate
    )
    if record is not None:
        number = len(views) - len(answers.due(views, str(settings.version))) + 1
        values = [dataclasses.asdict(one) for one in gates.measured(views, settings, search=not record.reindex)]
        data = {"number": number, "count": len(views), "values": values}
        progress.tell(master, record, journal.GATE, journal.END, node=node, comment=record.step, data=data)
    ret["comment"] = f"the gates hold; {node} would be upgraded as the {role}" if master.test else ""
    order = functools.partial(
        orders.apply, master, ret, cluster, record, [node], holds=lambda: _still_holds(master, settings, node, role)
    )
    if role == "leader" and record is not None and record.reindex:
        # failover goes off first: leaderl moves the lead from one node to the next while no Elasticsearch works
        # who has handed over follows, and must not be ordered to do so again
        done = order("orch.node.handed_over", restarts=False, again=False)
        what = "has handed the lead over"
    else:
        done = order("orch.node.upgraded", handover=role == "leader")
        what = "has rejoined"
    if done:
        lock.measured(master, node, master.clock.monotonic() - began)
        outcome.done(ret, f"{node}, the {role}, runs {settings.version} and {what}")


def _let_settle(master: Master, settings: Cluster) -> None:
    """Wait until the services of the node before have been up for the settle time: a look before that is in vain."""
    left = settings.gates.settle_seconds - orders.rested(master)
    if left > 0 and not master.test:
        said = f"waits {left:.0f} s: every service has to have been up for {settings.gates.settle_seconds} s"
        progress.tell(master, lock.held(master, settings.name), journal.GATE, journal.BEGIN, comment=said)
        master.clock.sleep(left)


def _gates(
    master: Master, settings: Cluster, views: Views, node: str, role: str, turn: dict[str, str]
) -> tuple[Views, Run | None]:
    """Hold all that must be true before a node is touched; return views and record, which says whose turn it is.

    :param views: what was seen before: where all nodes were whole, one of them tells of the whole cluster.
    """
    shows = None if answers.half_upgraded(views) else min(views)
    views, record = look.look(master, settings.name, turn, table=shows)
    search, resumed = not (record and record.reindex), views[node].half_upgraded is not None
    gates.healthy(views, settings.gates.max_lag_bytes, node if resumed else None, search)
    gates.nobody_at_work(views)
    gates.turn_of(views, str(settings.version), node, role, last=not master.test)
    if not master.test:
        gates.failover_is(views, "off" if role == "follower" else "on")
        if record:
            gates.looked_after(views, record.lease)
    gates.settled(views, settings.gates.settle_seconds, search)
    if search and not resumed:
        look.fits(master, settings.name, views, record)
    return views, record


def _still_holds(master: Master, settings: Cluster, node: str, role: str) -> None:
    """Hold, before a node's order is given anew, what may have changed since its gates: the others, and failover."""

    def others_are_well() -> None:
        views, record = look.inside_a_turn(master, settings.name)
        gates.healthy(views, settings.gates.max_lag_bytes, node, not record.reindex)
        gates.nobody_at_work(views)
        if role == "follower":
            gates.failover_is(views, "off")
        elif _leads_still(views, node):
            gates.failover_is(views, "on")

    look.until_holds(master, settings.name, others_are_well, settings.timeouts.gate)


def _leads_still(views: Views, node: str) -> bool:
    """Whether the others show that it has not handed the lead over; its own table may lag while it is half-upgraded."""
    tables = [view.cluster for other, view in views.items() if other != node and view.cluster]
    return all(leads.name == node for table in tables for leads in table.leaders)


def _due(master: Master, cluster: str) -> tuple[Views, Run | None, list[str]]:
    """Return views, record, and the backends that are due; who leads is told by all, some time after a move at least.

    :raises CommandExecutionError: within the bound of a hand-over nobody leads, or more than one.
    """
    settings = clusters.settings(master, cluster)

    def seen() -> tuple[Views, Run | None, list[str]]:
        views, record = look.glance(master, cluster)
        answers.leader_of_record(views)
        return views, record, clusters.due(views, str(settings.version))

    return look.until_holds(master, cluster, seen, settings.timeouts.failover)


def _has_only_to_rejoin(master: Master, cluster: str, views: Views, record: Run | None, leader: str) -> bool:
    """Whether a re-index has upgraded the leader already: the lead has come back to it, and to rejoin has its own step.

    The lead goes from one to the next while failover is on, and no gate of a hand-over would hold for long enough.
    """
    if record is None or not record.reindex or leader not in record.upgraded:
        return False
    return views[leader].version == str(clusters.settings(master, cluster).version)


def _roles(views: Views, due: list[str]) -> tuple[list[str], list[str]]:
    """Return which of those that are due follow now, and which leads."""
    leads = answers.leader(views)
    return [node for node in due if node != leads], [node for node in due if node == leads]


def _whose_turn(views: Views, due: list[str], turn: str, test: bool) -> str | None:
    """Return the node whose turn it is; None if it is nobody's. Raises ValueError if there is no such turn."""
    if turn not in TURNS:
        raise ValueError(f"turn: found {turn!r}, expected one of {', '.join(TURNS)}: correct the SLS")
    if not due:
        return None
    followers, leader = _roles(views, due)
    if turn == LAST:
        waiting = followers if not test else []
        if len(leader + waiting) > 1:
            raise CommandExecutionError(
                f"{', '.join(leader + waiting)} are still due, the lead has moved: the same command goes on from here"
            )
        return next(iter(leader + waiting), None)
    at = 1 if test and turn == SECOND else 0  # in test mode the first was not upgraded before
    return followers[at] if len(followers) > at else None

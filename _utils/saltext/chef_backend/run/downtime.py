"""The way with full downtime: the frontends refuse, the leader goes down first, and comes up last."""

from collections.abc import Callable, Sequence

from saltext.chef_backend import journal, outcome
from saltext.chef_backend.judge import answers, downtime, gates
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.record import Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import frontends, lock, look, orders, progress
from saltext.chef_backend.run.master import Master
from saltext.chef_backend.settings import Cluster

# what the table of the cluster shows is not asked for: with no quorum it takes long, and shows nothing
WHILE_DOWN = ("record", "version", "busy", "status", "half_upgraded", "leads")
TURNS = ("first", "second", "third")


def installed(master: Master, name: str, cluster: str) -> Result:
    """The package is installed on every backend; that restarts nothing."""
    with master.signals.step(name) as ret:
        views, record = look.look(master, cluster)
        late = downtime.to_install(views, str(clusters.settings(master, cluster).version))
        # where it was begun it may have been cut off half-way, whatever the manifest says
        late = sorted({*late, *answers.half_upgraded(views)} - {*(record.finished if record else ())})
        if not late:
            look.keep(master, cluster, views, record)
            return outcome.done(ret, "installed everywhere")
        if not answers.half_upgraded(views):  # what has begun is gone on with
            look.fits(master, cluster, views, record)
        if orders.apply(master, ret, cluster, record, late, "orch.node.installed", restarts=False):
            return outcome.done(ret, f"on {', '.join(late)}")
    return ret


def taken_down(master: Master, name: str, cluster: str, turn: str) -> Result:
    """The next backend is down for the upgrade: the leader first, with which the writing ends.

    :param turn: ``first``, ``second`` or ``third``; who that is, is asked now.
    """
    return _turn(
        master, name, cluster, turn, downtime.to_take_down, _may_go_down, "orch.node.down", "go down",
        lambda record: record.taken_down,
    )  # fmt: skip


def upgraded(master: Master, name: str, cluster: str, turn: str) -> Result:
    """The next backend runs the target: the leader of record last, for nobody else may lead before it does.

    :param turn: ``first``, ``second`` or ``third``; who that is, is asked now.
    """
    return _turn(
        master, name, cluster, turn, downtime.to_upgrade, _may_come_up, "orch.node.upgraded_from_down", "be upgraded",
        lambda record: record.finished,
    )  # fmt: skip


def needed(views: Views, target: str) -> bool:
    """Whether there is anything to go down for: a backend is due, or this run has the cluster down."""
    record = answers.run(views)
    return bool(clusters.due(views, target)) or bool(record and record.down)


def _turn(
    master: Master,
    name: str,
    cluster: str,
    turn: str,
    order: Callable[[Views, Run | None, str], list[str]],
    check: Callable[[Master, Cluster, str], Run],
    sls: str,
    would: str,
    before: Callable[[Run], Sequence[str]],
) -> Result:
    """Have the next backend do its part.

    :param order: of the backends that have to.
    :param check: holds its gates, and returns the record.
    :param before: the backends that had their turn.
    """
    with master.signals.step(name) as ret:
        settings = clusters.settings(master, cluster)
        held = lock.held(master, cluster)
        views, record = look.look(master, cluster, only=WHILE_DOWN if held and held.down else None)
        if record and (leader := downtime.leads_now(views, record)):
            views, record = look.look(master, cluster, {"leader": leader}, WHILE_DOWN)
            downtime.leader_is_known(views, leader)
        due = needed(views, str(settings.version)) and order(views, record, answers.leader_of_record(views))
        at = TURNS.index(turn) if master.test else 0  # in test mode those before did nothing
        if not due or len(due) <= at:
            look.keep(master, cluster, views, record)
            return outcome.done(ret, "nothing is due")
        node = due[at]
        ret["comment"] = f"{node} would {would}" if master.test else ""
        began = master.clock.monotonic()

        def holds() -> Run:
            return look.until_holds(master, cluster, lambda: check(master, settings, node), settings.timeouts.gate)

        if not master.test:
            record = holds()
            data = {"number": len({*before(record), node}), "count": len(record.backends)}
            progress.tell(master, record, journal.GATE, journal.END, node=node, comment=record.step, data=data)
        if orders.apply(master, ret, cluster, record, [node], sls, holds=holds):
            lock.measured(master, node, master.clock.monotonic() - began)
            return outcome.done(ret, f"{node}; {record.leader if record else node} led")
    return ret


def _may_go_down(master: Master, settings: Cluster, node: str) -> Run:
    """The frontends refuse their clients, and it is this node's turn to go down: the leader's first.

    Before the first node goes down every backend has noted who led, for nobody can tell afterwards.
    """
    turn = {"step": f"take {node} down", "turn": node}
    views, record = _look(master, settings)
    gates.everybody_answers(views)
    gates.nobody_at_work(views)
    if record.down:
        downtime.may_go_next(views, record, node)
        return _noted(master, settings, turn)
    views, _ = look.look(master, settings.name, turn)
    gates.healthy(views, settings.gates.max_lag_bytes)
    downtime.may_go_first(views, node)
    frontends.refuse(master, settings.name, record.frontends)
    views, noted = look.look(master, settings.name, {"leader": node, "down": True}, ["record"])
    downtime.leader_is_known(views, node)
    return _theirs(noted)


def _may_come_up(master: Master, settings: Cluster, node: str) -> Run:
    """The whole cluster is down or upgraded, and it is this node's turn: the leader's of record last."""
    views, record = _look(master, settings)
    gates.everybody_answers(views)
    gates.nobody_at_work(views)
    downtime.may_come_up(views, record, str(settings.version), node)
    return _noted(master, settings, {"step": f"upgrade {node}", "turn": node})


def _look(master: Master, settings: Cluster) -> tuple[Views, Run]:
    views, record = look.look(master, settings.name, only=WHILE_DOWN)
    return views, _theirs(record)


def _noted(master: Master, settings: Cluster, changes: dict[str, str]) -> Run:
    return _theirs(look.look(master, settings.name, changes, ["record"])[1])


def _theirs(record: Run | None) -> Run:
    if record is None:  # only in test mode, in which no gate is held
        raise ValueError("no run is open")
    return record


def frontends_out(master: Master, name: str, cluster: str) -> Result:
    """Clients are refused by every frontend, where a backend is to go down: a refusal, not half an answer."""
    with master.signals.step(name) as ret:
        views, record = look.look(master, cluster)
        if not needed(views, str(clusters.settings(master, cluster).version)):
            look.keep(master, cluster, views, record)
            return outcome.done(ret, "nothing is due")
        return frontends.taken_out(master, name, cluster, record)
    return ret

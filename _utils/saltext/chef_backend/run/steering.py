"""Steer a run from a second terminal, or start one while nobody looks: decided from its record, and done."""

import dataclasses
from collections.abc import Sequence

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers, gates, silence, steering, window
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.steering import Answer
from saltext.chef_backend.record import Record, Run
from saltext.chef_backend.run import closing, frontends, lock, ways
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run.master import Master
from saltext.chef_backend.settings import Cluster


@dataclasses.dataclass(frozen=True)
class Done:
    """What a verb did: whether that is what was asked for, what is told, and the orchestration to be started."""

    ok: bool
    text: str
    start: str | None = None


def pause(master: Master, cluster: str) -> Done:
    """Have the cluster's run end before it touches another node; failover is on while it is paused."""
    record, gone, _ = _found(master, cluster, "record")
    return _do(master, cluster, record, steering.pause(record, gone))


def resume(master: Master, cluster: str) -> Done:
    """Tell whether the cluster's run goes on; one that nobody drives has to be started by the caller."""
    record, gone, _ = _found(master, cluster, "record")
    return _do(master, cluster, record, steering.resume(record, gone, _stops(master, cluster, record)))


def abort(master: Master, cluster: str) -> Done:
    """End the cluster's run: before it touches another node, or here and now if nobody drives it.

    A majority of the backends has to answer, no more: what cannot be done for want of the others is said.
    """
    views = clusters.views(master, cluster)
    try:
        record = answers.run(views)
    except ValueError as err:
        raise CommandExecutionError(str(err)) from err
    silent = [node for node, view in sorted(views.items()) if view.silent]
    if len(views) - len(silent) < answers.MAJORITY:
        raise CommandExecutionError("\n".join(str(silence.of(views, node)) for node in silent))
    half_upgraded = answers.half_upgraded(views)
    if record and record.down and _is_up(master, cluster, record, views):
        record, half_upgraded = dataclasses.replace(record, down=False, taken_down=()), []
    if record and record.way == records.REPLACE:
        half_upgraded = []  # the node that is replaced may have broken in its upgrade
    left: list[str] = []
    if record and record.way == records.FRONTENDS:
        half_upgraded = frontends.unfinished(master, cluster)
        drained, mute = frontends.left_drained(master, cluster, record)
        left = [frontends.no_clients(node, "was drained") for node in drained]
        left += [frontends.no_clients(node, why) for node, why in mute.items()]
    ended = _ended(master, cluster) if record is None else None
    gone = lock.gone(master, record) if record else None
    answer = steering.abort(record, gone, half_upgraded, ended, silent)
    if record and answer.action == steering.CLOSE:
        done = closing.aborted(master, views, record)
        return Done(done["result"], "; ".join([done["comment"], *left]))
    if not answer.ok:
        why = [str(silence.of(views, node)) for node in silent]
        answer = dataclasses.replace(answer, text="\n".join([answer.text, *why]))
    return _do(master, cluster, record, answer)


def _is_up(master: Master, cluster: str, run: Run, views: Views) -> bool:
    """Whether a cluster that a run was to take down is wholly well: its command has failed, and no node is down."""
    bound = clusters.settings(master, cluster).gates.max_lag_bytes
    return not run.inside and not run.finished and answers.verdict(views, bound).healthy


def scheduled(master: Master, cluster: str) -> Done:
    """Tell whether the master's schedule is to start the cluster's upgrade, or go on with what waited for its window.

    :raises CommandExecutionError: no window is named, or it cannot be told.
    """
    settings = clusters.settings(master, cluster)
    if not settings.window:
        raise CommandExecutionError(
            f"chef_backend:clusters:{cluster}:window: found nothing, expected a window: a schedule would else start "
            "an upgrade at any time"
        )
    return _unattended(master, settings)


def requested(master: Master, cluster: str, version: str) -> Done:
    """Tell whether a request, which was accepted, is to start the cluster's upgrade.

    :param version: its target.
    :raises CommandExecutionError: it is not the target any more, or it cannot be told.
    """
    settings = clusters.settings(master, cluster)
    if str(settings.version) != version:
        raise CommandExecutionError(f"{version} was requested, and the target of {cluster} is {settings.version}")
    return _unattended(master, settings)


def _found(master: Master, cluster: str, *parts: str) -> tuple[Run | None, str | None, Views]:
    """Return the cluster's record, why nobody drives it (None if somebody does), and the views with these parts."""
    views = clusters.views(master, cluster, parts)
    try:
        gates.everybody_answers(views)
        record = answers.run(views)
    except ValueError as err:
        raise CommandExecutionError(str(err)) from err
    return record, lock.gone(master, record) if record else None, views


def _unattended(master: Master, settings: Cluster) -> Done:
    """Decide for the schedule, or an event: nobody is looking."""
    cluster = settings.name
    outside = window.closed(settings.window, master.clock.now())
    if outside:  # most of the time: the nodes are left in peace
        return _do(master, cluster, None, steering.scheduled(None, None, outside, [], None, []))
    record, gone, views = _found(master, cluster, "record", "earlier")
    due: Sequence[str] = []
    ended = None
    if record is None:
        views = clusters.views(master, cluster)
        due, ended = clusters.due(views, str(settings.version)), _ended(master, cluster)
    outside = ways.outside(master, cluster, record, views) if record or due else None
    stops = _stops(master, cluster, record)
    return _do(master, cluster, record, steering.scheduled(record, gone, outside, due, ended, stops))


def _ended(master: Master, cluster: str) -> Record | None:
    """Return the record of the last finished run, or None."""
    bound = clusters.ask_bound(master, cluster)
    said = master.bus.ask(clusters.backends(master, cluster), "chef_backend_agent.last", timeout=bound)
    return records.highest(clusters.records_of({node: answer.value for node, answer in said.items() if answer.ok}))


def _stops(master: Master, cluster: str, record: Run | None) -> list[str]:
    """Return the versions in the pillar that a run like this one may go to, as text."""
    settings = clusters.settings(master, cluster)
    if record is None or record.way != records.FRONTENDS:
        return [str(version) for version in settings.stops]
    return [str(settings.server.version)] if settings.server else []


def _do(master: Master, cluster: str, record: Run | None, answer: Answer) -> Done:
    bound = clusters.ask_bound(master, cluster)
    if record and answer.action == steering.WISH:
        args = (record.run, record.epoch, answer.wish)
        said = master.bus.ask(record.backends, "chef_backend_agent.wish", *args, timeout=bound)
        if not any(told.ok and told.value for told in said.values()):
            raise CommandExecutionError(f"run {record.run} has ended meanwhile: nothing was done")
    if record and answer.action == steering.HOLD:
        lock.tell(master, record.changed_to(master.clock.now(), waits=None))
    start = steering.orchestration(record) if answer.action == steering.START else None
    return Done(answer.ok, answer.text, start)

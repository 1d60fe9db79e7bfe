"""What every step of a run does before it acts: look at the cluster, hold the record, await a gate."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from saltext.chef_backend import journal, waiting
from saltext.chef_backend import record as records
from saltext.chef_backend.errors import InVain
from saltext.chef_backend.judge import answers, gates
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.record import Record, Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import lock, progress
from saltext.chef_backend.run.master import Master

LEADS = "chef_backend.leads"
LOOK = "chef_backend.look"  # what the last step saw and left as it was
LOOK_IS_GOOD = 5  # seconds
SEEN = "chef_backend.seen"  # what was seen last of each cluster, however long ago
GLANCE = ("record", "version", "half_upgraded", "leads")  # what costs no command of the product
Seen = TypeVar("Seen")


def look(
    master: Master,
    cluster: str,
    changes: Mapping[str, Any] | None = None,
    only: Sequence[str] | None = None,
    table: str | None = None,
) -> tuple[Views, Run | None]:
    """Ask all backends; return their views and the run, which must still be this orchestration's.

    What the step before saw, and left as it was, is not asked again.

    :param changes: fields of the record to change first, in the same round.
    :param only: names of the parts to ask for; all if not given. ``record`` must be one of them.
    :param table: the one backend that is to ask for cluster-status; every one if not given.
    :returns: the views, and the run, or None in test mode, in which none is open.
    :raises CommandExecutionError: the run is not this orchestration's.
    :raises InVain: the operator wants the run to end before anything more is begun.
    """
    fresh = _kept(master, cluster)
    if fresh and not changes and not only:
        return fresh
    if master.test:
        return clusters.views(master, cluster), None
    views, run = inside_a_turn(master, cluster, only, table, **(changes or {}))
    gates.not_ended_by_wish(run)
    if not only:
        seen(master, cluster, views)
    return views, run


def inside_a_turn(
    master: Master, cluster: str, only: Sequence[str] | None = None, table: str | None = None, **changes: Any
) -> tuple[Views, Run]:
    """Ask all backends as :func:`look` does, where a node is in the middle of its turn: no wish is heeded there.

    :raises CommandExecutionError: the run is not this orchestration's.
    """
    views = lock.say(master, cluster, only, table, **changes)
    return views, lock.owned(master, cluster, views)


def seen(master: Master, cluster: str, views: Views) -> None:
    """Keep what was seen of a cluster, for :func:`glance`."""
    master.kept[f"{SEEN}.{cluster}"] = views


def glance(master: Master, cluster: str) -> tuple[Views, Run | None]:
    """Return the backends as they were seen last, with what costs no command of the product asked anew.

    Enough to say whose turn something is; what is done to a node waits for gates that look again.

    :raises CommandExecutionError, InVain: as :func:`look`.
    """
    fresh = _kept(master, cluster)
    if fresh:
        return fresh
    before: Views | None = master.kept.get(f"{SEEN}.{cluster}")
    if before is None or master.test or answers.half_upgraded(before):
        return look(master, cluster)
    now, run = look(master, cluster, only=GLANCE)
    if any(view.errors for view in now.values()) or sum(bool(view.leads) for view in now.values()) != 1:
        return look(master, cluster)
    return {node: _merged(before[node], view) for node, view in now.items()}, run


def run_of(master: Master, cluster: str, changes: Mapping[str, Any] | None = None) -> Run | None:
    """Return the run, which must still be this orchestration's; None in test mode.

    :param changes: fields of the record to change first, in the same round.
    :raises CommandExecutionError, InVain: as :func:`look`.
    """
    return None if master.test else look(master, cluster, changes, ["record"])[1]


def _kept(master: Master, cluster: str) -> tuple[Views, Run | None] | None:
    """Take what the last step saw and left as it was, if that was just now."""
    kept = master.kept.pop(LOOK, None)
    if kept is None or kept[0] != cluster or master.clock.monotonic() - kept[3] >= LOOK_IS_GOOD:
        return None
    views, run = kept[1], kept[2]
    return views, run


def _merged(before: View, now: View) -> View:
    return dataclasses.replace(
        before,
        record=now.record,
        note=now.note,
        unheard=now.unheard,
        ended=now.ended,
        version=now.version,
        half_upgraded=now.half_upgraded,
        leads=now.leads,
        errors=now.errors,
    )


def keep(master: Master, cluster: str, views: Views, run: Run | None) -> None:
    """Leave what was seen to the next step, as nothing was done since."""
    seen(master, cluster, views)
    master.kept[LOOK] = (cluster, views, run, master.clock.monotonic())
    if run is not None:
        _tell_who_leads(master, views, run)


def until_holds(master: Master, cluster: str, check: Callable[[], Seen], bound: float) -> Seen:
    """Return what ``check`` returns as soon as it raises no more; what it waits for is told.

    What nodes show lags behind by some seconds; a gate that looks once would stop good runs.

    :raises CommandExecutionError: what did not hold when the bound had passed.
    :raises InVain: at once, what cannot change.
    """

    def told(said: str) -> None:
        progress.tell(
            master, lock.held(master, cluster), journal.GATE, journal.BEGIN, comment=f"waits up to {bound:g} s: {said}"
        )

    return waiting.until(master.clock, check, bound, every=0.3, told=told)


def fits(master: Master, cluster: str, views: Views, run: Run | None) -> None:
    """Hold that what is begun now ends before the maintenance window does; else the run pauses until the next opens.

    :param run: None in test mode, in which nothing is begun.
    :raises InVain: it does not fit; the record says that the run waits for the next window.
    """
    if run is None or run.down or not records.may_be_left(run):
        return  # a cluster that is down has to come up, clients who are refused have to be let in again
    try:
        gates.fits_window(clusters.settings(master, cluster), master.clock.now(), run, views)
    except InVain as err:
        lock.note(master, cluster, waits=str(err))
        raise


def _tell_who_leads(master: Master, views: Views, record: Record) -> None:
    """Tell who leads, when that is another node than when it was looked at before."""
    try:
        leads = answers.leader(views)
    except ValueError:
        return  # the cluster is down, or between two leaders
    key = f"{LEADS}.{record.run}"
    if leads != master.kept.get(key, record.leader):
        progress.tell(master, record, "leads", journal.END, node=leads)
    master.kept[key] = leads

"""Close a run: failover on if that is safe, the cluster free for the next. It runs whatever happened before.

What has to be done comes first, and nothing that may be left out can keep it from being done.
"""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import journal
from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers, downtime, failover, gates, kinds
from saltext.chef_backend.judge import waiver as waivers
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.plan import NO_FRONTENDS
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.reason import Reason
from saltext.chef_backend.record import Record, Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import failover as switch
from saltext.chef_backend.run import heartbeat, lock, look, orders, probe, progress
from saltext.chef_backend.run.master import Master

Running = Mapping[str, Mapping[str, Any]]  # the results of the steps before, by Salt's tag
NOT_RUN = "One or more requisite failed"  # Salt's own words
log = logging.getLogger(__name__)


class StillOn(ValueError):
    """Failover should be off, and could not be switched."""


def closed(master: Master, name: str, cluster: str, running: Running) -> Result:
    """The run of this orchestration is ended: failover on if that is safe, the cluster free for the next.

    A run that failed keeps its record, so that the same command resumes it.
    """
    ret: Result = {"name": name, "result": False, "changes": {}, "comment": ""}
    held = lock.held(master, cluster)
    failed = {str(step.get("__id__")): step for step in running.values() if step.get("result") is False}
    why = [one for step in failed.values() for one in _why(step)]
    with master.signals.closing():
        if master.test:
            ret.update(result=None, comment="would switch failover on if it is not, and free the cluster")
        elif held is None:
            ret.update(result=True, comment="no run was opened: nothing to close")
        else:
            if master.signals.came:  # in the middle of what it waited for: that client raises it again
                master = dataclasses.replace(master, bus=master.bus.own())
            _close(master, ret, held, list(failed), kinds.fields_ordered(why))
    return ret


def _why(step: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The reasons for which a step has failed, as fields; none for one that Salt has not run for that."""
    comment = str(step.get("comment") or "")
    if comment.startswith(NOT_RUN):
        return []
    return step.get("reasons") or [kinds.fields(Reason("failed", "", said=(comment.splitlines() or [""])[0]))]


def _close(
    master: Master, ret: Result, held: Record, failed: list[str], reasons: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Do what has to be done, and then what may be left out."""
    cluster = held.cluster
    state = records.FAILED if failed else records.DONE
    try:
        # the first word makes every order void that is on its way still
        step = held.step if failed else "close"
        views = lock.say(master, cluster, ["record", "half_upgraded"], step=step)
        run, half = lock.owned(master, cluster, views), answers.half_upgraded(views)
        if failed:
            _spread(master, run)
        aborts = bool(failed) and run.wish == records.ABORT
        if aborts and _may_be_aborted(run, half):
            state = records.ABORTED
        elif failed and (run.wish == records.PAUSE or run.waits):
            state = records.PAUSED
        end(master, ret, run, state, failed)
        if aborts and state != records.ABORTED:
            left = f"{', '.join(half)} is half-upgraded" if half else "clients would be refused for ever"
            ret["comment"] += f"\nIt is not aborted: {left}. Go on with it, and abort it afterwards"
    except (CommandExecutionError, ValueError) as err:
        _not_closed(master, ret, held, str(err))
    except Exception as err:  # whatever is wrong here: who types it reads what it leaves, and the rest is done
        log.exception("closing the run")
        why = f"An exception occurred, which the master's log tells whole: {type(err).__name__}: {err}"
        _not_closed(master, ret, held, why)
    for optional in (
        lambda: _tell(master, cluster, ret, reasons),
        lambda: heartbeat.stop(master, held.owner.jid),
        lambda: probe.end(master, held),
    ):
        _on_its_own(optional)


def aborted(master: Master, seen: Views, found: Run) -> Result:
    """End a run that nobody drives: it is taken over first, which makes its late orders void.

    :param seen: views of the backends, which tell of the run.
    :raises CommandExecutionError: what is still at work, or too few backends answer; then the run is as it was, failed.
    """
    cluster, ret = found.cluster, Result(name="abort", result=False, changes={}, comment="")
    run = lock.take_over(master, seen, found, "abort")
    try:

        def at_rest() -> Views:
            views = lock.say(master, cluster)
            gates.nobody_at_work(views)
            return views

        views = look.until_holds(master, cluster, at_rest, clusters.settings(master, cluster).timeouts.gate)
        inside = sorted({*lock.owned(master, cluster, views).inside} - {*found.inside})
        if inside:
            raise CommandExecutionError(f"{', '.join(inside)} got inside its upgrade meanwhile: resume the run instead")
        end(master, ret, run, records.ABORTED, [])
    except BaseException:
        _on_its_own(lambda: lock.note(master, cluster, state=records.FAILED, step=found.step))
        raise
    return ret


def _may_be_aborted(run: Run, half_upgraded: list[str]) -> bool:
    """Whether nothing is left that only this run can finish."""
    return records.may_be_left(run) and (not half_upgraded or run.way == records.REPLACE)


def end(master: Master, ret: Result, run: Run, state: str, failed: list[str]) -> None:
    """End a run that this process drives, of which all late orders are void by now; put into a result how.

    :param state: ``done``, ``failed``, ``paused`` or ``aborted``, if all goes well.
    :param failed: IDs of the steps that failed.
    :raises CommandExecutionError, ValueError: the run is this process' no more, or too few backends answer.
    """
    troubles = list[str]()
    if run.down:  # by this run: nothing of it can be restored but by going on
        views = clusters.views(master, run.cluster, ["record", "cluster_status", "status"])
        lock.note(master, run.cluster, state=records.FAILED, turn=None)
        _spread(master, run)
        ret["comment"] = downtime.advice(views, run)
        return
    try:
        _restore_failover(master, ret, run, bool(failed) or state != records.DONE)
    except StillOn as err:
        troubles += [str(err), *_blind(master, run)]
    except (CommandExecutionError, ValueError) as err:
        troubles += _off(master, run, str(err))
    ret["comment"] = "\n".join(troubles)  # should what follows fail: this is so all the same
    if state != records.DONE:
        let_in, not_yet = let_clients_in(master, run)
        ret["changes"].update(let_in)
        troubles += not_yet
        if not_yet and state == records.ABORTED:
            state = records.FAILED  # abort has not done all of it yet
    ret["comment"] = "\n".join(troubles)
    said = _ended(master, run, state, failed)
    ret.update(result=not troubles, comment="\n".join([*troubles, said]))


def let_clients_in(master: Master, run: Run) -> tuple[Mapping[str, Any], list[str]]:
    """Bring back the frontends that a run took out of service, where no backend has been touched.

    :returns: changes, as a state tells them; and why clients are still refused, one sentence a frontend. One that has
        left the pillar and does not answer is none of this cluster's any more.
    """
    let_in, not_yet = dict[str, Any](), list[str]()
    if not records.frontends_may_serve(run):
        return let_in, not_yet
    bound = clusters.settings(master, run.cluster).timeouts.reconfigure
    try:
        named: Sequence[str] = clusters.frontends(master, run.cluster)
    except CommandExecutionError:  # the pillar's target matches none, or a strange one, by now: the run knows its own
        named = run.frontends
    for node in run.frontends:
        try:
            if orders.all_do(master, run.cluster, [node], "chef_server_agent.bring_back", bound)[node]:
                let_in[node] = {"old": "out of service", "new": "in service"}
        except CommandExecutionError as err:
            if node in named:
                not_yet.append(f"{node} may still refuse its clients, the same command lets them in: {err}")
            else:
                log.warning("run %s: %s has left the pillar, and may refuse its clients: %s", run.run, node, err)
    return let_in, not_yet


def _restore_failover(master: Master, ret: Result, run: Run, failed: bool) -> None:
    """Have failover on: ordered, where this run has switched it off, or any backend shows that it is off.

    :raises CommandExecutionError, ValueError: why it stays off.
    """
    if not records.switches_failover(run):
        return
    cluster = run.cluster
    if failed and run.reindex:
        _keep_the_lead(master, ret, cluster)
    held = lock.held(master, cluster)
    if held and held.failover != "off":  # what this run has switched off it orders on, whatever the table shows
        one = clusters.views(master, cluster, ["cluster_status"], table=run.backends[0]) if not failed else {}
        if answers.failover(one) == "on":
            return
        if answers.failover(clusters.views(master, cluster, ["cluster_status"])) in ("on", "unknown"):
            return
        lock.note(master, cluster, failover="off")  # switched off by another; it comes on with this run's end
    # a step may have failed right after a hand-over: what nodes show of it lags
    bound = clusters.settings(master, cluster).timeouts.gate
    ret["changes"].update(look.until_holds(master, cluster, lambda: switch.restore(master, cluster), bound))


def _keep_the_lead(master: Master, ret: Result, cluster: str) -> None:
    """Have failover off where leaderl would move the lead from one to the next: none can read the old index.

    :raises ValueError: it is off, and why.
    :raises StillOn: it could not be switched off; the backends go on trying.
    """
    held = lock.held(master, cluster)
    seen = clusters.views(master, cluster, ["cluster_status", "status"]).values()
    why = failover.leader_without_search(seen, held.waived if held else ())
    if why:
        # what this run has switched off is off; else it says so first, and the backends go on looking
        if held and held.failover != "off":
            lock.note(master, cluster, failover="off")
            try:
                ret["changes"].update(switch.order(master, cluster, "off"))
            except CommandExecutionError as err:
                raise StillOn(
                    f"FAILOVER OF {cluster} MAY BE ON, AND THE LEAD MAY MOVE: it could not be switched off: {err}\n"
                    + "\n".join(why)
                ) from err
        raise ValueError("\n".join(why))


def _ended(master: Master, run: Run, state: str, failed: list[str]) -> str:
    """Write how the run has ended, and say it."""
    cluster, views = run.cluster, _views(master, run.cluster)
    held = lock.held(master, cluster) or run
    off = held.failover == "off"
    shown = "OFF" if off else held.failover
    now = f"; failover is {shown}" if records.switches_failover(run) and held.failover != "unknown" else ""
    word = {"state": state, "turn": failover.turn_left(views.values(), run)}
    if state in (records.DONE, records.ABORTED) and not off:
        missed = lock.finish(master, held.changed_to(master.clock.now(), **word))
        late = f"; {', '.join(missed)} did not hear of it, and learns it from the others" if missed else ""
        if state == records.ABORTED:
            return f"run {run.run} is aborted{now}; nothing is left open{late}"
        too_late = "; abort came too late, nothing was left to do" if run.wish == records.ABORT else ""
        left = f"; {NO_FRONTENDS}" if records.switches_failover(run) and not run.frontends else ""
        out = ", ".join(node for node in waivers.nodes(run.waived, "frontend-unknown") if node not in run.frontends)
        left += f"; {out} was left out: 'chef-server-ctl reconfigure' there is left to you" if out else ""
        return f"run {run.run} is done{now}{too_late}{late}{left}"
    if state == records.ABORTED:
        lock.note(master, cluster, **word, waits=None)
        _spread(master, run)
        return f"run {run.run} is aborted{now}: abort it again, or upgrade anew, when what stands above is mended"
    lock.note(master, cluster, **word, waits=run.waits if state == records.PAUSED else None)
    _spread(master, run)
    said = (
        f"run {run.run} {state} at {failed[0]!r}{now}; the same command resumes it"
        if failed
        else (f"run {run.run} {state}{now}; the same command goes on with it")
    )
    said += f"; it waits: {run.waits}" if run.waits and state == records.PAUSED else ""
    if not records.may_be_left(run):
        said += "; a frontend that is out of service stays so until then"
    return said


def _views(master: Master, cluster: str) -> Views:
    return clusters.views(master, cluster, ["record", "half_upgraded"])


def _off(master: Master, run: Run, why: str) -> list[str]:
    """Say that failover stays off, why, and who looks after it now."""
    blind = _blind(master, run)
    looks = "The backends go on looking after it: it comes on by itself as soon as that is mended"
    if len(blind) == len(run.backends):
        looks = "NOBODY LOOKS AFTER IT: switch it on by hand as soon as that is mended"
    return [f"FAILOVER OF {run.cluster} STAYS OFF: {why}", looks, *blind]


def _blind(master: Master, run: Run) -> list[str]:
    """See to it that each backend looks after failover; say which may not, one sentence each."""
    try:
        bound = clusters.ask_bound(master, run.cluster)
        said = master.bus.ask(run.backends, "chef_backend_agent.stay_armed", timeout=bound)
        blind = {node: answer.error or "it knows of no run" for node, answer in said.items() if not answer.value}
    except CommandExecutionError as err:
        blind = dict.fromkeys(run.backends, str(err))
    return [f"{node} may not look after it: {error}" for node, error in sorted(blind.items())]


def _not_closed(master: Master, ret: Result, before: Record, why: str) -> None:
    """Say that the run could not be closed, and what becomes of it, by the last word that was said of it.

    :param ret: keeps what was said already.
    :param before: its record when the close began.
    """
    last = lock.held(master, before.cluster) or before
    shown = "failover is as it was" if last.failover == before.failover else f"failover is {last.failover}"
    if last.failover == "off":
        shown = "FAILOVER MAY BE OFF"
    but = ", unless it says otherwise below" if ret["comment"] else ""
    said = (
        f"the run could not be closed, {shown}: {why}\nThe backends give it up when they have not heard of it for its "
        f"lease of {last.lease} s, and look after failover themselves{but}; the same command goes on from here"
    )
    ret["comment"] = "\n".join(filter(None, [said, ret["comment"]]))


def _tell(master: Master, cluster: str, ret: Result, reasons: Sequence[Mapping[str, Any]]) -> None:
    how = journal.END if ret["result"] else journal.FAILED
    data = {"reasons": list(reasons)} if reasons else {}
    progress.tell(master, lock.held(master, cluster), "close", how, comment=ret["comment"], data=data)


def _spread(master: Master, run: Run) -> None:
    """Have the frontends hear the word that was said last, if they can: orders of before are void there, too."""
    _on_its_own(lambda: lock.spread(master, lock.held(master, run.cluster) or run))


def _on_its_own(optional: Callable[[], object]) -> None:
    """Do what a run may do without: whatever it raises, it is logged, and all else is done."""
    try:
        optional()
    except Exception:
        log.exception("closing the run: what may be left out failed")

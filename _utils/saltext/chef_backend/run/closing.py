"""Close a run: failover on if that is safe, the cluster free for the next. It runs whatever happened before."""

from collections.abc import Mapping
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import journal
from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers, downtime
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.record import Record
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import failover, frontends, heartbeat, lock, look, probe, progress
from saltext.chef_backend.run.master import Master

Running = Mapping[str, Mapping[str, Any]]  # the results of the steps before, by Salt's tag


def closed(master: Master, name: str, cluster: str, running: Running) -> Result:
    """The run of this orchestration is ended: failover on if that is safe, the cluster free for the next.

    A run that failed keeps its record, so that the same command resumes it.
    """
    ret: Result = {"name": name, "result": False, "changes": {}, "comment": ""}
    try:
        if master.test:
            ret.update(result=None, comment="would switch failover on if it is not, and free the cluster")
            return ret
        opened = [step for tag, step in running.items() if tag.endswith("_|-opened")]
        if any(step["result"] is False for step in opened) and lock.held(master, cluster) is None:
            ret.update(result=True, comment="no run was opened: nothing to close")
            return ret
        views = clusters.views(master, cluster, ["record"])
        record = answers.record(views)
        if record is None and all(view.silent for view in views.values()):
            raise CommandExecutionError("; ".join(view.why_not("record") or "" for view in views.values()))
        if record is None or record.owner.jid != master.jid:
            ret.update(result=True, comment="this orchestration holds no run: nothing to close")
            return ret
        heartbeat.stop(master, record.owner.jid)
        probe.end(master, record)
        if record.state == records.ABANDONED:
            ret["comment"] = records.given_up(record)
            return ret
        failed = [str(step.get("__id__")) for step in running.values() if step.get("result") is False]
        if record.down:  # by this run: nothing of it can be restored but by going on
            lock.note(master, cluster, state=records.FAILED, turn=None, wish=None)
            ret["comment"] = downtime.advice(_look(master, record), record)
            progress.tell(master, record, "close", journal.FAILED, comment=ret["comment"])
            return ret
        _restore_failover(master, ret, record, failed)
        if failed:
            ret["changes"].update(let_clients_in(master, record))
        ret.update(result=True, comment=_end(master, record, failed))
        how = journal.FAILED if failed else journal.END
        progress.tell(master, record, "close", how, comment=ret["comment"])
    except (CommandExecutionError, ValueError) as err:
        ret["comment"] = f"FAILOVER MAY BE OFF, look at the cluster and switch it on when it is healthy: {err}"
    return ret


def let_clients_in(master: Master, record: Record) -> Mapping[str, Any]:
    """Bring back the frontends that a run took out of service, where no backend has been touched.

    :returns: changes, as a state tells them; empty if clients find something else than before, or were never out.
    :raises CommandExecutionError: a frontend could not be brought back.
    """
    if not records.frontends_may_serve(record):
        return {}
    bound = clusters.settings(master, record.cluster).timeouts.reconfigure
    said = frontends.all_do(master, record.cluster, record.frontends, "chef_server_agent.bring_back", bound)
    return {node: {"old": "out of service", "new": "in service"} for node, back in said.items() if back}


def _look(master: Master, record: Record) -> Views:
    return clusters.views(master, record.cluster, ["record", "cluster_status", "status"])


def _restore_failover(master: Master, ret: Result, record: Record, failed: list[str]) -> None:
    """Have failover on: ordered, where this run has switched it off, or any backend shows that it is off."""
    if not records.switches_failover(record):
        return
    if record.failover != "off":  # what this run has switched off it orders on, whatever the table shows
        one = clusters.views(master, record.cluster, ["cluster_status"], table=record.backends[0]) if not failed else {}
        if answers.failover(one) == "on" or answers.failover(_look(master, record)) in ("on", "unknown"):
            return
    # a step may have failed right after a hand-over: what nodes show of it lags
    bound = clusters.settings(master, record.cluster).timeouts.gate
    changes = look.until_holds(master, record.cluster, lambda: failover.restore(master, record.cluster), bound)
    ret["changes"].update(changes)


def _end(master: Master, record: Record, failed: list[str]) -> str:
    """Write how the run has ended, and say it."""
    failover_now = "on" if record.failover == "off" else record.failover
    run = f"run {record.run}"
    said = f"; failover is {failover_now}" if records.switches_failover(record) and failover_now != "unknown" else ""
    if not failed:
        done = record.at(master.clock.now(), state=records.DONE, failover=failover_now, node=None, turn=None)
        lock.finish(master, done)
        return f"{run} is done{said}"
    if record.wish == records.ABORT and records.may_be_left(record):
        lock.finish(master, record.at(master.clock.now(), state=records.ABORTED, failover=failover_now, turn=None))
        return f"{run} is aborted{said}; nothing is left open"
    state = records.PAUSED if record.wish == records.PAUSE else records.FAILED
    waits = record.waits if state == records.PAUSED else None
    lock.note(master, record.cluster, state=state, failover=failover_now, turn=None, wish=None, waits=waits)
    said = f"{run} {state} at {failed[0]!r}{said}; the same command resumes it"
    said += f"; it waits: {waits}" if waits else ""
    if not records.may_be_left(record):
        said += "; a frontend that is out of service stays so until then"
    return said

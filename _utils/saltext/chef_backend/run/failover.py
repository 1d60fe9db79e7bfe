"""Failover of a cluster, switched by a run: the record says so first, and it comes on only where that is safe."""

from collections.abc import Mapping
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import journal, outcome
from saltext.chef_backend.judge import gates
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import lock, look, orders, progress
from saltext.chef_backend.run.master import Master

Changes = Mapping[str, Any]


def switched(master: Master, name: str, cluster: str, to: object, turn: str | None = None) -> Result:
    """Failover of the cluster is on or off, and the record says so first.

    The record comes first: should the master die in between, the nodes know that failover is to be restored.

    :param to: ``on`` or ``off``, or the boolean that YAML makes of the word.
    :param turn: whose turn it still is; nobody's if not given.
    """
    with master.signals.step(name) as ret:
        wanted = {True: "on", False: "off"}[to] if isinstance(to, bool) else str(to)
        if master.test:
            ret.update(result=None, comment=f"failover would be {wanted}")
            return ret
        ret["changes"].update(switch(master, cluster, wanted, turn))
        return outcome.done(ret, f"failover is {wanted}")
    return ret


def on_again(master: Master, name: str, cluster: str) -> Result:
    """Failover is on, where this run has switched it off; else it is as it was."""
    with master.signals.step(name) as ret:
        held = lock.held(master, cluster)
        if held and held.failover != "off":
            return outcome.done(ret, "failover was not switched")
        return switched(master, name, cluster, "on")
    return ret


def switch(master: Master, cluster: str, to: str, turn: str | None = None) -> Changes:
    """Note and switch failover; return changes, as a state tells them. Raises CommandExecutionError.

    Until it is on, and seen on where that is shown, the record says ``off``: what dies in between is looked after.
    """
    held = lock.held(master, cluster)
    if to == "off":
        _looked_after(master, cluster)
    first = {"failover": "off"} if to == "off" else {}
    record = lock.note(master, cluster, step=f"failover {to}", turn=turn, **first)
    # what this run has set and seen itself is not asked again
    before = held.failover if held and held.failover != to else None
    changes = order(master, cluster, to, before)
    later: dict[str, Any] = {"failover": "on"} if to == "on" else {}
    word = lock.held(master, cluster)
    if word and word.turn != turn:  # the order was another node's, which obeys only where it is nobody's turn
        later["turn"] = turn
    if later:
        record = lock.note(master, cluster, **later)
    progress.tell(master, record, f"failover {to}", journal.END)
    return changes


def order(master: Master, cluster: str, to: str, before: str | None = None) -> Changes:
    """Switch failover by the first backend that can: it is the whole cluster's, and switching twice does no harm.

    :param before: what it is now, where that was seen; asked if not given.
    :returns: changes, as a state tells them; empty if it was so.
    :raises CommandExecutionError: no backend could.
    """
    bound = clusters.settings(master, cluster).timeouts.failover
    said = _by_the_first_that_can(master, cluster, "chef_backend_agent.ensure_failover", to, bound, before)
    return {} if said["before"] == to else {"failover": {"old": said["before"], "new": to}}


def switch_off_and_on(master: Master, cluster: str) -> Changes:
    """Switch failover off and on again by one order; return changes, as a state tells them.

    :raises CommandExecutionError: no backend could, or it is not seen on.
    """
    lock.note(master, cluster, failover="off", step="failover off", turn=None)
    bound = clusters.settings(master, cluster).timeouts.failover
    _by_the_first_that_can(master, cluster, "chef_backend_agent.failover_off_and_on", bound)
    record = lock.note(master, cluster, failover="on", step="failover on")
    progress.tell(master, record, "failover on", journal.END)
    return {"failover": {"old": "on", "new": "off, then on"}}


def _looked_after(master: Master, cluster: str) -> None:
    """See that every backend looks after failover: it was armed when the run was opened, maybe hours ago."""
    held = lock.held(master, cluster)
    if held is None:
        return
    lease = held.lease

    def looked() -> None:
        gates.looked_after(clusters.views(master, cluster, ["record"]), lease)

    look.until_holds(master, cluster, looked, clusters.settings(master, cluster).timeouts.gate)


def restore(master: Master, cluster: str) -> Changes:
    """Switch failover on, where it may come on; ordered whatever the table shows, which lags.

    :returns: changes, as a state tells them.
    :raises ValueError: it may not, and why; InVain, if waiting does not help.
    :raises CommandExecutionError: this orchestration may order nothing any more, or no backend could.
    """
    views = lock.say(master, cluster)
    run = lock.owned(master, cluster, views)
    gates.may_come_on(views, run, clusters.settings(master, cluster).gates.max_lag_bytes)
    changes = order(master, cluster, "on", before="off")
    lock.note(master, cluster, failover="on", step="failover on")
    return changes


def _by_the_first_that_can(master: Master, cluster: str, function: str, *args: Any) -> Any:
    """Have one backend do it: the next where one cannot, but not where it may be at it still.

    A command that ends late would undo what another node has done meanwhile.
    """
    troubles = []
    for node in clusters.backends(master, cluster):
        answer = orders.do(master, cluster, [node], function, *args)[node]
        if answer.ok:
            return answer.value
        troubles.append(answer.error)
        word = lock.held(master, cluster)
        assert word is not None  # or nothing could have been ordered
        # a new word: the order, should it come only now, is void
        view = lock.say(master, cluster, ["record", "busy"], step=word.step)[node]
        at_work = view.why_not("busy") or "; ".join(view.busy)
        if at_work:
            troubles.append(f"{node} may be at it still, no other backend is asked: {at_work}")
            break
    raise CommandExecutionError("\n".join(troubles))

"""Orders: a run has nodes apply a part of its runbook (``orch/node``), and reads what they came to.

Salt takes a minion that is too busy to say that a job is at work for a silent one. So where no answer came the node is
asked, and while something is at work there it is waited for; then the same order is given anew, where it does nothing
twice that is done, and reads the end of the command that went on.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import journal, waiting
from saltext.chef_backend.errors import InVain, NotYet
from saltext.chef_backend.judge import complaint, fence
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.record import Record
from saltext.chef_backend.run import applied, lock, progress
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run.applied import Applied
from saltext.chef_backend.run.bus import Answer, values_of
from saltext.chef_backend.run.master import Master
from saltext.chef_backend.run.signals import Interrupted

RESTED = "chef_backend.rested"
TRIES = 3  # of an order that waited too long on its node, behind other states, or whose answer was lost
BUSY = "chef_server_agent.busy"  # of a frontend; a backend's view tells
LOOKS = 3  # at a node of which nothing is heard any more


def apply(
    master: Master,
    ret: Result,
    cluster: str,
    record: Record | None,
    nodes: Sequence[str],
    sls: str,
    restarts: bool = True,
    bound: float | None = None,
    again: bool = True,
    holds: Callable[[], object] = lambda: None,
    **more: Any,
) -> bool:
    """Have nodes apply an SLS, side by side, and put what they came to into a state's result.

    A node that is at work for somebody else does it afterwards. In test mode nothing is changed.

    :param ret: of the state that orders it; gets the changes, also those before a failure, and in test mode what
        would be done.
    :param record: of the run; None in test mode.
    :param sls: such as ``orch.node.upgraded``.
    :param restarts: whether that restarts services, so that they have to settle.
    :param bound: seconds for which a node is waited for that is at work, and whose answer was lost;
        what an installation, an upgrade and a rejoin may take if not given.
    :param again: whether the order may be given anew when its answer was lost: not where that would do all of it twice.
    :param holds: called before the order is given anew; raises what does not hold any more.
    :param more: what its pillar holds besides that of every node.
    :returns: whether it was done; False in test mode.
    :raises CommandExecutionError: what failed, one sentence a line, each with its node.
    """
    search = not (record and record.reindex)
    pillar = clusters.node_pillar(master, cluster, record.run if record else None, search) | more
    bounds = clusters.settings(master, cluster).timeouts
    wait = bound or bounds.install + bounds.upgrade + bounds.rejoin
    each = dict[str, Applied]()
    try:
        _apply(master, cluster, nodes, sls, pillar, wait, again, holds, each)
    except (CommandExecutionError, ValueError) as err:
        if not each:
            raise
        raise CommandExecutionError("\n".join([str(err), *applied.together(each.items()).troubles])) from err
    except Interrupted as err:
        err.troubles += applied.together(each.items()).troubles
        raise
    finally:  # what was done until then is told, whatever has ended it
        came = applied.together(each.items())
        if restarts and each:
            master.kept[RESTED] = master.clock.monotonic() - came.last
        for node, changes in came.changes.items():  # another order of this step may have changed it already
            ret["changes"][node] = {**ret["changes"].get(node, {}), **changes}
    if came.troubles:
        raise CommandExecutionError("\n".join(came.troubles))
    if master.test:
        ret.update(result=None, comment="\n".join(filter(None, [ret["comment"], *came.comments])))
    return not master.test


def do(
    master: Master, cluster: str, nodes: Sequence[str], function: str, *args: Any, **kwargs: Any
) -> dict[str, Answer]:
    """Order nodes to do one thing, side by side; return what each of them said.

    :param function: of an agent; it takes the ``order`` by which it acts.
    :raises CommandExecutionError: this orchestration may order nothing any more.
    """
    given = kwargs | {"order": lock.order(master, cluster, nodes)}
    return master.bus.ask(nodes, function, *args, timeout=clusters.ask_bound(master, cluster), kwargs=given)


def all_do(master: Master, cluster: str, nodes: Sequence[str], function: str, *args: Any) -> dict[str, Any]:
    """Order nodes to do one thing, as :func:`do`; each must do it. Raises CommandExecutionError, one line a node."""
    return values_of(do(master, cluster, nodes, function, *args))


def rested(master: Master) -> float:
    """Return the seconds since the newest order that restarts had ended, but for its last state, which only waits."""
    since: float = master.kept.get(RESTED, -math.inf)
    return master.clock.monotonic() - since


def _apply(
    master: Master,
    cluster: str,
    nodes: Sequence[str],
    sls: str,
    pillar: Mapping[str, Any],
    wait: float,
    repeated: bool,
    holds: Callable[[], object],
    came: dict[str, Applied],
) -> None:
    """Have nodes apply an SLS; it is given anew to one that had to wait so long that the order became too old.

    So it is, if it may be repeated, to one from which no answer came, as soon as nothing is at work there any more.
    Where another has failed meanwhile, nothing more is begun.

    :param came: gets what each node came to.
    """
    left, bound = list(nodes), clusters.ask_bound(master, cluster)
    for number in range(TRIES):
        if number:
            holds()
        given = {**pillar, "order": lock.order(master, cluster, left)}
        for node in left if number else ():  # what kept the one before from being done does not hold of this one
            said_anew = f"{node}: the order was to be given to it anew: whether this one came to it is not known"
            came[node] = dataclasses.replace(came[node], troubles=(said_anew,))
        kwargs: dict[str, Any] = {"pillar": given, "queue": True, "test": master.test}
        if master.saltenv:
            kwargs["saltenv"] = master.saltenv
        said = dict[str, Answer]()
        try:
            said.update(master.bus.ask(left, "state.sls", sls, timeout=bound, kwargs=kwargs, heard=said))
        finally:  # one may have done its part when another's keeps the run waiting, and a signal comes
            came.update({node: applied.again(came.get(node), _read(node, answer)) for node, answer in said.items()})
        again = [node for node in left if any(fence.TOO_OLD in text for text in came[node].troubles)]
        for node in (node for node in left if said[node].silent and not master.test):
            still = _still(master, cluster, node, wait)
            came[node] = applied.again(came[node], _lost(node, said[node], still))
            if still is None and repeated:
                again.append(node)
        failed = [node for node in nodes if came[node].troubles and node not in again]
        if failed or not again:  # nothing is begun beside what has failed
            break
        left = again


def _still(master: Master, cluster: str, node: str, wait: float) -> str | None:
    """Wait while something is at work on a node from which no answer came; None when nothing is any more.

    :param wait: bound in seconds.
    :returns: what is at work still, or why nobody knows.
    """
    unheard = 0

    def at_rest() -> None:
        nonlocal unheard
        answer = _busy(master, cluster, node)
        unheard = unheard + 1 if answer.silent else 0
        if unheard == LOOKS:
            raise InVain(answer.error)
        if not answer.ok or answer.value:
            raise NotYet(answer.error or f"{node}: no answer came, and it is at work: {'; '.join(answer.value)}")

    def told(said: str) -> None:
        progress.tell(master, lock.held(master, cluster), journal.GATE, journal.BEGIN, node=node, comment=said)

    try:
        waiting.until(master.clock, at_rest, wait, every=1, most=15, told=told)
    except (CommandExecutionError, InVain) as err:
        return str(err)
    return None


def _busy(master: Master, cluster: str, node: str) -> Answer:
    """Ask a node what is changing it now; the value is a list of texts. What it cannot tell counts as an error."""
    bound, word = clusters.ask_bound(master, cluster), lock.held(master, cluster)
    if word is None or node not in word.backends:
        return master.bus.ask([node], BUSY, timeout=bound)[node]
    answer = master.bus.ask([node], clusters.VIEW, ["busy"], timeout=bound)[node]
    if not answer.ok:
        return answer
    why = answer.value["errors"].get("busy")
    failed = dataclasses.replace(answer, ok=False, error=f"{node}: {why}", failed=why)
    return failed if why else dataclasses.replace(answer, value=answer.value["busy"])


def _read(node: str, answer: Answer) -> Applied:
    """Read what a node said to an order; where that is no result of states, also how to look at the job."""
    said = answer.value if answer.ok else answer.failed
    if isinstance(said, Mapping) and said:
        return applied.read(said)
    troubles = applied.read(said).troubles if answer.ok or isinstance(said, list) else (answer.error,)
    mend = complaint.mends(node, "\n".join(troubles)) if isinstance(said, list) else ""
    return Applied({}, (), tuple(filter(None, (*troubles, mend, _look(node, answer.jid)))))


def _lost(node: str, answer: Answer, still: str | None) -> Applied:
    """Tell of a node from which no answer to an order came.

    :param still: what is at work there, or why nobody knows; None: nothing is.
    """
    rests = f"{node}: its answer was lost, nothing is at work there any more: the same command goes on from what is"
    troubles = (rests,) if still is None else dict.fromkeys((answer.error, still))  # asked again it said the same
    return Applied({}, (), tuple(filter(None, (*troubles, _look(node, answer.jid)))))


def _look(node: str, jid: str) -> str:
    """Return how a person looks at a job; nothing if there is none."""
    shows = f"'salt-run jobs.lookup_jid {jid}' shows what came of the order, 'salt {node} saltutil.find_job {jid}' "
    return f"{shows}whether it is at work there" if jid else ""

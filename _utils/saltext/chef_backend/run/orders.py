"""Orders: a run has nodes apply a part of its runbook (``orch/node``), and reads what they came to."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.judge import fence
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.record import Record
from saltext.chef_backend.run import applied, lock
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run.applied import Applied
from saltext.chef_backend.run.bus import Answer, values_of
from saltext.chef_backend.run.master import Master

RESTED = "chef_backend.rested"
TRIES = 3  # of an order that waited too long on its node, behind other states


def apply(
    master: Master,
    ret: Result,
    cluster: str,
    record: Record | None,
    nodes: Sequence[str],
    sls: str,
    restarts: bool = True,
    **more: Any,
) -> bool:
    """Have nodes apply an SLS, side by side, and put what they came to into a state's result.

    A node that is at work for somebody else does it afterwards. In test mode nothing is changed.

    :param ret: of the state that orders it; gets the changes, also those before a failure, and in test mode what
        would be done.
    :param record: of the run; None in test mode.
    :param sls: such as ``orch.node.upgraded``.
    :param restarts: whether that restarts services, so that they have to settle.
    :param more: what its pillar holds besides that of every node.
    :returns: whether it was done; False in test mode.
    :raises CommandExecutionError: what failed, one sentence a line, each with its node.
    """
    search = not (record and record.reindex)
    pillar = clusters.node_pillar(master, cluster, record.run if record else None, search) | more
    came = applied.together(_applied(master, cluster, nodes, sls, pillar).items())
    if restarts:
        master.kept[RESTED] = master.clock.monotonic() - came.last
    ret["changes"].update(came.changes)
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


def _applied(
    master: Master, cluster: str, nodes: Sequence[str], sls: str, pillar: Mapping[str, Any]
) -> dict[str, Applied]:
    """Have nodes apply an SLS; one that had to wait so long that the order became too old gets it anew."""
    came, left, bound = dict[str, Applied](), list(nodes), clusters.ask_bound(master, cluster)
    for _ in range(TRIES):
        given = {**pillar, "order": lock.order(master, cluster, left)}
        kwargs: dict[str, Any] = {"pillar": given, "queue": True, "test": master.test}
        if master.saltenv:
            kwargs["saltenv"] = master.saltenv
        said = master.bus.ask(left, "state.sls", sls, timeout=bound, kwargs=kwargs)
        came.update({node: _read(answer) for node, answer in said.items()})
        left = [node for node in left if any(fence.TOO_OLD in text for text in came[node].troubles)]
        if not left:
            break
    return came


def _read(answer: Answer) -> Applied:
    if answer.ok or isinstance(answer.failed, (dict, list)):
        return applied.read(answer.value if answer.ok else answer.failed)
    return Applied({}, (), (answer.error,))

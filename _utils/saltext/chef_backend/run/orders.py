"""Orders: a run has nodes apply a part of its runbook (``orch/node``), and reads what they came to."""

import math
from collections.abc import Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.outcome import Result
from saltext.chef_backend.record import Record
from saltext.chef_backend.run import applied
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run.applied import Applied
from saltext.chef_backend.run.bus import Answer
from saltext.chef_backend.run.master import Master

RESTED = "chef_backend.rested"


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
    kwargs: dict[str, Any] = {"pillar": pillar, "queue": True, "test": master.test}
    if master.saltenv:
        kwargs["saltenv"] = master.saltenv
    bound = clusters.ask_bound(master, cluster)
    said = master.bus.ask(nodes, "state.sls", sls, timeout=bound, kwargs=kwargs)
    came = applied.together((node, _read(answer)) for node, answer in said.items())
    if restarts:
        master.kept[RESTED] = master.clock.monotonic() - came.last
    ret["changes"].update(came.changes)
    if came.troubles:
        raise CommandExecutionError("\n".join(came.troubles))
    if master.test:
        ret.update(result=None, comment="\n".join(filter(None, [ret["comment"], *came.comments])))
    return not master.test


def rested(master: Master) -> float:
    """Return the seconds since the newest order that restarts had ended, but for its last state, which only waits."""
    since: float = master.kept.get(RESTED, -math.inf)
    return master.clock.monotonic() - since


def _read(answer: Answer) -> Applied:
    if answer.ok or isinstance(answer.failed, (dict, list)):
        return applied.read(answer.value if answer.ok else answer.failed)
    return Applied({}, (), (answer.error,))

"""Waivers: for one run a person says, literally, which reason of which node is not to stop it.

Only what concerns reading, or a part that a site may do without, can be waived. The words name the target, so that a
waiver that was left in a pillar does not hold for the next upgrade.
"""

import re
from collections.abc import Collection, Iterable

from saltext.chef_backend.errors import Refused
from saltext.chef_backend.judge.kinds import KINDS

KEY = "waive"  # of the command's pillar
FORM = "CODE of NODE for VERSION"
_WAIVER = re.compile(r"([a-z-]{1,40}) of ([A-Za-z0-9][A-Za-z0-9_.-]{0,252}) for ([0-9.]{1,20})")


def read(said: object, target: str, nodes: Collection[str]) -> tuple[str, ...]:
    """Return the waivers of a command's pillar, each ``CODE of NODE``, as a record keeps them.

    :param said: what the pillar holds: a list of texts, or nothing.
    :param target: the version that the run goes to, as text.
    :param nodes: minion ids of the cluster.
    :raises Refused: every one that is none, what is wrong with it, and what to do.
    """
    if said is None:
        return ()
    if not isinstance(said, (list, tuple)):
        raise Refused(f"{KEY}: found {said!r}, expected a list of '{FORM}'", "waiver")
    troubles = [f"{KEY}: {text!r}: {why}" for text in said if (why := _why_not(text, target, nodes))]
    if troubles:
        raise Refused("\n".join(troubles), "waiver")
    return tuple(dict.fromkeys(str(text).rpartition(" for ")[0] for text in said))


def _why_not(text: object, target: str, nodes: Collection[str]) -> str | None:
    """Why something is no waiver of this run; None if it is one."""
    found = _WAIVER.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return f"expected '{FORM}', such as 'search-word of be2 for {target}'"
    code, node, version = found.groups()
    kind = KINDS.get(code)
    if kind is None or not kind.waivable:
        may = ", ".join(sorted(one.code for one in KINDS.values() if one.waivable))
        return f"{code} {'is no reason' if kind is None else 'cannot be waived'}, expected one of {may}"
    if version != target:
        return f"this run goes to {target}: take it out of the pillar"
    if node not in nodes:
        return f"{node} is no node of this cluster, expected one of {', '.join(sorted(nodes))}"
    return None


def needed(waived: Iterable[str], shown: Iterable[tuple[str, str]]) -> None:
    """Each waiver is for a reason that is seen now: one that is not is a mistake, or of another day.

    :param waived: as :func:`read` returns them.
    :param shown: code and minion id of each reason that is set aside for it.
    :raises Refused: those that are for nothing.
    """
    there = {f"{code} of {node}" for code, node in shown}
    idle = [one for one in waived if one not in there]
    if idle:
        raise Refused(
            "\n".join(f"{KEY}: {one!r}: there is nothing to waive: take it out of the pillar" for one in idle), "waiver"
        )


def covers(waived: Iterable[str], code: str, node: str) -> bool:
    """Whether a reason of a node, by its minion's id, is waived."""
    return f"{code} of {node}" in set(waived)


def nodes(waived: Iterable[str], code: str) -> list[str]:
    """Return the minion ids for which a code is waived, sorted."""
    return sorted(one.partition(" of ")[2] for one in waived if one.startswith(f"{code} of "))

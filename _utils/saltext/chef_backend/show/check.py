"""What ``check`` shows: what Salt is on the master and on each node, what is in the way, and a verdict in one line."""

from collections.abc import Iterable, Mapping
from typing import Any

from saltext.chef_backend.judge import fitness, kinds
from saltext.chef_backend.judge.fitness import Hub, Node
from saltext.chef_backend.reason import Reason
from saltext.chef_backend.show.status import reason_lines, table

COLUMNS = ("node", "salt", "python", "extension", "digest", "pip", "user", "saltenv", "scheduler")
SHORT = 8  # characters of a digest: enough to tell two apart by eye


def plain(
    cluster: str, hub: Hub, nodes: Mapping[str, Node], reasons: Iterable[Reason], took: float | None
) -> dict[str, Any]:
    """Return a check as plain lists, mappings and texts.

    :param nodes: those that have told.
    :param took: seconds of the slowest node's answer, or None.
    """
    several = kinds.ordered(reasons)
    rows = [_row(hub.id, hub, hub.digest, scheduler="")]
    rows += [_row(name, node, node.digest, scheduler=_scheduler(node)) for name, node in sorted(nodes.items())]
    first = kinds.told(several)[:1]
    return {
        "cluster": cluster,
        "nodes": rows,
        "typed_by": hub.typed_by,
        "runs_as": hub.user,
        "master_user": hub.daemon,
        "took": took,
        "gather_job_timeout": hub.gather_job_timeout,
        "reasons": [kinds.fields(reason) for reason in several],
        "notes": fitness.notes(hub, nodes),
        "lines": reason_lines(several),
        "verdict": f"first to do: {first[0]}" if first else f"fit: this Salt may drive a run of {cluster}",
    }


def text(shown: Mapping[str, Any]) -> str:
    """Return a check for a terminal; the last line is the verdict.

    :param shown: as :func:`plain` returns it.
    """
    answered = "nobody was asked" if shown["took"] is None else f"all answered within {shown['took']:.1f} s"
    lines = [
        table([{**row, "digest": row["digest"][:SHORT]} for row in shown["nodes"]], COLUMNS),
        "",
        f"cluster {shown['cluster']}: typed by {shown['typed_by']}, runs as {shown['runs_as']}, the master as "
        f"{shown['master_user']}; {answered} (gather_job_timeout {shown['gather_job_timeout']:g} s)",
        *(f"  {note}" for note in shown["notes"]),
        *shown["lines"],
        shown["verdict"],
    ]
    return "\n".join(lines)


def _row(name: str, one: Hub | Node, digest: str, scheduler: str) -> dict[str, Any]:
    return {
        "node": name,
        "salt": one.salt,
        "python": ".".join(map(str, one.python)),
        "extension": one.extension,
        "digest": digest,
        "pip": one.pip or "",
        "user": one.user,
        "saltenv": one.saltenv,
        "scheduler": scheduler,
    }


def _scheduler(node: Node) -> str:
    """What is known of a minion's scheduler; of a frontend's nothing is asked but whether it is on."""
    return "runs" if node.fires else "on" if node.scheduler else "off" if node.scheduler is False else "unknown"

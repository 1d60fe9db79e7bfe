"""Tables and plans in words, and as plain mappings: what ``status`` and ``plan`` show."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from saltext.chef_backend import printable
from saltext.chef_backend.judge import kinds
from saltext.chef_backend.judge.plan import Plan
from saltext.chef_backend.judge.standing import UNKNOWN, NodeStanding, Standing
from saltext.chef_backend.reason import Reason

NODE = ("node", "address", "role", "pg", "es", "version", "target", "lag", "due")


@dataclasses.dataclass(frozen=True)
class Shown:
    """What is shown of a cluster: how it stands, and what people are told besides."""

    standing: Standing
    window: str = ""  # when the next maintenance window is; empty without any
    to_do: tuple[str, ...] = ()  # what the documents advise

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain lists, mappings and texts."""
        standing = self.standing
        return {
            "cluster": standing.cluster,
            "target": standing.target,
            "nodes": [dataclasses.asdict(node) for node in standing.nodes],
            "failover": standing.failover,
            "run": standing.run.to_dict() if standing.run else None,
            "advice": standing.advice,
            "healthy": standing.healthy,
            "reasons": [kinds.fields(reason) for reason in standing.reasons],
            "waived": [kinds.fields(reason) for reason in standing.waived],
            "called": list(standing.called),
            "replicating": dict(standing.replicating),
            "at_work": list(standing.at_work),
            "to_do": list(self.to_do),
            "window": self.window,
        }


def nodes_table(nodes: Sequence[NodeStanding]) -> str:
    """Return nodes for a terminal."""
    return table([dataclasses.asdict(node) for node in nodes], NODE)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Lay out mappings as a text table.

    :param rows: list of mappings.
    :param columns: the keys to show, in order.
    """
    cells = [list(columns)] + [[printable.line(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def every_text(several: Sequence[Standing]) -> str:
    """Return many clusters for a terminal: a line each, and what is not well with some."""
    rows = [
        {
            "cluster": one.cluster,
            "version": ", ".join(sorted({node.version for node in one.nodes})),
            "target": one.target,
            "leader": ", ".join(node.node for node in one.nodes if node.role == "leader") or UNKNOWN,
            "failover": one.failover,
            "run": f"{one.run.state}, at {one.run.step}" if one.run else _no_run(one),
            "verdict": "healthy" if one.healthy else "NOT HEALTHY",
        }
        for one in several
    ]
    lines = [table(rows, ("cluster", "version", "target", "leader", "failover", "run", "verdict"))]
    for one in several:
        said = [*reason_lines(one.reasons), *([f"  - {one.advice}"] if one.advice else [])]
        lines += [f"{one.cluster}:", *said] if said else []
    return "\n".join(lines)


def status_text(shown: Shown) -> str:
    """Return ``status`` for a terminal."""
    one, run = shown.standing, shown.standing.run
    lines = [
        nodes_table(one.nodes),
        "",
        f"cluster {one.cluster}: {'healthy' if one.healthy else 'NOT HEALTHY'}; failover {one.failover}",
        f"run: {run.run} to {run.target}, {run.state}, at {run.step!r}" if run else f"run: {_no_run(one)}",
    ]
    lines += [f"in cluster-status {', '.join(one.called)}"] if one.called else []
    lines += [
        f"replication to {printable.line(who)}, which is no node's: {lag} bytes behind" for who, lag in one.replicating
    ]
    lines += [f"at work: {printable.line(command)}" for command in one.at_work]
    lines += [f"window: {shown.window}"] if shown.window else []
    lines += [f"  {one.advice}"] if one.advice else []
    lines += reason_lines(one.reasons)
    lines += [f"  waived for this run: {said}" for said in kinds.told(one.waived)]
    if shown.to_do:
        lines += ["what the documents advise; nothing of it was done:", *(f"  * {each}" for each in shown.to_do)]
    return "\n".join(lines)


def reason_lines(reasons: Iterable[Reason]) -> list[str]:
    """Lines of reasons: the one that explains the others, and what is seen with it."""
    first, *others = kinds.told(reasons) or [""]
    return [
        *([f"  - {first}"] if first else []),
        *(["    seen with it:"] if others else []),
        *(f"    - {said}" for said in others),
    ]


def _no_run(one: Standing) -> str:
    return "none" if one.known else UNKNOWN


def plan(planned: Plan, frontends: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return a plan as plain lists, mappings and texts.

    :param frontends: batches of frontends.
    """
    return {
        "way": planned.way,
        "reason": planned.reason,
        "hops": list(planned.hops),
        "order": list(planned.order),
        "commands": [[step.node, str(step)] for step in planned.commands],
        "frontends": [list(batch) for batch in frontends],
        "refusals": [kinds.fields(reason) for reason in planned.refusals],
        "left": list(planned.left),
    }


def plan_text(shown: Shown, planned: Plan) -> str:
    """Return ``plan`` for a terminal."""
    lines = [status_text(shown), "", f"way: {planned.way} ({planned.reason})"]
    if len(planned.hops) > 1:
        lines += [f"hop {number}: {hop}" for number, hop in enumerate(planned.hops, 1)]
    if planned.order:
        lines.append(f"order: {', '.join(planned.order)}")
    lines += [f"  {step.node:<8} {step}" for step in planned.commands]
    lines += planned.left
    if planned.refusals:
        lines += ["an upgrade would be refused now:", *reason_lines(planned.refusals)]
    return "\n".join(lines)

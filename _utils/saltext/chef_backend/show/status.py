"""Tables and plans in words, from what the backends answered: what ``status`` and ``plan`` show."""

from collections.abc import Mapping, Sequence
from typing import Any

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers, downtime
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.plan import Plan

UNKNOWN = "unknown"


def node_rows(views: Views, target: str) -> list[dict[str, Any]]:
    """Return one mapping a node: what it is now, and what is still due on it.

    :param target: the version the cluster is to have.
    """
    lags = {follower: lag for view in views.values() for follower, lag in view.lag.items()}
    rows = []
    for minion, view in sorted(views.items()):
        row: dict[str, Any] = {"node": minion, "version": view.version or UNKNOWN, "target": target}
        names = [minion, answers.node_name(minion)]
        try:
            seen = answers.node_of(answers.cluster_of(view), minion)
            row |= {"address": seen.ip, "role": seen.role, "pg": seen.pg, "es": seen.es}
            names += [seen.guid, seen.ip]
        except (ValueError, KeyError):
            row |= {"address": UNKNOWN, "role": UNKNOWN, "pg": UNKNOWN, "es": UNKNOWN}
        row["lag"] = next((lags[name] for name in names if name in lags), "")
        row["due"] = view.half_upgraded or ("" if view.version == target else "not upgraded yet")
        rows.append(row)
    return rows


def status(cluster: str, target: str, views: Views, max_lag_bytes: int, now: float) -> dict[str, Any]:
    """Return all that ``status`` shows of a cluster.

    :param now: epoch seconds, by which a run's silence is judged.
    :returns: mapping with ``cluster, target, nodes, failover, run, advice, healthy, reasons``.
    """
    verdict = answers.verdict(views, max_lag_bytes)
    reasons = [str(reason) for reason in verdict.reasons]
    failover = answers.failover(views)
    try:
        record = answers.record(views)
    except ValueError as err:
        record, reasons = None, [*reasons, str(err)]
    if failover in ("off", "mixed"):
        if record is None:
            switch_on = "run 'chef-backend-ctl set-cluster-failover on'"
            reasons.append(f"failover is {failover} and no run explains it: {switch_on}")
        elif record.state != records.OPEN or not records.switches_failover(record):
            reasons.append(f"failover is {failover}, and run {record.run} is {record.state}: nobody would take over")
    return {
        "cluster": cluster,
        "target": target,
        "nodes": node_rows(views, target),
        "failover": failover,
        "run": record.to_dict() if record else None,
        "advice": downtime.advice(views, record) or records.advice(record, now),
        "healthy": verdict.healthy and not reasons,
        "reasons": reasons,
    }


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Lay out mappings as a text table.

    :param rows: list of mappings.
    :param columns: the keys to show, in order.
    """
    cells = [list(columns)] + [[str(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def every_text(shown: Sequence[Mapping[str, Any]]) -> str:
    """Return many clusters for a terminal: a line each, and what is not well with some.

    :param shown: list of mappings, as returned by :func:`status`.
    """
    rows = [
        {
            "cluster": one["cluster"],
            "version": ", ".join(sorted({row["version"] for row in one["nodes"]})),
            "target": one["target"],
            "leader": ", ".join(row["node"] for row in one["nodes"] if row["role"] == "leader") or UNKNOWN,
            "failover": one["failover"],
            "run": f"{one['run']['state']}, at {one['run']['step']}" if one["run"] else "none",
            "verdict": "healthy" if one["healthy"] else "NOT HEALTHY",
        }
        for one in shown
    ]
    lines = [table(rows, ("cluster", "version", "target", "leader", "failover", "run", "verdict"))]
    for one in shown:
        said = [*one["reasons"], *([one["advice"]] if one["advice"] else [])]
        lines += [f"{one['cluster']}:", *(f"  - {reason}" for reason in said)] if said else []
    return "\n".join(lines)


def status_text(shown: Mapping[str, Any]) -> str:
    """Return ``status`` for a terminal."""
    run = shown["run"]
    lines = [
        table(shown["nodes"], ("node", "address", "role", "pg", "es", "version", "target", "lag", "due")),
        "",
        f"cluster {shown['cluster']}: {'healthy' if shown['healthy'] else 'NOT HEALTHY'}; failover {shown['failover']}",
        f"run: {run['run']} to {run['target']}, {run['state']}, at {run['step']!r}" if run else "run: none",
    ]
    lines += [f"window: {shown['window']}"] if shown.get("window") else []
    lines += [f"  {shown['advice']}"] if shown["advice"] else []
    lines += [f"  - {reason}" for reason in shown["reasons"]]
    to_do = shown.get("to_do")
    return "\n".join(
        lines
        + (["what the documents advise; nothing of it was done:"] + [f"  * {one}" for one in to_do] if to_do else [])
    )


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
        "refusals": list(planned.refusals),
    }


def plan_text(shown: Mapping[str, Any], planned: Plan) -> str:
    """Return ``plan`` for a terminal.

    :param shown: as returned by :func:`status`.
    """
    lines = [status_text(shown), "", f"way: {planned.way} ({planned.reason})"]
    if len(planned.hops) > 1:
        lines += [f"hop {number}: {hop}" for number, hop in enumerate(planned.hops, 1)]
    if planned.order:
        lines.append(f"order: {', '.join(planned.order)}")
    lines += [f"  {step.node:<8} {step}" for step in planned.commands]
    if planned.refusals:
        lines += ["an upgrade would be refused now:"] + [f"  - {refusal}" for refusal in planned.refusals]
    return "\n".join(lines)

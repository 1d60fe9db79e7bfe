"""Tables and plans in words, from what the backends answered: what ``status`` and ``plan`` show."""

from collections.abc import Mapping, Sequence
from typing import Any

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers, downtime
from saltext.chef_backend.judge import way as ways
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.product.version import Version

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
    if failover in ("off", "mixed") and record is None:
        reasons.append("failover is off and no run explains it: run 'chef-backend-ctl set-cluster-failover on'")
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


def plan(
    shown: Mapping[str, Any],
    frontends: Sequence[Sequence[str]],
    packages: Mapping[str, str],
    index_created: str | None = None,
) -> dict[str, Any]:
    """Return what an upgrade would do, in its order, from what ``status`` shows.

    :param shown: as returned by :func:`status`.
    :param frontends: batches of frontends, a list of lists of minion ids.
    :param packages: ``{version: file name}`` of the packages, in the order of the hops; the last is the target's.
    :param index_created: version of the Elasticsearch that created the index, as text, where the way depends on it.
    :returns: mapping with ``way`` and ``reason`` of the first hop, ``hops``, ``order``, ``commands`` (of the first
        hop), ``frontends``, ``refusals``.
    """
    stops = tuple(Version.from_text(version) for version in packages)
    index = Version.from_text(index_created) if index_created else None
    chain, troubles = _hops(shown["nodes"], stops, index)
    refusals = [*shown["reasons"], *troubles, *ways.refusals(chain)]
    first = chain[0] if chain else None
    if troubles:  # unknown is never "nothing to do"
        way, reason = "refused", troubles[0]
    elif ways.refusals(chain):
        way, reason = "refused", ways.refusals(chain)[0]
    else:
        way, reason = (first.way.name, first.way.reason) if first else ("none", f"{stops[-1]} is installed")
    due = [row for row in shown["nodes"] if row["due"]]
    leads = [row["node"] for row in due if row["role"] == "leader"]
    order = [row["node"] for row in due if row["node"] not in leads] + leads
    package = packages[str(first.to if first else stops[-1])]
    return {
        "way": way,
        "reason": reason,
        "hops": [str(hop) for hop in chain],
        "order": order,
        "commands": [] if way == "refused" else _commands(way, order, leads, package),
        "frontends": frontends,
        "refusals": refusals,
    }


def _hops(
    rows: Sequence[Mapping[str, Any]], stops: Sequence[Version], index: Version | None
) -> tuple[tuple[ways.Hop, ...], list[str]]:
    """Return the chain of hops of these nodes, and what is unknown or contradicts itself in their versions."""
    installed, troubles = {}, []
    for row in rows:
        try:
            if row["version"] == UNKNOWN:
                raise ValueError("its version is unknown")
            installed[row["node"]] = Version.from_text(row["version"])
        except ValueError as err:
            troubles.append(f"{row['node']}: {err}")
    if troubles:
        return (), troubles
    try:
        return ways.chain(ways.start(installed, stops), stops, index), []
    except ValueError as err:
        return (), [str(err)]


def _commands(way: str, order: Sequence[str], leads: Sequence[str], package: str) -> list[list[str]]:
    """Return ``[node, command]`` pairs of the first hop."""
    followers = [node for node in order if node not in leads]
    if way == "downtime":
        down = [*leads, *followers]
        return [
            *([node, f"install {package}"] for node in sorted(order)),
            *([node, "chef-backend-ctl down-for-upgrade"] for node in down),
            *([node, "chef-backend-ctl upgrade"] for node in order),
        ]
    commands = []
    if followers:
        commands.append(["any", "chef-backend-ctl set-cluster-failover off"])
        for node in followers:
            commands += [[node, f"install {package}"], [node, "chef-backend-ctl upgrade"]]
        commands.append(["any", "chef-backend-ctl set-cluster-failover on"])
    for node in leads:
        commands += [[node, f"install {package}"], [node, "chef-backend-ctl upgrade --failover"]]
        commands += [["any", f"chef-backend-ctl set-cluster-failover {state}"] for state in ("off", "on")]
    if way == "reindex":
        for step in ("stop elasticsearch", "delete the index files", "start elasticsearch"):
            commands.append(["all", step])
    return commands


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


def plan_text(shown: Mapping[str, Any], planned: Mapping[str, Any]) -> str:
    """Return ``plan`` for a terminal."""
    lines = [status_text(shown), "", f"way: {planned['way']} ({planned['reason']})"]
    if len(planned["hops"]) > 1:
        lines += [f"hop {number}: {hop}" for number, hop in enumerate(planned["hops"], 1)]
    if planned["order"]:
        lines.append(f"order: {', '.join(planned['order'])}")
    lines += [f"  {node:<8} {command}" for node, command in planned["commands"]]
    lines += [f"  {', '.join(batch):<8} chef-server-ctl reconfigure" for batch in planned["frontends"]]
    if planned["refusals"]:
        lines += ["an upgrade would be refused now:"] + [f"  - {refusal}" for refusal in planned["refusals"]]
    return "\n".join(lines)

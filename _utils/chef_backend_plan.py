"""Tables and plans in words, from what the backends answered: what ``status`` and ``plan`` show."""

try:
    from saltext.chef_backend import chef_backend_answers as answers
    from saltext.chef_backend import chef_backend_record as records
    from saltext.chef_backend import chef_backend_version as versions
except ImportError:
    import chef_backend_answers as answers
    import chef_backend_record as records
    import chef_backend_version as versions

UNKNOWN = "unknown"


def node_rows(views, target):
    """Return one mapping a node: what it is now, and what is still due on it.

    :param views: ``{minion: view}``.
    :param target: the version the cluster is to have.
    """
    lags = {}
    for view in views.values():
        try:
            lags |= answers.lag(view.get("replication"))
        except ValueError:
            continue  # the verdict names it
    rows = []
    for minion, view in sorted(views.items()):
        row = {"node": minion, "version": view.get("version") or UNKNOWN, "target": target}
        names = (minion, answers.node_name(minion))
        try:
            seen = answers.node_of(answers.cluster_of(view), minion)
            row |= {"address": seen.ip, "role": seen.role, "pg": seen.pg, "es": seen.es}
            names += (seen.guid, seen.ip)
        except (ValueError, KeyError):
            row |= {"address": UNKNOWN, "role": UNKNOWN, "pg": UNKNOWN, "es": UNKNOWN}
        row["lag"] = next((lags[name] for name in names if name in lags), "")
        row["due"] = view.get("due") or ("" if view.get("version") == target else "not upgraded yet")
        rows.append(row)
    return rows


def status(cluster, target, views, max_lag_bytes, now):
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
        "advice": records.advice(record, now),
        "healthy": verdict.healthy and not reasons,
        "reasons": reasons,
    }


def plan(shown, frontends, package, index_created=None):
    """Return what an upgrade would do, in its order, from what ``status`` shows.

    :param shown: as returned by :func:`status`.
    :param frontends: batches of frontends, a list of lists of minion ids.
    :param package: the package's file name.
    :param index_created: version of the Elasticsearch that created the index, as text, where the way depends on it.
    :returns: mapping with ``way, reason, order, commands, frontends, refusals``; no commands where the way is not
        rolling.
    """
    target = versions.Version.from_text(shown["target"])
    index = versions.Version.from_text(index_created) if index_created else None
    ways, refusals = {}, list(shown["reasons"])
    for row in shown["nodes"]:
        if row["version"] == UNKNOWN:
            refusals.append(f"{row['node']}: its version is unknown")
            continue
        try:
            ways[row["node"]] = versions.choose_way(versions.Version.from_text(row["version"]), target, index)
        except ValueError as err:
            refusals.append(f"{row['node']}: {err}")
    names = {way.name for way in ways.values()} - {"none"}
    if len(names) > 1 or "refused" in names:
        refusals += [f"{node}: {way.reason}" for node, way in ways.items() if way.name != "none"]
    known = len(ways) == len(shown["nodes"])  # unknown is never "nothing to do"
    way = next(iter(names)) if len(names) == 1 else "none" if not names and known else "refused"
    due = [row for row in shown["nodes"] if row["due"]]
    order = [r["node"] for r in due if r["role"] != "leader"] + [r["node"] for r in due if r["role"] == "leader"]
    leads = {row["node"] for row in shown["nodes"] if row["role"] == "leader"}
    return {
        "way": way,
        "reason": "; ".join(sorted({way.reason for way in ways.values()})),
        "order": order,
        "commands": _commands(order, leads, package) if way in ("rolling", "none") else [],
        "frontends": frontends,
        "refusals": refusals,
    }


def _commands(order, leads, package):
    """Return ``[node, command]`` pairs of a rolling upgrade."""
    followers, leaders = [n for n in order if n not in leads], [n for n in order if n in leads]
    commands = []
    if followers:
        commands.append(["any", "chef-backend-ctl set-cluster-failover off"])
        for node in followers:
            commands += [[node, f"install {package}"], [node, "chef-backend-ctl upgrade"]]
        commands.append(["any", "chef-backend-ctl set-cluster-failover on"])
    for node in leaders:
        commands += [[node, f"install {package}"], [node, "chef-backend-ctl upgrade --failover"]]
        commands += [["any", f"chef-backend-ctl set-cluster-failover {state}"] for state in ("off", "on")]
    return commands


def table(rows, columns):
    """Lay out mappings as a text table.

    :param rows: list of mappings.
    :param columns: the keys to show, in order.
    """
    cells = [list(columns)] + [[str(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def status_text(shown):
    """Return ``status`` for a terminal."""
    run = shown["run"]
    lines = [
        table(shown["nodes"], ("node", "address", "role", "pg", "es", "version", "target", "lag", "due")),
        "",
        f"cluster {shown['cluster']}: {'healthy' if shown['healthy'] else 'NOT HEALTHY'}; failover {shown['failover']}",
        f"run: {run['run']} to {run['target']}, {run['state']}, at {run['step']!r}" if run else "run: none",
    ]
    lines += [f"  {shown['advice']}"] if shown["advice"] else []
    return "\n".join(lines + [f"  - {reason}" for reason in shown["reasons"]])


def plan_text(shown, planned):
    """Return ``plan`` for a terminal."""
    lines = [status_text(shown), "", f"way: {planned['way']} ({planned['reason']})"]
    if planned["order"]:
        lines.append(f"order: {', '.join(planned['order'])}")
    lines += [f"  {node:<8} {command}" for node, command in planned["commands"]]
    lines += [f"  {', '.join(batch):<8} chef-server-ctl reconfigure" for batch in planned["frontends"]]
    if planned["refusals"]:
        lines += ["an upgrade would be refused now:"] + [f"  - {refusal}" for refusal in planned["refusals"]]
    return "\n".join(lines)

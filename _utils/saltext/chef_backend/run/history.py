"""The runs of a cluster: their records from the backends, and what this master and the nodes have told of each."""

import time
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import journal
from saltext.chef_backend import record as records
from saltext.chef_backend.journal import Entry
from saltext.chef_backend.record import Record
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import progress
from saltext.chef_backend.run.master import Master
from saltext.chef_backend.show import page, report, timeline
from saltext.chef_backend.show import watch as shows


def runs(master: Master, cluster: str) -> list[Record]:
    """Return the records of a cluster's runs, the open one and those that ended, newest first.

    :raises CommandExecutionError: no backend answers, or a record cannot be read.
    """
    bound = clusters.ask_bound(master, cluster)
    said = master.bus.ask(clusters.backends(master, cluster), "chef_backend_agent.every", timeout=bound)
    if not any(answer.ok for answer in said.values()):
        raise CommandExecutionError("\n".join(answer.error for answer in said.values()))
    copies = clusters.records_of({node: answer.value for node, answer in said.items() if answer.ok})
    found = [records.highest(copy for copy in copies if copy.run == run) for run in {one.run for one in copies}]
    return sorted((record for record in found if record), key=lambda record: record.opened, reverse=True)


def entries(master: Master, cluster: str, run: str) -> tuple[list[Entry], list[str]]:
    """Return all that was told of a run, in the order of time, and what of it is missing or could not be read."""
    found, troubles = [], []
    for kept in master.told.of(cluster, run):
        try:
            found.append(Entry.from_dict(kept))
        except ValueError as err:
            troubles.append(str(err))
    nodes, bound = clusters.backends(master, cluster), clusters.ask_bound(master, cluster)
    asked = {"chef_backend_agent.journal": nodes, "chef_server_agent.journal": clusters.frontends(master, cluster)}
    for function, several in asked.items():
        for node, answer in master.bus.ask(several, function, run, timeout=bound).items():
            if not answer.ok:
                troubles.append(f"its part is missing: {answer.error}")
                continue
            troubles += [f"{node}: {trouble}" for trouble in answer.value["troubles"]]
            for one in answer.value["entries"]:
                try:
                    found.append(Entry.from_dict(one))
                except ValueError as err:
                    troubles.append(f"{node}: {err}")
    return journal.order(found), troubles


def history(master: Master, cluster: str, run: str | None = None) -> dict[str, Any]:
    """Return the runs of a cluster that are known, or all that was told of one: a mapping with ``text`` and ``ok``.

    :raises CommandExecutionError: there is no such run.
    """
    known = runs(master, cluster)
    if run is None:
        shown = [shows.run_row(record, _date) for record in known]
        return {"ok": True, "cluster": cluster, "runs": shown, "text": shows.history_text(shown)}
    found = next((record for record in known if record.run == run), None)
    if found is None:
        names = ", ".join(record.run for record in known) or "none"
        raise CommandExecutionError(f"{cluster} has no run {run!r}, known are: {names}")
    told, troubles = entries(master, cluster, run)
    return {
        "ok": True,
        "run": found.to_dict(),
        "entries": [entry.to_dict() for entry in told],
        "troubles": troubles,
        "exposure": shows.exposure(found, told),
        "text": shows.told_text(found, told, troubles, progress.clock),
    }


def reported(master: Master, cluster: str, run: str | None = None, html: bool = False) -> dict[str, Any]:
    """Return the report of a run: a mapping with ``text`` and ``ok``.

    :param run: the run's id; the newest run if not given.
    :param html: write it as one page, too, where this master keeps its reports.
    :raises CommandExecutionError: no such cluster or run, or the page cannot be written.
    """
    known = runs(master, cluster)
    if not known:
        raise CommandExecutionError(f"cluster {cluster} has no run yet that its backends remember: nothing to report")
    found = next((one for one in known if run is None or one.run == run), None)
    if found is None:
        names = ", ".join(one.run for one in known[:5])
        raise CommandExecutionError(f"cluster {cluster} has no run {run}; the newest ones are {names}")
    drawn = timeline.build(found, *entries(master, cluster, found.run))
    shown = {**report.mapping(drawn), "text": report.text(drawn), "ok": True}
    if html:
        shown["html"] = master.notes.keep(f"reports/{cluster}-{found.run}.html", page.page(drawn))
        shown["text"] += f"\n\nwritten: {shown['html']}"
    return shown


def _date(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))

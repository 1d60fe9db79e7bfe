"""Choose the way of an upgrade and go it, hop by hop: each hop is a whole run of its way, with its own gates."""

from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import outcome
from saltext.chef_backend.judge import answers, gates
from saltext.chef_backend.judge import waiver as waivers
from saltext.chef_backend.judge import way as ways
from saltext.chef_backend.judge.way import Hop
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.record import Run
from saltext.chef_backend.run import applied
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import ways as asked
from saltext.chef_backend.run.master import Master
from saltext.chef_backend.settings import Cluster


def chosen(master: Master, name: str, cluster: str) -> Result:
    """Every hop to the target goes a way that is supported; it is said which. Nothing is touched."""
    with outcome.on_master(name) as ret:
        settings = clusters.settings(master, cluster)
        unfinished, chain = _look(master, settings)
        refused = ways.refusals(chain)
        if refused:
            raise CommandExecutionError("\n".join(refused))
        shown = [str(hop) for hop in chain] or [f"{settings.version} is installed"]
        if unfinished:
            shown.insert(0, f"run {unfinished.run} to {unfinished.target} goes on first, {unfinished.way}")
        return outcome.done(ret, "\n".join(shown))
    return ret


def gone(master: Master, name: str, cluster: str) -> Result:
    """The cluster is at its target: each hop that is ahead is gone now, the way that fits, one after another."""
    with outcome.on_master(name) as ret:
        said = []
        settings = clusters.settings(master, cluster)
        for version in settings.stops:
            unfinished, chain = _look(master, settings)
            hop = next((hop for hop in chain if hop.to == version), None)
            if unfinished and unfinished.target == str(version):
                way = unfinished.way
            elif hop:
                way = hop.way.name
            elif version == settings.version:
                way = "rolling"  # nothing is to be upgraded; that all is well is looked at all the same
            else:
                said.append(f"the cluster is beyond {version}")
                continue
            if master.test and hop and hop != chain[0]:  # the hop before it has not been made
                said.append(f"would go on: {hop}")
                continue
            came = _run(master, way, cluster, str(version))
            ret["changes"].update({f"{version}: {step}": changes for step, changes in came.changes.items()})
            if came.troubles:
                raise CommandExecutionError("\n".join(f"{way} to {version}: {line}" for line in came.troubles))
            said.append(f"{way} to {version}: " + ("; ".join(came.comments) if master.test else "done"))
        ret.update(result=None if master.test else True, comment="\n".join(said))
    return ret


def _run(master: Master, way: str, cluster: str, version: str) -> applied.Applied:
    """Run the runbook of a way, inside this orchestration: it is rendered now, and none of Salt's runners is asked."""
    options: dict[str, Any] = {"saltenv": master.saltenv} if master.saltenv else {}
    returned = master.salt["state.sls"](
        f"orch.chef_backend_{way}",
        test=master.test,
        pillar={"cluster": cluster, "hop": version, **_waived(master, cluster, version)},
        concurrent=True,  # with the state that asks for it
        orchestration_jid=master.jid,
        **options,
    )
    return applied.read(returned)


def _waived(master: Master, cluster: str, version: str) -> dict[str, Any]:
    """The waivers of this command for one hop, without those for another; what is none is refused by the hop."""
    said = master.pillar.get(waivers.KEY)
    others = tuple(f" for {stop}" for stop in clusters.settings(master, cluster).stops if str(stop) != version)
    mine = [one for one in said if not str(one).endswith(others)] if isinstance(said, list) else said
    return {waivers.KEY: mine} if mine else {}


def _look(master: Master, settings: Cluster) -> tuple[Run | None, tuple[Hop, ...]]:
    """Return the record of an unfinished run to one of the stops, or None, and the hops that are ahead.

    While a run has the cluster or its search down, what a choice depends on cannot be asked: the run goes on.
    """
    views = clusters.views(master, settings.name)
    gates.everybody_answers(views)
    found = answers.run(views)
    unfinished = found if found and found.target in map(str, settings.stops) else None
    if unfinished and (unfinished.down or unfinished.reindex):
        return unfinished, ()
    return unfinished, asked.hops(master, settings.name, views)

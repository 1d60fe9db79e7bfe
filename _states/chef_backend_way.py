"""States that choose the way of an upgrade and go it, hop by hop, on the master."""

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import outcome
from saltext.chef_backend.judge import answers, gates
from saltext.chef_backend.judge import way as ways


def __virtual__():
    return True


def chosen(name, cluster):
    """Every hop to the target goes a way that is supported; it is said which. Nothing is touched.

    :param name: free text.
    :param cluster: the cluster's name in the pillar.
    """
    with _result(name) as ret:
        settings = __salt__["chef_backend_nodes.cluster"](cluster)
        unfinished, chain = _look(settings)
        refused = ways.refusals(chain)
        if refused:
            raise CommandExecutionError("\n".join(refused))
        shown = [str(hop) for hop in chain] or [f"{settings.version} is installed"]
        if unfinished:
            shown.insert(0, f"run {unfinished.run} to {unfinished.target} goes on first, {unfinished.way}")
        ret.update(result=True, comment="\n".join(shown))
    return ret


def hop(name, cluster, version):
    """The cluster is at this version, or beyond: else it is upgraded to it now, the way that fits.

    :param name: free text.
    :param cluster: the cluster's name in the pillar.
    :param version: one of the versions on the way to the target.
    """
    with _result(name) as ret:
        settings = __salt__["chef_backend_nodes.cluster"](cluster)
        unfinished, chain = _look(settings)
        ahead = [str(one.to) for one in chain]
        if unfinished and unfinished.target == version:
            way = unfinished.way
        elif version in ahead[1:] and __opts__["test"]:  # the hop before it has not been made
            ret.update(result=None, comment=f"would go on: {chain[ahead.index(version)]}")
            return ret
        elif version in ahead:
            way = chain[ahead.index(version)].way.name
        elif version == str(settings.version):
            way = "rolling"  # nothing is to be upgraded; that all is well is looked at all the same
        else:
            ret.update(result=True, comment=f"the cluster is beyond {version}")
            return ret
        mods, pillar = f"orch.chef_backend_{way}", {"cluster": cluster, "hop": version}
        jid = str(__orchestration_jid__)
        ret.update(__salt__["chef_backend_step.nested"](mods, pillar, jid, test=bool(__opts__["test"])))
        ret["comment"] = f"{way}: {ret['comment']}"
    return ret


def _look(settings):
    """Return the record of an unfinished run to one of the stops, or None, and the hops that are ahead.

    While a run has the cluster or its search down, what a choice depends on cannot be asked: the run goes on.
    """
    views = __salt__["chef_backend_nodes.views"](settings.name)
    gates.everybody_answers(views)
    found = answers.record(views)
    unfinished = found if found and found.target in map(str, settings.stops) else None
    if unfinished and (unfinished.down or unfinished.reindex):
        return unfinished, ()
    return unfinished, __salt__["chef_backend_way.hops"](settings.name, views)


def _result(name):
    return outcome.attempt(name, (CommandExecutionError, ValueError))

"""Asked on the master: who leads now, who follows, what is due, what every node says.

The runbooks call these when a step runs, never earlier: render time is minutes before, and clusters move.
All of them only read, but that ``views`` may note something in the record of the run that asks.
"""

import dataclasses

import salt.client
import salt.utils.minions
from salt.exceptions import CommandExecutionError, SaltException

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import pillar as pillars
from saltext.chef_backend.judge import answers, downtime
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.product import version as versions
from saltext.chef_backend.product.version import Version

CLIENT = "chef_backend_nodes.client"


def __virtual__():
    return True


def cluster(name):
    """Return a cluster's settings from the pillar, checked, with all defaults.

    :param name: the cluster's name, a key of ``chef_backend:clusters``.
    :returns: ``chef_backend_settings.Cluster``; inside one hop of several, with the version and package of that.
    :raises CommandExecutionError: every mistake in the pillar, one a line.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_nodes.cluster prod with_pillar=True
    """
    settings, hop = _told(pillars.cluster_from_pillar, dict(__pillar__), name), __pillar__.get("hop")
    return _told(pillars.at_hop, settings, hop) if hop else settings


def backends(name):
    """Return the minion ids of the three backends, sorted.

    Raises CommandExecutionError if the target does not match exactly three.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_nodes.backends prod with_pillar=True
    """
    found = _minions(cluster(name).backends)
    if len(found) != 3:
        raise CommandExecutionError(
            f"chef_backend:clusters:{name}:backends: {cluster(name).backends!r} matches {len(found)} minions "
            f"({', '.join(found) or 'none'}), expected exactly three: correct the target or accept their keys"
        )
    return found


def frontends(name):
    """Return the minion ids of the frontends, sorted; an empty list if the pillar names none.

    Raises CommandExecutionError if there is a target and it matches no minion.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_nodes.frontends prod with_pillar=True
    """
    target = cluster(name).frontends
    if not target:
        return []
    found = _minions(target)
    if not found:
        raise CommandExecutionError(
            f"chef_backend:clusters:{name}:frontends: {target!r} matches no minion, expected at least one: "
            "correct the target or accept their keys"
        )
    return found


def batches(name, nodes=None):
    """Return frontends in the batches they are touched in: a list of lists of minion ids.

    :param nodes: the frontends; all if not given.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_nodes.batches prod with_pillar=True
    """
    nodes = frontends(name) if nodes is None else nodes
    size = cluster(name).batch_size(len(nodes))
    return [nodes[at : at + size] for at in range(0, len(nodes), size)]


def ask(nodes, function, *args, timeout=15):
    """Ask minions and return what each of them said; a silent one says so.

    :param nodes: list of minion ids.
    :param function: name of an execution module function.
    :param timeout: seconds to wait for a first sign of life.
    :returns: ``{node: {"ok": bool, "value": anything, "error": text or None}}``, one entry for each node.
    :raises CommandExecutionError: the master itself cannot be asked.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_nodes.ask '[be1, be2]' test.ping
    """
    nodes, said = list(nodes), {}
    if not nodes:
        return {}
    if CLIENT not in __context__:  # saltutil.cmd makes a new one each time, which takes longer than many an answer
        __context__[CLIENT] = salt.client.get_local_client(__opts__["conf_file"])
    try:
        for part in __context__[CLIENT].cmd_iter(nodes, function, args, timeout=timeout, tgt_type="list"):
            said.update(part)
            if len(said) == len(nodes):
                break
    except SaltException as err:
        raise CommandExecutionError(f"the salt-master cannot be asked: {err}") from err
    return {node: _answer(node, said.get(node), timeout) for node in nodes}


def ask_all(nodes, function, *args, timeout=15):
    """Ask minions, each of which must answer, and without an error.

    :param nodes: list of minion ids.
    :param function: name of an execution module function.
    :param timeout: seconds to wait for a first sign of life.
    :returns: ``{node: what it returned}``.
    :raises CommandExecutionError: what went wrong on each node on which something did, one a line.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_nodes.ask_all '[be1, be2]' test.ping
    """
    said = ask(nodes, function, *args, timeout=timeout)
    troubles = [answer["error"] for answer in said.values() if not answer["ok"]]
    if troubles:
        raise CommandExecutionError("\n".join(troubles))
    return {node: answer["value"] for node, answer in said.items()}


def views(name, only=None, jid=None, changes=None):
    """Ask every backend for all that judging it needs.

    :param only: names of the parts to ask for; all if not given.
    :param jid: orchestration that asks; if it owns the record, this is a sign of life of it.
    :param changes: fields of the record that each backend is to change first: one round for both.
    :returns: ``{node: answer}`` as of ``chef_backend_node.view``; a silent node has ``errors: {answer: why}``.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_nodes.views prod with_pillar=True
    """
    bound = cluster(name).timeouts.ask
    return _views(ask(backends(name), "chef_backend_node.view", only, jid, changes, timeout=bound))


def views_of(names, only=None):
    """Ask the backends of many clusters at once: silent ones hold nobody up beyond the longest bound.

    :param names: names of clusters whose pillar is right.
    :param only: names of the parts to ask for; all if not given.
    :returns: ``{name: {node: answer}}``, as of :func:`views`.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_nodes.views_of '[prod, test]' with_pillar=True
    """
    nodes = {name: backends(name) for name in names}
    bound = max((cluster(name).timeouts.ask for name in names), default=0)
    everybody = [node for several in nodes.values() for node in several]
    seen = _views(ask(everybody, "chef_backend_node.view", only, timeout=bound))
    return {name: {node: seen[node] for node in several} for name, several in nodes.items()}


def leader(name):
    """Return the minion id of the node that leads now, agreed on by every node that answers.

    Raises CommandExecutionError if there is no single leader.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_nodes.leader prod with_pillar=True
    """
    return _leader(views(name))


def due(name, among="all", seen=None):
    """Return the nodes on which something is still due, in the order of their turns.

    A node that is not wholly upgraded comes first. Raises CommandExecutionError if a node's version or the
    leader cannot be told: what is unknown is not "done".

    :param among: ``followers``, ``leader`` or ``all``: who does not run the target version yet. In the way with
        downtime ``install``, ``down`` or ``up``: who lacks the package, has to go down, has to come up upgraded.
        In the way with a re-index ``reindex`` or ``index``: all, where that is due at all, or due and not done yet.
        In the frontends' own upgrade ``frontends`` or ``first_frontend``.
    :param seen: ``{node: view}``, as of :func:`views`; asked if not given.
    :returns: list of minion ids.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_nodes.due prod among=followers with_pillar=True
    """
    if among in ("frontends", "first_frontend"):
        return __salt__["chef_server_frontends.due"](name, first=among == "first_frontend")
    seen = seen or views(name)
    nodes = answers.due(seen, str(cluster(name).version))
    unknown = [text for node in nodes if not seen[node].version for text in seen[node].errors.values()]
    if unknown:
        raise CommandExecutionError("; ".join(unknown))
    if among == "install":
        return downtime.to_install(seen, str(cluster(name).version))
    if among in ("down", "up"):
        return _due_in_downtime(seen, nodes, among)
    if among in ("reindex", "index"):
        record = _told(answers.record, seen)
        wanted = record.reindex if record else bool(nodes)
        return sorted(seen) if wanted and (among == "reindex" or not _index_is_readable(name, seen)) else []
    if among == "all" or not nodes:
        return nodes
    leads = _leader(seen)
    return [node for node in nodes if (node == leads) == (among == "leader")]


def stops(name):
    """Return the versions on the way to the target, in their order, as text; an empty list if the pillar is wrong.

    A runbook is rendered before its first step, and what is wrong with the pillar is that step's to say.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_nodes.stops prod with_pillar=True
    """
    try:
        return [str(version) for version in cluster(name).stops]
    except CommandExecutionError:
        return []


def names():
    """Return the names of the clusters in the pillar.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_nodes.names with_pillar=True
    """
    return _told(pillars.cluster_names, dict(__pillar__))


def node_pillar(name):
    """Return the pillar that the states on the nodes need: nothing secret, nothing of other clusters.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_nodes.node_pillar prod with_pillar=True
    """
    settings = cluster(name)
    return {
        "cluster": name,
        "version": str(settings.version),
        "source": settings.package.source,
        "sha256": settings.package.sha256,
        "timeouts": dataclasses.asdict(settings.timeouts),
        "api": settings.frontend_api,
        "search": __pillar__.get("search", True),
        "organisation": settings.reindex_organisation,
        "server": _server_pillar(settings.server),
        "run": __pillar__.get("run"),
    }


def _server_pillar(server):
    """What a frontend's own upgrade needs; None if the pillar does not name one."""
    if server is None:
        return None
    package = {"source": server.package.source, "sha256": server.package.sha256}
    return {"version": str(server.version), "accept_license": server.accept_license, **package}


def _views(said):
    return {
        node: View.of_answer(answer["value"]) if answer["ok"] else View.of_silence(node, answer["error"])
        for node, answer in said.items()
    }


def _answer(node, said, timeout):
    if not said or "ret" not in said:
        error = f"{node} does not answer within {timeout} s: is its minion running and reachable?"
        return {"ok": False, "value": None, "error": error}
    if said.get("retcode", 0) != 0:
        return {"ok": False, "value": None, "error": str(said["ret"])}
    return {"ok": True, "value": said["ret"], "error": None}


def _minions(target):
    """Resolve a list of minion ids, or a compound target by the master's own keys and caches."""
    if isinstance(target, str):
        matched = salt.utils.minions.CkMinions(__opts__).check_minions(target, "compound")
        return sorted(matched["minions"])
    return sorted(target)


def _index_is_readable(name, seen):
    """Whether the leader's Elasticsearch tells that the index can be read by the target; if it tells nothing, no."""
    settings = cluster(name)
    answer = ask([_leader(seen)], "chef_backend.index_created", timeout=settings.timeouts.ask).popitem()[1]
    return answer["ok"] and versions.reads_index(settings.version, Version.from_text(answer["value"]))


def _due_in_downtime(seen, nodes, among):
    order = {"down": downtime.to_take_down, "up": downtime.to_upgrade}[among]
    record = _told(answers.record, seen)
    if not nodes and not (record and record.down):
        return []  # nothing is to be upgraded, so nothing has to go down for it
    return _told(order, seen, record, _told(answers.leader_of_record, seen))


def _leader(seen):
    return _told(answers.leader, seen)


def _told(function, *args):
    """Call a pure function; what it cannot tell is an error of this module's."""
    try:
        return function(*args)
    except ValueError as err:
        raise CommandExecutionError(str(err)) from err

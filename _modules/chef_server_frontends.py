"""The frontends' own upgrade, on the master: which frontend is due, and the migration-level of the first."""

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend.judge import server
from saltext.chef_backend.product.version import Version


def __virtual__():
    return True


def look(cluster):
    """Ask every frontend what it runs.

    :param cluster: the cluster's name.
    :returns: list of ``chef_server_plan.Frontend``.
    :raises CommandExecutionError: one does not answer, or its version cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_server_frontends.look prod with_pillar=True
    """
    found, nodes = [], __salt__["chef_backend_nodes.frontends"](cluster)
    for node, said in _all_do(cluster, nodes, "chef_server_upgrade.state").items():
        try:
            version = Version.from_text(said["version"])
            found.append(server.Frontend(node, version, said["begun"] is not None, said["drained"]))
        except ValueError as err:
            raise CommandExecutionError(f"{node}: {err}") from err
    return found


def due(cluster, first=False):
    """Return the frontends that need a turn, in the order of their turns: a list of minion ids.

    :param cluster: the cluster's name.
    :param first: only the one that migrates the database, if none has done so.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_server_frontends.due prod with_pillar=True
    """
    target, found = _target(cluster), look(cluster)
    late = server.due(found, target)
    if not first:
        return late
    return late[:1] if server.source(found, target) is None else []


def unfinished(cluster):
    """Return the frontends that a run has taken from their clients or left half-upgraded: a list of minion ids.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_server_frontends.unfinished prod with_pillar=True
    """
    return server.unfinished(look(cluster))


def await_service(cluster, nodes, timeout):
    """Wait until these frontends can serve clients: one leader in HAProxy, and the API answers.

    :param cluster: the cluster's name.
    :param nodes: list of minion ids.
    :param timeout: bound in seconds of each of the two.
    :raises CommandExecutionError: what the frontends said that did not, one a line.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_server_frontends.await_service prod '[fe1]' 60 with_pillar=True
    """
    api = __salt__["chef_backend_nodes.cluster"](cluster).frontend_api
    _all_do(cluster, nodes, "chef_server.wait_for_leader", timeout)
    _all_do(cluster, nodes, "chef_server.wait_for_api", api, timeout)
    return True


def await_rest(cluster, nodes, timeout):
    """Wait until no state is at work on these frontends: what a run that died began there goes on until it ends.

    Salt queues a state behind it, but may take the waiting one for lost.

    :param cluster: the cluster's name.
    :param nodes: list of minion ids.
    :param timeout: bound in seconds.
    :raises CommandExecutionError: what is at work still, and where; or which frontend does not answer.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_server_frontends.await_rest prod '[fe1]' 60 with_pillar=True
    """
    _at_work(cluster, nodes)  # one that does not answer at all is not waited for
    return __salt__["chef_backend_step.until_holds"](lambda: _at_rest(cluster, nodes), timeout)


def level(cluster):
    """Return the migration-level that the other frontends get: ``{"text": content, "sha256": its checksum}``.

    In test mode, in which no frontend has been upgraded, empty. Raises CommandExecutionError if it cannot be had.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_server_frontends.level prod with_pillar=True
    """
    source = server.source(look(cluster), _target(cluster))
    if source is None and __opts__["test"]:
        return {"text": "", "sha256": "that of the first frontend"}
    if source is None:
        raise CommandExecutionError("no frontend is on the target yet: there is no migration-level to copy")
    return _all_do(cluster, [source], "chef_server_upgrade.level")[source]


def _at_rest(cluster, nodes):
    busy = _at_work(cluster, nodes)
    if busy:
        raise CommandExecutionError(f"{', '.join(busy)}: a state of the run before is at work: wait until it has ended")
    return True


def _at_work(cluster, nodes):
    """Return the frontends on which a state is at work."""
    return [node for node, jobs in _all_do(cluster, nodes, "saltutil.is_running", "state.*").items() if jobs]


def _target(cluster):
    return __salt__["chef_backend_nodes.cluster"](cluster).server.version


def _all_do(cluster, nodes, function, *args):
    """Have frontends do one thing; each must answer, and without an error. Returns their answers."""
    bound = __salt__["chef_backend_nodes.cluster"](cluster).timeouts.ask
    return __salt__["chef_backend_nodes.ask_all"](nodes, function, *args, timeout=bound)

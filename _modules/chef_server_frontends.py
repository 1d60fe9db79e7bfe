"""The frontends' own upgrade, on the master: which frontend is due, and the migration-level of the first."""

from salt.exceptions import CommandExecutionError

try:
    from saltext.chef_backend import chef_backend_version as versions
    from saltext.chef_backend import chef_server_plan as plans
except ImportError:
    import chef_backend_version as versions
    import chef_server_plan as plans


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
    found = []
    for node, said in _ask(cluster, __salt__["chef_backend_nodes.frontends"](cluster), "state").items():
        try:
            found.append(plans.Frontend(node, versions.Version.from_text(said["version"]), said["begun"] is not None))
        except ValueError as err:
            raise CommandExecutionError(f"{node}: {err}") from err
    return found


def due(cluster, first=False):
    """Return the frontends that are not wholly on the target, in the order of their turns: a list of minion ids.

    :param cluster: the cluster's name.
    :param first: only the one that migrates the database, if none has done so.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_server_frontends.due prod with_pillar=True
    """
    target, found = _target(cluster), look(cluster)
    late = plans.due(found, target)
    if not first:
        return late
    return late[:1] if plans.source(found, target) is None else []


def level(cluster):
    """Return the migration-level that the other frontends get: ``{"text": content, "sha256": its checksum}``.

    In test mode, in which no frontend has been upgraded, empty. Raises CommandExecutionError if it cannot be had.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_server_frontends.level prod with_pillar=True
    """
    source = plans.source(look(cluster), _target(cluster))
    if source is None and __opts__["test"]:
        return {"text": "", "sha256": "that of the first frontend"}
    if source is None:
        raise CommandExecutionError("no frontend is on the target yet: there is no migration-level to copy")
    return _ask(cluster, [source], "level")[source]


def _target(cluster):
    return __salt__["chef_backend_nodes.cluster"](cluster).server.version


def _ask(cluster, nodes, question):
    """Ask frontends one question of ``chef_server_upgrade``; each must answer."""
    bound = __salt__["chef_backend_nodes.cluster"](cluster).timeouts.ask
    return __salt__["chef_backend_nodes.ask_all"](nodes, f"chef_server_upgrade.{question}", timeout=bound)

"""Have the master run an orchestration as a process of its own: a run belongs to the process that drives it."""

import salt.config
import salt.runner
import salt.utils.master
from salt.exceptions import CommandExecutionError, SaltException


def __virtual__():
    return True


def orchestration(mods, cluster):
    """Start an orchestration of a cluster; it is not waited for.

    :param mods: the SLS.
    :param cluster: the cluster's name.
    :returns: its job id.
    :raises CommandExecutionError: the master does not take it.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_launch.orchestration orch.chef_backend_upgrade prod
    """
    opts = salt.config.client_config(__opts__["conf_file"])  # a reactor's own do not say where the master listens
    asked = {"fun": "state.orchestrate", "kwarg": {"mods": mods, "pillar": {"cluster": cluster}}}
    try:
        key = salt.utils.master.get_master_key("root", opts)
        return salt.runner.RunnerClient(opts).cmd_async({**asked, "key": key})["jid"]
    except SaltException as err:
        raise CommandExecutionError(f"{mods} of {cluster} cannot be started: {err}") from err

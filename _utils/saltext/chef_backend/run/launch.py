"""Have the master run an orchestration as a process of its own: a run belongs to the process that drives it."""

from salt.exceptions import CommandExecutionError, SaltException

from saltext.chef_backend.run.master import Master


def orchestration(master: Master, mods: str, cluster: str) -> str:
    """Start an orchestration of a cluster; it is not waited for. Returns its job id.

    :param mods: the SLS.
    :raises CommandExecutionError: the master does not take it.
    """
    kwargs = {"mods": mods, "pillar": {"cluster": cluster}}
    if master.saltenv:
        kwargs["saltenv"] = master.saltenv
    try:
        return master.start("state.orchestrate", kwargs)
    except SaltException as err:
        raise CommandExecutionError(f"{mods} of {cluster} cannot be started: {err}") from err

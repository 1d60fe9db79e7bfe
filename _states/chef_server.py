"""States of a Chef Infra Server frontend."""

from salt.exceptions import CommandExecutionError


def __virtual__():
    return True


def reconfigured(name, backend_version, api, leader_timeout=60, timeout=900, api_timeout=120):
    """This frontend was reconfigured for a Chef Backend version, and its API answers.

    Before: its HAProxy must send to exactly one leader, else ``reconfigure`` would work on a wrong database.

    :param name: free text.
    :param backend_version: the version the backends have been upgraded to.
    :param api: URL of its status page.
    :param leader_timeout: bound in seconds for HAProxy to know one leader.
    :param timeout: bound in seconds for ``reconfigure``.
    :param api_timeout: bound in seconds for the API to answer afterwards.
    """
    ret = {"name": name, "result": False, "changes": {}, "comment": ""}
    tell = __salt__["chef_backend_progress.tell"]
    try:
        before = __salt__["chef_server.reconfigured_for"]()
        if before == backend_version:
            __salt__["chef_server.wait_for_leader"](timeout=leader_timeout)
            __salt__["chef_server.wait_for_api"](api, timeout=api_timeout)
            ret.update(result=True, comment=f"reconfigured for {backend_version}; its API answers")
            return ret
        changes = {"reconfigured for": {"old": before, "new": backend_version}}
        if __opts__["test"]:
            ret.update(result=None, changes=changes, comment="would run chef-server-ctl reconfigure")
            return ret
        tell("reconfigure", "begin")
        __salt__["chef_server.wait_for_leader"](timeout=leader_timeout)
        __salt__["chef_server.reconfigure"](timeout=timeout)
        ret["changes"] = changes
        waited = __salt__["chef_server.wait_for_leader"](timeout=leader_timeout)
        waited += __salt__["chef_server.wait_for_api"](api, timeout=api_timeout)
        __salt__["chef_server.note_reconfigured"](backend_version)
        tell("reconfigure", "end")
        ret.update(result=True, comment=f"reconfigured; one leader in HAProxy and API answers after {waited} s")
    except CommandExecutionError as err:
        ret["comment"] = str(err)
        tell("reconfigure", "failed")
    return ret

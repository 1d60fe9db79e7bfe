"""States of a Chef Infra Server frontend."""

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import outcome


def __virtual__():
    return True


def reconfigured(name, backend_version, api, leader_timeout=60, timeout=900, api_timeout=120):
    """This frontend was reconfigured for a Chef Backend version, and its API answers.

    Before: its HAProxy must send to exactly one leader, else ``reconfigure`` would work on a wrong database. Out of
    service its API refuses, and stopped its HAProxy tells nothing: then :func:`in_service` looks at them.

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
        before, out = __salt__["chef_server.reconfigured_for"](), __salt__["chef_server_service.out"]()
        if before == backend_version and out:
            ret.update(result=True, comment=f"reconfigured for {backend_version}; out of service: {out}")
            return ret
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
        if out != "stopped":
            __salt__["chef_server.wait_for_leader"](timeout=leader_timeout)
        __salt__["chef_server.reconfigure"](timeout=timeout)
        ret["changes"] = changes
        waited = __salt__["chef_server.wait_for_leader"](timeout=leader_timeout)
        if not out:
            waited += __salt__["chef_server.wait_for_api"](api, timeout=api_timeout)
        __salt__["chef_server.note_reconfigured"](backend_version)
        tell("reconfigure", "end")
        seen = f"out of service: {out}" if out else "API answers"
        ret.update(result=True, comment=f"reconfigured; one leader in HAProxy, {seen}, after {waited} s")
    except CommandExecutionError as err:
        ret["comment"] = str(err)
        tell("reconfigure", "failed")
    return ret


def out_of_service(name, timeout=300):
    """Clients are refused by this frontend: maintenance mode since 14.6.32, before that its services are stopped.

    No command tells whether maintenance mode is on: what counts is that ctl accepted it, as noted on this frontend.

    :param name: free text.
    :param timeout: bound in seconds.
    """
    with outcome.attempt(name, (CommandExecutionError, ValueError, OSError)) as ret:
        how = __salt__["chef_server_service.out"]()
        if how:
            ret.update(result=True, comment=f"out of service: {how}")
            return ret
        changes = {"clients": {"old": "served", "new": "refused"}}
        if __opts__["test"]:
            ret.update(result=None, changes=changes, comment="would take this frontend out of service")
            return ret
        how = __salt__["chef_server_service.take_out"](timeout=timeout)
        ret.update(result=True, changes=changes, comment=f"out of service: {how}")
    return ret


def in_service(name, api, leader_timeout=60, timeout=300, api_timeout=120):
    """This frontend serves its clients: it is back if it was out of service, and its API answers.

    :param name: free text.
    :param api: URL of its status page.
    :param leader_timeout: bound in seconds for HAProxy to know one leader.
    :param timeout: bound in seconds for its services to start.
    :param api_timeout: bound in seconds for the API to answer.
    """
    with outcome.attempt(name, (CommandExecutionError, OSError)) as ret:
        changes = {"clients": {"old": "refused", "new": "served"}} if __salt__["chef_server_service.out"]() else {}
        if changes and __opts__["test"]:
            ret.update(result=None, changes=changes, comment="would bring this frontend back into service")
            return ret
        __salt__["chef_server_service.bring_back"](timeout=timeout)
        ret["changes"] = changes
        waited = __salt__["chef_server.wait_for_leader"](timeout=leader_timeout)
        waited += __salt__["chef_server.wait_for_api"](api, timeout=api_timeout)
        ret.update(result=True, comment=f"in service; one leader in HAProxy and API answers after {waited} s")
    return ret

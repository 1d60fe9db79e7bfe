"""States of the frontends' own upgrade, on the master: opened, gates, hooks of the site's load balancer, verified."""

import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import outcome
from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers, server
from saltext.chef_backend.judge import gates as checks

HOOKS = ("drain", "undrain")


def __virtual__():
    return True


def opened(name, cluster):
    """The frontends may be upgraded, and this orchestration holds their cluster: nothing else runs on it meanwhile.

    :param name: free text.
    :param cluster: the cluster's name in the pillar.
    """
    with _result(name) as ret:
        settings = __salt__["chef_backend_nodes.cluster"](cluster)
        path = f"chef_backend:clusters:{cluster}"
        if settings.server is None:
            raise CommandExecutionError(
                f"{path}:server: found nothing, expected version and package: see pillar/example.sls"
            )
        if not settings.frontends:
            raise CommandExecutionError(
                f"{path}:frontends: found nothing, expected the frontends to upgrade: name them"
            )
        for each in HOOKS:  # an undrain that is not there would be missed when a frontend waits for its clients
            _hook_function(settings, each)
        target = str(settings.server.version)
        views = __salt__["chef_backend_nodes.views"](cluster)
        checks.everybody_answers(views)
        found = answers.record(views)
        checks.same_kind(found, records.FRONTENDS)
        resumed = __salt__["chef_backend_hold.may_take"](found, target, views)
        checks.nobody_at_work(views)
        checks.healthy(views, settings.gates.max_lag_bytes)
        if resumed:
            __salt__["chef_server_frontends.await_rest"](cluster, resumed.frontends, settings.timeouts.upgrade)
        frontends = __salt__["chef_server_frontends.look"](cluster)
        server.refuse(frontends, settings.server)
        checks.in_window(settings, time.time(), resumed, server.unfinished(frontends))
        serving = server.who_serves(frontends, settings.server.version)
        __salt__["chef_server_frontends.await_service"](cluster, serving, settings.timeouts.gate)
        failover_found = checks.failover_found(views, resumed)
        due = server.due(frontends, settings.server.version)
        plan = f"chef-server-core {target}; due: {', '.join(due) or 'no frontend'}"
        if __opts__["test"]:
            ret.update(result=None, comment=f"would open a run: {plan}")
            return ret
        record = __salt__["chef_backend_hold.begin"](
            str(__orchestration_jid__),
            views,
            found,
            resumed,
            cluster=cluster,
            way=records.FRONTENDS,
            target=target,
            leader=answers.leader(views),
            failover_found=failover_found,
            frontends=tuple(one.node for one in frontends),
            lease=settings.timeouts.lease,
        )
        comment = f"resumed run {record.run}" if resumed else f"opened run {record.run}"
        __salt__["chef_backend_progress.tell"]("open", "end", comment=plan, record=record)
        ret.update(result=True, comment=f"{comment}: {plan}", changes={"run": {"old": None, "new": record.run}})
    return ret


def gates(name, cluster, frontends):
    """These frontends may be taken from their clients now; the record says that it is their turn.

    The backends are healthy and at rest, the run is not to end here, and whoever is to serve the clients meanwhile
    does so: with one frontend gone and another one drained, nobody would.

    :param name: free text.
    :param cluster: the cluster's name.
    :param frontends: list of minion ids.
    """
    with _result(name) as ret:
        settings = __salt__["chef_backend_nodes.cluster"](cluster)
        found = __salt__["chef_server_frontends.look"](cluster)
        going_on = [node for node in server.unfinished(found) if node in frontends]
        record = __salt__["chef_backend_step.until_holds"](
            lambda: _may_be_touched(cluster, settings, ", ".join(frontends), going_on), settings.timeouts.gate
        )
        serving = [node for node in server.who_serves(found, settings.server.version) if node not in frontends]
        __salt__["chef_server_frontends.await_service"](cluster, serving, settings.timeouts.gate)
        if __opts__["test"]:
            ret.update(result=None, comment=f"the gates hold; {', '.join(frontends)} would be upgraded")
            return ret
        before = len(found) - len(server.due(found, settings.server.version))
        for number, node in enumerate(frontends, before + 1):
            turn = {"number": number, "count": len(found)}
            __salt__["chef_backend_progress.tell"](
                "gate", "end", node=node, comment=f"upgrade frontend {node}", data=turn, record=record
            )
        ret.update(
            result=True, comment=f"the backends are healthy; {', '.join(serving) or 'no other'} serves meanwhile"
        )
    return ret


def hook(name, cluster, hook, frontends):
    """The site's load balancer has been told to send no clients to these frontends (drain), or to send them again.

    Each frontend keeps a note until it gets its clients again: if the run dies or the hook fails, the same command
    calls it once more. So a hook may be called for a frontend that is as it wants it already.

    :param name: free text.
    :param hook: ``drain`` or ``undrain``: the pillar's key below ``server`` that names an execution function of the
        master. It is called once a frontend, with its minion id; an error, or False, ends the run here.
    :param frontends: list of minion ids.
    """
    with _result(name) as ret:
        settings = __salt__["chef_backend_nodes.cluster"](cluster)
        function = _hook_function(settings, hook)
        if __opts__["test"]:
            said = f"would call {function} for {', '.join(frontends)}" if function else f"the pillar names no {hook}"
            ret.update(result=None if function else True, comment=said)
            return ret
        for frontend in frontends:
            if hook == "drain" and function:
                _note(frontend, "drain", settings)  # before it is done: what dies in between is undone all the same
            if function:
                _call(function, frontend)
            if hook == "undrain":
                _note(frontend, "undrain", settings)
            if function:
                ret["changes"][frontend] = {"old": None, "new": f"{hook}ed"}
        said = f"{function} called for {', '.join(frontends)}" if function else f"the pillar names no {hook}"
        ret.update(result=True, comment=said)
    return ret


def verified(name, cluster):
    """Every frontend is wholly on the target, answers, gets its clients, and the backends are as healthy as before."""
    with _result(name) as ret:
        settings = __salt__["chef_backend_nodes.cluster"](cluster)
        if __opts__["test"]:
            ret.update(result=None, comment=f"would verify that every frontend runs {settings.server.version}")
            return ret
        late = __salt__["chef_server_frontends.due"](cluster)
        if late:
            raise CommandExecutionError(f"{', '.join(late)} does not run {settings.server.version} yet, or is drained")
        frontends = __salt__["chef_backend_nodes.frontends"](cluster)
        __salt__["chef_server_frontends.await_service"](cluster, frontends, settings.timeouts.api)
        changes = {"step": "verified", "turn": None}
        views, record = __salt__["chef_backend_step.look"](cluster, str(__orchestration_jid__), changes)
        checks.healthy(views, settings.gates.max_lag_bytes)
        __salt__["chef_backend_progress.tell"]("verify", "end", record=record)
        ret.update(result=True, comment=f"every frontend runs {settings.server.version} and answers")
    return ret


def _may_be_touched(cluster, settings, frontends, going_on):
    """Hold what must be true of the backends and the run; return the record, which says whose turn it is.

    :param going_on: which of these frontends a run has left without clients or half-upgraded: they cannot wait.
    """
    jid = None if __opts__["test"] else str(__orchestration_jid__)
    turn = {"step": f"upgrade frontend {frontends}", "turn": frontends}
    views, record = __salt__["chef_backend_step.look"](cluster, jid, turn)
    checks.healthy(views, settings.gates.max_lag_bytes)
    checks.nobody_at_work(views)
    if not going_on:
        __salt__["chef_backend_step.fits"](cluster, views, record)
    return record


def _hook_function(settings, hook):
    """Return the name of the function that the pillar gives for a hook, or None; the master must have it."""
    function = getattr(settings.server, hook)
    if function is not None and function not in __salt__:
        raise CommandExecutionError(f"{hook}: the master has no function {function}: sync it, or correct the pillar")
    return function


def _call(function, frontend):
    """Call a function of the site's for a frontend. Raises CommandExecutionError, whatever it raised itself."""
    try:
        said = __salt__[function](frontend)
    except Exception as err:
        raise CommandExecutionError(f"{function} failed for {frontend}: {type(err).__name__}: {err}") from err
    if said is False:
        raise CommandExecutionError(f"{function} returned False for {frontend}")


def _note(frontend, verb, settings):
    """Have a frontend note that the load balancer sends it no clients, or that it sends them again."""
    function = f"chef_server_upgrade.{verb}"
    __salt__["chef_backend_nodes.ask_all"]([frontend], function, timeout=settings.timeouts.ask)


def _result(name):
    return outcome.attempt(name, (CommandExecutionError, ValueError))

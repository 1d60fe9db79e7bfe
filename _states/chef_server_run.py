"""States of the frontends' own upgrade, on the master: opened, hooks of the site's load balancer, verified."""

from salt.exceptions import CommandExecutionError, SaltException

try:
    from saltext.chef_backend import chef_backend_answers as answers
    from saltext.chef_backend import chef_backend_gates as checks
    from saltext.chef_backend import chef_backend_record as records
    from saltext.chef_backend import chef_backend_result as outcome
    from saltext.chef_backend import chef_server_plan as plans
except ImportError:
    import chef_backend_answers as answers
    import chef_backend_gates as checks
    import chef_backend_record as records
    import chef_backend_result as outcome
    import chef_server_plan as plans


def __virtual__():
    return True


def opened(name, cluster):
    """The frontends may be upgraded, and this orchestration holds their cluster: nothing else runs on it meanwhile.

    :param name: free text.
    :param cluster: the cluster's name in the pillar.
    """
    with _result(name) as ret:
        settings = __salt__["chef_backend_nodes.cluster"](cluster)
        checks.all_understood(settings)
        path = f"chef_backend:clusters:{cluster}"
        if settings.server is None:
            raise CommandExecutionError(
                f"{path}:server: found nothing, expected version and package: see pillar/example.sls"
            )
        if not settings.frontends:
            raise CommandExecutionError(
                f"{path}:frontends: found nothing, expected the frontends to upgrade: name them"
            )
        target = str(settings.server.version)
        views = __salt__["chef_backend_nodes.views"](cluster)
        checks.everybody_answers(views)
        found = answers.record(views)
        checks.same_kind(found, records.FRONTENDS)
        resumed = __salt__["chef_backend_hold.may_take"](found, target, views)
        checks.nobody_at_work(views)
        checks.healthy(views, settings.gates.max_lag_bytes)
        frontends = __salt__["chef_server_frontends.look"](cluster)
        plans.refuse(frontends, settings.server)
        due = plans.due(frontends, settings.server.version)
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
            failover_found=checks.failover_found(views, resumed),
            frontends=tuple(one.node for one in frontends),
            lease=settings.timeouts.lease,
        )
        comment = f"resumed run {record.run}" if resumed else f"opened run {record.run}"
        ret.update(result=True, comment=f"{comment}: {plan}", changes={"run": {"old": None, "new": record.run}})
    return ret


def hook(name, cluster, hook, frontends):
    """The site's load balancer has been told to send no clients to these frontends (drain), or to send them again.

    :param name: free text.
    :param hook: ``drain`` or ``undrain``: the pillar's key below ``server`` that names an execution function of the
        master. It is called once a frontend, with its minion id; an error, or False, ends the run here.
    :param frontends: list of minion ids.
    """
    ret = {"name": name, "result": False, "changes": {}, "comment": ""}
    try:
        function = getattr(__salt__["chef_backend_nodes.cluster"](cluster).server, hook)
        if function is None:
            ret.update(result=True, comment=f"the pillar names no {hook}")
            return ret
        if __opts__["test"]:
            ret.update(result=None, comment=f"would call {function} for {', '.join(frontends)}")
            return ret
        if function not in __salt__:
            raise CommandExecutionError(
                f"{hook}: the master has no function {function}: sync it, or correct the pillar"
            )
        for frontend in frontends:
            if __salt__[function](frontend) is False:
                raise CommandExecutionError(f"{function} returned False for {frontend}")
            ret["changes"][frontend] = {"old": None, "new": f"{hook}ed"}
        ret.update(result=True, comment=f"{function} called for {', '.join(frontends)}")
    except (SaltException, ValueError, TypeError, KeyError, OSError) as err:
        ret["comment"] = f"{hook}: {err}"
    return ret


def verified(name, cluster):
    """Every frontend is wholly on the target, and the backends are as healthy as before."""
    with _result(name) as ret:
        settings = __salt__["chef_backend_nodes.cluster"](cluster)
        if __opts__["test"]:
            ret.update(result=None, comment=f"would verify that every frontend runs {settings.server.version}")
            return ret
        late = __salt__["chef_server_frontends.due"](cluster)
        if late:
            raise CommandExecutionError(f"{', '.join(late)} does not run {settings.server.version} yet")
        _all_answer(cluster, settings)
        views, _ = __salt__["chef_backend_step.look"](cluster, str(__orchestration_jid__))
        checks.healthy(views, settings.gates.max_lag_bytes)
        ret.update(result=True, comment=f"every frontend runs {settings.server.version} and answers")
    return ret


def _all_answer(cluster, settings):
    """Every frontend's API answers, also of those that this run left alone."""
    frontends = __salt__["chef_backend_nodes.frontends"](cluster)
    args = (settings.frontend_api, settings.timeouts.api)
    __salt__["chef_backend_nodes.ask_all"](frontends, "chef_server.wait_for_api", *args)


def _result(name):
    return outcome.attempt(name, (CommandExecutionError, ValueError))

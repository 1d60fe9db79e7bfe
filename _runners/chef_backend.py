"""What the operator types: ``salt-run chef_backend.status``, ``plan``, ``pause``, ``resume``, ``abort``, ``report`` ...

Those that are no verb of a run only read. A mistake ends in one message and exit status 1.
"""

from salt.exceptions import CommandExecutionError


def __virtual__():
    return True


def status(cluster=None, text=True):
    """Show a cluster: each node's role, version and lag, failover, the run that holds it, what is not well.

    :param cluster: one cluster's name; if not given, a line for each of the pillar, if there are several.
    :param text: a table for people; ``text=False`` returns mappings, for ``--out=json``.
    :returns: text, or a list of mappings. Exit status 1 if a cluster is not healthy or cannot be judged.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.status
        salt-run chef_backend.status prod text=False --out=json
    """
    return _answer(lambda: _one_or_every("chef_backend_overview.status", cluster), text)


def plan(cluster, text=True):
    """Show what an upgrade would do now: way, order, commands, and what would refuse it. Touches nothing.

    :param cluster: the cluster's name.
    :param text: as for ``status``.
    :returns: text, or a mapping. Exit status 1 if an upgrade would be refused.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.plan prod
    """
    return _answer(lambda: [_master("chef_backend_overview.plan", cluster)], text)


def watch(cluster=None, text=True):
    """Follow a run that is under way, from a second terminal, until it ends. The live part goes to standard error.

    :param cluster: the cluster's name; if not given, all of the pillar, until none has been upgraded for a minute.
    :param text: as for ``status``.
    :returns: how the run ended, as text or a mapping. Exit status 1 if it did not reach its target, or none is there.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.watch prod
        salt-run chef_backend.watch
    """
    return _answer(lambda: _one_or_every("chef_backend_watch.watch", cluster), text)


def history(cluster, run=None, text=True):
    """List the runs of a cluster, or all that was told of one: steps, gates, commands, what they took.

    :param cluster: the cluster's name.
    :param run: a run's id, as listed.
    :param text: as for ``status``.
    :returns: text, or a list of mappings. Exit status 1 if there is no such run.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.history prod
        salt-run chef_backend.history prod 20261122120000000000
    """
    return _answer(lambda: [_master("chef_backend_watch.history", cluster, run)], text)


def report(cluster, run=None, text=True, html=None):
    """Report a run: a timeline, what it cost, its gates and its commands.

    :param cluster: the cluster's name.
    :param run: the run's id; the newest run if not given.
    :param text: as for ``status``.
    :param html: absolute path of a file on this master to write the report to as one self-contained page.
    :returns: text, or a mapping in a list. Exit status 1 if there is no such run, or the file cannot be written.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.report prod
        salt-run chef_backend.report prod 20261122120000000000 html=/root/report.html
        salt-run chef_backend.report prod text=False --out=json
    """
    return _answer(lambda: [_master("chef_backend_reports.report", cluster, run, html)], text)


def pause(cluster):
    """Have a run end before it touches another node; failover is on meanwhile, ``resume`` goes on with it.

    :param cluster: the cluster's name.
    :returns: what was done, as text. Exit status 1 if there is no run to pause.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.pause prod
    """
    return _steer("pause", cluster)


def resume(cluster):
    """Go on with a run that was paused, failed or was given up: all gates are looked at again. Waits for its end.

    :param cluster: the cluster's name.
    :returns: what was done, as text. Exit status 1 if there is no run to resume, or it does not reach its end.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.resume prod
    """
    return _steer("resume", cluster)


def abort(cluster):
    """End a run before it touches another node, or what a run left that nobody drives; failover is on then.

    :param cluster: the cluster's name.
    :returns: what was done, as text. Exit status 1 if there is no run, or a node is inside its upgrade.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.abort prod
    """
    return _steer("abort", cluster)


def scheduled(cluster):
    """Start the upgrade if a maintenance window is open and something is due, or go on with what waited for one.

    For the master's schedule, see ``docs/windows.md``. What an operator paused or aborted is left alone, and so is
    what failed. Waits for the end of what it starts.

    :param cluster: the cluster's name.
    :returns: what was done or why nothing was, as text. Exit status 1 if a run failed, now or before.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.scheduled prod
    """
    return _steer("scheduled", cluster)


def requested(cluster, version):
    """Start the upgrade that an event asked for, as a process of its own; for the reactor, see ``docs/reactor.md``.

    What an operator paused or aborted is left alone, and so is what failed. Does not wait for its end.

    :param cluster: the cluster's name.
    :param version: its target.
    :returns: what was done or why nothing was, as text. Exit status 1 if it could not be started.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.requested prod 2.3.16
    """
    return _steer("requested", cluster, version, wait=False)


def _steer(verb, cluster, *args, wait=True):
    try:
        done = _master(f"chef_backend_control.{verb}", cluster, *args)
    except CommandExecutionError as err:
        return _bad({"error": str(err)})
    if not done["ok"]:
        return _bad({"error": done["text"]})
    if not done["start"]:
        return done["text"]
    if not wait:  # the reactor's own process must not own a run: it outlives the run's end
        return f"{done['text']}: job {_master('chef_backend_launch.orchestration', done['start'], cluster)}"
    ended = __salt__["state.orchestrate"](
        mods=done["start"], pillar={"cluster": cluster}, orchestration_jid=str(__jid__)
    )
    return ended if ended.get("retcode") == 0 else _bad({"found": ended})


def _one_or_every(function, cluster):
    """Ask a module's function for one cluster, or its ``every`` for all of the pillar, if there are several."""
    names = [cluster] if cluster else _master("chef_backend_nodes.names")
    if len(names) == 1:
        return [_master(function, names[0])]
    return [_master(f"{function.partition('.')[0]}.every", names)]


def _master(function, *args):
    """Call a master-side module function with the master's pillar."""
    return __salt__["salt.cmd"](function, *args, with_pillar=True)


def _answer(ask, text):
    """Return what was asked for. Only a mapping with ``retcode`` makes salt-run exit non-zero without a traceback."""
    try:
        shown = ask()
    except CommandExecutionError as err:
        return _bad({"error": str(err)})
    found = "\n\n".join(one["text"] for one in shown) if text else shown
    return found if all(one["ok"] for one in shown) else _bad({"found": found})


def _bad(answer):
    __context__["retcode"] = 1  # as a step of an orchestration this makes it fail, retcode alone does not
    return {**answer, "retcode": 1}

"""What the operator types: ``salt-run chef_backend.status``, ``plan``, ``check``, ``pause``, ``resume``, ``abort`` ...

Those that are no verb of a run only read: ``status``, ``plan``, ``check``, ``watch``, ``history``, ``report``,
``capture``, ``bundle``. They return text, or with ``text=False`` a list of mappings, whose fields
``docs/reference/events.md`` lists. Where the exit status is 1 they return ``{"found": what was asked for, "retcode":
1}``. A mistake ends in one message, ``{"error": text, "retcode": 1}``, and exit status 1.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import printable, salt
from saltext.chef_backend.run import capture as captures
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import history as runs
from saltext.chef_backend.run import launch, overview, requests, steering, watching
from saltext.chef_backend.run.master import Master

if TYPE_CHECKING:
    from saltext.chef_backend.salt import __jid__

Shown = dict[str, Any]


def __virtual__() -> salt.Virtual:
    return salt.on_a_master()


def status(cluster: str | None = None, text: bool = True) -> Any:
    """Show a cluster: each node's role, version and lag, failover, the run that holds it, what is not well.

    :param cluster: one cluster's name; if not given, a line for each of the pillar, if there are several.
    :param text: a table for people; ``text=False`` returns mappings, for ``--out=json``.
    :returns: text, or a list of mappings. Exit status 1 if a cluster is not healthy or cannot be judged.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.status
        salt-run chef_backend.status prod text=False --out=json
    """
    return _answer(lambda master: _one_or_every(master, cluster, overview.status, overview.every), text)


def plan(cluster: str, text: bool = True, saltenv: str | None = None) -> Any:
    """Show what an upgrade would do now: way, order, commands, and what would refuse it. Touches nothing.

    :param cluster: the cluster's name.
    :param text: as for ``status``.
    :param saltenv: the environment that the upgrade will be given, if any.
    :returns: text, or a mapping. Exit status 1 if an upgrade would be refused.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.plan prod
    """
    return _answer(lambda master: [overview.plan(master, cluster)], text, saltenv)


def check(cluster: str | None = None, text: bool = True, saltenv: str | None = None) -> Any:
    """Check whether this Salt is fit to upgrade a cluster: versions, modules in step, runbooks, schedulers, disks.

    Each backend's scheduler is seen to run a job once; nothing else is changed. ``plan`` and the upgrade itself ask the
    same, but for that.

    :param cluster: the cluster's name; if not given, every cluster of the pillar.
    :param text: as for ``status``.
    :param saltenv: as for ``plan``.
    :returns: text, or a list of mappings. The last line is the verdict: fit, or the first thing to do. Exit status 1 if
        it is not fit.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.check
        salt-run chef_backend.check prod
    """
    return _answer(
        lambda master: [overview.check(master, name) for name in ([cluster] if cluster else clusters.names(master))],
        text,
        saltenv,
    )


def watch(cluster: str | None = None, text: bool = True) -> Any:
    """Follow a run that is under way, from a second terminal, until it ends. The live part goes to standard error.

    :param cluster: the cluster's name; if not given, all of the pillar, until none has been upgraded for a minute.
    :param text: as for ``status``.
    :returns: how the run ended, as text or a mapping. Exit status 1 if it did not reach its target, or none is there.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.watch prod
        salt-run chef_backend.watch
    """
    return _answer(lambda master: _one_or_every(master, cluster, watching.watch, watching.every), text)


def history(cluster: str, run: str | None = None, text: bool = True) -> Any:
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
    return _answer(lambda master: [runs.history(master, cluster, _id(run))], text)


def report(cluster: str, run: str | None = None, text: bool = True, html: bool = False) -> Any:
    """Report a run: a timeline, what it cost, its gates and its commands.

    :param cluster: the cluster's name.
    :param run: the run's id; the newest run if not given.
    :param text: as for ``status``.
    :param html: write the report as one self-contained page, too, below ``chef_backend/reports`` of this master's
        cache; its path is told.
    :returns: text, or a mapping in a list. Exit status 1 if there is no such run, or the page cannot be written.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.report prod
        salt-run chef_backend.report prod 20261122120000000000 html=True
        salt-run chef_backend.report prod text=False --out=json
    """
    if not isinstance(html, bool):
        return _bad({"error": f"html: found {html!r}, expected True: where the page is written to is told"})
    return _answer(lambda master: [runs.reported(master, cluster, _id(run), html)], text)


def capture(cluster: str, anonymous: bool = False, text: bool = True) -> Any:
    """Collect all that this extension reads of a cluster, as the product prints it, into one file on this master.

    Without secrets; for whoever wants to see what this extension makes of another site's product (``make conform``).

    :param cluster: the cluster's name.
    :param anonymous: names, addresses and GUIDs are replaced by others, alike everywhere.
    :param text: as for ``status``.
    :returns: where it was written, and what of it could not be read. Exit status 1 if something could not.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.capture prod
        salt-run chef_backend.capture prod anonymous=True
    """
    return _answer(lambda master: [captures.taken(master, cluster, anonymous)], text)


def bundle(cluster: str, node: str | None = None, run: str | None = None, text: bool = True) -> Any:
    """Put together what to give to whoever is asked for help: capture, status, the run's journal and report.

    :param cluster: the cluster's name.
    :param node: the backend concerned: its logs are gathered there, by the product, and stay there.
    :param run: a run's id; the newest run if not given.
    :param text: as for ``status``.
    :returns: where it was written, on this master. Exit status 1 if it could not be.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.bundle prod node=be2
    """
    return _answer(lambda master: [captures.bundled(master, cluster, node, _id(run))], text)


def pause(cluster: str) -> Any:
    """Have a run end before it touches another node; failover is on meanwhile, ``resume`` goes on with it.

    :param cluster: the cluster's name.
    :returns: what was done, as text. Exit status 1 if there is no run to pause.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.pause prod
    """
    return _steer(lambda master: steering.pause(master, cluster), cluster)


def resume(cluster: str, saltenv: str | None = None) -> Any:
    """Go on with a run that was paused, failed or was given up: all gates are looked at again. Waits for its end.

    :param cluster: the cluster's name.
    :param saltenv: the environment of the runbooks, as for the orchestration itself.
    :returns: what was done, as text. Exit status 1 if there is no run to resume, or it does not reach its end.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.resume prod
    """
    return _steer(lambda master: steering.resume(master, cluster), cluster, saltenv)


def abort(cluster: str) -> Any:
    """End a run before it touches another node, or what a run left that nobody drives; failover is on then.

    :param cluster: the cluster's name.
    :returns: what was done, as text. Exit status 1 if there is no run, or a node is inside its upgrade.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.abort prod
    """
    return _steer(lambda master: steering.abort(master, cluster), cluster)


def scheduled(cluster: str) -> Any:
    """Start the upgrade if a maintenance window is open and something is due, or go on with what waited for one.

    For the master's schedule, see ``docs/how-to/windows.md``. What an operator paused or aborted is left alone, and so
    is what failed. Waits for the end of what it starts.

    :param cluster: the cluster's name.
    :returns: what was done or why nothing was, as text. Exit status 1 if a run failed, now or before.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.scheduled prod
    """
    return _steer(lambda master: steering.scheduled(master, cluster), cluster)


def requested(tag: Any, data: Any) -> Any:
    """Judge an event, and start the upgrade that it may ask for, as a process of its own; for the reactor.

    See ``docs/how-to/reactor.md``. What an operator paused or aborted is left alone, and so is what failed. Does not
    wait for the end of what it starts.

    :param tag: the event's tag.
    :param data: what it carries, as it came.
    :returns: what was done or why nothing was, as text. Exit status 1 if it was refused or could not be started.

    CLI Example:

    .. code-block:: bash

        salt-run chef_backend.requested chef_backend/request/upgrade '{"cluster": "prod"}'
    """
    master = salt.master()
    request = requests.accepted(master, tag, data)
    if request.refused:
        return _bad({"error": request.refused})
    try:
        done = steering.requested(master, request.cluster, request.version)
        if not done.ok or not done.start:
            return done.text if done.ok else _bad({"error": done.text})
        # the reactor's own process must not own a run: it outlives the run's end
        return f"{done.text}: job {launch.orchestration(master, done.start, request.cluster)}"
    except CommandExecutionError as err:
        return _bad({"error": str(err)})


def _steer(verb: Callable[[Master], steering.Done], cluster: str, saltenv: str | None = None) -> Any:
    try:
        done = verb(salt.master(saltenv=saltenv))
    except CommandExecutionError as err:
        return _bad({"error": str(err)})
    if not done.ok:
        return _bad({"error": done.text})
    if not done.start:
        return done.text
    ended = salt.orchestrate(done.start, {"cluster": cluster}, str(__jid__), saltenv)
    return ended if ended.get("retcode") == 0 else _bad({"found": ended})


def _one_or_every(
    master: Master,
    cluster: str | None,
    one: Callable[[Master, str], Shown],
    every: Callable[[Master, list[str]], Shown],
) -> list[Shown]:
    """Show one cluster, or all of the pillar together, if there are several."""
    names = [cluster] if cluster else clusters.names(master)
    return [one(master, names[0])] if len(names) == 1 else [every(master, names)]


def _answer(ask: Callable[[Master], list[Shown]], text: bool, saltenv: str | None = None) -> Any:
    """Return what was asked for. Only a mapping with ``retcode`` makes salt-run exit non-zero without a traceback."""
    try:
        shown = ask(salt.master(saltenv=saltenv))
    except (CommandExecutionError, ValueError) as err:  # Refused is one
        return _bad({"error": str(err)})
    found = printable.cleaned("\n\n".join(one["text"] for one in shown) if text else shown)
    return found if all(one["ok"] for one in shown) else _bad({"found": found})


def _id(run: Any) -> str | None:
    """A run's id; the command line makes a number of it."""
    return None if run is None else str(run)


def _bad(answer: Shown) -> Shown:
    salt.fails()  # as a step of an orchestration a return code alone is not enough
    return {**printable.cleaned(answer), "retcode": 1}

"""What every step of a run does before it acts, on the master: look at the cluster, hold the record, await a gate."""

import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers, gates
from saltext.chef_backend.run import nested as outcome

LEADS = "chef_backend_step.leads"
LOOK = "chef_backend_step.look"  # in __context__: what the last step saw and left as it was
LOOK_IS_GOOD = 5  # seconds


def __virtual__():
    return True


def look(cluster, jid, changes=None, only=None):
    """Ask all backends; return their views and the record, which must still be this orchestration's.

    What the step before saw, and left as it was, is not asked again.

    :param cluster: the cluster's name.
    :param jid: job id of the orchestration; None in test mode, in which no run is open.
    :param changes: mapping of fields of the record to change first, in the same round.
    :param only: names of the parts to ask for; all if not given. ``record`` must be one of them.
    :returns: ``{node: view}`` and ``chef_backend_record.Record``, or None in test mode.
    :raises CommandExecutionError: the record is not this orchestration's.
    :raises ValueError: the operator wants the run to end before anything more is begun.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_step.look prod 20261122120000000000 with_pillar=True
    """
    kept = __context__.pop(LOOK, None)
    same = kept and not changes and not only and kept["cluster"] == cluster
    if same and time.monotonic() - kept["at"] < LOOK_IS_GOOD:
        return kept["views"], kept["record"]
    ask = __salt__["chef_backend_nodes.views"]
    if jid is None:
        return ask(cluster), None
    views = ask(cluster, only, jid, changes or {})
    record = __salt__["chef_backend_hold.owned"](cluster, jid, views)
    gates.not_ended_by_wish(record)
    return views, record


def fits(cluster, views, record):
    """Hold that what is begun now ends before the maintenance window does; else the run pauses until the next opens.

    :param cluster: the cluster's name.
    :param views: ``{node: view}``.
    :param record: ``chef_backend_record.Record``; None in test mode, in which nothing is begun.
    :raises ValueError: it does not fit; the record says that the run waits for the next window.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_step.fits prod '{}' null
    """
    if record is None or record.down or not records.may_be_left(record):
        return  # a cluster that is down has to come up, clients who are refused have to be let in again
    try:
        gates.fits_window(__salt__["chef_backend_nodes.cluster"](cluster), time.time(), record, views)
    except gates.Wished as err:
        wish = {"wish": records.PAUSE, "waits": str(err)}
        __salt__["chef_backend_hold.note"](cluster, record.owner.jid, wish)
        raise


def keep(cluster, views, record):
    """Leave what was seen to the next step, as nothing was done since.

    :param cluster: the cluster's name.
    :param views: ``{node: view}``.
    :param record: ``chef_backend_record.Record``, or None in test mode.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_step.keep prod '{}' null
    """
    __context__[LOOK] = {"cluster": cluster, "views": views, "record": record, "at": time.monotonic()}
    if record is not None:
        _tell_who_leads(views, record)


def nested(mods, pillar, jid, test=False):
    """Run an SLS as an orchestration of its own, rendered now; return what a state tells of it.

    :param mods: the SLS.
    :param pillar: its pillar.
    :param jid: job id of the orchestration that it belongs to.
    :param test: say only what would be.
    :returns: mapping with ``result``, ``changes`` and ``comment``.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_step.nested orch.rolling.leader '{"cluster": "prod"}' 20261122120000000000
    """
    done = __salt__["saltutil.runner"](
        "state.orchestrate", __orchestration_jid__=jid, mods=mods, pillar=pillar, test=test, full_return=True
    )
    steps, troubles = outcome.read(done.get("return"))
    changes = {step["__id__"]: outcome.changes(step) for step in steps if outcome.changes(step)}
    if troubles:
        return {"result": False, "changes": changes, "comment": "\n".join(troubles)}
    if test:
        said = "; ".join(f"{step['__id__']}: {step['comment']}" for step in steps)
        return {"result": None, "changes": changes, "comment": said}
    return {"result": True, "changes": changes, "comment": f"{len(steps)} steps done"}


def until_holds(check, bound):
    """Return what ``check`` returns as soon as it raises no more.

    What nodes show lags behind by some seconds; a gate that looks once would stop good runs.

    :param check: function without parameters; raises CommandExecutionError or ValueError while the gate does not hold.
    :param bound: seconds.
    :raises CommandExecutionError: what did not hold when the bound was passed, or at once what cannot change.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_step.until_holds null 60
    """
    began, told = time.monotonic(), None
    while True:
        try:
            return check()
        except gates.Unsettled as err:
            time.sleep(err.left)  # not looked at again before it may hold: what was seen then is fresh
            late = err
        except gates.Wished:
            raise
        except (CommandExecutionError, ValueError) as err:
            late = err
        if time.monotonic() - began > bound:
            raise CommandExecutionError(f"{late} (looked for {bound} s)") from late
        if str(late) != told:
            told = str(late)
            __salt__["chef_backend_progress.tell"](
                "gate", "begin", node=__pillar__.get("cluster"), comment=f"waits up to {bound} s: {told}"
            )
        time.sleep(0.3)


def _tell_who_leads(views, record):
    """Tell who leads, when that is another node than when it was looked at before."""
    try:
        leads = answers.leader(views)
    except ValueError:
        return  # the cluster is down, or between two leaders
    key = f"{LEADS}.{record.run}"
    if leads != __context__.get(key, record.leader):
        __salt__["chef_backend_progress.tell"]("leads", "end", node=leads, record=record)
    __context__[key] = leads

"""Hold a cluster: take its lock on every backend, keep the record there, give it back.

The lock is the record. A majority of the backends has to hold a word of it; who missed one is brought up by the next.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import record as records
from saltext.chef_backend.errors import reasons_of
from saltext.chef_backend.judge import answers, failover, fence
from saltext.chef_backend.judge.answers import MAJORITY, Views
from saltext.chef_backend.order import Moment, Order
from saltext.chef_backend.record import Owner, Record, Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import heartbeat, probe, progress
from saltext.chef_backend.run.bus import ask_all
from saltext.chef_backend.run.cluster import HELD
from saltext.chef_backend.run.master import Master

held = clusters.held
HEARD = "chef_backend.heard"  # {node: its boot, seconds since, and when that was by this master's own count}
FRESH = 10  # seconds for which a node need not be asked again before it is ordered something
TOOK = "chef_backend.took"  # {node: seconds} of turns that have ended, for the next word


def owner(master: Master) -> Owner:
    """Describe this process as the owner of a run."""
    return Owner(master.jid, master.id, *master.process)


def gone(master: Master, held: Run) -> str | None:
    """Tell why nobody drives a run any more, or None while somebody must be taken to do so."""
    return records.owner_is_gone(held, master=master.id, alive=master.alive)


def may_take(master: Master, found: Run | None, target: str, views: Views) -> Run | None:
    """Tell whether a cluster may be taken, and which unfinished run is resumed by that.

    :param found: the run that its backends tell of, or None.
    :param target: version to go to.
    :returns: the run to resume, or None for a new run.
    :raises CommandExecutionError: a living run holds it; or a dead one to another target has to be finished first.
    """
    if found is None:
        return None
    why = gone(master, found)
    if why is None:
        raise CommandExecutionError(f"{records.held_by(found, master.clock.now())}: wait for its end")
    if found.state == records.ABORTED:
        return None  # what it has left, failover that stays off, the new run takes over
    if found.target == target:
        return found
    needs = _needs(found, answers.half_upgraded(views))
    if needs:
        raise CommandExecutionError(f"{finish_first(found, needs)} ({why})")
    return None


def finish_first(found: Run, needs: str) -> str:
    """Say that an unfinished run to another target must be finished before a new one is opened, and for what."""
    return f"run {found.run} to {found.target} {needs}: finish it first, with version {found.target} in the pillar"


def _needs(found: Run, half_upgraded: list[str]) -> str:
    """Say what an unfinished run has left that only it can finish; empty if nothing."""
    if half_upgraded:
        return f"left {', '.join(half_upgraded)} half-upgraded"
    if found.down:
        return "has the cluster down"
    if not records.may_be_left(found):
        return "has frontends out of service, and the search index is not whole"
    return ""


def begin(master: Master, views: Views, resumed: Run | None, lease: int, **fields: Any) -> Run:
    """Take a cluster for a run: its record on every backend, its heartbeat, its progress on this terminal.

    :param views: of the backends, which tell of no run that somebody drives.
    :param resumed: the run that is gone on with, or None for a new run.
    :param lease: seconds without a heartbeat after which the backends look after failover.
    :param fields: what a new record holds besides, see ``Record``; a resumed one keeps its own.
    :raises CommandExecutionError: another run was faster, or a backend cannot look after failover.
    """
    now = master.clock.now()
    told: dict[str, Any] = {"owner": owner(master), "changed": now, "lease": lease, "state": records.OPEN}
    known = resumed.frontends if resumed else fields["frontends"]
    told |= {"epoch": _next_epoch(master, views, fields["cluster"], known), "revision": 1, "backends": tuple(views)}
    if resumed:
        told |= {"way": fields["way"], "frontends": fields["frontends"], "step": "open", "waits": None}
        told |= {"turn": failover.turn_left(views.values(), resumed), "waived": fields.get("waived", resumed.waived)}
        told["members"] = {**resumed.members, **fields.get("members", {})}  # what was not seen now stays as it was
        if resumed.reindex and fields["failover_found"] == "off":  # a backend may have switched it meanwhile
            told["failover"] = "off"
        record = dataclasses.replace(resumed.record, **told)
    else:
        base = {"run": run_id(master), "opened": now, "failover": fields["failover_found"]}
        record = Record(**{**base, **fields, **told})
    _take(master, record, views, resumed is not None)
    interval = records.interval(record.lease)
    # from now on the backends look after failover, should this orchestration not be heard of for its lease
    try:
        bound = clusters.ask_bound(master, record.cluster)
        ask_all(master.bus, record.backends, "chef_backend_agent.arm", interval, timeout=bound)
    except CommandExecutionError:
        if resumed is None and record.failover != "off":  # else only its own record tells that it has to come on
            _give_back(master, record)
        raise
    heartbeat.start(master, record, interval)
    progress.follow(master, record)
    probe.start(master, record)
    return dataclasses.replace(resumed, **vars(record), wish=None) if resumed else Run(**vars(record))


def take_over(master: Master, views: Views, found: Run, step: str) -> Run:
    """Take a run that nobody drives, to end it: from now on no order of its last owner is obeyed.

    :param views: of the backends, which tell of the run.
    :param step: what is done with it.
    :raises CommandExecutionError: too few backends answer, or another was faster.
    """
    # a backend that has switched failover off by itself has done so for this run
    off = "off" if found.switched else found.failover
    word = dataclasses.replace(
        found.record,
        failover=off,
        owner=owner(master),
        changed=master.clock.now(),
        epoch=_next_epoch(master, views, found.cluster, found.frontends),
        revision=1,
        state=records.OPEN,
        step=step,
    )
    _take(master, word, views, resumes=True)
    return dataclasses.replace(found, **vars(word))


def run_id(master: Master) -> str:
    """Return the id of this orchestration's run: each hop is a run of its own."""
    hop = master.pillar.get("hop")
    return f"{master.jid}-{hop}" if hop else master.jid


def say(
    master: Master, cluster: str, only: Sequence[str] | None = None, table: str | None = None, **changes: Any
) -> Views:
    """Have every backend keep the record as it is now, with ``changes``, and ask it.

    :param only: names of the parts to ask for; all if not given. ``record`` must be one of them.
    :param table: the one backend that is to ask for cluster-status; every one if not given.
    :raises CommandExecutionError: this process holds no run; or a majority has not got the word.
    """
    master.signals.refuse()
    before = held(master, cluster)
    if before is None:
        raise CommandExecutionError(f"this orchestration does not hold {cluster}")
    took = master.kept.pop(TOOK, None)
    if took:
        changes["took"] = {**before.took, **took}
    word = before.changed_to(master.clock.now(), **changes) if changes else before
    # also where no answer came it may have been heard: a word is never said twice with other contents
    master.kept[f"{HELD}.{cluster}"] = word
    views = clusters.views(master, cluster, only, word, table)
    _hear(master, {node: view.at for node, view in views.items() if view.at})
    owned(master, cluster, views)
    return views


def order(master: Master, cluster: str, nodes: Sequence[str]) -> dict[str, Any] | None:
    """Return by which word of its record this orchestration orders nodes something, for the bus; None in test mode.

    :param nodes: backends or frontends. Each is told first, unless it has been heard of just now; backends also that
        it is nobody's turn any more, if it is not theirs.
    :raises CommandExecutionError: this process holds no run any more, or a node does not answer.
    """
    if master.test:
        return None
    master.signals.refuse()
    word = held(master, cluster)
    if word is None:
        raise CommandExecutionError(f"this orchestration does not hold {cluster}")
    if word.turn is not None and set(nodes) - set(fence.names(word.turn)):
        note(master, cluster, turn=None)
    fresh = {node for node, (_, _, when) in _heard(master).items() if master.clock.monotonic() - when < FRESH}
    late = [node for node in nodes if node not in fresh]
    if set(late) & set(word.backends):
        say(master, cluster, ["record"])
    bring_up(master, cluster, [node for node in late if node not in word.backends])
    word, known = held(master, cluster), _heard(master)
    assert word is not None  # it was a moment ago
    return Order(word.record, {node: known[node][:2] for node in nodes if node in known}).to_dict()


def bring_up(master: Master, cluster: str, frontends: Sequence[str]) -> None:
    """Have frontends know the run's record as it is now: by it they tell orders that come too late.

    :raises CommandExecutionError: one does not answer, or knows a later word.
    """
    word = held(master, cluster)
    if word is None or not frontends:
        return
    bound = clusters.ask_bound(master, cluster)
    said = ask_all(master.bus, frontends, "chef_server_agent.accept", word.to_dict(), timeout=bound)
    for node, value in said.items():
        if not value["taken"]:
            holder = records.held_by(Record.from_dict(value["record"]), master.clock.now())
            raise CommandExecutionError(f"{node}: {holder}")
    _hear(master, {node: _moment(value["at"]) for node, value in said.items()})


def spread(master: Master, word: Record) -> None:
    """Have the frontends know a word by which orders of before are void; one that does not answer hears the next."""
    bound = clusters.ask_bound(master, word.cluster)
    said = master.bus.ask(word.frontends, "chef_server_agent.accept", word.to_dict(), timeout=bound)
    _hear(master, {node: _moment(answer.value["at"]) for node, answer in said.items() if answer.ok})


def _moment(at: Sequence[Any]) -> Moment:
    return str(at[0]), float(at[1])


def _hear(master: Master, moments: Mapping[str, Moment]) -> None:
    now = master.clock.monotonic()
    _heard(master).update({node: (boot, since, now) for node, (boot, since) in moments.items()})


def _heard(master: Master) -> dict[str, tuple[str, float, float]]:
    found: dict[str, tuple[str, float, float]] = master.kept.setdefault(HEARD, {})
    return found


def measured(master: Master, node: str, seconds: float) -> None:
    """Have the record's next word tell how long a node's turn lasted, from its gates until it had rejoined."""
    master.kept.setdefault(TOOK, {})[node] = round(seconds, 1)


def note(master: Master, cluster: str, **changes: Any) -> Run:
    """Change fields of the record that this orchestration owns; a majority of the backends must have it.

    :param changes: fields of ``Record``.
    :returns: the record, as it is now.
    :raises CommandExecutionError: too few backends answer, or another run has taken over.
    """
    return owned(master, cluster, say(master, cluster, ["record"], **changes))


def owned(master: Master, cluster: str, seen: Views) -> Run:
    """Return the run in the backends' answers, if it is still this orchestration's.

    :raises CommandExecutionError: too few backends hold its word, or another run has taken over.
    """
    word = held(master, cluster)
    if word is None:
        raise CommandExecutionError(f"this orchestration does not hold {cluster}")
    try:
        return answers.owned(seen, word, master.clock.now())
    except ValueError as err:
        if any(reason.code == "record-unreadable" for reason in reasons_of(err)):
            raise CommandExecutionError(f"what became of {cluster}'s run is not known: {err}") from err
        raise CommandExecutionError(f"this orchestration does not hold {cluster} any more: {err}") from err


def tell(master: Master, word: Record) -> None:
    """Have the backends keep a word of a run that nobody drives. Raises CommandExecutionError if too few have it."""
    troubles = _claim(master, word.backends, word, None)
    if len(word.backends) - len(troubles) < MAJORITY:
        raise CommandExecutionError("\n".join(troubles))


def finish(master: Master, wanted: Record) -> list[str]:
    """Keep the record as the last run's, and free the cluster and the frontends.

    :returns: the nodes that did not hear of it: a backend learns it from the others, a frontend from the next run.
    :raises CommandExecutionError: too few backends could be freed.
    """
    bound = clusters.ask_bound(master, wanted.cluster)
    said = master.bus.ask(wanted.backends, "chef_backend_agent.finish", wanted.to_dict(), timeout=bound)
    held_on = {node: answer for node, answer in said.items() if not (answer.ok and answer.value)}
    if len(said) - len(held_on) < MAJORITY:
        raise CommandExecutionError(
            "\n".join(answer.error or f"{node} is held by another run" for node, answer in held_on.items())
        )
    told = master.bus.ask(wanted.frontends, "chef_server_agent.finish", wanted.to_dict(), timeout=bound)
    return sorted([*held_on, *(node for node, answer in told.items() if not answer.ok)])


def _there(views: Views) -> list[Record]:
    """The copies that backends hold: of several runs, if one came to some nodes only, or a node missed its end."""
    return [view.record for view in views.values() if view.record is not None]


def _next_epoch(master: Master, views: Views, cluster: str, frontends: Sequence[str]) -> int:
    """One more than any node has heard of, so that no word of an earlier run is taken for a new one's.

    The frontends are asked, too: the backends may have been put back to where they were before. One that does not
    answer hears of the run later, or refuses its word.

    :raises CommandExecutionError: another has taken a run since its backends were looked at.
    """
    bound = clusters.ask_bound(master, cluster)
    said = master.bus.ask(frontends, "chef_server_agent.epoch", timeout=bound) if frontends else {}
    heard = [*(int(answer.value) for answer in said.values() if answer.ok), *(view.epoch for view in views.values())]
    seen = max((copy.epoch for copy in _there(views)), default=0)
    if max(heard, default=0) > seen:
        _see_nobody_was_faster(master, cluster, seen)
    return max([seen, *heard]) + 1


def _see_nobody_was_faster(master: Master, cluster: str, seen: int) -> None:
    """Look again, as an epoch was heard of that no copy has: its run has ended, or somebody has taken one since.

    Most backends would refuse the word that follows, see :func:`_take`. But one that has missed the other's would keep
    it, and the other's run, which a majority holds, would end on that.

    :param seen: the highest epoch of all copies that were seen.
    """
    views = clusters.views(master, cluster, ["record"])
    for copy in _there(views):
        if copy.epoch > seen:
            raise CommandExecutionError(f"{records.held_by(copy, master.clock.now())}: wait for its end")
    silent = [why for _, view in sorted(views.items()) if (why := view.why_not("record"))]
    if len(views) - len(silent) < MAJORITY:
        raise CommandExecutionError("\n".join(silent))


def _take(master: Master, wanted: Record, views: Views, resumes: bool) -> None:
    """Write the record to the backends, as the lock: to all of a new run, to a majority of one that is gone on with.

    The frontends hear of it, too.

    :param views: of the backends; the runs that they tell of, which nobody drives any more, give way to it as they are
        there: not one that another has taken since.
    :param resumes: whether it goes on with a run.
    :raises CommandExecutionError: another run was faster; what was taken of a new run is given back.
    """
    master.signals.refuse()
    master.kept[f"{HELD}.{wanted.cluster}"] = wanted  # first: whatever stops this process, it closes what it has taken
    least = MAJORITY if resumes else len(wanted.backends)
    troubles, over = list[str](), dict[str, int]()
    for copy in _there(views):
        over[copy.run] = max(copy.epoch, over.get(copy.run, 0))
    first, *others = sorted(wanted.backends)
    for nodes in ([first], others):  # of two new runs at once only one gets past the first
        if len(troubles) <= len(wanted.backends) - least:
            troubles += _claim(master, nodes, wanted, over)
    if len(wanted.backends) - len(troubles) >= least:
        spread(master, wanted)
        return
    if not resumes:
        _give_back(master, wanted)
    master.kept.pop(f"{HELD}.{wanted.cluster}", None)
    raise CommandExecutionError("\n".join(troubles))


def _give_back(master: Master, wanted: Record) -> None:
    args, bound = (wanted.run, wanted.epoch), clusters.ask_bound(master, wanted.cluster)
    master.bus.ask(wanted.backends, "chef_backend_agent.withdraw", *args, timeout=bound)
    master.kept.pop(f"{HELD}.{wanted.cluster}", None)


def _claim(master: Master, nodes: Sequence[str], wanted: Record, over: Mapping[str, int] | None) -> list[str]:
    """Have some nodes keep the record, and return why those did not that have not, one sentence each.

    :param over: ``{run: highest epoch of it that was seen}`` if a cluster is taken.
    """
    bound, troubles = clusters.ask_bound(master, wanted.cluster), []
    said = master.bus.ask(nodes, "chef_backend_agent.accept", wanted.to_dict(), over, timeout=bound)
    for node, answer in said.items():
        if not answer.ok:
            troubles.append(answer.error)
        elif not answer.value["taken"]:
            holder = records.held_by(Record.from_dict(answer.value["record"]), master.clock.now())
            troubles.append(f"{node}: {holder}: wait for its end")
    return troubles

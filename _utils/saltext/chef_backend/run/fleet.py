"""Many clusters: groups of them upgraded in their order, each by a run of its own in a process of its own."""

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import outcome
from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers
from saltext.chef_backend.judge import fleet as fleets
from saltext.chef_backend.judge.fleet import Group
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import launch, lock, ways
from saltext.chef_backend.run.master import Listener, Master

UPGRADE = "orch.chef_backend_upgrade"
LOOK_AGAIN = 15  # seconds without the end of a run, after which the clusters are looked at
PATIENCE = 300  # seconds for a run that was started to be seen at its cluster, or to be refused
States = dict[str, tuple[str, str]]  # of each cluster: its state, and why


def known(master: Master, name: str) -> Result:
    """The pillar names the groups of the fleet, and all their clusters."""
    with outcome.on_master(name) as ret:
        groups = _groups(master)
        for cluster in (cluster for group in groups for cluster in group.clusters):
            clusters.settings(master, cluster)
        shown = ", then ".join(f"{group.name} ({', '.join(group.clusters)})" for group in groups)
        return outcome.done(ret, shown)
    return ret


def upgraded(master: Master, name: str) -> Result:
    """Each cluster of each group runs its target, but for those that may fail: a group is done before the next begins.

    If this process dies, the clusters' runs go on; the same command waits for those that run, leaves alone those that
    are done, and goes on with the rest.
    """
    with outcome.on_master(name) as ret:
        said = []
        for group in _groups(master):
            states = {cluster: look(master, cluster) for cluster in group.clusters}
            if master.test:
                due = [cluster for cluster in group.clusters if states[cluster][0] == fleets.DUE]
                said.append(f"{group.name}: would upgrade {', '.join(due) or 'none'}, {group.at_once} at once")
                continue
            stopped = _drive(master, group, states, ret)
            waiting = [cluster for cluster, (state, _) in states.items() if state == fleets.WAITING]
            if stopped:
                raise CommandExecutionError(f"{group.name}: {stopped}; {_shown(states)}")
            if waiting:
                raise CommandExecutionError(
                    f"{group.name}: {', '.join(waiting)} waits: the same command goes on; {_shown(states)}"
                )
            said.append(f"{group.name}: {_shown(states)}")
        ret.update(result=None if master.test else True, comment="\n".join(said))
    return ret


def whole(master: Master, name: str) -> Result:
    """Every cluster of the fleet runs its target."""
    with outcome.on_master(name) as ret:
        named = [cluster for group in _groups(master) for cluster in group.clusters]
        states = {cluster: look(master, cluster) for cluster in named}
        left = {cluster: seen for cluster, seen in states.items() if seen[0] != fleets.DONE}
        if master.test:
            ret.update(result=None, comment=f"would be whole; now left: {', '.join(left) or 'none'}")
            return ret
        if left:
            raise CommandExecutionError(f"{len(left)} of {len(states)} clusters are left: {_shown(left)}")
        return outcome.done(ret, f"all {len(states)} clusters run their target")
    return ret


def look(master: Master, cluster: str) -> tuple[str, str]:
    """Tell how a cluster stands: a state of ``judge.fleet``, and why."""
    try:
        settings = clusters.settings(master, cluster)
        views = clusters.views(master, cluster)
        record = answers.run(views)
        gone = lock.gone(master, record) if record else None
        if record and gone is None:
            return fleets.RUNNING, f"run {record.run} is under way, at {record.step!r}"
        if record is None and not clusters.due(views, str(settings.version)):
            return fleets.DONE, f"runs {settings.version}"
        if record and record.state == records.PAUSED and not record.waits:
            return fleets.WAITING, f"run {record.run} was paused by a person, who resumes or aborts it"
        outside = ways.outside(master, cluster, record, views)
        if outside:
            return fleets.WAITING, outside
        return fleets.DUE, f"is to go to {settings.version}"
    except (CommandExecutionError, ValueError) as err:
        return fleets.FAILED, str(err)


def _drive(master: Master, group: Group, states: States, ret: Result) -> str:
    """Upgrade a group's clusters until nothing more is to be waited for; ``states`` and ``ret`` get what was seen.

    :returns: why nothing more was begun; empty if all were.
    """
    jobs: dict[str, str] = {}
    seen: set[str] = set()
    began: dict[str, float] = {}
    with master.events.listen() as listener:  # before the first is started: no end is missed
        while True:
            decision = fleets.decide(group, {cluster: state for cluster, (state, _) in states.items()})
            if decision.over:
                return decision.stopped
            for cluster in decision.start:
                job = launch.orchestration(master, UPGRADE, cluster)
                jobs[job], began[cluster] = cluster, master.clock.monotonic()
                states[cluster] = (fleets.RUNNING, f"job {job}")
                ret["changes"][cluster] = {"old": "due", "new": "started"}
            done = _ended(master, listener, jobs)
            if done:
                job, well = done
                cluster = jobs.pop(job)
                states[cluster] = _judged(master, cluster, well, job)
                ret["changes"][cluster] = {"old": "due", "new": states[cluster][0]}
                continue
            for cluster in [cluster for cluster, (state, _) in states.items() if state == fleets.RUNNING]:
                now = look(master, cluster)
                ours = next((job for job, theirs in jobs.items() if theirs == cluster), None)
                if now[0] == fleets.RUNNING:
                    seen.add(cluster)
                elif ours is None:  # of another process: it tells us nothing
                    states[cluster] = now
                elif cluster in seen or master.clock.monotonic() - began[cluster] > PATIENCE:
                    del jobs[ours]  # its end was not told
                    states[cluster] = _judged(master, cluster, True, ours)


def _ended(master: Master, listener: Listener, jobs: dict[str, str]) -> tuple[str, bool] | None:
    """Wait for the end of one of the runs that were started: its job, and whether it succeeded; None if none ended."""
    until = master.clock.monotonic() + LOOK_AGAIN
    while (left := until - master.clock.monotonic()) > 0:
        event = listener.get("salt/run/", left)
        if event and event.data.get("jid") in jobs and event.tag.endswith("/ret"):
            said = event.data.get("return")
            well = bool(event.data.get("success")) and isinstance(said, dict) and said.get("retcode") == 0
            return event.data["jid"], well
    return None


def _judged(master: Master, cluster: str, well: bool, job: str) -> tuple[str, str]:
    """How a cluster stands whose run has ended: what it is now counts, not what the run said of itself."""
    state, text = look(master, cluster)
    if (well and state == fleets.DONE) or state == fleets.WAITING:
        return state, text
    return fleets.FAILED, f"job {job} {'ended' if well else 'failed'}, and it {text}"


def _groups(master: Master) -> tuple[Group, ...]:
    try:
        return fleets.from_pillar(dict(master.pillar))
    except ValueError as err:
        raise CommandExecutionError(str(err)) from err


def _shown(states: States) -> str:
    return "; ".join(f"{cluster}: {state}, {text}" for cluster, (state, text) in states.items())

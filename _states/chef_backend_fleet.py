"""States of a fleet, on the master: a group of clusters is upgraded, and what is left of all of them."""

import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import outcome
from saltext.chef_backend.judge import fleet as fleets

UPGRADE = "orch.chef_backend_upgrade"
LOOK_AGAIN = 15  # seconds without the end of a run, after which the clusters are looked at
PATIENCE = 300  # seconds for a run that was started to be seen at its cluster, or to be refused


def __virtual__():
    return True


def known(name):
    """The pillar names the groups of the fleet, and all their clusters.

    :param name: free text.
    """
    with outcome.attempt(name, (CommandExecutionError, ValueError)) as ret:
        groups = __salt__["chef_backend_fleet.read"]()
        for cluster in (cluster for group in groups for cluster in group.clusters):
            __salt__["chef_backend_nodes.cluster"](cluster)
        shown = ", then ".join(f"{group.name} ({', '.join(group.clusters)})" for group in groups)
        ret.update(result=True, comment=shown)
    return ret


def upgraded(name, group):
    """Each cluster of a group runs its target, but for those that may fail; so many at once as the pillar says.

    Each is upgraded by a run of its own, in a process of its own, with its own lock and window. If this one dies they
    go on; the same command waits for those that run, leaves alone those that are done, and goes on with the rest.

    :param name: free text.
    :param group: the group's name in the pillar.
    """
    with outcome.attempt(name, (CommandExecutionError, ValueError)) as ret:
        wanted = _group(group)
        states = {cluster: __salt__["chef_backend_fleet.look"](cluster) for cluster in wanted.clusters}
        if __opts__["test"]:
            shown = [cluster for cluster in wanted.clusters if states[cluster][0] == fleets.DUE]
            comment = f"would upgrade {', '.join(shown) or 'none'}, {wanted.at_once} at once; {_shown(states)}"
            ret.update(result=None, comment=comment)
            return ret
        stopped = _drive(wanted, states, ret)
        waiting = [cluster for cluster, (state, _) in states.items() if state == fleets.WAITING]
        if stopped:
            raise CommandExecutionError(f"{stopped}; {_shown(states)}")
        if waiting:
            raise CommandExecutionError(f"{', '.join(waiting)} waits: the same command goes on; {_shown(states)}")
        ret.update(result=True, comment=_shown(states))
    return ret


def whole(name):
    """Every cluster of the fleet runs its target.

    :param name: free text.
    """
    with outcome.attempt(name, (CommandExecutionError, ValueError)) as ret:
        clusters = [cluster for group in __salt__["chef_backend_fleet.read"]() for cluster in group.clusters]
        states = {cluster: __salt__["chef_backend_fleet.look"](cluster) for cluster in clusters}
        left = {cluster: seen for cluster, seen in states.items() if seen[0] != fleets.DONE}
        if __opts__["test"]:
            ret.update(result=None, comment=f"would be whole; now left: {', '.join(left) or 'none'}")
            return ret
        if left:
            raise CommandExecutionError(f"{len(left)} of {len(states)} clusters are left: {_shown(left)}")
        ret.update(result=True, comment=f"all {len(states)} clusters run their target")
    return ret


def _drive(group, states, ret):
    """Upgrade a group's clusters until nothing more is to be waited for; ``states`` and ``ret`` get what was seen.

    :returns: why nothing more was begun; empty if all were.
    """
    jobs, seen, began = {}, set(), {}
    with __salt__["chef_backend_progress.listen"]() as bus:  # before the first is started: no end is missed
        while True:
            decision = fleets.decide(group, {cluster: state for cluster, (state, _) in states.items()})
            if decision.over:
                return decision.stopped
            for cluster in decision.start:
                job = __salt__["chef_backend_launch.orchestration"](UPGRADE, cluster)
                jobs[job], began[cluster] = cluster, time.monotonic()
                states[cluster] = (fleets.RUNNING, f"job {job}")
                ret["changes"][cluster] = {"old": "due", "new": "started"}
            done = __salt__["chef_backend_fleet.ended"](bus, jobs, LOOK_AGAIN)
            if done:
                job, well = done
                cluster = jobs.pop(job)
                states[cluster] = _judged(cluster, well, job)
                ret["changes"][cluster] = {"old": "due", "new": states[cluster][0]}
                continue
            for cluster in [cluster for cluster, (state, _) in states.items() if state == fleets.RUNNING]:
                now = __salt__["chef_backend_fleet.look"](cluster)
                job = next((job for job, ours in jobs.items() if ours == cluster), None)
                if now[0] == fleets.RUNNING:
                    seen.add(cluster)
                elif job is None:  # of another process: it tells us nothing
                    states[cluster] = now
                elif cluster in seen or time.monotonic() - began[cluster] > PATIENCE:  # its end was not told
                    del jobs[job]
                    states[cluster] = _judged(cluster, True, job)


def _judged(cluster, well, job):
    """How a cluster stands whose run has ended: what it is now counts, not what the run said of itself."""
    state, text = __salt__["chef_backend_fleet.look"](cluster)
    if (well and state == fleets.DONE) or state == fleets.WAITING:
        return state, text
    return fleets.FAILED, f"job {job} {'ended' if well else 'failed'}, and it {text}"


def _group(name):
    for group in __salt__["chef_backend_fleet.read"]():
        if group.name == name:
            return group
    raise CommandExecutionError(f"chef_backend:fleet has no group {name!r}")


def _shown(states):
    return "; ".join(f"{cluster}: {state}, {text}" for cluster, (state, text) in states.items())

"""Whether the Salt of this master and of a cluster's nodes is fit to drive a run; asked by check, plan and open."""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence

from saltext.chef_backend.judge import complaint, fitness, gates, ground, kinds
from saltext.chef_backend.judge import waiver as waivers
from saltext.chef_backend.judge.fitness import Hub, Node
from saltext.chef_backend.reason import Reason
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run.bus import Answer
from saltext.chef_backend.run.master import Master
from saltext.chef_backend.settings import Cluster

ENVIRONMENT = "chef_backend_environment.environment"
PING = "test.ping"


@dataclasses.dataclass(frozen=True)
class Fitness:
    """What was found, and what of it is in the way."""

    hub: Hub
    nodes: Mapping[str, Node]  # that have told, by minion id
    reasons: tuple[Reason, ...]
    took: float | None = None  # seconds of the slowest node's answer; None: nobody was asked


def check(master: Master, name: str) -> Fitness:
    """Look at everything that a run needs of Salt: more than a run asks, as the schedulers are seen to run a job."""
    settings, hub = clusters.settings(master, name), master.environment()
    reasons = fitness.of_hub(hub)
    if any(one.code == "user" for one in reasons):  # who may not drive a run may not ask, either
        return Fitness(hub, {}, tuple(reasons))
    backends, fronts = clusters.backends(master, name), clusters.frontends(master, name)
    everybody = [*backends, *fronts]
    reasons += fitness.without_key(everybody, master.bus.accepted(everybody), hub)
    bound = settings.timeouts.ask
    pinged, took = _timed(master, lambda: master.bus.ask(everybody, PING, timeout=bound))
    said, asking = _timed(master, lambda: _ask(master, bound, backends, fire=True) | _ask(master, bound, fronts))
    nodes = _read(said)
    clocks = {node: one.clock for node, one in nodes.items() if node in backends}
    reasons += _of_nodes(said, nodes, hub, backends, needed=said)
    reasons += fitness.in_time(hub, took) if all(one.ok for one in pinged.values()) else []
    reasons += ground.clocks_agree(clocks, asking) if clocks else []
    reasons += _room(master, settings, nodes, backends)
    return Fitness(hub, nodes, kinds.ordered(reasons), took)


def holds(
    master: Master, settings: Cluster, backends: Sequence[str], fronts: Sequence[str], waived: Collection[str] = ()
) -> tuple[dict[str, Node], list[Reason]]:
    """Hold that nothing of Salt is in the way of a run; it is asked before anything else is judged.

    A frontend that is silent is judged by whoever needs it.

    :param waived: what a person waives, each ``CODE of NODE``.
    :returns: what the nodes told, and the reasons that were set aside.
    :raises Refused: what does not hold, and the command that mends it.
    """
    hub, left_out = master.environment(), waivers.nodes(waived, "frontend-unknown")
    wanted = [*backends, *(node for node in fronts if node not in left_out)]
    reasons = fitness.of_hub(hub)
    if any(one.code == "user" for one in reasons):
        raise gates.unwell(reasons)
    reasons += fitness.without_key(wanted, master.bus.accepted(wanted), hub)
    said = _ask(master, settings.timeouts.ask, wanted)
    nodes = _read(said)
    reasons += _of_nodes(said, nodes, hub, backends, needed=backends)
    return nodes, gates.but_waived(reasons, waived)


def has_room(
    master: Master,
    settings: Cluster,
    nodes: Mapping[str, Node],
    backends: Collection[str],
    waived: Collection[str] = (),
) -> list[Reason]:
    """Hold that there is room for what a new run brings. Returns what was set aside; raises Refused."""
    return gates.but_waived(_room(master, settings, nodes, backends), waived)


def _ask(master: Master, bound: float, nodes: Sequence[str], fire: bool = False) -> dict[str, Answer]:
    return master.bus.ask(nodes, ENVIRONMENT, timeout=bound, kwargs={"saltenv": master.saltenv, "fire": fire})


def _read(said: Mapping[str, Answer]) -> dict[str, Node]:
    """What the nodes told that this version can read."""
    found = {name: Node.of_answer(one.value) for name, one in said.items() if one.ok}
    return {name: node for name, node in found.items() if node is not None}


def _of_nodes(
    said: Mapping[str, Answer], nodes: Mapping[str, Node], hub: Hub, backends: Collection[str], needed: Collection[str]
) -> list[Reason]:
    """What is not fit of those that told, and why others did not; silence only of those that are ``needed``."""
    reasons = []
    for name, answer in said.items():
        if name in nodes:
            reasons += fitness.of_node(name, nodes[name], hub, name in backends)
        elif answer.ok:
            reasons.append(complaint.of_another_version(name, "what its Salt is", hub.saltenv))
        elif answer.silent:
            reasons += [Reason("silent", name, said=answer.error)] if name in needed else []
        else:
            reasons.append(Reason(answer.code or "minion-error", name, said=answer.error))
    return reasons


def _room(master: Master, settings: Cluster, nodes: Mapping[str, Node], backends: Collection[str]) -> list[Reason]:
    own = {name: node for name, node in nodes.items() if name in backends}
    return fitness.room(own, master.package_size(settings.package.source), settings.backup)


def _timed(master: Master, ask: Callable[[], dict[str, Answer]]) -> tuple[dict[str, Answer], float]:
    """Ask, and return what was said and the seconds that it took."""
    began = master.clock.monotonic()
    return ask(), master.clock.monotonic() - began

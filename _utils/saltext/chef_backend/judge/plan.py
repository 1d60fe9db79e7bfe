"""What an upgrade would do now, in its order: its way, its hops, and every command of the first hop.

The words of a command are those that the nodes are ordered to run (``product.command``).
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from saltext.chef_backend.errors import Refused
from saltext.chef_backend.judge import answers, kinds
from saltext.chef_backend.judge import way as ways
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.way import Hop
from saltext.chef_backend.product import command
from saltext.chef_backend.product.command import Words
from saltext.chef_backend.product.maintenance import MAINTENANCE
from saltext.chef_backend.product.version import Version
from saltext.chef_backend.reason import Reason
from saltext.chef_backend.settings import Cluster

NO_FRONTENDS = (
    "the pillar names no frontends: 'chef-server-ctl reconfigure' on each of them, the last step of the procedure, is "
    "left to you"
)


@dataclasses.dataclass(frozen=True)
class Step:
    """One command, and where it runs."""

    node: str
    words: Words

    def __str__(self) -> str:
        return " ".join(self.words)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What an upgrade would do, and what refuses it now."""

    way: str  # of the first hop; none, or refused
    reason: str
    hops: tuple[str, ...]
    order: tuple[str, ...]  # of the backends that are due in the first hop
    commands: tuple[Step, ...]  # of the first hop
    refusals: tuple[Reason, ...]
    left: tuple[str, ...] = ()  # what of the procedure is left to a person


@dataclasses.dataclass(frozen=True)
class Frontends:
    """The frontends of a cluster, as a plan needs them."""

    batches: Sequence[Sequence[str]] = ()
    leave_by: Mapping[str, str] = dataclasses.field(default_factory=dict)  # maintenance or stopped, where it is known

    @property
    def all(self) -> list[str]:
        """Every frontend, in the order of the batches."""
        return [node for batch in self.batches for node in batch]


def plan(
    views: Views, settings: Cluster, reasons: Iterable[Reason], index: Version | None, frontends: Frontends
) -> Plan:
    """Return what an upgrade would do.

    :param reasons: what is not well with the cluster.
    :param index: version of the Elasticsearch that created the index, where the way depends on it.
    """
    chain, troubles = _hops(views, settings.stops, index)
    no_way = [Reason("way", settings.name, said=said) for said in ways.refusals(chain)]
    refusals = kinds.ordered((*reasons, *troubles, *no_way))
    first = chain[0] if chain else None
    if troubles:  # unknown is never "nothing to do"
        way, reason = "refused", str(troubles[0])
    elif no_way:
        way, reason = "refused", str(no_way[0])
    else:
        way, reason = (first.way.name, first.way.reason) if first else ("none", f"{settings.version} is installed")
    late = answers.due(views, str(first.to if first else settings.version))
    leader = next((node for node in sorted(views) if _role(views, node) == "leader"), None)
    order = (*(node for node in late if node != leader), *(node for node in late if node == leader))
    steps: list[Step] = []
    if first and way != "refused":
        steps = commands(way, sorted(views), order, leader, _source(settings, first.to), settings, frontends)
    left = () if frontends.all or not steps else (NO_FRONTENDS,)
    return Plan(way, reason, tuple(map(str, chain)), order, tuple(steps), refusals, left)


def commands(
    way: str,
    backends: Sequence[str],
    order: Sequence[str],
    leader: str | None,
    source: str,
    settings: Cluster,
    frontends: Frontends,
) -> list[Step]:
    """Return the commands of one hop, in their order; what runs side by side stands in the order of names.

    :param backends: all of them; the first switches failover.
    :param order: of the backends that are due, the leader last.
    :param leader: who leads now; None if nobody does.
    :param source: where the package comes from.
    """
    leads = [node for node in order if node == leader]
    followers = [node for node in order if node != leader]
    others = [node for node in backends if node != leader]
    steps = [Step(others[0], command.backup(settings.timeouts.backup))] if settings.backup and order else []
    install = command.install(command.staged(source))
    if way == "downtime":
        steps += [Step(node, install) for node in sorted(order)]
        steps += _leave(frontends)
        steps += [Step(node, command.DOWN_FOR_UPGRADE) for node in (*leads, *followers)]
        steps += [Step(node, command.upgrade()) for node in order]
        return steps + _return(frontends, reconfigured=())
    steps += _leave(frontends) if way == "reindex" else []
    if followers:
        steps.append(Step(backends[0], command.switch_failover("off")))
        for node in followers:
            steps += [Step(node, install), Step(node, command.upgrade())]
        if leads or way != "reindex":  # there it comes on for the hand-over alone, until the index is new
            steps.append(Step(backends[0], command.switch_failover("on")))
    for node in leads:
        steps += [Step(node, install), Step(node, command.upgrade(handover=True))]
        steps += [Step(backends[0], command.switch_failover(to)) for to in ("off", "on") if way != "reindex"]
    if way == "reindex":
        steps += [Step(backends[0], command.switch_failover("off"))] if leads or not followers else []
        return steps + _reindex(backends, settings, frontends)
    return steps + [Step(node, command.RECONFIGURE) for node in frontends.all]


def _reindex(backends: Sequence[str], settings: Cluster, frontends: Frontends) -> list[Step]:
    steps = [Step(node, command.STOP_SEARCH) for node in backends]
    steps += [Step(node, command.START_SEARCH) for node in backends]
    first = frontends.all[:1]
    steps += [Step(node, command.RECONFIGURE) for node in first]
    steps.append(Step(backends[0], command.switch_failover("on")))
    for node in first:
        steps += [Step(node, command.reindex(organisation)) for organisation in (settings.reindex_organisation, None)]
    return steps + _return(frontends, reconfigured=first)


def _leave(frontends: Frontends) -> list[Step]:
    """The commands by which frontends refuse their clients."""
    return [
        Step(node, command.maintenance("on") if how == MAINTENANCE else command.SERVER_STOP)
        for node in frontends.all
        if (how := frontends.leave_by.get(node))
    ]


def _return(frontends: Frontends, reconfigured: Sequence[str]) -> list[Step]:
    """The commands by which frontends learn of the upgraded backends, and serve their clients again."""
    steps = []
    for node in frontends.all:
        steps += [Step(node, command.RECONFIGURE)] if node not in reconfigured else []
        how = frontends.leave_by.get(node)
        steps += [Step(node, command.maintenance("off"))] if how == MAINTENANCE else []
        steps += [Step(node, command.SERVER_START)] if how else []
    return steps


def _source(settings: Cluster, version: Version) -> str:
    packages = {hop.version: hop.package for hop in settings.hops} | {settings.version: settings.package}
    return packages[version].source


def _role(views: Views, node: str) -> str | None:
    """A node's role, as it shows it itself."""
    cluster = views[node].cluster
    try:
        return answers.node_of(cluster, node).role if cluster else None
    except KeyError:
        return None


def _hops(views: Views, stops: Sequence[Version], index: Version | None) -> tuple[tuple[Hop, ...], list[Reason]]:
    """Return the chain of hops of these nodes, and what is unknown or contradicts itself in their versions."""
    installed, troubles = {}, list[Reason]()
    for node, view in sorted(views.items()):
        try:
            if not view.version:
                raise ValueError("its version is unknown")
            installed[node] = Version.from_text(view.version)
        except ValueError as err:
            troubles.append(Reason("version-unknown", node, said=f"{node}: {err}"))
    if troubles:
        return (), troubles
    try:
        return ways.chain(ways.start(installed, stops), stops, index), []
    except Refused as err:
        return (), [*err.reasons]


def refused(planned: Plan, why: Iterable[Reason]) -> Plan:
    """Return a plan that is refused for some more reasons, if there are any."""
    return dataclasses.replace(planned, refusals=kinds.ordered((*planned.refusals, *why)))

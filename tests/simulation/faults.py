"""What can happen in a night, at any point of it; most of it is over some time later."""

import dataclasses
from collections.abc import Callable

from tests.simulation.bus import LATENCY
from tests.simulation.engine import Point
from tests.simulation.master import SaltRun
from tests.simulation.place import BACKENDS
from tests.simulation.product.ctl import Call, Ends
from tests.simulation.world import HUBS, SLS, World


@dataclasses.dataclass(frozen=True)
class Fault:
    """Something that happens, so many points after what happened before it."""

    after: int
    kind: str
    where: str = "here"  # a host; the one of the point, or the leader
    seconds: float = 0.0  # how long it lasts

    def __str__(self) -> str:
        lasts = f" for {self.seconds:.0f} s" if self.seconds else ""
        return f"{self.kind} ({self.where}){lasts}, {self.after} points on"


SEARCH = "elasticsearch"
LATE = 60.0  # seconds, half a lease: what has not looked for so long is armed anew
Strike = Callable[[World, Fault, Point], None]
KINDS: dict[str, Strike] = {}


def strike(world: World, fault: Fault, point: Point) -> None:
    """Have a fault happen now."""
    world.mended_at = max(world.mended_at, world.engine.now + fault.seconds)
    KINDS[fault.kind](world, fault, point)


def kind(name: str) -> Callable[[Strike], Strike]:
    """Give a fault its name."""

    def named(function: Strike) -> Strike:
        KINDS[name] = function
        return function

    return named


def host(world: World, fault: Fault, point: Point) -> str:
    """The backend or frontend that a fault hits."""
    if fault.where == "leader":
        return world.cluster.key or "be1"
    if fault.where != "here":
        return fault.where
    name: str = point.process.place.name
    if name not in HUBS:
        return name
    named = [word.strip(",") for word in point.what.split() if word.strip(",") in world.minions]
    return named[0] if named else BACKENDS_FIRST


BACKENDS_FIRST = next(iter(BACKENDS))


def runs(world: World) -> list[SaltRun]:
    """The orchestrations that are at work, the newest last."""
    return [run for hub in world.hubs.values() for run in hub.runs if run.works]


# the run and its master


def _signal(name: str) -> Strike:
    def strike(world: World, fault: Fault, point: Point) -> None:
        for run in runs(world)[-1:]:
            run.signal(name)

    return strike


for _name, _number in (("SIGKILL", 9), ("SIGINT", 2), ("SIGTERM", 15), ("SIGHUP", 1)):
    KINDS[f"orchestration gets signal {_number}"] = _signal(_name)


@kind("orchestration stopped")
def _stop_run(world: World, fault: Fault, point: Point) -> None:
    for run in runs(world)[-1:]:
        world.engine.stop(run.process)
        world.engine.after(fault.seconds, world.engine.go_on, run.process)


@kind("master lost for good")
def _lose_master(world: World, fault: Fault, point: Point) -> None:
    world.places["hub"].lose_power()


@kind("master cut off")
def _cut_master(world: World, fault: Fault, point: Point) -> None:
    world.network.cut("hub")
    world.engine.after(fault.seconds, world.network.heal, "hub")


@kind("salt-master down")
def _stop_daemon(world: World, fault: Fault, point: Point) -> None:
    hub = world.hubs["hub"]
    hub.daemon = False
    world.engine.after(fault.seconds, setattr, hub, "daemon", True)


# minions and their orders


def _minion_gone(jobs: bool) -> Strike:
    """Have a minion's daemon die and start again, with its jobs or without them."""

    def strike(world: World, fault: Fault, point: Point) -> None:
        minion = world.minions[host(world, fault, point)]
        minion.kill(jobs)
        world.engine.after(fault.seconds, minion.start)

    return strike


KINDS["minion killed"] = _minion_gone(jobs=True)
KINDS["minion restarted"] = _minion_gone(jobs=False)


@kind("minion stunned")
def _stun_minion(world: World, fault: Fault, point: Point) -> None:
    minion = world.minions[host(world, fault, point)]
    minion.stun()
    world.engine.after(fault.seconds, minion.recover)


@kind("find_job missed")
def _miss(world: World, fault: Fault, point: Point) -> None:
    """A minion does what it is told, and is too busy to tell a master in time that it is at it."""
    minion = world.minions[host(world, fault, point)]
    minion.missed = True
    world.engine.after(fault.seconds, setattr, minion, "missed", False)


@kind("node busy with a highstate")
def _highstate(world: World, fault: Fault, point: Point) -> None:
    world.minions[host(world, fault, point)].highstate(fault.seconds)


@kind("schedules cleaned")
def _clean_schedules(world: World, fault: Fault, point: Point) -> None:
    """The site's highstate takes the dead man's switch away, on every backend at once."""
    for name in BACKENDS:
        world.minions[name].clean_schedule()


def _meddled(delays: Callable[[float], list[float]]) -> Strike:
    """Have the next order come as these delays say."""

    def strike(world: World, fault: Fault, point: Point) -> None:
        driving = [hub for hub in world.hubs.values() if any(run.works for run in hub.runs)]
        for hub in driving[-1:] or list(world.hubs.values())[:1]:  # one order, whoever gives it
            hub.meddle_once(delays(fault.seconds))

    return strike


KINDS["order late"] = _meddled(lambda seconds: [seconds])
KINDS["order doubled"] = _meddled(lambda seconds: [LATENCY, seconds])
KINDS["order lost"] = _meddled(lambda seconds: [])


# hosts and cables


@kind("node without power")
def _power_off(world: World, fault: Fault, point: Point) -> None:
    name = host(world, fault, point)
    world.power_off(name)
    world.engine.after(fault.seconds, world.power_on, name)


@kind("disk full")
def _fill_disk(world: World, fault: Fault, point: Point) -> None:
    """Nothing can be noted on a host; the product has room elsewhere."""
    disk = world.places[host(world, fault, point)].disk
    disk.full = True
    world.engine.after(fault.seconds, setattr, disk, "full", False)


@kind("node cut off")
def _cut(world: World, fault: Fault, point: Point) -> None:
    name = host(world, fault, point)
    world.network.cut(name)
    world.engine.after(fault.seconds, world.network.heal, name)


@kind("node cut off from the masters")
def _cut_from_masters(world: World, fault: Fault, point: Point) -> None:
    name = host(world, fault, point)
    for hub in HUBS:
        world.network.cut(name, hub)
        world.engine.after(fault.seconds, world.network.heal, name, hub)


@kind("node cut off from the nodes")
def _cut_from_nodes(world: World, fault: Fault, point: Point) -> None:
    name = host(world, fault, point)
    for other in world.minions:
        if other != name:
            world.network.cut(name, other)
            world.engine.after(fault.seconds, world.network.heal, name, other)


@kind("clock steps")
def _step_clock(world: World, fault: Fault, point: Point) -> None:
    name = fault.where if fault.where in world.places else host(world, fault, point)
    world.places[name].offset += fault.seconds
    if fault.seconds < 0 and name in BACKENDS:  # its scheduler waits until the clock has caught up
        world.minions[name].robbed = world.engine.now + LATE


# the product


@kind("lead moves by itself")
def _move_lead(world: World, fault: Fault, point: Point) -> None:
    cluster = world.cluster
    leader, follower = cluster.leader, cluster.best_follower()
    if leader is not None and follower is not None and not cluster.blocked and cluster.key == leader.name:
        cluster.hand_over(leader, follower)


@kind("Elasticsearch restarted")
def _restart_search(world: World, fault: Fault, point: Point) -> None:
    """Somebody stops the leader's Elasticsearch, and starts it again."""
    node, search = world.cluster.leader, world.cluster.search
    if node is None or not node.runs(SEARCH):
        return

    def again() -> None:
        if node.place.power and not node.runs(SEARCH):
            node.begin(SEARCH)
            search.starts(node)
            world.cluster.changed()

    node.set(SEARCH, False)
    world.cluster.changed()
    world.engine.after(fault.seconds, again)


def _typed_failover(blocked: bool) -> Strike:
    def strike(world: World, fault: Fault, point: Point) -> None:
        world.cluster.block(blocked, "somebody")

    return strike


KINDS["failover typed off"] = _typed_failover(True)
KINDS["failover typed on"] = _typed_failover(False)


def _ends(status: int, text: str) -> Strike:
    def strike(world: World, fault: Fault, point: Point) -> None:
        own = point.process.own
        if isinstance(own, Call):
            own.fault = Ends(status, FAILED_ORGANISATION if "reindex" in own.argv and not status else text)

    return strike


FAILED_ORGANISATION = "Failed to reindex data for acme!"  # on standard error, with status 0: as the product does
KINDS["command fails"] = _ends(1, "it fails as fate has ordered")
KINDS["command lies"] = _ends(0, "done")


@kind("command hangs")
def _hang(world: World, fault: Fault, point: Point) -> None:
    if isinstance(point.process.own, Call):
        world.engine.stop(point.process)
        world.engine.after(fault.seconds, world.engine.go_on, point.process)


@kind("command dies")
def _die(world: World, fault: Fault, point: Point) -> None:
    if isinstance(point.process.own, Call):
        world.engine.die(point.process)


def _unasked(how: str) -> Strike:
    """Have whatever only reads on a host end so for a while: no status is to be had, what works goes on."""

    def strike(world: World, fault: Fault, point: Point) -> None:
        processes = world.minions[host(world, fault, point)].processes
        assert processes is not None
        processes.unasked = how
        world.engine.after(fault.seconds, setattr, processes, "unasked", "")

    return strike


KINDS["asking fails"] = _unasked("fails")
KINDS["asking hangs"] = _unasked("hangs")


# people


def _verb(name: str) -> Strike:
    def strike(world: World, fault: Fault, point: Point) -> None:
        world.hubs[fault.where if fault.where in HUBS else "hub"].verb(name, "prod", by="somebody")

    return strike


for _word in ("pause", "resume", "abort"):
    KINDS[f"{_word} typed"] = _verb(_word)


@kind("same command typed")
def _second_operator(world: World, fault: Fault, point: Point) -> None:
    hub = world.hubs[fault.where if fault.where in HUBS else "hub"]
    world.others.append((SLS[world.scene.way], {"cluster": "prod"}))
    hub.orchestrate(SLS[world.scene.way], {"cluster": "prod"}, by="somebody")


@kind("another target typed")
def _another_target(world: World, fault: Fault, point: Point) -> None:
    hub = world.hubs[fault.where if fault.where in HUBS else "hub"]
    scene, server = world.scene, world.scene.server_target
    if server:
        other = dataclasses.replace(scene, server_target=OTHERS[server])
    else:
        other = dataclasses.replace(scene, target=OTHERS[scene.target])
    theirs = {"cluster": "prod", **world.pillar(other)}
    world.others.append((SLS[world.scene.way], theirs))
    hub.orchestrate(SLS[world.scene.way], theirs, by="somebody")


OTHERS = {"2.3.16": "2.3.17", "3.1.1": "3.2.0", "15.10.12": "15.10.52"}

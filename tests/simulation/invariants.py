"""The invariants of the design, each a function over what really happened; their numbers are the design's."""

from collections.abc import Callable, Iterator

from saltext.chef_backend.record import Record
from tests.simulation import history as happened
from tests.simulation import truth
from tests.simulation.history import Event
from tests.simulation.master import SaltRun
from tests.simulation.place import BACKENDS
from tests.simulation.product import backend_ctl, frontend
from tests.simulation.world import World

ROLLING = ("rolling", "reindex")  # the ways in which one backend after another is upgraded
GATE = 25.0  # seconds between what a gate has seen and the upgrade's begin: an answer, an order, an installation
GRACE = 30.0  # seconds within which the dead man's switch has looked, and what it did is shown


def broken(world: World, ended_well: bool) -> list[str]:
    """Return what of the whole night was not as it must be, one sentence each, with the invariant's number."""
    checks: list[Callable[[World], Iterator[str]]] = [i1, i2, i3, i4, i5, i6, i7, i8, i9, in_words]
    found = [line for check in checks for line in check(world)]
    if ended_well:
        found += at_the_end(world)
    return found


def i1(world: World) -> Iterator[str]:
    """Never are two backends in upgrade at once."""
    if world.scene.way not in ROLLING:
        return
    at_work: dict[int, Event] = {}
    for event in world.history.of(happened.BEGUN, happened.DONE):
        if event.what == happened.DONE:
            at_work.pop(event.data["number"], None)
        elif _is(event, "upgrade"):
            for other in at_work.values():
                yield f"I1: {event.where} begins its upgrade at {event.time:.0f} s beside {other.where}"
            at_work[event.data["number"]] = event


def i2(world: World) -> Iterator[str]:
    """The leader is upgraded last, after one hand-over, to a node that already is upgraded; or it goes down first."""
    if world.scene.way == "downtime":
        went = next((one for one in world.history.of(happened.BEGUN) if _is(one, "down-for-upgrade")), None)
        moved = [one.time for one in world.history.of(happened.LEADS_NO_MORE)]
        at_once = went is not None and any(0 <= went.time - moment < 0.2 for moment in moved)  # nobody can look faster
        if went is not None and went.data["leads"] not in (went.where, None) and not at_once:
            yield f"I2: {went.where} goes down first at {went.time:.0f} s, and {went.data['leads']} leads"
        yield from _came_up_too_early(world)
    if world.scene.way not in ROLLING:
        return
    for event in world.history.of(happened.BEGUN):
        if not _is(event, "upgrade") or event.data["leads"] != event.where:
            continue
        if "--failover" not in event.data["argv"]:
            yield f"I2: {event.where} leads, and is upgraded without a hand-over at {event.time:.0f} s"
        ran, wanted = event.data["ran"], event.data["installed"][event.where]
        late = [name for name in ran if name != event.where and ran[name] != wanted]
        if late:
            yield f"I2: {event.where} leads, and is upgraded before {', '.join(late)} at {event.time:.0f} s"


def _came_up_too_early(world: World) -> Iterator[str]:
    led = ""
    for event in world.history.of(happened.LEADS, happened.BEGUN):
        if event.what == happened.LEADS:
            led = event.where
        elif _is(event, "upgrade") and event.where == led and event.data["leads"] is None:
            ran, wanted = event.data["ran"], event.data["installed"][led]
            late = [name for name in ran if name != led and ran[name] != wanted]
            if late:
                yield f"I2: {led} led, and comes up before {', '.join(late)} at {event.time:.0f} s"


def i3(world: World) -> Iterator[str]:
    """Failover is off while a follower is upgraded."""
    if world.scene.way not in ROLLING:
        return
    meddled = -GATE
    at_work: dict[int, Event] = {}
    for event in world.history.of(happened.BEGUN, happened.DONE, happened.FREED):
        if event.what == happened.DONE:
            at_work.pop(event.data["number"], None)
        elif event.what == happened.FREED and event.where == "somebody":
            meddled = event.time  # what a gate has not seen yet, nor the upgrade at hand can know
        elif event.what == happened.FREED:
            for other in at_work.values():
                yield f"I3: failover comes on at {event.time:.0f} s while {other.where} is in its upgrade"
        elif _is(event, "upgrade") and "--failover" not in event.data["argv"]:
            if not event.data["blocked"] and event.time - meddled > GATE:
                yield f"I3: {event.where} begins its upgrade at {event.time:.0f} s with failover on"
            at_work[event.data["number"]] = event


def i4(world: World) -> Iterator[str]:
    """No write that a client saw acknowledged is lost."""
    for event in world.history.of(happened.LOST):
        if not event.data["excuse"]:
            yield f"I4: {event.where} leads at {event.time:.0f} s without {event.about}"


def i5(world: World) -> Iterator[str]:
    """Nothing is done twice that is done, and nothing that is whole is thrown away."""
    for event in world.history.of(happened.BEGUN):
        if event.about.endswith("stop elasticsearch") and event.data["whole_index"]:
            yield f"I5: {event.where} at {event.time:.0f} s stops Elasticsearch: a whole, new index is deleted"
    began = {one.data["number"]: one for one in world.history.of(happened.BEGUN)}
    well = [one for one in world.history.of(happened.DONE) if " backup " in one.about and one.data["status"] == 0]
    whole = [one for one in well if world.places[one.where].path(backend_ctl.archive(one.data["number"])).exists()]
    took: dict[str, list[str]] = {}
    for ended in whole:
        this = began[ended.data["number"]]
        before = took.setdefault(this.data["run"], [])
        # one that leads by now cannot be asked how its backup went: the product takes none there
        if [where for where in before if where != this.data["leads"]]:
            yield f"I5: {len(before) + 1} backups in run {this.data['run']}"
        before.append(ended.where)


def i6(world: World) -> Iterator[str]:
    """No node is touched while another has been unwell for longer than a gate looks back."""
    if world.scene.way not in ROLLING:
        return
    for event in world.history.of(happened.BEGUN):
        if _is(event, "upgrade"):
            for name, since in event.data["unwell"].items():
                if name != event.where and event.time - since > GATE:
                    yield f"I6: {event.where} begins its upgrade at {event.time:.0f} s, {name} unwell for long"


def i7(world: World) -> Iterator[str]:
    """An order takes effect only inside its own run, under its owner, in its turn."""
    for event in world.history.of(happened.BEGUN):
        why = event.data.get("stale")
        if why:
            yield f"I7: {event.about} on {event.where} at {event.time:.0f} s: {why}"


def i8(world: World) -> Iterator[str]:
    """Failover comes on only where that is safe."""
    if world.scene.way not in ROLLING:
        return
    for event in world.history.of(happened.FREED):
        if event.where == "somebody":
            continue
        half = [name for name in event.data["half"] if name not in (*event.data["upgrading"], event.data["leads"])]
        if half:
            yield f"I8: failover comes on at {event.time:.0f} s beside {', '.join(half)}, half-upgraded"


def i9(world: World) -> Iterator[str]:
    """Clients who are to be refused are refused, as seen from outside, for as long as the way needs it."""
    if world.scene.way == "reindex":
        for event in world.history.of(happened.MISLEADS):
            yield f"I9: {event.where} lets clients in at {event.time:.0f} s, whose searches find only a part"
    if world.scene.way == "downtime":
        yield from _served_while_down(world)


def _served_while_down(world: World) -> Iterator[str]:
    down, shown = False, dict.fromkeys(world.frontends, happened.SERVES)
    for event in world.history.events:
        if event.what == happened.BEGUN and "down-for-upgrade" in event.about:
            down = down or event.data["leads"] in (None, event.where)  # else another one leads on
        elif event.what == happened.LEADS:
            down = False
        elif event.where in shown and event.what in (frontend.FAILS, *frontend.KINDS):
            shown[event.where] = event.what
        for name, what in shown.items() if down else ():
            if what != happened.REFUSES:
                yield f"I9: {name} does not refuse its clients at {event.time:.0f} s, with the cluster down: {what}"
                return


def in_words(world: World) -> Iterator[str]:
    """What fails is told in words, never as a traceback."""
    for event in world.history.of(happened.BROKEN):
        yield f"in words: {event.where} at {event.time:.0f} s: {event.about.strip().splitlines()[-1]}"


def reached(world: World) -> list[str]:
    """What is not as exit status 0 says: that the target is reached."""
    wanted = world.scene.target if world.scene.way != "frontends" else world.scene.version
    found = [f"{node.name} runs {node.ran}" for node in world.cluster.nodes if node.ran != wanted]
    server = world.scene.server_target
    found += [f"{one.name} runs {one.ran}" for one in world.frontends.values() if server and one.ran != server]
    return [f"exit status 0, but {', '.join(found)}"] if found else []


def inside_a_turn(world: World, run: SaltRun) -> list[str]:
    """A wish is heeded between two turns: not by a command that has begun to upgrade a backend and not ended that."""
    if world.scene.way not in ROLLING or "was asked for: nothing more is begun" not in run.said:
        return []
    typed = next(event.time for event in world.history.of(happened.TYPED) if event.data["run"] is run)
    begun = {event.where for event in world.history.of(happened.BEGUN) if typed <= event.time and _upgrades(event)}
    return [
        f"{run.typed} ends at {world.engine.now:.0f} s as that was wished, inside {name}'s turn"
        for name in truth.unfinished(world)
        if name in begun
    ]


def left_alone(world: World) -> list[str]:
    """I3: failover is on, or loudly off with somebody still looking, when a run has been left alone for long enough."""
    record = truth.record(world)
    cluster, now = world.cluster, world.engine.now
    if (
        not cluster.blocked
        or world.scene.way not in ROLLING
        or _is_driven(world)
        or _by_somebody(world, happened.BLOCKED)
    ):
        return []
    last = _alone_since(world)
    if now - last < _looked_within(record):
        return []
    if not truth.looked_after(world):
        if truth.robbed(world):
            return []
        return [f"I3: failover is off at {now:.0f} s, and nobody looks after it"]
    unwell = truth.leads_well if record is not None and record.reindex else truth.unwell
    safe = not any(look(world) for look in (truth.half_upgraded, truth.unfinished, truth.at_work, unwell))
    settled = all(now - event.time > GRACE for event in world.history.of(happened.DONE, happened.LEADS))
    if safe and settled:
        return [f"I3: failover is off at {now:.0f} s, although it could be on"]
    loud = [event for event in world.history.of(happened.LOUD) if event.time > last]
    if not loud and not truth.at_work(world):
        return [f"I3: failover is off at {now:.0f} s, and nobody says so"]
    return []


def restless(world: World) -> list[str]:
    """I3: where Elasticsearch fails on each that could lead failover does not stay on: the lead would go round."""
    record, cluster, now = truth.record(world), world.cluster, world.engine.now
    works = _is_driven(world) or truth.at_work(world)
    if record is None or not record.reindex or works or cluster.blocked:
        return []
    if cluster.leader is None or any(map(cluster.search.answers, cluster.nodes)) or _by_somebody(world, happened.FREED):
        return []
    # it looks twice, and once more where one look met nobody who leads
    if now - _alone_since(world) < _looked_within(record) + record.lease / 2:
        return []
    return [f"I3: failover is on at {now:.0f} s, and {cluster.leader.name} leads without Elasticsearch"]


def at_the_end(world: World) -> list[str]:
    """What is not as it must be when a night has ended well: failover, clients, versions, the record."""
    found = []
    if world.cluster.blocked and world.scene.way in ROLLING and not _by_somebody(world, happened.BLOCKED):
        found.append("I3: failover is off at the end")
    found += [f"I5: at the end {line}" for line in truth.unwell(world)]
    found += [f"I5: at the end {name} is half-upgraded" for name in truth.half_upgraded(world)]
    for one in world.frontends.values():
        one.look()
        if one.shown != happened.SERVES:
            found.append(f"I9: at the end {one.name} {one.shown}")
    left = truth.record(world)
    if left is not None:
        found.append(f"I5: at the end run {left.run} still stands, {left.state}")
    # one whose clock was set back ends itself when that has caught up
    armed = [name for name in BACKENDS if world.minions[name].schedule and not world.minions[name].is_late]
    if armed:
        found.append(f"I5: at the end the dead man's switch is armed on {', '.join(armed)}")
    return found


def _is_driven(world: World) -> bool:
    """Whether somebody's command is at it."""
    return any(run.works for hub in world.hubs.values() for run in hub.runs)


def _alone_since(world: World) -> float:
    """When the last command has ended, the last fault has happened, and all was mended."""
    last = max((event.time for event in world.history.of(happened.EXITED, happened.FAULT)), default=0.0)
    return max(last, world.mended_at)


def _looked_within(record: Record | None) -> float:
    """Seconds after which the dead man's switch has looked, and what it did is shown."""
    lease = record.lease if record is not None else 60
    return lease + lease / 4 + GRACE


def _by_somebody(world: World, switch: str) -> bool:
    """Whether failover was last switched this way by somebody else: that is theirs."""
    return [event.where for event in world.history.of(switch)][-1:] == ["somebody"]


def _upgrades(event: Event) -> bool:
    return event.data["argv"][0] in ("dpkg", "rpm") or _is(event, "upgrade")


def _is(event: Event, verb: str) -> bool:
    argv = event.data["argv"]
    return bool(argv[0] == "chef-backend-ctl" and argv[1] == verb)

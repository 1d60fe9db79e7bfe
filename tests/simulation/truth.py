"""What is so, seen by nobody in the night: read from the model, and from all disks together."""

from saltext.chef_backend import record as records
from saltext.chef_backend.record import Record
from tests.simulation.place import BACKENDS
from tests.simulation.world import World, ended, note_on, record_on


def record(world: World) -> Record | None:
    """The truth of all copies of the open run's record, also of those whose host has no power; None if none is open."""
    copies = [record_on(world, name) for name in BACKENDS]
    return records.highest(copy for copy in copies if copy is not None and not ended(world, copy))


def half_upgraded(world: World) -> list[str]:
    """The backends that run another version than the one that is installed, or lost their sync."""
    return [node.name for node in world.cluster.nodes if node.installed != node.ran or not node.held or node.unsynced]


def unfinished(world: World) -> list[str]:
    """The backends that have noted that their upgrade has begun, and not that it has ended."""
    run = record(world)
    notes = {name: note_on(world, name) for name in BACKENDS} if run is not None else {}
    return [name for name, note in notes.items() if note and run and note.run == run.run and note.inside]


def at_work(world: World) -> list[str]:
    """The commands that change a backend now."""
    return [f"{name}: {call.line}" for name in BACKENDS for call in world.calls[name].at_work()]


def unwell(world: World) -> list[str]:
    """What keeps the cluster from being whole."""
    cluster, found = world.cluster, []
    if cluster.leader is None:
        found.append("nobody leads")
    for node in cluster.nodes:
        if not node.place.power:
            found.append(f"{node.name} has no power")
        elif node is not cluster.leader and not node.streaming:
            found.append(f"{node.name} does not follow")
        elif not cluster.search.answers(node):
            found.append(f"{node.name} has no Elasticsearch")
    return found


def leads_well(world: World) -> list[str]:
    """As :func:`unwell`, in a re-index: of Elasticsearch the leader's alone keeps failover off."""
    leader = world.cluster.leader
    search = [] if leader is not None and world.cluster.search.answers(leader) else ["the leader has no Elasticsearch"]
    return search + [line for line in unwell(world) if not line.endswith("has no Elasticsearch")]


def looked_after(world: World) -> list[str]:
    """The backends whose dead man's switch is armed, and whose minion works."""
    armed = [name for name in BACKENDS if world.minions[name].schedule and world.minions[name].answers]
    return sorted(set(armed) - set(robbed(world)))


def robbed(world: World) -> list[str]:
    """The backends whose dead man's switch ceased to look before a heartbeat could mend it: nobody can see that."""
    return [name for name in BACKENDS if world.minions[name].robbed > world.minions[name].beaten]


def signature(world: World) -> int:
    """A number for all that lasts: two points with the same one are the same place in the night."""
    notes = [
        (name, at, text)
        for name, place in world.places.items()
        for at, text in place.disk.texts.items()
        if not at.endswith(SIGNS_OF_LIFE)
    ]
    product = [
        (node.role, node.streaming, node.ran, node.held, tuple(service.up for service in node.services.values()))
        for node in world.cluster.nodes
    ]
    calls = [(call.number, call.passed) for name in world.calls for call in world.calls[name].at_work()]
    fronts = [(one.shown, one.ran, one.held) for one in world.frontends.values()]
    return hash((tuple(notes), tuple(product), tuple(calls), tuple(fronts), world.cluster.blocked, world.cluster.key))


SIGNS_OF_LIFE = ("heard.json", "looked")

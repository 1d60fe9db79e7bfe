"""The invariants, each a pure function over what was seen of a night; their numbers are those of the protocol."""

import math
import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from tests.campaign import schedules
from tests.campaign.schedules import REINDEX, SWITCH, UPGRADE
from tests.campaign.seen import ABORTED, GOAL, SLACK, STUCK, Seen
from tests.lab.evidence import FAILOVER, Command, Lead, leader_at

JUST = 5.0  # seconds for which a lead may have moved by a fault before an order that was given to a follower is refused
LOSSY = ("power off", "host cut off", "host stopped")  # of the leader: replication is not synchronous
CLOSING = (SWITCH, "chef-server-ctl maintenance off")  # what the backends do by themselves, and a close does last
BY_HAND = tuple(  # no run orders these: faults and their ends, and what an operator is advised to do
    f"chef-backend-ctl {words}" for words in ("demote", "promote", "stop leaderl", "start leaderl", "pgsql-follow")
)

MAINTENANCE, FILLED = "chef-server-ctl maintenance", "chef-server-ctl reindex"  # of the one organisation there is

# In tracebacks of salt-run's own: it tells its master what came of its runner; what it has not closed then it wants to
# load modules for, when Python has ended already.
TELLS_ITS_MASTER, LOADS_AT_ITS_END = 'namespaced_event.fire_event(data, "ret")', "if fpath_dirname not in sys.path"

#: What a check is called in tables, by the word that its findings begin with.
NAMES = ("I1", "I2", "I3", "I4", "I5", "I7", "I8", "I9", "words")


def broken(seen: Seen) -> list[str]:
    """Return what of the night was not as it must be: one sentence each, with the invariant's number."""
    checks: list[Callable[[Seen], Iterator[str]]] = [i1, i2, i3, i4, i5, i7, i8, i9, in_words]
    return [line for check in checks for line in check(seen)]


def i1(seen: Seen) -> Iterator[str]:
    """Never are two backends in their upgrade at once."""
    upgrades = _upgrades(seen)
    for at, one in enumerate(upgrades):
        for other in upgrades[at + 1 :]:
            if other.host != one.host and other.begin < seen.until(one):
                yield f"I1: {other.host} begins its upgrade {_when(seen, other.begin)} beside {one.host}"


def i2(seen: Seen) -> Iterator[str]:
    """The leader is upgraded last, after one hand-over to a node that already is upgraded."""
    upgrades = _upgrades(seen)
    for one in upgrades:
        if leader_at(seen.leads, one.begin) != one.host:
            continue
        came = max(lead.time for lead in seen.leads if lead.time <= one.begin)
        moved = _moved(seen) and one.begin - came < JUST
        if "--failover" not in one.argv and not moved:
            yield f"I2: {one.host} leads, and is upgraded without a hand-over {_when(seen, one.begin)}"
        done = {each.host for each in upgrades if each.status == 0 and seen.until(each) <= one.begin}
        late = sorted(set(schedules.BACKENDS) - done - {one.host})
        if late and not moved:
            yield f"I2: {one.host} leads, and is upgraded {_when(seen, one.begin)} before {', '.join(late)}"
    moves = [lead for before, lead in pairwise(seen.leads) if not _without_search(seen, before, lead)]
    if not _moved(seen) and (len(moves) > 1 or any(lead.how != "hand-over" for lead in moves)):
        yield "I2: no fault has moved the lead, and it moved: " + ", ".join(f"{m.how} to {m.host}" for m in moves)


def _without_search(seen: Seen, before: Lead, lead: Lead) -> bool:
    """Whether the lead may move by itself: a re-index leaves no node that can read the index until failover is off.

    Nor while somebody has typed it on again. One that gave it up right before failover was off has it again later.
    """
    if seen.schedule.way == schedules.ROLLING or before is seen.leads[0]:
        return False
    handed, at = seen.leads[1].time, lead.time
    offs = [one.ended for one in seen.commands if _is(one, f"{SWITCH} off") and one.begin > handed]
    typed_on = seen.hit("failover typed on") and handed < at and _failover_at(seen, at) == "on"
    again = lead.host == before.host and _failover_at(seen, at) == "off"
    return bool(typed_on) or again or handed < at <= min(offs, default=handed)


def i3(seen: Seen) -> Iterator[str]:
    """Failover is off while a follower is upgraded, and on, or loudly off, when a run has been left alone."""
    if not seen.hit("failover typed on"):
        for one in _followers(seen):
            if _failover_at(seen, one.begin) == "on":
                yield f"I3: {one.host} begins its upgrade {_when(seen, one.begin)} with failover on"
            for switch in _switched_on(seen):
                if one.begin < switch.begin < seen.until(one):
                    yield f"I3: failover comes on {_when(seen, switch.begin)} while {one.host} is in its upgrade"
    if seen.hit("failover typed off"):
        return  # that is theirs
    for left in seen.left:
        if left.failover != "on" and not (left.loud and left.armed):
            loud = "which is told" if left.loud else "and nobody says so"
            looks = f"looked after by {', '.join(left.armed) or 'nobody'}"
            yield f"I3: failover is {left.failover} {_when(seen, left.at)}, left alone, {looks}, {loud}"
    if seen.outcome in (GOAL, ABORTED) and seen.end.failover != "on":
        yield f"I3: failover is {seen.end.failover} at the end"


def i4(seen: Seen) -> Iterator[str]:
    """No acknowledged write is lost."""
    lost = [write for write in seen.lost if not excused(seen, write.at)]
    if lost:
        first = min(write.at for write in lost)
        yield f"I4: {len(lost)} acknowledged writes are lost, the first of {_when(seen, first)}"


def excused(seen: Seen, at: float) -> bool:
    """Whether the product itself may lose what was acknowledged then.

    The leader was lost at that moment and another one took over without a hand-over: PostgreSQL's replication is
    not synchronous, and what was acknowledged within the last second may not have been sent.
    """
    crashes = [lead.time for lead in seen.leads if lead.how == "crash"]
    for one in seen.hit(*LOSSY):
        over = one.ended if one.ended is not None else seen.ended
        led = leader_at(seen.leads, one.began) == one.where
        near = one.began - SLACK <= at <= one.began + SLACK or over - SLACK <= at <= over + SLACK
        if led and near and any(crash > one.began for crash in crashes):
            return True
    return False


def i5(seen: Seen) -> Iterator[str]:
    """A failed run exits non-zero, the same command or abort leads on, and nothing is done twice that is done."""
    if seen.outcome == STUCK:
        last = [line.strip() for line in seen.said[-1].text.splitlines() if line.strip() and "unclosed" not in line]
        yield f"I5: neither the same command nor abort leads on: {' '.join(last)[-300:]}"
    for said in seen.said:
        if said.late:
            yield f"I5: {' '.join(said.words[:3])}, typed {_when(seen, said.began)}, does not end"
    lied = {one.where for one in seen.hit("command lies") if one.fault.what == "upgrade"}
    for host in set(schedules.BACKENDS) - lied:
        done = [one for one in _upgrades(seen) if one.host == host and one.status == 0]
        if len(done) > 1:
            yield f"I5: {host} was upgraded {len(done)} times"
    backups = [one for one in seen.commands if _is(one, schedules.BACKUP) and one.status == 0]
    if len(backups) > max(1, seen.runs):
        yield f"I5: {len(backups)} backups in {seen.runs} runs"
    if seen.outcome in (GOAL, ABORTED):
        yield from _ended_well(seen)


def _ended_well(seen: Seen) -> Iterator[str]:
    end = seen.end
    for host, (installed, running) in sorted(end.versions.items()):
        if seen.outcome == GOAL and {installed, running} != {seen.target}:
            yield f"I5: exit status 0, but {host} has {installed} and runs {running}"
        elif installed != running:
            yield f"I5: at the end {host} is half-upgraded: it has {installed} and runs {running}"
    if end.unhealthy is not None:
        yield f"I5: at the end the cluster is not whole: {end.unhealthy}"
    if end.open:
        yield f"I5: at the end a run still stands on {', '.join(end.open)}"
    if end.armed:
        yield f"I5: at the end the dead man's switch is armed on {', '.join(end.armed)}"


def i7(seen: Seen) -> Iterator[str]:
    """An order takes effect only inside its run: nothing is begun when nobody drives one any more."""
    if seen.hit("salt-master killed", "masters cut off"):
        return  # no close could reach a node
    cut = {one.where for one in seen.hit(*LOSSY, "minion stopped")}
    drivers = [said for said in seen.said if said.drives]
    if any(said.status is None for said in drivers):
        return  # killed: what it has ordered is of an open run until the backends give that up
    for one in seen.commands:
        if not one.changes or one.host in cut or any(_is(one, words) for words in (*CLOSING, *BY_HAND)):
            continue
        if not any(said.began - SLACK <= one.begin <= said.ended + SLACK for said in drivers):
            yield f"I7: {one} begins {_when(seen, one.begin)}, when nobody drives a run"


def i8(seen: Seen) -> Iterator[str]:
    """Failover comes on only where that is safe: beside no follower whose upgrade has failed and was not repeated."""
    if seen.hit("failover typed on"):
        return
    for switch in _switched_on(seen):
        for host in schedules.BACKENDS:
            begun = [one for one in _followers(seen) if one.host == host and seen.until(one) <= switch.begin]
            if begun and begun[-1].status not in (0, None):
                yield f"I8: failover comes on {_when(seen, switch.begin)} beside {host}, half-upgraded"


def i9(seen: Seen) -> Iterator[str]:
    """Clients are refused while the index is not whole, and let in again afterwards, and find what they have stored."""
    if seen.schedule.way == REINDEX:
        yield from _misled(seen)
    if seen.outcome not in (GOAL, ABORTED):
        return
    for host in seen.end.out:
        yield f"I9: at the end {host} refuses its clients"
    for writer in seen.end.unserved:
        yield f"I9: at the end {writer}"
    if seen.outcome == GOAL:
        for line in seen.end.unfound:
            yield f"I9: at the end {line}"


def _misled(seen: Seen) -> Iterator[str]:
    """Between the end of the old index and a whole new one no frontend lets clients in."""
    stops = [one.begin for one in seen.commands if _is(one, "chef-backend-ctl stop elasticsearch")]
    if not stops:
        return
    gone = min(stops)
    whole = min((c.ended for c in seen.commands if _is(c, FILLED) and c.status == 0), default=math.inf)
    for host in schedules.FRONTENDS:
        mine = [one for one in seen.commands if one.host == host and _is(one, MAINTENANCE) and one.status == 0]
        before = [one.argv[2] for one in mine if one.ended <= gone]
        if before[-1:] != ["on"]:
            yield f"I9: {host} does not refuse its clients {_when(seen, gone)}, when the index goes"
        for one in mine:
            if one.argv[2] == "off" and gone < one.begin < whole:
                yield f"I9: {host} lets clients in {_when(seen, one.begin)}, before the new index is whole"


def in_words(seen: Seen) -> Iterator[str]:
    """What fails is told in words, never as a traceback; what Salt's own command says is its own."""
    for said in seen.said:
        for raised in _raised(said.text) if said.words[0] != "salt" else ():
            lines = raised.strip().splitlines()
            told = next((line for line in lines[1:] if not line.startswith(" ")), lines[-1])
            yield f"words: a traceback of {' '.join(said.words[:3])}, typed {_when(seen, said.began)}: {told[:160]}"
            break


def _raised(text: str) -> Iterator[str]:
    """The tracebacks in what a command printed, each with those that it was raised from.

    That salt-run cannot tell a master that is dead what came of its runner it says so itself, after all is done.
    """
    chain, salts = "", (TELLS_ITS_MASTER, LOADS_AT_ITS_END) if TELLS_ITS_MASTER in text else ()
    for part in re.split(r"(?m)^(?=Traceback \(most recent call last\))", text)[1:]:
        chain += part
        if re.search(r"(another exception occurred|of the following exception):\s*$", part):
            continue
        if not any(mark in chain for mark in salts):
            yield chain
        chain = ""


def _upgrades(seen: Seen) -> list[Command]:
    return [one for one in seen.commands if _is(one, UPGRADE)]


def _followers(seen: Seen) -> list[Command]:
    return [one for one in _upgrades(seen) if "--failover" not in one.argv]


def _switched_on(seen: Seen) -> list[Command]:
    return [c for c in seen.commands if _is(c, SWITCH) and FAILOVER.get(c.argv[2]) is True and c.status == 0]


def _failover_at(seen: Seen, moment: float) -> str:
    """What failover was, by the commands that switched it; on before the first."""
    switched = [c for c in seen.commands if _is(c, SWITCH) and c.status == 0 and c.ended <= moment]
    last = max(switched, key=lambda command: command.ended, default=None)
    return "on" if last is None or FAILOVER.get(last.argv[2]) else "off"


def _moved(seen: Seen) -> bool:
    """Whether a fault may have moved the lead."""
    return bool(seen.hit(*schedules.MOVING))


def _is(command: Command, words: str) -> bool:
    several = words.split()
    return list(command.argv[: len(several)]) == several


def _when(seen: Seen, moment: float) -> str:
    return f"at {moment - seen.began:.1f} s"

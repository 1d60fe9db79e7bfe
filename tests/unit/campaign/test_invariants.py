"""Each invariant finds its violation in what was seen of a night, and nothing in a good one."""

import dataclasses

import pytest

from tests.campaign.invariants import NAMES, broken
from tests.campaign.schedules import Schedule
from tests.campaign.seen import ABORTED, STUCK, Left, Write
from tests.unit.campaign.nights import BEGAN, GOOD, NEW, OLD, command, leads, night, said, struck, switch, upgrade

ARMED = ("be1", "be2", "be3")


def ends(**changed):
    return dataclasses.replace(GOOD, **changed)


def left(failover="off", loud=True, armed=ARMED):
    return [Left(BEGAN + 70, failover, loud, armed)]


STOP, FILL, OUT, IN = (
    "chef-backend-ctl stop elasticsearch",
    "chef-server-ctl reindex -a",
    "chef-server-ctl maintenance on",
    "chef-server-ctl maintenance off",
)


def reindexed(out=2, fill=50, back=55, extra=()):
    """A night of the way with the re-index; when fe1 is out, the index is filled, and fe1 is back."""
    lines = command("fe1", OUT, out, out + 1) + command("fe2", OUT, 2, 3) + command("be1", STOP, 42, 43)
    lines += command("fe1", FILL, fill, fill + 2) + command("fe1", IN, back, back + 1) + command("fe2", IN, 56, 57)
    return night(extra=[*lines, *extra], schedule=Schedule(5, "reindex", ()))


SPOILED = {
    "I1 beside each other": (night(second=upgrade("be3", 12, 23)), "I1: be3 begins its upgrade at 12.0 s beside be2"),
    "I1 beside one that hangs": (night(first=upgrade("be2", 10, None)), "I1: be3 begins its upgrade at 20.0 s"),
    "I2 no hand-over": (
        night(leader=upgrade("be1", 30, 35), close=[], on=[]),
        "I2: be1 leads, and is upgraded without a hand-over at 30.0 s",
    ),
    "I2 too early": (
        night(leader=upgrade("be1", 15, 18, words="--failover"), hand_over=leads("be2", 16)),
        "I2: be1 leads, and is upgraded at 15.0 s before be3",
    ),
    "I2 it moved twice": (night(extra=leads("be3", 50, "crash")), "I2: no fault has moved the lead, and it moved:"),
    "I3 never off": (night(off=[]), "I3: be2 begins its upgrade at 10.0 s with failover on"),
    "I3 on in the middle": (night(on=switch("on", 21)), "I3: failover comes on at 21.0 s while be3 is in its upgrade"),
    "I3 left, nobody looks": (night(left=left(armed=())), "I3: failover is off at 70.0 s, left alone, looked after by"),
    "I3 left in silence": (night(left=left(loud=False)), "and nobody says so"),
    "I3 off at the end": (night(end=ends(failover="off")), "I3: failover is off at the end"),
    "I4": (night(lost=[Write("row-1", BEGAN + 31.2)]), "I4: 1 acknowledged writes are lost, the first of at 31.2 s"),
    "I5 wedged": (night(outcome=STUCK), "I5: neither the same command nor abort leads on"),
    "I5 endless": (night(said=[said(status=None, late=True)]), "does not end"),
    "I5 twice": (night(extra=upgrade("be2", 14, 17)), "I5: be2 was upgraded 2 times"),
    "I5 not there": (night(end=ends(versions={**GOOD.versions, "be3": (OLD, OLD)})), "I5: exit status 0, but be3 has"),
    "I5 half": (
        night(outcome=ABORTED, end=ends(versions={**GOOD.versions, "be3": (NEW, OLD)})),
        "I5: at the end be3 is half-upgraded",
    ),
    "I5 unwell": (night(end=ends(unhealthy="no leader")), "I5: at the end the cluster is not whole: no leader"),
    "I5 open": (night(end=ends(open=("be2",))), "I5: at the end a run still stands on be2"),
    "I5 armed": (night(end=ends(armed=("be3",))), "I5: at the end the dead man's switch is armed on be3"),
    "I5 backups": (
        night(extra=[e for at in (1, 3) for e in command("be2", "chef-backend-ctl backup", at, at + 1)]),
        "I5: 2 backups in 1 runs",
    ),
    "I7": (
        night(extra=command("fe2", "chef-server-ctl reconfigure", 80, 81)),
        "I7: fe2 reconfigure begins at 80.0 s, when nobody drives a run",
    ),
    "I8": (
        night(first=upgrade("be2", 10, 13, status=1)),
        "I8: failover comes on at 25.0 s beside be2, half-upgraded",
    ),
    "I9 refused": (night(end=ends(out=("fe1",))), "I9: at the end fe1 refuses its clients"),
    "I9 unserved": (night(end=ends(unserved=("api-fe1: fewer than 5",))), "I9: at the end api-fe1: fewer than 5"),
    "I9 unfound": (
        night(end=ends(unfound=("a search through fe1 does not find 3 of 12 nodes",))),
        "I9: at the end a s",
    ),
    "I9 not out": (reindexed(out=44), "I9: fe1 does not refuse its clients at 42.0 s, when the index goes"),
    "I9 back too early": (reindexed(back=48), "I9: fe1 lets clients in at 48.0 s, before the new index is whole"),
    "words": (
        night(said=[said(text='Traceback (most recent call last):\n  File "x"\nKeyError: 1\n')]),
        "words: a traceback of salt-run state.orchestrate orch.chef_backend_rolling, typed at 0.0 s: KeyError: 1",
    ),
}


SALTS = """Traceback (most recent call last):
  File "asynchronous.py", line 271, in wrap
RuntimeError: no running event loop

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "mixins.py", line 442, in low
    namespaced_event.fire_event(data, "ret")
StreamClosedError: Stream is closed
"""
ENDS = """Traceback (most recent call last):
  File "lazy.py", line 897, in _load_module
    if fpath_dirname not in sys.path:
TypeError: argument of type 'NoneType' is not iterable
"""
OURS = 'Traceback (most recent call last):\n  File "x"\nKeyError: 1\n'


@pytest.mark.parametrize(
    ("text", "last"),
    [
        (SALTS, []),
        (SALTS + ENDS, []),
        (ENDS, ["TypeError: argument of type 'NoneType' is not iterable"]),
        (OURS + SALTS, ["KeyError: 1"]),
        (SALTS + OURS, ["KeyError: 1"]),
    ],
)
def test_that_salt_run_cannot_tell_a_dead_master_of_its_end_is_salts_own_and_hides_nothing(text, last):
    found = broken(night(said=[said(text=text)]))
    assert [line.rpartition("s: ")[2] for line in found] == last


def test_a_good_night_breaks_nothing():
    assert broken(night()) == []
    assert broken(reindexed()) == []


def test_a_lead_that_moves_until_failover_is_off_with_no_index_to_read_is_the_products_own():
    moves = leads("be3", 36, "crash")
    assert broken(reindexed(extra=moves)) == []
    assert broken(reindexed(extra=leads("be3", 45, "crash")))[0].startswith("I2: no fault has moved the lead")
    assert broken(night(extra=moves))[0].startswith("I2: no fault has moved the lead")
    again = leads("be2", 45, "start")
    off = switch("off", 44) + again + switch("on", 46)
    assert not any(line.startswith("I2") for line in broken(reindexed(extra=off))), "it gave the lead up before"
    assert broken(reindexed(extra=again))[0].startswith("I2: no fault has moved the lead")
    assert broken(night(extra=leads("be2", 45, "start")))[0].startswith("I2: no fault has moved the lead")
    typed = switch("on", 44.5) + leads("be3", 45, "crash") + switch("off", 46)
    on_again = dataclasses.replace(reindexed(extra=typed), struck=[struck("failover typed on", "be3", 44.5)])
    assert not any(line.startswith("I2") for line in broken(on_again)), "somebody typed it on beside no index"
    assert any(line.startswith("I2") for line in broken(reindexed(extra=typed)))


def test_what_salts_own_command_prints_is_its_own():
    text = 'Traceback (most recent call last):\n  File "x"\nRuntimeError: no running event loop\n'
    salt = dataclasses.replace(said(text=text), words=("salt", "--async", "fe1"))
    assert broken(night(said=[said(), salt])) == []


@pytest.mark.parametrize("what", SPOILED)
def test_a_violation_is_found(what):
    seen, expected = SPOILED[what]
    found = broken(seen)
    assert [line for line in found if expected in line], found
    assert {line.partition(":")[0] for line in found} <= set(NAMES)


def test_every_invariant_has_one():
    assert {what.partition(" ")[0] for what in SPOILED} == set(NAMES)


CALM = {
    "failover typed on by somebody": night(
        struck("failover typed on", "be1", 21), extra=switch("on", 21) + upgrade("be2", 14, 16, status=1)
    ),
    "failover typed off by somebody": night(struck("failover typed off", "be1", 50), end=ends(failover="off")),
    "left alone, and loud": night(left=left()),
    "left alone, and on": night(left=left("on", loud=False, armed=())),
    "the lead moved by a fault": night(
        struck("lead moved by demote", "be2", 2), extra=leads("be3", 3) + leads("be1", 4)
    ),
    "an upgrade that a power cut ended": night(
        struck("power off", "be2", 11, until=15), first=upgrade("be2", 10, None), extra=upgrade("be2", 16, 18)
    ),
    "an upgrade that only lied is done again": night(
        struck("command lies", "be2", 0, what="upgrade"), extra=upgrade("be2", 14, 16)
    ),
    "a loss with a leader that crashed at that moment": night(
        struck("power off", "be1", 3, until=20), extra=leads("be1", 4, "crash"), lost=[Write("row-1", BEGAN + 2.9)]
    ),
    "stuck before it ended: nothing is asked of the end": night(
        outcome=ABORTED, end=ends(versions=dict.fromkeys(ARMED, (OLD, OLD)))
    ),
    "what a killed run has ordered": night(
        said=[said(ended=44, status=None), said(70, 90)],
    ),
}


@pytest.mark.parametrize("what", CALM)
def test_what_is_no_violation(what):
    found = [line for line in broken(CALM[what]) if not line.startswith("I2: no fault")]
    assert found == []


def test_a_loss_is_excused_only_beside_the_crash_of_who_led():
    lost = [Write("row-1", BEGAN + 11.5)]
    crash = leads("be3", 16, "crash")
    assert not [x for x in broken(night(struck("power off", "be1", 11), extra=crash, lost=lost)) if x[:2] == "I4"]
    for one in (
        night(struck("power off", "be2", 11), extra=crash, lost=lost),
        night(struck("power off", "be1", 11), lost=lost),
        night(struck("power off", "be1", 5), extra=crash, lost=lost),
    ):
        assert [line for line in broken(one) if line.startswith("I4")]

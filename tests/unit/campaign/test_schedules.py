"""Schedules are drawn: the same ones from the same seed, of every kind, and each is as its way allows."""

import json
from collections import Counter

import pytest

from tests.campaign import schedules
from tests.campaign.faults import KINDS
from tests.campaign.schedules import COMMANDS, LASTING, REINDEX, VERBS, Fault, Moment, Schedule, draw

MANY = [draw(1, number) for number in range(1, 1001)]


def test_a_schedule_depends_on_its_seed_and_its_number_alone():
    assert [draw(1, number) for number in (7, 3, 1)] == [MANY[6], MANY[2], MANY[0]]
    assert draw(2, 7) != draw(1, 7)


def test_one_in_five_goes_the_way_with_the_re_index():
    assert [one.number for one in MANY if one.way == REINDEX] == list(range(5, 1001, 5))


def test_each_has_one_to_three_faults_and_every_kind_that_can_be_done_is_drawn():
    assert {len(one.faults) for one in MANY} == {1, 2, 3}
    drawn = Counter(fault.kind for one in MANY for fault in one.faults)
    assert set(drawn) == set(KINDS) == set(schedules.KINDS)
    assert min(drawn.values()) > 20, drawn


@pytest.mark.parametrize("one", MANY[:200], ids=lambda one: str(one.number))
def test_what_is_drawn_can_be(one):
    for fault in one.faults:
        assert (fault.seconds > 0) == (fault.kind in LASTING)
        if fault.kind.startswith("command "):
            assert fault.what in (*VERBS[one.way][0], *VERBS[one.way][1])
            assert fault.what != "backup" or one.backup
        if fault.moment.of in ("begins", "ends"):
            assert fault.moment.number <= {**COMMANDS[one.way], schedules.BACKUP: 1}[fault.moment.what]
            assert fault.moment.what != schedules.BACKUP or one.backup


def test_it_survives_json():
    for one in MANY[:50]:
        assert Schedule.from_dict(json.loads(json.dumps(one.to_dict()))) == one


def test_it_tells_what_it_is_made_of():
    moment = Moment("begins", "chef-backend-ctl upgrade", 2, 1.5)
    one = Schedule(9, "rolling", (Fault("power off", moment, "be2", seconds=20.0),), slow=True)
    assert str(one) == (
        "9: rolling, slow, idle 3 s; power off (be2) for 20 s, "
        "1.5 s after chef-backend-ctl upgrade begins for the 2. time"
    )

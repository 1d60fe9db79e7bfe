"""What is asked once for one question: each night is the same night without that."""

import contextlib

import pytest

from tests.simulation import memo
from tests.simulation.faults import Fault
from tests.simulation.night import Schedule, spend

SCHEDULES = [
    Schedule("rolling", (Fault(200, "orchestration gets signal 9"), Fault(90, "node without power", "here", 20.0))),
    Schedule("downtime", (Fault(320, "command fails"), Fault(10, "minion stunned", "leader", 300.0))),
    Schedule("reindex", (Fault(500, "lead moves by itself"), Fault(100, "order doubled", "here", 40.0))),
    Schedule("frontends", (Fault(180, "node cut off", "here", 20.0),)),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.way)
def test_a_night_is_the_same_where_everything_is_asked_anew(schedule, monkeypatch):
    known = spend(schedule)
    monkeypatch.setattr(memo, "installed", contextlib.nullcontext)
    anew = spend(schedule)
    assert anew.story() == known.story()
    assert (anew.points, anew.seconds) == (known.points, known.seconds)

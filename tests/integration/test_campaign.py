"""Two schedules of the campaign, made by hand: all that it is made of works, and an upgrade breaks no invariant."""

import pytest

from tests.campaign import ledger
from tests.campaign.night import spend
from tests.campaign.schedules import UPGRADE, Fault, Moment, Schedule
from tests.campaign.seen import GOAL

SCHEDULES = {
    "salt-run is killed, and the first follower loses its power inside its upgrade": (
        Fault("salt-run gets SIGKILL", Moment("begins", UPGRADE)),
        Fault("power off", Moment("begins", UPGRADE, after=1.0), "be2", seconds=8),
    ),
    "a follower's upgrade fails, and the same command is typed in a second terminal": (
        Fault("command fails", Moment("start"), "be3", "upgrade"),
        Fault("same command typed", Moment("begins", UPGRADE)),
    ),
}


@pytest.mark.campaign
@pytest.mark.parametrize("what", SCHEDULES)
def test_a_schedule_is_spent_and_breaks_no_invariant(house, tmp_path, what):
    schedule = Schedule(1, "rolling", SCHEDULES[what], slow=True)
    line = ledger.line_of(spend(house, schedule, tmp_path / "night"))
    assert line.violations == ()
    assert line.outcome == GOAL
    assert line.faults == tuple(fault.kind for fault in schedule.faults)
    assert line.writes > 1000
    assert line.lost == line.revived == 0

"""When a fault's moment comes, and the journal as it is read while it grows."""

import json

import pytest

from tests.campaign.fate import came
from tests.campaign.schedules import Moment
from tests.campaign.tail import Tail
from tests.unit.campaign.nights import BEGAN, PARTS

EVENTS = [event for lines in PARTS.values() for event in lines]
MOMENTS = [
    (Moment("start", after=7.0), BEGAN),
    (Moment("begins", "chef-backend-ctl upgrade", 2), BEGAN + 20),
    (Moment("ends", "chef-backend-ctl upgrade", 3), BEGAN + 35),
    (Moment("begins", "chef-backend-ctl upgrade --failover"), BEGAN + 30),
    (Moment("begins", "chef-backend-ctl upgrade", 4), None),
    (Moment("told", number=6), None),
]


@pytest.mark.parametrize(("moment", "expected"), MOMENTS, ids=str)
def test_a_moment_comes(moment, expected):
    assert came(moment, EVENTS, 5, BEGAN) == expected


def test_a_line_that_is_told_is_a_moment():
    assert came(Moment("told", number=5), EVENTS, 5, BEGAN) is not None


def test_the_journal_is_read_from_then_on_and_a_line_at_work_is_left_for_later(tmp_path):
    one, other = tmp_path / "be1.jsonl", tmp_path / "be2.jsonl"
    one.write_text(json.dumps({"event": "leads", "time": 1}) + "\n")
    tail = Tail([one, other])
    assert tail.events() == []
    other.write_text(json.dumps({"event": "b", "time": 3}) + "\n")
    with one.open("a") as file:
        file.write(json.dumps({"event": "a", "time": 2}) + "\n" + '{"event": "c", ')
    assert [event["event"] for event in tail.events()] == ["a", "b"]
    with one.open("a") as file:
        file.write('"time": 1.5}\n')
    assert [event["event"] for event in tail.events()] == ["c", "a", "b"]

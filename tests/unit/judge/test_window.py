"""Maintenance windows: by the clock on the wall, through every change of the clocks."""

import datetime
import math
import zoneinfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext.chef_backend.judge import window
from saltext.chef_backend.settings import Window

BERLIN = "Europe/Berlin"
WEEKEND = Window(("sat", "sun"), "02:00", "05:00", BERLIN)
SUNDAY = Window(("sun",), "02:15", "02:45", BERLIN)
ZONES = (BERLIN, "UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo", "America/St_Johns")


def at(text, zone=BERLIN, fold=0):
    """Epoch seconds of a local time."""
    return datetime.datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=fold).timestamp()


def test_what_status_says():
    assert window.outlook([], 0, 1) == ""
    assert window.outlook([WEEKEND], at("2026-11-28 04:00"), 3601) == (
        "open until Sat 2026-11-28 05:00 CET; what is begun next, taken to last 3601 s, does not fit"
    )
    assert window.outlook([WEEKEND], at("2026-11-28 04:00"), 3600).endswith("3600 s, fits")
    assert window.outlook([WEEKEND], at("2026-11-28 06:00"), 1).startswith("no maintenance window is open")


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-28 01:59:59", False),
        ("2026-11-28 02:00", True),
        ("2026-11-29 04:59:59", True),
        ("2026-11-29 05:00", False),
        ("2026-11-27 03:00", False),
    ],
)
def test_open_from_its_start_to_just_before_its_end_on_its_days(moment, expected):
    assert window.is_open([WEEKEND], at(moment)) is expected


def test_when_it_closes_and_when_the_next_opens():
    saturday, monday = at("2026-11-28 03:00"), at("2026-11-30 12:00")
    assert window.open_until([WEEKEND], saturday) == at("2026-11-28 05:00")
    assert window.next_opening([WEEKEND], saturday) == saturday
    assert window.next_opening([WEEKEND], monday) == at("2026-12-05 02:00")
    assert window.shown(at("2026-12-05 02:00"), [WEEKEND]) == "Sat 2026-12-05 02:00 CET"


def test_windows_that_touch_are_one_also_across_midnight():
    night = [Window(("sat",), "22:00", "24:00", BERLIN), Window(("sun",), "00:00", "04:00", BERLIN)]
    assert window.open_until(night, at("2026-11-28 23:00")) == at("2026-11-29 04:00")


def test_always_open():
    always = [Window(window.DAYS, "00:00", "24:00", BERLIN)]
    assert math.isinf(window.open_until(always, at("2026-11-28 23:00")))
    assert window.too_short(always, at("2026-11-28 23:00"), 10**6) is None


def test_a_start_that_the_clocks_leap_over_is_when_the_leap_ends():
    """2026-03-29: 02:00 CET is 03:00 CEST."""
    from_half_past = Window(("sun",), "02:30", "05:00", BERLIN)
    assert window.next_opening([from_half_past], at("2026-03-29 01:00")) == at("2026-03-29 03:00")
    assert (
        window.open_until([WEEKEND], at("2026-03-29 03:00")) - window.next_opening([WEEKEND], at("2026-03-29 01:00"))
        == 2 * 3600
    ), "an hour less than on other Sundays"


def test_a_window_that_is_leapt_over_whole_opens_a_week_later():
    assert window.next_opening([SUNDAY], at("2026-03-29 01:00")) == at("2026-04-05 02:15")


def test_an_hour_that_comes_twice_is_in_the_window_twice():
    """2026-10-25: 03:00 CEST is 02:00 CET."""
    first, second = at("2026-10-25 02:15"), at("2026-10-25 02:15", fold=1)
    assert second - first == 3600
    assert window.open_until([SUNDAY], first) == at("2026-10-25 02:45")
    assert window.next_opening([SUNDAY], at("2026-10-25 02:45")) == second
    assert window.open_until([WEEKEND], at("2026-10-25 02:00")) - at("2026-10-25 02:00") == 4 * 3600


def test_what_does_not_fit_is_told_with_its_numbers_and_the_next_opening():
    said = window.too_short([WEEKEND], at("2026-11-28 04:30"), 1801)
    assert said == (
        "the maintenance window closes in 1800 s, and 1801 s are needed; the next opens Sun 2026-11-29 02:00 CET"
    )
    assert window.too_short([WEEKEND], at("2026-11-28 04:30"), 1800) is None
    assert window.too_short([WEEKEND], at("2026-11-28 05:00"), 1) == window.closed([WEEKEND], at("2026-11-28 05:00"))
    assert "the next opens Sun 2026-11-29 02:00 CET" in window.closed([WEEKEND], at("2026-11-28 05:00"))


def test_the_longest_measured_counts_and_the_default_only_where_nothing_was():
    assert window.estimate({}, [], 1800) == 1800
    assert window.estimate({"be2": 12.5}, [{"be1": 40.0, "be3": 7.0}, {}], 1800) == 40.0


minutes = st.integers(0, 24 * 60 - 1)
moments = st.integers(int(at("2015-01-01")), int(at("2036-01-01")))


@st.composite
def windows(draw):
    start = draw(minutes)
    end = draw(st.integers(start + 1, 24 * 60))
    days = draw(st.lists(st.sampled_from(window.DAYS), min_size=1, unique=True))
    text = [f"{one // 60:02}:{one % 60:02}" for one in (start, end)]
    return Window(tuple(days), *text, draw(st.sampled_from(ZONES)))


@settings(max_examples=300, deadline=None)
@given(st.lists(windows(), min_size=1, max_size=3), moments, st.data())
def test_nothing_changes_between_two_changes(several, now, data):
    """From now to the close a window is open at every moment, and closed from the close to the next opening."""
    opens = window.next_opening(several, now)
    assert now <= opens < math.inf
    closes = window.open_until(several, opens)
    assert closes > opens
    if opens > now:
        assert not window.is_open(several, data.draw(st.integers(now, int(opens) - 1)))
    assert window.is_open(several, opens)
    if not math.isinf(closes):
        assert window.is_open(several, data.draw(st.integers(int(opens), int(closes) - 1)))
        assert not window.is_open(several, closes)

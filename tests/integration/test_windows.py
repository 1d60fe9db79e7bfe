"""A maintenance window closes in the middle of a run: it pauses with failover on, and the schedule goes on with it."""

import datetime
import time

import pytest

from tests.integration.operator import NEW, assert_finished, assert_untouched
from tests.integration.test_steering import types

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def windows(begin, minutes):
    """A window of some minutes, from the full minute of a moment (epoch seconds) on; two where it passes midnight."""
    start = datetime.datetime.fromtimestamp(begin, datetime.UTC)
    end = start + datetime.timedelta(minutes=minutes)
    opens, closes = start.strftime("%H:%M"), end.strftime("%H:%M")
    today, tomorrow = {"days": [DAYS[start.weekday()]]}, {"days": [DAYS[end.weekday()]]}
    if start.date() == end.date():
        return [today | {"start": opens, "end": closes}]
    rest = [tomorrow | {"start": "00:00", "end": closes}] if closes != "00:00" else []
    return [today | {"start": opens, "end": "24:00"}, *rest]


@pytest.fixture
def scheduled(operator):
    """The master runs with this extension's example of a schedule, every three seconds."""
    operator.lab.stop_master()
    job = {"function": "chef_backend.scheduled", "args": ["prod"], "maxrunning": 1, "run_on_start": False}
    operator.lab.start_master({"schedule": {"chef_backend_prod": job | {"seconds": 3}}})
    operator.lab.await_minions()
    yield
    operator.lab.stop_master()
    operator.lab.start_master()


@pytest.mark.campaign
def test_the_masters_schedule_starts_a_run_in_the_window_and_no_second_one(operator, scheduled):
    operator.orders_fault("be2", {"upgrade": {"hang": 15, "times": 1}})
    operator.wants(NEW, backup=False, window={"days": list(DAYS), "start": "00:00", "end": "24:00"})
    last = operator.lab.root("be1") / "var/lib/salt-chef-backend/last-run.json"
    operator.waits_for(lambda: operator.hosts_upgrading() == ["be2"])
    assert "is under way already" in types(operator, "scheduled")
    operator.waits_for(last.exists)
    assert operator.record("be1", last.name)["state"] == "done"
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]
    assert operator.shown_failover() == "on"
    time.sleep(7)  # two more ticks
    assert operator.record("be1", last.name)["run"] in types(operator, "history")
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"], "what is done is not begun again"


@pytest.mark.campaign
def test_the_window_closes_before_the_second_follower_and_the_schedule_goes_on_in_the_next(operator):
    tomorrow = windows(time.time() + 86400, 1)
    operator.wants(NEW, backup=False, window=tomorrow)
    words = ("no maintenance window is open; the next opens",)
    assert_untouched(operator, operator.upgrades(), *words)
    assert words[0] in operator.lab.salt_run("chef_backend.plan", "prod").stdout
    assert words[0] in types(operator, "scheduled"), "nothing to do is no failure"

    now = time.time()
    first, second = now, now - now % 60 + 300  # the first follower ends in between, however slow it is here
    operator.orders_fault("be2", {"upgrade": {"hang": 60, "times": 1}})
    operator.wants(NEW, backup=False, window=[*windows(first, 2), *windows(second, 10)], estimate_seconds=30)
    run = operator.upgrades()
    assert run.returncode != 0, "a paused run has not reached its end"
    assert "it waits: " in run.stdout, run.stdout
    assert operator.hosts_upgrading() == ["be2"]
    assert operator.shown_failover() == "on"
    assert "it waits: " in types(operator, "status")
    assert "the next opens" in types(operator, "scheduled"), "what is left of the first window is not enough"
    assert operator.hosts_upgrading() == ["be2"]

    operator.waits_for(lambda: time.time() > second)
    done = operator.lab.salt_run("chef_backend.scheduled", "prod")
    assert_finished(operator, done)
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"], "nothing is done twice"
    assert "nothing is due" in types(operator, "scheduled")
    took = operator.record("be1", "last-run.json")["took"]
    assert set(took) == {"be1", "be2", "be3"} and took["be2"] > 60 > took["be3"]

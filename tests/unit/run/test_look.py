"""What a step does before it acts: a look, kept for the next; and whether what it begins fits into the window."""

import pytest

from saltext.chef_backend.errors import InVain
from saltext.chef_backend.run import look, ways
from tests.functional.pillars import CLOSED
from tests.unit.answered import RECORD, everywhere, run, views
from tests.unit.run import fakes


@pytest.mark.parametrize("way", ["rolling", "downtime", "reindex", "frontends"])
def test_what_has_not_begun_waits_for_the_next_window(way):
    record = run(way=way)
    hub = fakes.master(record=record, jid=RECORD.owner.jid, window=CLOSED)
    with pytest.raises(InVain, match="no maintenance window is open; the next opens") as refused:
        look.fits(hub, "prod", views(), record)
    held = fakes.backends(hub).record
    assert held.waits == str(refused.value)


@pytest.mark.parametrize(
    "record",
    [
        run(way="downtime", down=True),
        run(way="downtime", finished=("be1", "be2", "be3")),
        run(way="reindex", finished=("be2",)),
        run(way="reindex", inside=("be2",)),
        None,
    ],
)
def test_with_the_cluster_down_or_clients_refused_it_goes_on_and_in_test_mode_nothing_is_begun(record):
    hub = fakes.master(record=record, jid=RECORD.owner.jid, window=CLOSED)
    look.fits(hub, "prod", views(), record)
    assert hub.bus.calls == []


SATURDAY_3_O_CLOCK = 1795834800  # 2026-11-28 03:00 UTC
TWO_HOURS_LEFT = {"days": ["sat"], "start": "02:00", "end": "05:00"}


@pytest.mark.parametrize(
    ("installed", "record", "fits"),
    [
        ("2.2.0", None, True),
        ("1.4.6", None, False),  # the way is downtime: all three are upgraded in one go
        ("2.3.16", None, True),  # nothing is due
        ("2.2.0", run(), True),
        ("1.4.6", run(way="downtime"), False),
        ("2.3.16", run(way="frontends"), True),
    ],
)
def test_who_starts_a_run_unattended_asks_what_the_run_itself_will_ask(installed, record, fits):
    hub = fakes.master(window=TWO_HOURS_LEFT, estimate_seconds=3000, clock=fakes.Clock(SATURDAY_3_O_CLOCK))
    outside = ways.outside(hub, "prod", record, views(**everywhere({"version": installed})))
    assert outside is None if fits else "closes in 7200 s, and 9000 s are needed" in outside


def test_without_a_window_nothing_is_asked():
    assert ways.outside(fakes.master(), "prod", None, {}) is None

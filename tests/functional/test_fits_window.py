"""A run asks before each node whether it fits into the window, and pauses if it does not, unless it must go on."""

import dataclasses
from unittest import mock

import pytest

from tests.functional.minion import own_functions
from tests.functional.pillars import CLOSED, cluster_with
from tests.unit.answered import RECORD, everywhere, views


@pytest.fixture(name="fits")
def fixture_fits(shared):
    """Return a function that asks for a record, outside of any window; it returns what was noted in the record."""

    def fits(record):
        modules, noted = own_functions(shared.opts, "_modules", "module"), []
        modules.pack["__salt__"].update(
            {
                "chef_backend_nodes.cluster": cluster_with(window=CLOSED),
                "chef_backend_hold.note": lambda cluster, jid, changes: noted.append(changes),
            }
        )
        try:
            modules["chef_backend_step.fits"]("prod", views(), record)
        except ValueError as err:
            noted.append(str(err))
        return noted

    return fits


@pytest.mark.parametrize("way", ["rolling", "downtime", "reindex", "frontends"])
def test_what_has_not_begun_waits_for_the_next_window(fits, way):
    changes, said = fits(dataclasses.replace(RECORD, way=way))
    assert said.startswith("no maintenance window is open; the next opens")
    assert changes == {"wish": "pause", "waits": said}


@pytest.mark.parametrize(
    "record",
    [
        dataclasses.replace(RECORD, way="downtime", down=("be1",)),
        dataclasses.replace(RECORD, way="downtime", finished=("be1", "be2", "be3")),
        dataclasses.replace(RECORD, way="reindex", finished=("be2",)),
        dataclasses.replace(RECORD, way="reindex", node="be2"),
        None,
    ],
)
def test_with_the_cluster_down_or_clients_refused_it_goes_on_and_in_test_mode_nothing_is_begun(fits, record):
    assert fits(record) == []


SATURDAY_3_O_CLOCK = 1795834800  # 2026-11-28 03:00 UTC
TWO_HOURS_LEFT = {"days": ["sat"], "start": "02:00", "end": "05:00"}


@pytest.mark.parametrize(
    ("installed", "record", "fits"),
    [
        ("2.2.0", None, True),
        ("1.4.6", None, False),  # the way is downtime: all three are upgraded in one go
        ("2.3.16", None, True),  # nothing is due
        ("2.2.0", RECORD, True),
        ("1.4.6", dataclasses.replace(RECORD, way="downtime"), False),
        ("2.3.16", dataclasses.replace(RECORD, way="frontends"), True),
    ],
)
def test_who_starts_a_run_unattended_asks_what_the_run_itself_will_ask(shared, installed, record, fits):
    modules = own_functions(shared.opts, "_modules", "module")
    cluster = cluster_with(window=TWO_HOURS_LEFT, estimate_seconds=3000)
    modules.pack["__salt__"]["chef_backend_nodes.cluster"] = cluster
    seen = views(**everywhere({"version": installed}))
    with mock.patch("time.time", return_value=SATURDAY_3_O_CLOCK):
        outside = modules["chef_backend_way.outside"]("prod", record, seen)
    assert outside is None if fits else "closes in 7200 s, and 9000 s are needed" in outside


def test_without_a_window_nothing_is_asked(shared):
    modules = own_functions(shared.opts, "_modules", "module")
    modules.pack["__salt__"]["chef_backend_nodes.cluster"] = cluster_with()
    assert modules["chef_backend_way.outside"]("prod", None, {}) is None

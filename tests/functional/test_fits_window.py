"""A run asks before each node whether it fits into the window, and pauses if it does not, unless it must go on."""

import dataclasses
import datetime

import pytest
import yaml

from saltext.chef_backend import chef_backend_config as config
from tests.functional.minion import REPO, own_functions
from tests.unit.answered import RECORD, views

YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
CLOSED = {"days": [YESTERDAY.strftime("%a").lower()], "start": "02:00", "end": "05:00"}


@pytest.fixture(name="fits")
def fixture_fits(shared):
    """Return a function that asks for a record, outside of any window; it returns what was noted in the record."""

    def fits(record):
        example = yaml.safe_load((REPO / "pillar" / "example.sls").read_text(encoding="utf-8"))
        example["chef_backend"]["clusters"]["prod"]["window"] = CLOSED
        modules, noted = own_functions(shared.opts, "_modules", "module"), []
        modules.pack["__salt__"].update(
            {
                "chef_backend_nodes.cluster": lambda name: config.cluster_from_pillar(example, name),
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

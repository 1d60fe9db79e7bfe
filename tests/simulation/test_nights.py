"""A sample of all nights: ``make simulate`` has the whole enumeration, and as many random ones as there is time for."""

import hypothesis
import pytest

from tests.simulation import campaign, schedules
from tests.simulation.night import spend
from tests.simulation.schedules import WAYS

SAMPLED = 110  # every so-manieth of the enumeration


@pytest.mark.parametrize("way", WAYS)
def test_single_faults_at_points_of_a_way(way):
    several = campaign.enumerated([way], SAMPLED)
    assert len(several) > 30
    for schedule in several:
        outcome = spend(schedule)
        assert not outcome.violations, outcome.story()


def test_a_night_of_a_seed_is_the_same_however_many_are_drawn():
    many = campaign.drawn(400, 7)
    assert campaign.drawn(30, 7) == many[:30]
    assert campaign.drawn(260, 7) == many[:260]
    assert len(set(map(repr, many))) > 300


@pytest.mark.parametrize("way", WAYS)
@hypothesis.settings(
    max_examples=75, deadline=None, database=None, print_blob=True, suppress_health_check=list(hypothesis.HealthCheck)
)
@hypothesis.given(data=hypothesis.strategies.data())
def test_several_faults_in_one_night(way, data):
    outcome = spend(data.draw(schedules.several(way)))
    assert not outcome.violations, outcome.story()

"""The table of `make bench`: medians, goals met and missed, what the time consists of."""

import pytest

from tests.lab import comparison
from tests.lab.evidence import Command
from tests.lab.measure import Run

CTL = "chef-backend-ctl"


def run(wall, *, off=4.0, asking=0):
    """An upgrade of one node, failover being off for a while; asks so often afterwards, a tenth of a second each."""
    calls = [
        ("be1", (CTL, "set-cluster-failover", "off"), 0, 0.5),
        ("be2", ("dpkg", "-i", "x.deb"), 1, 2),
        ("be2", (CTL, "upgrade"), 2, 3),
        ("be1", (CTL, "set-cluster-failover", "on"), off - 0.5, off),
        *(("be1", (CTL, "status"), 4 + number / 10, 4.1 + number / 10) for number in range(asking)),
    ]
    return Run(
        began=0,
        ended=wall,
        status=0,
        target="2.3.16",
        backends=("be1", "be2", "be3"),
        calls=tuple(Command(*call, 0) for call in calls),
        history=(),
        rejoins=(0.25,),
        versions={},
        unhealthy=None,
    )


def one(ours, *, off=4.0, asking=0):
    """A round in which the shell loop took 10 seconds, Ansible 30, and Ansible had failover off for 10."""
    return {
        comparison.OURS: run(ours, off=off, asking=asking),
        comparison.SALT: run(12),
        comparison.LOOP: run(10),
        comparison.ANSIBLE: run(30, off=10.0),
    }


def goals(rounds, ctl_cost=0.0):
    """The lines of the goals: (met, what was found)."""
    lines = [line for line in comparison.table(rounds, ctl_cost, 2).splitlines() if line.startswith("goal: ")]
    return [("NOT" not in line, line.partition(": ")[2].partition(": ")[2].partition(",")[0]) for line in lines]


def test_each_way_has_a_line_in_each_round_and_in_the_medians():
    lines = comparison.table([one(20), one(26, asking=3), one(24)], 0, 2).splitlines()
    assert lines[1].split() == ["round", "1", "orchestration", "20.0", "2.00", "0.67", "3.0", "4.0", "0"]
    assert lines[8].split() == ["Ansible", "30.0", "3.00", "1.00", "3.0", "10.0", "0"]
    assert lines[13].split() == ["median", "orchestration", "24.0", "2.40", "0.80", "3.0", "4.0", "0"]


@pytest.mark.parametrize(
    ("rounds", "met"),
    [
        ([one(19, asking=30)] * 3, [True, True, True, False, True]),
        ([one(19), one(40), one(18)], [True, True, True, False, True]),
        ([one(19, asking=31)], [True, True, True, False, False]),
        ([one(20)], [True, False, True, False, True]),
        ([one(23, off=5.5)], [False, False, False, False, True]),
        ([one(19, off=4.0), one(19, off=5.5), one(19, off=5.5)], [True, True, False, False, True]),
    ],
)
def test_goals_are_judged_by_the_median(rounds, met):
    assert [judged for judged, _ in goals(rounds)] == met


def test_what_was_found_stands_in_the_goal():
    assert [found for _, found in goals([one(19, asking=7)])] == ["1.9 x", "0.633 x", "0.4 x", "1.78 x", "7"]


def test_where_each_call_costs_ours_has_to_be_ahead_of_ansible_and_nothing_else():
    assert goals([one(29)], 1.2) == [(True, "0.967 x")]
    assert goals([one(31)], 1.2) == [(False, "1.03 x")]


def test_the_wall_time_is_what_changed_what_came_back_what_asked_and_the_rest():
    found = run(10, asking=2).consists
    assert found == pytest.approx({"changing": 3.0, "rejoin": 0.25, "asking": 0.2, "rest": 6.55})

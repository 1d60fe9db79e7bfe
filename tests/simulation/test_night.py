"""Nights: without a fault each way ends well; the same schedule is the same night; a story tells what happened."""

import pytest

from tests.simulation.faults import Fault
from tests.simulation.mutants import Mutant
from tests.simulation.night import Schedule, spend
from tests.simulation.schedules import WAYS, spots

KILLED = Schedule("rolling", (Fault(200, "orchestration gets signal 9"),))


@pytest.mark.parametrize("way", WAYS)
def test_a_night_without_a_fault_ends_well(way):
    outcome = spend(Schedule(way))
    assert not outcome.violations, outcome.story()
    exits = [event.about for event in outcome.events if event.what == "exit"]
    assert exits == ["exit 0"], outcome.story()


def test_the_same_schedule_is_the_same_night():
    one, other = spend(KILLED), spend(KILLED)
    assert one.points == other.points
    assert one.story() == other.story()


def test_a_story_tells_who_did_what_and_when():
    story = spend(KILLED).story()
    assert "types: salt-run state.orchestrate orch.chef_backend_rolling" in story
    assert "fault: orchestration gets signal 9" in story
    assert "resumed run" in story
    assert story.count("chef-backend-ctl upgrade --failover") == 2  # begins, ends


@pytest.mark.parametrize(("after", "points"), [(190, 60), (210, 100)])
def test_i3_a_dead_mans_switch_that_was_taken_away_is_armed_anew_by_the_next_heartbeat(after, points):
    """A site's highstate cleans every backend's schedule; then the master is lost for good, with failover off."""
    taken = (Fault(after, "schedules cleaned"), Fault(points, "master lost for good"))
    outcome = spend(Schedule("rolling", taken, 200.0))
    assert not outcome.violations, outcome.story()
    without = Mutant("no heartbeat sees to it", "node.deadman", "stay_armed", "if record is None or", "if True or")
    with without.at_large():
        assert "nobody looks after it" in str(spend(Schedule("rolling", taken, 200.0)).violations)


def test_i3_a_lead_that_goes_round_in_step_with_the_looks_is_seen():
    """One look meets the one whose turn it is, the next nobody who leads: no two of them meet a leader to be heeded."""
    died = (Fault(254, "node cut off from the masters", "here", 20.0), Fault(254, "orchestration gets signal 9"))
    outcome = spend(Schedule("reindex", died, 250.0))
    assert not outcome.violations, outcome.story()
    exits = [event.about for event in outcome.events if event.what == "exit"]
    assert exits == ["killed", "exit 0"], outcome.story()  # who was handed over from leads again, and only rejoins
    seen = ("return not any", "return bool(cluster.leaders) and not any")
    forgets = Mutant("a look that meets nobody counts as none", "judge.failover", "no_search_works", *seen)
    leaves = Mutant("its own turn binds it, too", "judge.deadman", "_of_a_reindex", "if name != view.node", "if True")
    with forgets.at_large(), leaves.at_large():
        assert "leads without Elasticsearch" in str(spend(Schedule("reindex", died, 250.0)).violations)


@pytest.mark.parametrize("points", [95, 96])
def test_i7_a_run_that_was_taken_over_while_another_looked_does_not_give_way(points):
    """To look takes a second; somebody types another target right before the operator's run goes on."""
    died = (Fault(473, "command fails"), Fault(33, "minion killed", "fe1", 20.0))
    schedule = Schedule("rolling", (*died, Fault(points, "another target typed", "hub")), 200.0)
    outcome = spend(schedule)
    assert not outcome.violations, outcome.story()
    seen = "found.epoch > over.get(found.run, 0)"
    takes = Mutant("whoever has looked takes it", "node.record_file", "_yields", seen, "found.run not in over")
    looks = Mutant("nobody looks again", "run.lock", "_next_epoch", "if max(heard, default=0) > seen:", "if False:")
    with takes.at_large(), looks.at_large():
        assert "its run is over" in str(spend(schedule).violations)


@pytest.mark.parametrize(
    "wished",
    [
        (Fault(213, "pause typed", "hub"), Fault(14, "minion killed", "be2", 20.0)),
        (Fault(213, "pause typed", "hub"), Fault(20, "minion killed", "be2", 20.0)),
        (Fault(230, "command fails"), Fault(255, "pause typed", "hub"), Fault(7, "minion killed", "be2", 20.0)),
    ],
    ids=["its package is installed", "it is upgraded", "it is gone on with"],
)
def test_a_node_in_its_turn_is_left_to_end_it_where_its_order_is_given_anew_after_a_wish(wished):
    """Somebody asks for a pause in a node's turn; then its minion dies, and comes back."""
    outcome = spend(Schedule("rolling", wished))
    assert not outcome.violations, outcome.story()
    owned = "lock.owned(master, cluster, views)"
    heeds = f"return gates.not_ended_by_wish({owned}) or (views, {owned})"
    with Mutant("it is heeded at once", "run.look", "inside_a_turn", f"return views, {owned}", heeds).at_large():
        assert "inside be2's turn" in str(spend(Schedule("rolling", wished)).violations)


def test_i6_an_order_that_is_given_anew_looks_at_the_others_again():
    """The minion in its turn dies, and comes back before it began its upgrade; the leader has lost its power."""
    taken = [spot for spot in spots("reindex") if "be3" in spot.shown and "dpkg" in spot.shown]
    for spot in taken:
        dies = (Fault(spot.number, "minion killed", "be3", 20.0), Fault(1, "node without power", "leader", 300.0))
        outcome = spend(Schedule("reindex", dies))
        assert not outcome.violations, outcome.story()


def test_a_missed_find_job_fails_no_order():
    """Salt takes a busy minion for silent; the run asks the node, waits for its command, and reads its end."""
    orders = [spot for spot in spots("rolling") if "order orch.node" in spot.shown and spot.kind == "order"]
    assert len([spot for spot in orders if "orch.node.upgraded" in spot.shown]) == 3
    for spot in orders:
        outcome = spend(Schedule("rolling", (Fault(spot.number, "find_job missed", "here", 3600.0),)))
        assert not outcome.violations, outcome.story()
        assert [event.about for event in outcome.events if event.what == "exit"] == ["exit 0"], outcome.story()


def test_i5_an_archive_that_cannot_be_read_just_then_is_read_by_the_next_command():
    """Whoever has taken a backup answers nothing for a while: what it holds is unknown, and it is taken once."""
    *_, ends = (spot for spot in spots("downtime") if "chef-backend-ctl backup" in spot.shown)
    schedule = Schedule("downtime", (Fault(ends.number, "asking hangs", "here", 300.0),), 30.0)
    outcome = spend(schedule)
    assert not outcome.violations, outcome.story()
    unread = "if not isinstance(err, Unseen):"
    with Mutant("its end counts as read", "node.ctl", "changing", unread, "if True:").at_large():
        assert "2 backups" in str(spend(schedule).violations)

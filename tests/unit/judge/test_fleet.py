"""Groups of clusters: what the pillar may say, and which clusters begin when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saltext.chef_backend import pillar as pillars
from saltext.chef_backend.judge import fleet as fleets

CLUSTER = {
    "backends": ["be1", "be2", "be3"],
    "version": "2.3.16",
    "package": {"source": "/x.deb", "sha256": "skip-verification"},
}


def pillar(*groups, clusters=("test", "prod1", "prod2", "prod3")):
    return {"chef_backend": {"clusters": dict.fromkeys(clusters, CLUSTER), "fleet": list(groups)}}


CANARY = {"name": "canary", "clusters": ["test"]}
EUROPE = {"name": "europe", "clusters": ["prod1", "prod2", "prod3"], "at_once": 2, "may_fail": 34}


def test_groups_in_their_order():
    assert fleets.from_pillar(pillar(CANARY, EUROPE)) == (
        fleets.Group("canary", ("test",)),
        fleets.Group("europe", ("prod1", "prod2", "prod3"), 2, 34),
    )


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ((), "chef_backend:fleet: found [], expected a list of groups"),
        (("canary",), "chef_backend:fleet:0: found 'canary', expected a mapping"),
        (({**CANARY, "slots": 1},), "chef_backend:fleet:0:slots: unknown key, expected one of name, clusters, at_once"),
        (({**CANARY, "clusters": []},), "chef_backend:fleet:0:clusters: found [], expected a list of clusters"),
        (({"name": "canary"},), "chef_backend:fleet:0:clusters: found nothing, expected a list of clusters"),
        (({**CANARY, "clusters": ["staging"]},), "chef_backend:fleet:0:clusters: found ['staging'], expected clusters"),
        (({**CANARY, "name": "a b"},), "chef_backend:fleet:0:name: found 'a b', expected a name"),
        (({**CANARY, "at_once": 0},), "chef_backend:fleet:0:at_once: found 0, expected how many clusters at once"),
        (({**CANARY, "at_once": True},), "chef_backend:fleet:0:at_once: found True"),
        (({**CANARY, "may_fail": 101},), "chef_backend:fleet:0:may_fail: found 101, expected how many percent"),
        ((CANARY, {**EUROPE, "name": "canary"}), "'canary' is the name of several groups"),
        ((CANARY, {**EUROPE, "clusters": ["prod1", "test"]}), "'test' is in several places: a cluster belongs to one"),
        (({**CANARY, "clusters": ["test", "test"]},), "'test' is in several places"),
    ],
)
def test_mistakes_are_told_with_their_path(groups, said):
    with pytest.raises(pillars.ConfigError) as caught:
        fleets.from_pillar(pillar(*groups))
    assert said in str(caught.value)


def test_without_a_fleet_in_the_pillar():
    with pytest.raises(pillars.ConfigError, match="chef_backend:fleet: found nothing, expected a list of groups"):
        fleets.from_pillar({"chef_backend": {"clusters": {"prod": CLUSTER}}})


def decide(states, at_once=2, may_fail=0):
    return fleets.decide(fleets.Group("g", tuple(states), at_once, may_fail), states)


def test_so_many_at_once():
    assert decide({"a": "due", "b": "due", "c": "due"}).start == ("a", "b")
    assert decide({"a": "runs", "b": "due", "c": "due"}).start == ("b",)
    assert decide({"a": "runs", "b": "runs", "c": "due"}) == fleets.Decision()


def test_when_one_fails_nothing_more_begins_and_what_runs_is_waited_for():
    said = "a failed: nothing more is begun"
    assert decide({"a": "failed", "b": "runs", "c": "due"}) == fleets.Decision(stopped=said)
    assert decide({"a": "failed", "b": "done", "c": "due"}) == fleets.Decision(over=True, stopped=said)


def test_a_share_may_fail():
    states = {"a": "failed", "b": "done", "c": "due", "d": "due"}
    assert decide(states, may_fail=25).start == ("c", "d")
    assert decide(states, may_fail=24).stopped == "a failed, more than 24 % of 4: nothing more is begun"


def test_who_waits_for_a_window_holds_up_nobody_of_the_group():
    assert decide({"a": "waits", "b": "due"}).start == ("b",)
    assert decide({"a": "waits", "b": "done"}) == fleets.Decision(over=True)


outcomes = st.lists(st.sampled_from([fleets.DONE, fleets.FAILED, fleets.WAITING]), min_size=1, max_size=12)


@given(outcomes, st.integers(1, 5), st.integers(0, 100), st.randoms())
def test_whatever_happens(ends, at_once, may_fail, random):
    """Never more at once than allowed, each begun once at most, nothing begun after a stop, and it comes to an end."""
    names = tuple(f"c{number}" for number in range(len(ends)))
    group, states = fleets.Group("g", names, at_once, may_fail), dict.fromkeys(names, fleets.DUE)
    begun, stopped = [], False
    for _ in range(3 * len(names) + 1):
        decision = fleets.decide(group, states)
        assert not (stopped and decision.start)
        stopped = stopped or bool(decision.stopped)
        if decision.over:
            break
        begun += decision.start
        states |= dict.fromkeys(decision.start, fleets.RUNNING)
        running = [name for name in names if states[name] == fleets.RUNNING]
        assert 0 < len(running) <= at_once
        one = random.choice(running)
        states[one] = ends[names.index(one)]
    assert decision.over
    assert len(begun) == len(set(begun))
    failed = sum(state == fleets.FAILED for state in states.values())
    assert bool(decision.stopped) == (failed * 100 > may_fail * len(names))
    if not decision.stopped:
        assert set(begun) == set(names)

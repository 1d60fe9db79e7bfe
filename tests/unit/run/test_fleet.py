"""20 clusters, 60 backends: the fleet's steps, with a light simulation of what lies below them.

Real are the steps, the pillar and its checks, and the decisions. Simulated are the clusters: each is a name with a
state, its upgrade lasts some rounds of the event bus and ends as was ordered. Left out is all that happens inside a
cluster's own run, which has tests of its own, and the master's processes.
"""

import pytest

from saltext.chef_backend.judge import fleet as fleets
from saltext.chef_backend.run import fleet
from saltext.chef_backend.run.master import Event
from tests.functional.pillars import CLOSED, example
from tests.unit.answered import RECORD, everywhere
from tests.unit.run import fakes

CLUSTERS = [f"c{number:02}" for number in range(1, 21)]
GROUPS = [
    {"name": "canary", "clusters": CLUSTERS[:1]},
    {"name": "small", "clusters": CLUSTERS[1:8], "at_once": 3},
    {"name": "large", "clusters": CLUSTERS[8:], "at_once": 4, "may_fail": 10},
]


def pillar():
    many = example()
    prod = many["chef_backend"]["clusters"]["prod"]
    many["chef_backend"] |= {"clusters": dict.fromkeys(CLUSTERS, prod), "fleet": GROUPS}
    return many


class World:
    """Clusters that are upgraded; ``journal``: what began and ended, in order, which the fleet does not write."""

    def __init__(self, monkeypatch, **ends):
        self.ends, self.journal, self.running, self.jobs = ends, [], {}, 0
        self.states = dict.fromkeys(CLUSTERS, fleets.DUE)
        self.die_after, self.deaf = None, False
        monkeypatch.setattr(
            fleet, "look", lambda master, cluster: (self.states[cluster], f"seen {self.states[cluster]}")
        )

    def master(self, test):
        """The master, as a new process has it."""
        hub = fakes.master(pillar=pillar(), test=test, start=self.launch)
        hub.events.get = lambda tag, seconds: self.ended(hub.clock, seconds)
        return hub

    def launch(self, function, kwargs):
        assert (function, kwargs["mods"]) == ("state.orchestrate", "orch.chef_backend_upgrade")
        cluster = kwargs["pillar"]["cluster"]
        assert self.states[cluster] == fleets.DUE, "never begun twice"
        self.jobs += 1
        self.states[cluster] = fleets.RUNNING
        # ends after one to three rounds; one more if that must be seen, as nobody tells it
        self.running[cluster] = (str(self.jobs), 1 + self.jobs * 7 % 3 + self.deaf)
        self.journal.append(("begins", cluster))
        return str(self.jobs)

    def ended(self, clock, seconds):
        """A round: what runs comes nearer to its end; the first that is there is told."""
        if self.die_after is not None and len(self.journal) >= self.die_after:
            raise KeyboardInterrupt
        clock.sleep(seconds)
        self.running = {cluster: (job, left - 1) for cluster, (job, left) in self.running.items()}
        for cluster, (job, left) in sorted(self.running.items(), key=lambda one: one[1][1]):
            if left <= 0:
                del self.running[cluster]
                end = self.ends.get(cluster, fleets.DONE)
                self.states[cluster] = fleets.DUE if end == fleets.FAILED else end
                self.journal.append(("ends", cluster))
                told = {"jid": job, "success": True, "return": {"retcode": int(end != fleets.DONE)}}
                return None if self.deaf else Event(f"salt/run/{job}/ret", told)
        return None

    def upgrade(self, test=False):
        """What the orchestration does, one state after another; returns their results."""
        hub, results = self.master(test), {}
        results["known"] = fleet.known(hub, "known")
        results["upgraded"] = fleet.upgraded(hub, "upgraded")
        results["whole"] = fleet.whole(hub, "whole")
        return results

    def begun(self):
        return [cluster for what, cluster in self.journal if what == "begins"]

    def most_at_once(self, clusters):
        most, now = 0, set()
        for what, cluster in self.journal:
            if cluster in clusters:
                now = now | {cluster} if what == "begins" else now - {cluster}
                most = max(most, len(now))
        return most


DUE = {"version": "2.2.0"}
DONE = {"version": "2.3.16"}


@pytest.mark.parametrize(
    ("answer", "record", "options", "state", "said"),
    [
        (DONE, None, {}, fleets.DONE, "runs 2.3.16"),
        (DUE, None, {}, fleets.DUE, "is to go to 2.3.16"),
        (DUE, None, {"window": CLOSED}, fleets.WAITING, "the next opens"),
        (DUE, {}, {"alive": lambda process: True}, fleets.RUNNING, "run r1 is under way, at 'open'"),
        (DUE, {}, {}, fleets.DUE, "is to go to"),
        (DUE, {"state": "failed"}, {}, fleets.DUE, "is to go to"),
        (DUE, {"state": "paused"}, {}, fleets.WAITING, "was paused by a person"),
        (DUE, {"state": "paused", "waits": "the window closes"}, {}, fleets.DUE, "is to go to"),
        (
            DUE,
            {"state": "paused", "waits": "the window closes"},
            {"window": CLOSED},
            fleets.WAITING,
            "the next opens",
        ),
        (DUE | {"record": {"run": "half a record"}}, None, {}, fleets.FAILED, "not a record"),
        (DUE | {"errors": {"version": "be1: no manifest"}, "version": None}, None, {}, fleets.FAILED, "no manifest"),
    ],
)
def test_how_a_cluster_stands(answer, record, options, state, said):
    held = {} if record is None else {"record": {**RECORD.to_dict(), **record}}
    found, text = fleet.look(fakes.master(everywhere(answer | held), **options), "prod")
    assert (found, said in text) == (state, True), text


@pytest.fixture(name="world")
def fixture_world(monkeypatch):
    return lambda **ends: World(monkeypatch, **ends)


def test_group_by_group_the_canary_first_and_so_many_at_once(world):
    fleet_of_20 = world()
    results = fleet_of_20.upgrade()
    assert {name: done["result"] for name, done in results.items()} == dict.fromkeys(results, True)
    assert sorted(fleet_of_20.begun()) == CLUSTERS
    assert fleet_of_20.journal[:2] == [("begins", "c01"), ("ends", "c01")]
    assert [fleet_of_20.most_at_once(group["clusters"]) for group in GROUPS] == [1, 3, 4]
    last_small = max(fleet_of_20.journal.index(("ends", cluster)) for cluster in GROUPS[1]["clusters"])
    assert last_small < min(fleet_of_20.journal.index(("begins", cluster)) for cluster in GROUPS[2]["clusters"])

    again = fleet_of_20.upgrade()
    assert all(done["result"] is True and not done["changes"] for done in again.values())
    assert len(fleet_of_20.begun()) == 20


def test_a_canary_that_fails_stops_all(world):
    fleet_of_20 = world(c01=fleets.FAILED)
    results = fleet_of_20.upgrade()
    assert fleet_of_20.begun() == ["c01"]
    assert results["upgraded"]["comment"].startswith("canary: c01 failed: nothing more is begun")
    assert results["whole"]["result"] is False
    assert results["whole"]["comment"].startswith("20 of 20 clusters are left")


def test_one_that_fails_stops_the_rest_and_the_same_command_goes_on(world):
    fleet_of_20 = world(c03=fleets.FAILED)
    results = fleet_of_20.upgrade()
    assert results["upgraded"]["result"] is False
    assert results["upgraded"]["comment"].startswith("small: c03 failed")
    assert {"c01", "c02"} <= set(results["upgraded"]["changes"]), "what was done is told, although it failed"
    assert not set(fleet_of_20.begun()) & set(GROUPS[2]["clusters"])
    assert fleet_of_20.running == {}, "what ran was waited for"
    begun = fleet_of_20.begun()

    fleet_of_20.ends.clear()
    assert fleet_of_20.upgrade()["whole"]["result"] is True
    assert sorted(fleet_of_20.begun()) == sorted([*CLUSTERS, "c03"]), "what is done is not begun again"
    assert fleet_of_20.begun()[len(begun)] == "c03"


def test_a_share_may_fail_and_is_told_in_the_end(world):
    fleet_of_20 = world(c12=fleets.FAILED)
    results = fleet_of_20.upgrade()
    assert results["upgraded"]["result"] is True
    assert sorted(fleet_of_20.begun()) == CLUSTERS
    assert results["whole"]["result"] is False
    assert results["whole"]["comment"].startswith("1 of 20 clusters are left: c12")


def test_one_that_waits_for_its_window_holds_back_the_next_group(world):
    fleet_of_20 = world(c05=fleets.WAITING)
    results = fleet_of_20.upgrade()
    assert results["upgraded"]["result"] is False
    assert results["upgraded"]["comment"].startswith("small: c05 waits: the same command goes on")
    assert set(fleet_of_20.begun()) == set(CLUSTERS[:8])


def test_the_fleet_dies_its_runs_go_on_and_the_same_command_waits_for_them(world):
    fleet_of_20 = world()
    fleet_of_20.die_after = 6
    with pytest.raises(KeyboardInterrupt):
        fleet_of_20.upgrade()
    running = set(fleet_of_20.running)
    assert running, "they belong to processes of their own"
    fleet_of_20.die_after = None
    results = fleet_of_20.upgrade()
    assert results["whole"]["result"] is True, results
    assert sorted(fleet_of_20.begun()) == CLUSTERS, "each once"
    assert fleet_of_20.most_at_once(GROUPS[1]["clusters"]) == 3, "those that run already count"


def test_an_end_that_is_not_told_is_seen(world):
    """The master was restarted: its event bus lost what was on it."""
    fleet_of_20 = world(c04=fleets.FAILED)
    fleet_of_20.deaf = True
    results = fleet_of_20.upgrade()
    assert results["upgraded"]["comment"].startswith("small: c04 failed")
    assert not set(fleet_of_20.begun()) & set(GROUPS[2]["clusters"])


def test_test_mode_begins_nothing(world):
    fleet_of_20 = world()
    results = fleet_of_20.upgrade(test=True)
    assert "small: would upgrade c02, c03, c04, c05, c06, c07, c08, 3 at once" in results["upgraded"]["comment"]
    assert results["upgraded"]["result"] is results["whole"]["result"] is None
    assert fleet_of_20.journal == []

"""20 clusters, 60 backends: the fleet's states, with a light simulation of what lies below them.

Real are the states, the pillar and its checks, the decisions and the rendered SLS. Simulated are the clusters: each is
a name with a state, its upgrade lasts some rounds of the event bus and ends as was ordered. Left out is all that
happens inside a cluster's own run, which has tests of its own, and the master's processes.
"""

import contextlib

import pytest

from saltext.chef_backend import pillar as pillars
from saltext.chef_backend.judge import fleet as fleets
from tests.functional.minion import own_functions
from tests.functional.pillars import CLOSED, cluster_with, example
from tests.unit.answered import RECORD, everywhere, views

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

    def __init__(self, opts, **ends):
        self.ends, self.journal, self.running, self.jobs = ends, [], {}, 0
        self.states = dict.fromkeys(CLUSTERS, fleets.DUE)
        self.opts, self.die_after, self.deaf = opts, None, False

    def load(self, test=False):
        """The fleet's states, as a new process has them."""
        groups = fleets.from_pillar(pillar())
        loaded = own_functions({**self.opts, "test": test}, "_states", "states")
        loaded.pack["__salt__"].update(
            {
                "chef_backend_fleet.read": lambda: groups,
                "chef_backend_fleet.look": lambda cluster: (self.states[cluster], f"seen {self.states[cluster]}"),
                "chef_backend_progress.listen": contextlib.nullcontext,
                "chef_backend_fleet.ended": self.ended,
                "chef_backend_launch.orchestration": self.launch,
                "chef_backend_nodes.cluster": lambda name: pillars.cluster_from_pillar(pillar(), name),
            }
        )
        return loaded

    def launch(self, mods, cluster):
        assert mods == "orch.chef_backend_upgrade"
        assert self.states[cluster] == fleets.DUE, "never begun twice"
        self.jobs += 1
        self.states[cluster] = fleets.RUNNING
        # ends after one to three rounds; one more if that must be seen, as nobody tells it
        self.running[cluster] = (str(self.jobs), 1 + self.jobs * 7 % 3 + self.deaf)
        self.journal.append(("begins", cluster))
        return str(self.jobs)

    def ended(self, _bus, jobs, _seconds):
        """A round: what runs comes nearer to its end; the first that is there and is asked for is told."""
        if self.die_after is not None and len(self.journal) >= self.die_after:
            raise KeyboardInterrupt
        self.running = {cluster: (job, left - 1) for cluster, (job, left) in self.running.items()}
        for cluster, (job, left) in sorted(self.running.items(), key=lambda one: one[1][1]):
            if left <= 0:
                del self.running[cluster]
                end = self.ends.get(cluster, fleets.DONE)
                self.states[cluster] = fleets.DUE if end == fleets.FAILED else end
                self.journal.append(("ends", cluster))
                return (job, end == fleets.DONE) if job in jobs and not self.deaf else None
        return None

    def upgrade(self, test=False):
        """What the orchestration does, one state after another; returns their results."""
        states, results = self.load(test), {}
        results["known"] = states["chef_backend_fleet.known"]("known")
        for group in GROUPS:
            if all(done["result"] is not False for done in results.values()):
                name = group["name"]
                results[name] = states["chef_backend_fleet.upgraded"](name, group=name)
        results["whole"] = states["chef_backend_fleet.whole"]("whole")
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


@pytest.fixture(name="look")
def fixture_look(shared):
    """Return a function that has a cluster looked at, with what its backends answer, and whether its run is driven."""

    def look(seen, gone="its process is no more", due=(), **settings):
        modules = own_functions(shared.opts, "_modules", "module")
        modules.pack["__salt__"].update(
            {
                "chef_backend_nodes.cluster": cluster_with(**settings),
                "chef_backend_nodes.views": lambda name: seen,
                "chef_backend_nodes.due": lambda name, among, seen: list(due),
                "chef_backend_hold.gone": lambda record: gone,
                "chef_backend_way.outside": modules["chef_backend_way.outside"],
            }
        )
        return modules["chef_backend_fleet.look"]("prod")

    return look


@pytest.mark.parametrize(
    ("record", "options", "state", "said"),
    [
        (None, {}, fleets.DONE, "runs 2.3.16"),
        (None, {"due": ["be2"]}, fleets.DUE, "is to go to 2.3.16"),
        (None, {"due": ["be2"], "window": CLOSED}, fleets.WAITING, "the next opens"),
        ({}, {"gone": None}, fleets.RUNNING, "run r1 is under way, at 'open'"),
        ({}, {}, fleets.DUE, "is to go to"),
        ({"state": "failed"}, {}, fleets.DUE, "is to go to"),
        ({"state": "paused"}, {}, fleets.WAITING, "was paused by a person"),
        ({"state": "paused", "waits": "the window closes"}, {}, fleets.DUE, "is to go to"),
        ({"state": "paused", "waits": "the window closes"}, {"window": CLOSED}, fleets.WAITING, "the next opens"),
    ],
)
def test_how_a_cluster_stands(look, record, options, state, said):
    held = None if record is None else {**RECORD.to_dict(), **record}
    found, text = look(views(**everywhere({"record": held})), **options)
    assert (found, said in text) == (state, True), text


def test_a_cluster_that_cannot_be_judged_has_failed(look):
    broken = everywhere({"record": {"run": "half a record"}})
    state, text = look(views(**broken))
    assert state == fleets.FAILED and "not a record" in text


@pytest.fixture(name="world")
def fixture_world(shared):
    return lambda **ends: World(shared.opts, **ends)


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
    assert results["canary"]["comment"].startswith("c01 failed: nothing more is begun")
    assert results["whole"]["result"] is False
    assert results["whole"]["comment"].startswith("20 of 20 clusters are left")


def test_one_that_fails_stops_the_rest_and_the_same_command_goes_on(world):
    fleet_of_20 = world(c03=fleets.FAILED)
    results = fleet_of_20.upgrade()
    assert results["small"]["result"] is False and "c03 failed" in results["small"]["comment"]
    assert "large" not in results
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
    assert results["large"]["result"] is True
    assert sorted(fleet_of_20.begun()) == CLUSTERS
    assert results["whole"]["result"] is False
    assert results["whole"]["comment"].startswith("1 of 20 clusters are left: c12")


def test_one_that_waits_for_its_window_holds_back_the_next_group(world):
    fleet_of_20 = world(c05=fleets.WAITING)
    results = fleet_of_20.upgrade()
    assert results["small"]["result"] is False
    assert results["small"]["comment"].startswith("c05 waits: the same command goes on")
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
    assert results["canary"]["result"] is True
    assert "c04 failed" in results["small"]["comment"] and "large" not in results


def test_test_mode_begins_nothing(world):
    fleet_of_20 = world()
    results = fleet_of_20.upgrade(test=True)
    assert results["small"]["comment"].startswith("would upgrade c02, c03, c04, c05, c06, c07, c08, 3 at once")
    assert results["canary"]["result"] is results["whole"]["result"] is None
    assert fleet_of_20.journal == []

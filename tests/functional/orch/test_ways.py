"""The runbooks of the ways: plain files whose steps stand, and run, in the order of the document that they follow."""

import copy

import pytest
import salt.state
import yaml

from tests.functional.orch.runbook import FILES

NAMES = [path.stem for path in FILES]
LONGEST = 120  # lines of a file: what a person reads at once

# each way's steps: ID, function, and what it is given
STEPS = {
    "chef_backend_rolling": [
        ("Open the rolling run", "chef_backend_run.opened", {"way": "rolling"}),
        ("Stage the package on every backend", "chef_backend_run.staged", {}),
        ("Back up one follower", "chef_backend_run.backed_up", {}),
        ("Switch failover off", "chef_backend_run.failover_off", {}),
        ("Upgrade the first follower", "chef_backend_run.upgraded", {"turn": "first"}),
        ("Upgrade the second follower", "chef_backend_run.upgraded", {"turn": "second"}),
        ("Switch failover on", "chef_backend_run.failover_on", {}),
        ("Upgrade the leader, handing over first", "chef_backend_run.upgraded", {"turn": "last"}),
        ("Switch failover off, then on", "chef_backend_run.failover_off_and_on", {}),
        ("Verify the upgraded cluster", "chef_backend_run.verified", {}),
        ("Reconfigure the frontends, batch by batch", "chef_backend_run.frontends_in_service", {}),
        ("Close the rolling run", "chef_backend_run.closed", {}),
    ],
    "chef_backend_downtime": [
        ("Open the downtime run", "chef_backend_run.opened", {"way": "downtime"}),
        ("Stage the package before the downtime", "chef_backend_run.staged", {}),
        ("Back up before the downtime", "chef_backend_run.backed_up", {}),
        ("Install the package on every backend, which restarts nothing", "chef_backend_downtime.installed", {}),
        ("Take the frontends out of service for the downtime", "chef_backend_downtime.frontends_out", {}),
        ("Take the leader down", "chef_backend_downtime.taken_down", {"turn": "first"}),
        ("Take the first follower down", "chef_backend_downtime.taken_down", {"turn": "second"}),
        ("Take the second follower down", "chef_backend_downtime.taken_down", {"turn": "third"}),
        ("Upgrade the first follower that is down", "chef_backend_downtime.upgraded", {"turn": "first"}),
        ("Upgrade the second follower that is down", "chef_backend_downtime.upgraded", {"turn": "second"}),
        ("Upgrade the leader, which ends the downtime", "chef_backend_downtime.upgraded", {"turn": "third"}),
        ("Verify the cluster after the downtime", "chef_backend_run.verified", {}),
        ("Bring the frontends back after the downtime", "chef_backend_run.frontends_in_service", {}),
        ("Close the downtime run", "chef_backend_run.closed", {}),
    ],
    "chef_backend_reindex": [
        ("Open the reindex run", "chef_backend_run.opened", {"way": "reindex"}),
        ("Stage the package before the reindex", "chef_backend_run.staged", {}),
        ("Back up before the reindex", "chef_backend_run.backed_up", {}),
        ("Take the frontends out of service for the reindex", "chef_backend_reindex.frontends_out", {}),
        ("Switch failover off before the reindex", "chef_backend_run.failover_off", {}),
        ("Upgrade the first follower before the reindex", "chef_backend_run.upgraded", {"turn": "first"}),
        ("Upgrade the second follower before the reindex", "chef_backend_run.upgraded", {"turn": "second"}),
        ("Switch failover on before the reindex", "chef_backend_run.failover_on", {}),
        ("Upgrade the leader before the reindex, handing over first", "chef_backend_run.upgraded", {"turn": "last"}),
        ("Switch failover off again, with the index too old", "chef_backend_reindex.failover_off", {}),
        ("See that the leader of before is back in the cluster", "chef_backend_reindex.rejoined", {}),
        ("Stop Elasticsearch on every backend", "chef_backend_reindex.stopped", {}),
        ("Delete the index files on every backend", "chef_backend_reindex.deleted", {}),
        ("Start Elasticsearch on every backend", "chef_backend_reindex.started", {}),
        ("Reconfigure one frontend for the new index", "chef_backend_reindex.reconfigured", {}),
        ("See that every backend can read the new index", "chef_backend_reindex.readable", {}),
        ("Switch failover on, with the new index", "chef_backend_reindex.failover_on", {}),
        ("Verify the cluster, with its new index", "chef_backend_run.verified", {}),
        ("Fill the index of one organisation", "chef_backend_reindex.filled_one", {}),
        ("Fill the index of all organisations", "chef_backend_reindex.filled", {}),
        ("Bring the frontends back after the reindex", "chef_backend_run.frontends_in_service", {}),
        ("Close the reindex run", "chef_backend_run.closed", {}),
    ],
    "chef_backend_replace_node": [
        ("Open the replacement's run", "chef_backend_replace.opened", {}),
        ("Have the cluster forget the node", "chef_backend_replace.removed", {}),
        ("Delete all data of the node", "chef_backend_replace.emptied", {}),
        ("Have the node join the cluster", "chef_backend_replace.joined", {}),
        ("Verify the cluster with its new node", "chef_backend_replace.verified", {}),
        ("Close the replacement's run", "chef_backend_run.closed", {}),
    ],
    "chef_server_upgrade": [
        ("Open the frontends' run", "chef_server_run.opened", {}),
        ("Stage the package on every frontend", "chef_server_run.staged", {}),
        ("Back up before the frontends' upgrade", "chef_server_run.backed_up", {}),
        ("Upgrade the first frontend, which migrates the database", "chef_server_run.first_upgraded", {}),
        ("Upgrade the other frontends, batch by batch", "chef_server_run.others_upgraded", {}),
        ("Verify that every frontend answers", "chef_server_run.verified", {}),
        ("Close the frontends' run", "chef_backend_run.closed", {}),
    ],
    "chef_backend_upgrade": [
        ("Choose the way", "chef_backend_way.chosen", {}),
        ("Go it, hop by hop", "chef_backend_way.gone", {}),
    ],
    "chef_backend_fleet": [
        ("Know the groups of the fleet", "chef_backend_fleet.known", {}),
        ("Upgrade the groups of the fleet, one after another", "chef_backend_fleet.upgraded", {}),
        ("See that every cluster of the fleet runs its target", "chef_backend_fleet.whole", {}),
    ],
}
RUNS = [way for way, steps in STEPS.items() if steps[-1][1] == "chef_backend_run.closed"]  # they hold a cluster
ENDED = [*RUNS, "chef_backend_fleet"]  # their last step is run whatever happened


def test_the_runbooks_are_those_that_are_written_down_here():
    assert set(NAMES) == set(STEPS)


def test_every_way_that_opens_a_run_closes_it():
    assert {way for way, steps in STEPS.items() if steps[0][1].endswith(".opened")} == set(RUNS)


@pytest.mark.parametrize("way", NAMES)
class TestEveryWay:
    def test_is_plain_yaml_without_jinja_and_fits_a_screen_or_two(self, way, text):
        assert [mark for mark in ("{%", "{{", "{#", "#!") if mark in text(way)] == []
        assert len(text(way).splitlines()) <= LONGEST

    def test_has_its_steps_in_the_order_of_its_document(self, way, runbook):
        book = runbook(way)
        assert [(step, book.function(step), book.arguments(step)) for step in book.ids] == STEPS[way]

    def test_is_read_in_the_order_in_which_it_runs(self, way, text, runbook):
        assert list(yaml.safe_load(text(way))) == runbook(way).ids

    def test_has_each_step_require_exactly_the_one_before(self, way, runbook):
        book = runbook(way)
        steps = book.ids[:-1] if way in ENDED else book.ids
        assert [book.requires(step) for step in steps] == [[], *([step] for step in steps[:-1])]
        assert [book.requisites(step) for step in steps] == [set(), *({"require"} for _ in steps[1:])]

    def test_says_of_every_step_that_it_is_not_to_end_the_others(self, way, runbook):
        assert {step: chunk.get("failhard") for step, chunk in runbook(way).steps.items()} == dict.fromkeys(
            runbook(way).ids, False
        )

    def test_says_in_its_head_how_it_is_started(self, way, text):
        head = text(way).partition("\n\n")[0] + text(way).partition("\n\n")[2].partition("\n\n")[0]
        assert f"salt-run state.orchestrate orch.{way}" in head


@pytest.mark.parametrize("way", ENDED)
def test_the_last_step_has_no_requisites_and_is_ordered_last(way, text, runbook):
    book = runbook(way)
    last = book.ids[-1]
    assert book.requisites(last) == set()
    (settings,) = yaml.safe_load(text(way))[last].values()
    assert {"order": "last"} in settings
    assert way not in RUNS or last.startswith("Close ")


class Played:
    """Salt's own state compiler runs a way; of its steps one fails, and nothing else is done."""

    def __init__(self, monkeypatch):
        self.ran, self.fails = [], None
        monkeypatch.setattr("salt.state.State.call", lambda state, low, *_, **__: self._call(low))

    def _call(self, low):
        self.ran.append(low["__id__"])
        done = {key: low[key] for key in ("name", "__id__", "__sls__")}
        return {**done, "result": low["__id__"] != self.fails, "changes": {}, "comment": ""}

    def run(self, opts, high, fails):
        """Run a way whose step ``fails`` fails; return the IDs of what ran, and of what has not come true."""
        self.ran, self.fails = [], fails
        done = salt.state.State(opts, initial_pillar={"none": None}).call_high(copy.deepcopy(high))
        return self.ran, {step["__id__"] for step in done.values() if not step["result"]}


@pytest.fixture(name="played")
def fixture_played(monkeypatch):
    return Played(monkeypatch)


@pytest.mark.parametrize("way", ENDED)
def test_whichever_step_fails_no_later_one_runs_but_the_last_also_on_a_master_that_is_set_to_failhard(way, played, hub):
    ids = [step for step, *_ in STEPS[way]]
    high = hub.functions["state.show_sls"](f"orch.{way}")
    for failhard, numbers in ((True, range(len(ids) - 1)), (False, [len(ids) // 2 - 1])):
        for number in numbers:
            ran, untrue = played.run({**hub.opts, "failhard": failhard}, high, ids[number])
            assert ran == [*ids[: number + 1], ids[-1]]
            assert untrue == set(ids[number:-1])


@pytest.mark.parametrize("way", RUNS)
def test_without_a_pillar_nothing_is_opened_nothing_is_touched_and_the_run_is_closed(way, hub):
    done = hub.functions["state.sls"](f"orch.{way}", orchestration_jid="20261122120000000000")
    steps = {step["__id__"]: step for step in done.values()}
    first, *rest, last = [steps[step] for step, *_ in STEPS[way]]
    assert (first["result"], first["comment"].partition(":")[0]) == (False, "chef_backend")
    assert {step["comment"].partition(":")[0] for step in rest} == {"One or more requisite failed"}
    assert (last["result"], last["comment"]) == (True, "no run was opened: nothing to close")
    assert [step for step in steps.values() if step["changes"]] == []


@pytest.fixture(name="text")
def fixture_text():
    """Return a function that reads the file of a way."""
    files = {path.stem: path for path in FILES}
    return lambda way: files[way].read_text(encoding="utf-8")

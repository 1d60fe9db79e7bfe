"""States of the way with full downtime on a backend: down for the upgrade, and up again at the new version."""

import pytest

from saltext.chef_backend.node import record_file

CTL = "chef-backend-ctl"
PSQL = ["psql", "-d", "postgres", "-X", "-A", "-t", "-c"]


@pytest.fixture(name="all_down")
def fixture_all_down(recording):
    """Return what ``status`` prints when no service runs."""
    return recording("synthetic-status-down.txt")


@pytest.fixture(name="run")
def fixture_run(backend, record):
    """Return the minion with the record of a run in the way with downtime."""
    backend.call("chef_backend_agent.accept", record | {"way": "downtime"})
    return backend


class TestDownForUpgrade:
    def test_down_and_seen_so(self, run, record, recorded, all_down):
        recorded.say(f"{CTL} down-for-upgrade", then={f"{CTL} status": all_down})
        done = run.state("chef_backend.down_for_upgrade", "down")
        assert (done["result"], done["comment"]) == (True, "down for the upgrade: no service runs")
        assert done["changes"]["services"]["new"] == "down"
        assert run.note() == {"run": record["run"], "down": True}

    def test_it_is_noted_before_the_command_which_may_be_the_last_thing_that_happens(self, run, record, recorded):
        recorded.say(f"{CTL} down-for-upgrade", status=1, stderr="killed")
        done = run.state("chef_backend.down_for_upgrade", "down")
        assert done["result"] is False and "killed" in done["comment"]
        assert run.note() == {"run": record["run"], "down": True}

    def test_a_service_that_goes_on(self, run, recorded):
        recorded.say(f"{CTL} down-for-upgrade")
        done = run.state("chef_backend.down_for_upgrade", "down")
        assert done["result"] is False
        assert done["comment"].startswith("be1: down-for-upgrade ended with status 0, but leaderl")

    def test_already_down(self, run, recorded, all_down):
        recorded.say(f"{CTL} status", all_down)
        done = run.state("chef_backend.down_for_upgrade", "down")
        assert (done["result"], done["changes"]) == (True, {})
        assert recorded.changing == []

    def test_test_mode(self, run, recorded):
        done = run.state("chef_backend.down_for_upgrade", "down", test=True)
        assert (done["result"], done["comment"]) == (None, "would run down-for-upgrade")
        assert recorded.changing == []

    @pytest.mark.parametrize(
        ("leader", "recovers", "words"),
        [
            ("be1", "t", "be1 was to go down first as the leader, and does not lead"),
            ("be2", "f", "be1 leads, and be2 went"),
        ],
    )
    def test_i2_a_lead_that_has_moved_since_its_gates_takes_nobody_down(
        self, backend, record, recorded, leader, recovers, words
    ):
        """Else the newest data would be on a node that nobody knows of."""
        backend.call("chef_backend_agent.accept", record | {"way": "downtime", "down": True, "leader": leader})
        recorded.say([*PSQL, "select pg_is_in_recovery()"], f"{recovers}\n")
        done = backend.state("chef_backend.down_for_upgrade", "down")
        assert done["result"] is False and done["comment"].startswith(words)
        assert (recorded.changing, backend.note()) == ([], {})

    def test_a_run_that_was_given_up_takes_nothing_down(self, backend, record, recorded):
        backend.call("chef_backend_agent.accept", record | {"way": "downtime"})
        record_file.give_up(backend.host(), record["run"], record["epoch"])
        done = backend.state("chef_backend.down_for_upgrade", "down")
        assert done["result"] is False and "gave it up" in done["comment"]
        assert recorded.changing == []


class TestUpgradedFromDown:
    def test_nobody_leads_and_that_is_not_asked_for(self, run, record, recorded, recording, all_down):
        recorded.say(f"{CTL} cluster-status", status=1, stderr="no leader")
        recorded.say(f"{CTL} status", all_down)
        recorded.say(f"{CTL} upgrade", then={f"{CTL} status": recording("synthetic-status-just-started.txt")})
        done = run.state("chef_backend.upgraded", "2.3.16", down=True)
        assert done["result"] is True, done["comment"]
        assert recorded.changing == [[CTL, "upgrade"]]
        assert run.note() == {"run": record["run"], "finished": True}

    def test_what_is_upgraded_is_not_upgraded_twice(self, run, recorded):
        record_file.finished_here(run.host())
        done = run.state("chef_backend.upgraded", "2.3.16", down=True)
        assert (done["result"], done["changes"]) == (True, {})
        assert recorded.changing == []

    def test_an_upgrade_that_fails_is_not_noted_as_finished(self, run, record, recorded, all_down):
        recorded.say(f"{CTL} status", all_down)
        recorded.say(f"{CTL} upgrade", status=1, stderr="be1 has no leader after 20 seconds.")
        done = run.state("chef_backend.upgraded", "2.3.16", down=True)
        assert done["result"] is False and "no leader after 20 seconds" in done["comment"]
        assert run.note() == {"run": record["run"], "inside": True}

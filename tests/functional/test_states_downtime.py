"""States of the way with full downtime on a backend and on a frontend: down, up again, out of service and back."""

import pytest

CTL = "chef-backend-ctl"
SERVER = "chef-server-ctl"
API = "http://127.0.0.1/_status"
RUNS = "run: opscode-erchef: (pid 11) 5s; run: log: (pid 12) 5s\ndown: nginx: 3s, normally up\n"
STOPPED = "down: opscode-erchef: 5s, normally up; run: log: (pid 12) 5s\n"


@pytest.fixture(name="all_down")
def fixture_all_down(recording):
    """Return what ``status`` prints when no service runs."""
    return recording("synthetic-status-down.txt")


@pytest.fixture(name="run")
def fixture_run(backend, record):
    """Return the minion with the record of a run in the way with downtime."""
    backend.call("chef_backend_record.create", record | {"way": "downtime"})
    return backend


class TestDownForUpgrade:
    def test_down_and_seen_so(self, run, recorded, all_down):
        recorded.say(f"{CTL} down-for-upgrade", then={f"{CTL} status": all_down})
        done = run.state("chef_backend.down_for_upgrade", "down")
        assert (done["result"], done["comment"]) == (True, "down for the upgrade: no service runs")
        assert done["changes"]["services"]["new"] == "down"
        assert run.call("chef_backend_record.read")["down"] == ["be1"]

    def test_it_is_noted_before_the_command_which_may_be_the_last_thing_that_happens(self, run, recorded):
        recorded.say(f"{CTL} down-for-upgrade", status=1, stderr="killed")
        done = run.state("chef_backend.down_for_upgrade", "down")
        assert done["result"] is False and "killed" in done["comment"]
        assert run.call("chef_backend_record.read")["down"] == ["be1"]

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

    def test_a_run_that_was_given_up_takes_nothing_down(self, backend, record, recorded):
        backend.call("chef_backend_record.create", record | {"way": "downtime"})
        backend.call("chef_backend_record.abandon", record["owner"]["jid"])
        done = backend.state("chef_backend.down_for_upgrade", "down")
        assert done["result"] is False and "gave it up" in done["comment"]
        assert recorded.changing == []


class TestUpgradedFromDown:
    def test_nobody_leads_and_that_is_not_asked_for(self, run, recorded, recording, all_down):
        recorded.say(f"{CTL} cluster-status", status=1, stderr="no leader")
        recorded.say(f"{CTL} status", all_down)
        recorded.say(f"{CTL} upgrade", then={f"{CTL} status": recording("synthetic-status-just-started.txt")})
        done = run.state("chef_backend.upgraded", "2.3.16", down=True)
        assert done["result"] is True, done["comment"]
        assert recorded.changing == [[CTL, "upgrade"]]
        found = run.call("chef_backend_record.read")
        assert (found["finished"], found["node"]) == (["be1"], None)

    def test_what_is_upgraded_is_not_upgraded_twice(self, run, recorded):
        run.call("chef_backend_record.finished_here")
        done = run.state("chef_backend.upgraded", "2.3.16", down=True)
        assert (done["result"], done["changes"]) == (True, {})
        assert recorded.changing == []

    def test_an_upgrade_that_fails_is_not_noted_as_finished(self, run, recorded, all_down):
        recorded.say(f"{CTL} status", all_down)
        recorded.say(f"{CTL} upgrade", status=1, stderr="be1 has no leader after 20 seconds.")
        done = run.state("chef_backend.upgraded", "2.3.16", down=True)
        assert done["result"] is False and "no leader after 20 seconds" in done["comment"]
        found = run.call("chef_backend_record.read")
        assert (found["finished"], found["node"]) == ([], "be1")


@pytest.fixture(name="frontend")
def fixture_frontend(minion, recorded):
    """Return a function that makes the minion a frontend of a version."""

    def of(version):
        minion.write("/opt/opscode/version-manifest.json", f'{{"build_version": "{version}"}}')
        recorded.say(f"{SERVER} status", RUNS)
        recorded.say(f"{SERVER} start")
        return minion

    return of


class TestOutOfService:
    def test_by_maintenance_since_14_6_32(self, frontend, recorded):
        recorded.say(f"{SERVER} maintenance on")
        node = frontend("14.6.32")
        done = node.state("chef_server.out_of_service", "out")
        assert (done["result"], done["comment"]) == (True, "out of service: maintenance")
        assert [SERVER, "maintenance", "on"] in recorded.changing
        assert node.call("chef_server_service.out") == "maintenance"

    def test_by_a_stop_before(self, frontend, recorded):
        node = frontend("14.6.31")
        recorded.say(f"{SERVER} stop", then={f"{SERVER} status": STOPPED})
        done = node.state("chef_server.out_of_service", "out")
        assert (done["result"], done["comment"]) == (True, "out of service: stopped")

    def test_a_stop_that_stops_not_everything(self, frontend, recorded):
        node = frontend("12.17.5")
        recorded.say(f"{SERVER} stop")
        done = node.state("chef_server.out_of_service", "out")
        assert (done["result"], done["comment"]) == (
            False, "be1: stop ended with status 0, but opscode-erchef runs",
        )  # fmt: skip
        assert node.call("chef_server_service.out") == "stopped", (
            "it may refuse clients by now: it is to be brought back"
        )

    def test_twice_is_once(self, frontend, recorded):
        recorded.say(f"{SERVER} maintenance on")
        node = frontend("14.6.32")
        node.state("chef_server.out_of_service", "out")
        calls = len(recorded.changing)
        done = node.state("chef_server.out_of_service", "out")
        assert (done["result"], done["changes"], len(recorded.changing)) == (True, {}, calls)

    def test_test_mode(self, frontend, recorded):
        node = frontend("14.6.32")
        done = node.state("chef_server.out_of_service", "out", test=True)
        assert (done["result"], done["changes"]) == (None, {"clients": {"old": "served", "new": "refused"}})
        assert recorded.changing == []
        assert node.call("chef_server_service.out") is None


class TestInService:
    def test_back_by_what_took_it_out(self, frontend, recorded):
        recorded.say(f"{SERVER} maintenance on")
        recorded.say(f"{SERVER} maintenance off")
        node = frontend("14.6.32")
        node.call("chef_server_service.take_out")
        assert node.call("chef_server_service.bring_back") is True
        assert recorded.changing == [
            [SERVER, "maintenance", "on"], [SERVER, "maintenance", "off"], [SERVER, "start"],
        ]  # fmt: skip
        assert node.call("chef_server_service.bring_back") is False, "it was back already"

    def test_a_frontend_that_cannot_be_brought_back_counts_as_out(self, frontend, recorded):
        recorded.say(f"{SERVER} maintenance on")
        recorded.say(f"{SERVER} maintenance off", status=1, stderr="Redis::CannotConnectError")
        node = frontend("14.6.32")
        node.call("chef_server_service.take_out")
        done = node.state("chef_server.in_service", "back", api=API, leader_timeout=1, api_timeout=1)
        assert done["result"] is False and "CannotConnectError" in done["comment"]
        assert node.call("chef_server_service.out") == "maintenance"

    def test_its_api_and_its_haproxy_are_looked_at(self, frontend):
        done = frontend("14.6.32").state("chef_server.in_service", "back", api=API, leader_timeout=1, api_timeout=1)
        assert done["result"] is False and "HAProxy has no single leader within 1 s" in done["comment"]

    def test_test_mode(self, frontend, recorded):
        recorded.say(f"{SERVER} maintenance on")
        node = frontend("14.6.32")
        node.call("chef_server_service.take_out")
        done = node.state("chef_server.in_service", "back", test=True, api=API)
        assert (done["result"], done["changes"]) == (None, {"clients": {"old": "refused", "new": "served"}})
        assert node.call("chef_server_service.out") == "maintenance"


class TestReconfiguredWhileOut:
    """Out of service its API refuses, so it is not asked; stopped, its HAProxy cannot be asked before either."""

    RECONFIGURED = {"name": "frontend", "backend_version": "2.3.16", "api": API, "leader_timeout": 1, "api_timeout": 0}

    def test_in_maintenance(self, frontend, recorded, haproxy):
        recorded.say(f"{SERVER} maintenance on")
        recorded.say(f"{SERVER} reconfigure")
        node = frontend("14.16.19")
        node.call("chef_server_service.take_out")
        haproxy()
        done = node.state("chef_server.reconfigured", **self.RECONFIGURED)
        assert done["result"] is True, done["comment"]
        assert "out of service: maintenance" in done["comment"]
        assert [SERVER, "reconfigure"] in recorded.changing

    def test_stopped(self, frontend, recorded, haproxy):
        """Nothing answers before: it is reconfigure that starts HAProxy, and that is looked at then."""
        node = frontend("12.17.5")
        recorded.say(f"{SERVER} stop", then={f"{SERVER} status": STOPPED})
        recorded.say(f"{SERVER} reconfigure")
        node.call("chef_server_service.take_out")
        done = node.state("chef_server.reconfigured", **self.RECONFIGURED)
        assert done["result"] is False and "HAProxy has no single leader" in done["comment"]
        assert done["changes"] == {"reconfigured for": {"old": None, "new": "2.3.16"}}
        assert node.call("chef_server.reconfigured_for") is None, "it is not noted before its HAProxy was seen"
        haproxy()
        done = node.state("chef_server.reconfigured", **self.RECONFIGURED)
        assert done["result"] is True and "out of service: stopped" in done["comment"]

    def test_done_before_and_still_out(self, frontend, recorded):
        recorded.say(f"{SERVER} maintenance on")
        node = frontend("14.16.19")
        node.call("chef_server_service.take_out")
        node.call("chef_server.note_reconfigured", "2.3.16")
        done = node.state("chef_server.reconfigured", **self.RECONFIGURED)
        assert (done["result"], done["changes"]) == (True, {})

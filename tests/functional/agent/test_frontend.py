"""What a run's master asks of a frontend: what it runs, whether it serves, who takes its clients, its level."""

import hashlib

import pytest

from saltext.chef_backend.node import server
from tests.functional.conftest import manifest

CTL = "chef-server-ctl"
RUNS = "run: opscode-erchef: (pid 11) 0s; run: log: (pid 12) 86400s\n"
RUNS_FOR_DAYS = "run: opscode-erchef: (pid 11) 86400s; run: log: (pid 12) 86400s\n"
LEVEL = "/var/opt/opscode/upgrades/migration-level"


@pytest.fixture(name="frontend")
def fixture_frontend(minion, recorded):
    """Return the minion as a frontend of 14.16.19 that has just started."""
    minion.write("/opt/opscode/version-manifest.json", manifest("14.16.19"))
    recorded.say(f"{CTL} status", RUNS)
    return minion


class TestState:
    def test_what_runs_and_has_nothing_open(self, frontend):
        assert frontend.call("chef_server_agent.state") == {"version": "14.16.19", "begun": None, "drained": False}

    def test_what_somebody_installed_and_did_not_upgrade_is_not_done(self, frontend, recorded):
        recorded.say(f"{CTL} status", RUNS_FOR_DAYS)
        said = "opscode-erchef started before 14.16.19 was installed"
        assert frontend.call("chef_server_agent.state") == {"version": "14.16.19", "begun": said, "drained": False}

    def test_an_upgrade_that_has_begun_is_told_whatever_its_services_look_like(self, frontend):
        frontend.write(server.BEGUN, "15.10.12\n")
        assert frontend.call("chef_server_agent.state")["begun"] == "15.10.12"

    def test_a_frontend_is_drained_until_it_is_not(self, frontend):
        assert frontend.call("chef_server_agent.undrain") is False
        assert frontend.call("chef_server_agent.drain") is True
        assert frontend.call("chef_server_agent.state")["drained"] is True
        assert frontend.call("chef_server_agent.undrain") is True
        assert frontend.call("chef_server_agent.state")["drained"] is False

    def test_nothing_installed_is_an_error_and_no_state(self, minion, recorded):
        recorded.say(f"{CTL} status", RUNS)
        assert "No such file or directory" in minion.told("chef_server_agent.state")

    def test_services_that_cannot_be_read_are_an_error_and_no_state(self, frontend, recorded):
        recorded.say(f"{CTL} status", "", status=1, stderr="no runit here\n")
        assert frontend.told("chef_server_agent.state").endswith("ended with status 1:\n  no runit here")


class TestLevel:
    def test_its_text_and_its_checksum(self, frontend):
        frontend.write(LEVEL, '{"major": 1}\n')
        checksum = hashlib.sha256(b'{"major": 1}\n').hexdigest()
        assert frontend.call("chef_server_agent.level") == {"text": '{"major": 1}\n', "sha256": checksum}

    def test_none_is_an_error(self, frontend):
        said = frontend.told("chef_server_agent.level")
        assert said.startswith(f"be1: {frontend.path(LEVEL)}: ") and "No such file" in said


def test_what_was_never_out_of_service_is_not_brought_back(frontend, recorded):
    assert frontend.call("chef_server_agent.out") is None
    assert frontend.call("chef_server_agent.bring_back") is False
    assert recorded.words == []


def test_a_frontend_that_cannot_serve_is_an_error(frontend, unused_port):
    url = f"http://127.0.0.1:{unused_port}/_status"
    assert "HAProxy has no single leader" in frontend.told("chef_server_agent.await_service", url, 0)

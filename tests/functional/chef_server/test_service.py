"""States of a frontend's service to its clients: out of it and back, and reconfigured for another Chef Backend."""

import pytest

from saltext.chef_backend.node.frontend import reconfigured_for

SERVER = "chef-server-ctl"
API = "http://127.0.0.1/_status"
RUNS = "run: opscode-erchef: (pid 11) 5s; run: log: (pid 12) 5s\ndown: nginx: 3s, normally up\n"
STOPPED = "down: opscode-erchef: 5s, normally up; run: log: (pid 12) 5s\n"


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
        assert node.call("chef_server_agent.out") == "maintenance"

    def test_by_a_stop_before(self, frontend, recorded):
        node = frontend("14.6.31")
        recorded.say(f"{SERVER} stop", then={f"{SERVER} status": STOPPED})
        done = node.state("chef_server.out_of_service", "out")
        assert (done["result"], done["comment"]) == (True, "out of service: stopped")

    def test_a_stopped_one_stays_so_over_a_reboot_until_it_serves_again(self, frontend, recorded):
        """runit starts no service whose folder holds a file ``down``; a site may have put its own there."""
        node = frontend("14.6.31")
        for name in ("nginx", "opscode-erchef", "opscode-expander"):
            node.write(f"/opt/opscode/sv/{name}/run", "")
        node.write("/opt/opscode/sv/opscode-expander/down", "")
        recorded.say(f"{SERVER} stop", then={f"{SERVER} status": STOPPED})
        assert node.state("chef_server.out_of_service", "out")["result"] is True
        down = [node.path(f"/opt/opscode/sv/{name}/down") for name in ("nginx", "opscode-erchef", "opscode-expander")]
        assert [path.exists() for path in down] == [True, True, True]
        assert node.call("chef_server_agent.bring_back") is True
        assert [path.exists() for path in down] == [False, False, True]

    def test_what_somebody_has_started_of_a_stopped_one_is_stopped_again(self, frontend, recorded):
        node = frontend("14.6.31")
        recorded.say(f"{SERVER} stop", then={f"{SERVER} status": STOPPED})
        node.state("chef_server.out_of_service", "out")
        recorded.say(f"{SERVER} status", RUNS)
        recorded.say(f"{SERVER} stop", then={f"{SERVER} status": STOPPED})
        done = node.state("chef_server.out_of_service", "out")
        assert (done["result"], recorded.changing) == (True, [[SERVER, "stop"]] * 2)

    def test_a_stop_that_stops_not_everything(self, frontend, recorded):
        node = frontend("12.17.5")
        recorded.say(f"{SERVER} stop")
        done = node.state("chef_server.out_of_service", "out")
        assert (done["result"], done["comment"]) == (
            False, "be1: stop ended with status 0, but opscode-erchef runs",
        )  # fmt: skip
        assert node.call("chef_server_agent.out") == "stopped", "it may refuse clients by now: it is to be brought back"

    def test_i9_what_was_cut_off_is_done_once_more(self, frontend, recorded):
        """Its host lost its power inside the command: the note that it was begun is not taken for its end."""
        recorded.say(f"{SERVER} maintenance on", status=1, stderr="killed")
        node = frontend("14.6.32")
        assert node.state("chef_server.out_of_service", "out")["result"] is False
        assert node.call("chef_server_agent.out") == "maintenance", "it may refuse clients by now"
        recorded.say(f"{SERVER} maintenance on")
        done = node.state("chef_server.out_of_service", "out")
        assert (done["result"], done["changes"]) == (True, {"clients": {"old": "served", "new": "refused"}})
        assert recorded.changing == [[SERVER, "maintenance", "on"]] * 2

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
        assert node.call("chef_server_agent.out") is None


class TestInService:
    def test_back_by_what_took_it_out(self, frontend, recorded):
        recorded.say(f"{SERVER} maintenance on")
        recorded.say(f"{SERVER} maintenance off")
        node = frontend("14.6.32")
        node.state("chef_server.out_of_service", "out")
        assert node.call("chef_server_agent.bring_back") is True
        assert recorded.changing == [
            [SERVER, "maintenance", "on"], [SERVER, "maintenance", "off"], [SERVER, "start"],
        ]  # fmt: skip
        assert node.call("chef_server_agent.bring_back") is False, "it was back already"

    def test_a_frontend_that_cannot_be_brought_back_counts_as_out(self, frontend, recorded):
        recorded.say(f"{SERVER} maintenance on")
        recorded.say(f"{SERVER} maintenance off", status=1, stderr="Redis::CannotConnectError")
        node = frontend("14.6.32")
        node.state("chef_server.out_of_service", "out")
        done = node.state("chef_server.in_service", "back", api=API, leader_timeout=1, api_timeout=1)
        assert done["result"] is False and "CannotConnectError" in done["comment"]
        assert node.call("chef_server_agent.out") == "maintenance"

    def test_back_when_its_api_answers(self, frontend, recorded, haproxy, status_page):
        recorded.say(f"{SERVER} maintenance on")
        recorded.say(f"{SERVER} maintenance off")
        node = frontend("14.6.32")
        node.state("chef_server.out_of_service", "out")
        haproxy()
        done = node.state("chef_server.in_service", "back", api=status_page.url, leader_timeout=1, api_timeout=1)
        assert done["result"] is True, done["comment"]
        assert done["changes"] == {"clients": {"old": "refused", "new": "served"}}
        assert node.call("chef_server_agent.out") is None
        assert node.call("chef_server_agent.await_service", status_page.url, 1) is True

    def test_its_api_and_its_haproxy_are_looked_at(self, frontend):
        done = frontend("14.6.32").state("chef_server.in_service", "back", api=API, leader_timeout=1, api_timeout=1)
        assert done["result"] is False and "HAProxy has no single leader: " in done["comment"]

    def test_test_mode(self, frontend, recorded):
        recorded.say(f"{SERVER} maintenance on")
        node = frontend("14.6.32")
        node.state("chef_server.out_of_service", "out")
        done = node.state("chef_server.in_service", "back", test=True, api=API)
        assert (done["result"], done["changes"]) == (None, {"clients": {"old": "refused", "new": "served"}})
        assert node.call("chef_server_agent.out") == "maintenance"


class TestReconfiguredWhileOut:
    """Out of service its API refuses, so it is not asked; stopped, its HAProxy cannot be asked before either."""

    RECONFIGURED = {"name": "frontend", "backend_version": "2.3.16", "api": API, "leader_timeout": 1, "api_timeout": 0}

    def test_in_maintenance(self, frontend, recorded, haproxy):
        recorded.say(f"{SERVER} maintenance on")
        recorded.say(f"{SERVER} reconfigure")
        node = frontend("14.16.19")
        node.state("chef_server.out_of_service", "out")
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
        node.state("chef_server.out_of_service", "out")
        done = node.state("chef_server.reconfigured", **self.RECONFIGURED)
        assert done["result"] is False and "HAProxy has no single leader" in done["comment"]
        assert done["changes"] == {"reconfigured for": {"old": None, "new": "2.3.16"}}
        assert reconfigured_for(node.host()) is None, "it is not noted before its HAProxy was seen"
        haproxy()
        done = node.state("chef_server.reconfigured", **self.RECONFIGURED)
        assert done["result"] is True and "out of service: stopped" in done["comment"]

    def test_done_before_and_still_out(self, frontend, recorded, haproxy):
        recorded.say(f"{SERVER} maintenance on")
        recorded.say(f"{SERVER} reconfigure")
        haproxy()
        node = frontend("14.16.19")
        node.state("chef_server.out_of_service", "out")
        node.state("chef_server.reconfigured", **self.RECONFIGURED)
        done = node.state("chef_server.reconfigured", **self.RECONFIGURED)
        assert (done["result"], done["changes"]) == (True, {})
        assert done["comment"] == "reconfigured for 2.3.16; out of service: maintenance"
        assert recorded.changing.count([SERVER, "reconfigure"]) == 1


class TestReconfigured:
    RECONFIGURED = {"name": "frontend", "backend_version": "2.3.16", "leader_timeout": 1, "api_timeout": 1}

    @pytest.fixture(autouse=True)
    def fixture_nothing_listens(self, unused_port):
        self.api = f"http://127.0.0.1:{unused_port}/_status"

    def test_test_mode_calls_nothing(self, minion, recorded):
        done = minion.state("chef_server.reconfigured", test=True, api=self.api, **self.RECONFIGURED)
        assert (done["result"], done["comment"]) == (None, "would run chef-server-ctl reconfigure")
        assert done["changes"] == {"reconfigured for": {"old": None, "new": "2.3.16"}}
        assert recorded.words == []

    def test_without_one_leader_it_is_not_reconfigured(self, minion, recorded):
        done = minion.state("chef_server.reconfigured", api=self.api, **self.RECONFIGURED)
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"].startswith("be1: HAProxy has no single leader: ")
        assert recorded.words == []

    def test_one_whose_api_does_not_answer_afterwards_is_not_noted(self, minion, recorded, haproxy):
        recorded.say(f"{SERVER} reconfigure")
        haproxy()
        done = minion.state("chef_server.reconfigured", api=self.api, **self.RECONFIGURED)
        assert done["result"] is False
        assert done["comment"].startswith(f"be1: the Chef API does not answer: {self.api}: ")
        assert done["changes"] == {"reconfigured for": {"old": None, "new": "2.3.16"}}
        assert reconfigured_for(minion.host()) is None

    def test_reconfigured_once_and_its_api_looked_at_each_time(self, minion, recorded, haproxy, status_page):
        recorded.say(f"{SERVER} reconfigure")
        haproxy()
        done = minion.state("chef_server.reconfigured", api=status_page.url, **self.RECONFIGURED)
        assert done["comment"].startswith("reconfigured; one leader in HAProxy, API answers, after ")
        assert (done["result"], reconfigured_for(minion.host())) == (True, "2.3.16")
        again = minion.state("chef_server.reconfigured", api=status_page.url, **self.RECONFIGURED)
        assert (again["result"], again["changes"]) == (True, {})
        assert again["comment"] == "reconfigured for 2.3.16; its API answers"
        status_page.says("fail")
        assert minion.state("chef_server.reconfigured", api=status_page.url, **self.RECONFIGURED)["result"] is False
        assert recorded.changing == [[SERVER, "reconfigure"]]

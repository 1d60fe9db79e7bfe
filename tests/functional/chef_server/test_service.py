"""States of a frontend's service to its clients: out of it and back, and reconfigured for another Chef Backend."""

import pytest

from saltext.chef_backend.node.frontend import reconfigured_for
from tests.functional.chef_server.conftest import API, RUNS, SERVER, STOPPED, WHILE_OUT
from tests.functional.recorded import answer


class TestOutOfService:
    def test_by_maintenance_since_14_6_32(self, frontend, recorded):
        recorded.say(f"{SERVER} maintenance on")
        node = frontend("14.6.32")
        done = node.state("chef_server.out_of_service", "out", api=API)
        said = "out of service: maintenance; http://192.0.2.7:80/organizations/salt-chef-backend/nodes: 503"
        assert (done["result"], done["comment"]) == (True, said)
        assert [SERVER, "maintenance", "on"] in recorded.changing
        assert node.call("chef_server_agent.out") == "maintenance"

    def test_by_a_stop_before(self, frontend, recorded):
        node = frontend("14.6.31")
        recorded.say(f"{SERVER} stop", then={f"{SERVER} status": STOPPED})
        done = node.state("chef_server.out_of_service", "out", api=API)
        said = "out of service: stopped; http://192.0.2.7:80/organizations/salt-chef-backend/nodes: no connection"
        assert (done["result"], done["comment"]) == (True, said)

    def test_a_stopped_one_stays_so_over_a_reboot_until_it_serves_again(self, frontend, recorded):
        """runit starts no service whose folder holds a file ``down``; a site may have put its own there."""
        node = frontend("14.6.31")
        for name in ("nginx", "opscode-erchef", "opscode-expander"):
            node.write(f"/opt/opscode/sv/{name}/run", "")
        node.write("/opt/opscode/sv/opscode-expander/down", "")
        recorded.say(f"{SERVER} stop", then={f"{SERVER} status": STOPPED})
        assert node.state("chef_server.out_of_service", "out", api=API)["result"] is True
        down = [node.path(f"/opt/opscode/sv/{name}/down") for name in ("nginx", "opscode-erchef", "opscode-expander")]
        assert [path.exists() for path in down] == [True, True, True]
        assert node.call("chef_server_agent.bring_back") is True
        assert [path.exists() for path in down] == [False, False, True]

    def test_i9_one_that_would_serve_after_a_boot_is_taken_out_once_more(self, frontend, recorded):
        """Whoever brought it back was cut off half-way: it refuses now, and its services would start with its host."""
        node = frontend("14.6.31")
        node.write("/opt/opscode/sv/nginx/run", "")
        recorded.say(f"{SERVER} stop", then={f"{SERVER} status": STOPPED})
        node.state("chef_server.out_of_service", "out", api=API)
        down = node.path("/opt/opscode/sv/nginx/down")
        down.unlink()
        assert node.state("chef_server.out_of_service", "out", api=API)["changes"] != {}
        assert down.exists()

    def test_what_cannot_be_started_keeps_what_holds_it_down(self, frontend, recorded):
        node = frontend("14.6.31")
        node.write("/opt/opscode/sv/nginx/run", "")
        recorded.say(f"{SERVER} stop", then={f"{SERVER} status": STOPPED})
        node.state("chef_server.out_of_service", "out", api=API)
        recorded.say(f"{SERVER} start", status=1, stderr="runsv not running")
        assert "runsv not running" in node.told("chef_server_agent.bring_back")
        assert node.path("/opt/opscode/sv/nginx/down").exists()
        assert node.call("chef_server_agent.out") == "stopped"

    def test_what_somebody_has_started_of_a_stopped_one_is_stopped_again(self, frontend, recorded):
        node = frontend("14.6.31")
        recorded.say(f"{SERVER} stop", then={f"{SERVER} status": STOPPED})
        node.state("chef_server.out_of_service", "out", api=API)
        recorded.say(f"{SERVER} status", RUNS)
        recorded.say(f"{SERVER} stop", then={f"{SERVER} status": STOPPED})
        done = node.state("chef_server.out_of_service", "out", api=API)
        assert (done["result"], recorded.changing) == (True, [[SERVER, "stop"]] * 2)

    def test_a_stop_that_stops_not_everything(self, frontend, recorded):
        node = frontend("12.17.5")
        recorded.say(f"{SERVER} stop")
        done = node.state("chef_server.out_of_service", "out", api=API)
        assert (done["result"], done["comment"]) == (
            False, "be1: after stop: stop ended with status 0, but opscode-erchef runs (looked for 1 s)",
        )  # fmt: skip
        assert node.call("chef_server_agent.out") == "stopped", "it may refuse clients by now: it is to be brought back"

    def test_a_service_that_is_slow_to_stop_is_stopped_whatever_the_exit_status_says(self, frontend, recorded):
        """runit waits 7 s, says that it failed, and the service is down a moment later."""
        slow = "timeout: run: opscode-erchef: (pid 4242) 1234s, want down, got TERM\n"
        node = frontend("12.17.5")
        recorded.say(f"{SERVER} stop", slow, status=1, then={f"{SERVER} status": STOPPED})
        assert node.state("chef_server.out_of_service", "out", api=API)["result"] is True

    def test_p11_what_runs_at_the_first_look_and_is_down_at_the_second_is_stopped(self, frontend, recorded):
        slow = "timeout: run: opscode-erchef: (pid 4242) 1234s, want down, got TERM\n"
        node = frontend("12.17.5")
        still = answer(RUNS, then={f"{SERVER} status": STOPPED})  # whoever is asked next finds it down
        recorded.say(f"{SERVER} stop", slow, status=1, then={f"{SERVER} status": still})
        done = node.state("chef_server.out_of_service", "out", api=API)
        assert done["result"] is True, done["comment"]
        after = recorded.words[recorded.words.index([SERVER, "stop"]) + 1 :]
        assert after.count([SERVER, "status"]) == 2

    def test_p11_what_is_never_down_after_a_slow_stop_is_named(self, frontend, recorded):
        slow = "timeout: run: opscode-erchef: (pid 4242) 1234s, want down, got TERM\n"
        node = frontend("12.17.5")
        recorded.say(f"{SERVER} stop", slow, status=1)
        done = node.state("chef_server.out_of_service", "out", api=API)
        assert done["result"] is False
        assert done["comment"].endswith("but opscode-erchef runs (looked for 1 s)")
        assert "timeout: run: opscode-erchef" in done["comment"], "and what stop said of it"

    def test_what_goes_on_after_a_stop_that_failed_is_told_with_what_stop_said(self, frontend, recorded):
        node = frontend("12.17.5")
        recorded.say(f"{SERVER} stop", status=1, stderr="sv: no permission")
        done = node.state("chef_server.out_of_service", "out", api=API)
        assert done["result"] is False
        assert "sv: no permission" in done["comment"] and "opscode-erchef runs" in done["comment"]

    def test_i9_what_was_cut_off_is_done_once_more(self, frontend, recorded):
        """Its host lost its power inside the command: the note that it was begun is not taken for its end."""
        recorded.say(f"{SERVER} maintenance on", status=1, stderr="killed")
        node = frontend("14.6.32")
        assert node.state("chef_server.out_of_service", "out", api=API)["result"] is False
        assert node.call("chef_server_agent.out") == "maintenance", "it may refuse clients by now"
        recorded.say(f"{SERVER} maintenance on")
        done = node.state("chef_server.out_of_service", "out", api=API)
        old = "served, perhaps: its end was cut off"
        assert (done["result"], done["changes"]) == (True, {"clients": {"old": old, "new": "refused"}})
        assert recorded.changing == [[SERVER, "maintenance", "on"]] * 2

    def test_another_way_out_of_service_is_refused(self, frontend, recorded):
        done = frontend("14.6.32").state("chef_server.out_of_service", "out", api=API, how="iptables")
        said = "how: found 'iptables', expected one of maintenance, stopped, firewall"
        assert (done["result"], done["comment"], recorded.changing) == (False, said, [])

    def test_twice_is_once(self, frontend, recorded):
        recorded.say(f"{SERVER} maintenance on")
        node = frontend("14.6.32")
        node.state("chef_server.out_of_service", "out", api=API)
        calls = len(recorded.changing)
        done = node.state("chef_server.out_of_service", "out", api=API)
        assert (done["result"], done["changes"], len(recorded.changing)) == (True, {}, calls)

    def test_test_mode(self, frontend, recorded):
        node = frontend("14.6.32")
        done = node.state("chef_server.out_of_service", "out", api=API, test=True)
        assert (done["result"], done["changes"]) == (None, {"clients": {"old": "served", "new": "refused"}})
        assert recorded.changing == []
        assert node.call("chef_server_agent.out") is None


class TestInService:
    def test_back_by_what_took_it_out(self, frontend, recorded):
        recorded.say(f"{SERVER} maintenance on")
        recorded.say(f"{SERVER} maintenance off")
        node = frontend("14.6.32")
        node.state("chef_server.out_of_service", "out", api=API)
        assert node.call("chef_server_agent.bring_back") is True
        assert recorded.changing == [
            [SERVER, "maintenance", "on"], [SERVER, "maintenance", "off"], [SERVER, "start"],
        ]  # fmt: skip
        assert node.call("chef_server_agent.bring_back") is False, "it was back already"

    def test_a_frontend_that_cannot_be_brought_back_counts_as_out(self, frontend, recorded):
        recorded.say(f"{SERVER} maintenance on")
        recorded.say(f"{SERVER} maintenance off", status=1, stderr="Redis::CannotConnectError")
        node = frontend("14.6.32")
        node.state("chef_server.out_of_service", "out", api=API)
        done = node.state("chef_server.in_service", "back", api=API, leader_timeout=1, api_timeout=1)
        assert done["result"] is False and "CannotConnectError" in done["comment"]
        assert node.call("chef_server_agent.out") == "maintenance"

    def test_back_when_its_api_answers(self, frontend, recorded, haproxy, status_page):
        recorded.say(f"{SERVER} maintenance on")
        recorded.say(f"{SERVER} maintenance off")
        node = frontend("14.6.32")
        node.state("chef_server.out_of_service", "out", api=API)
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
        node.state("chef_server.out_of_service", "out", api=API)
        done = node.state("chef_server.in_service", "back", test=True, api=API)
        assert (done["result"], done["changes"]) == (None, {"clients": {"old": "refused", "new": "served"}})
        assert node.call("chef_server_agent.out") == "maintenance"


class TestReconfiguredWhileOut:
    """Out of service its API refuses, so it is not asked; stopped, its HAProxy cannot be asked before either."""

    def test_in_maintenance(self, frontend, recorded, haproxy):
        recorded.say(f"{SERVER} maintenance on")
        recorded.say(f"{SERVER} reconfigure")
        node = frontend("14.16.19")
        node.state("chef_server.out_of_service", "out", api=API)
        haproxy()
        done = node.state("chef_server.reconfigured", **WHILE_OUT)
        assert done["result"] is True, done["comment"]
        assert "taken out of service before, by maintenance" in done["comment"]
        assert [SERVER, "reconfigure"] in recorded.changing

    def test_stopped(self, frontend, recorded, haproxy):
        """Nothing answers before: it is reconfigure that starts HAProxy, and that is looked at then."""
        node = frontend("12.17.5")
        recorded.say(f"{SERVER} stop", then={f"{SERVER} status": STOPPED})
        recorded.say(f"{SERVER} reconfigure")
        node.state("chef_server.out_of_service", "out", api=API)
        done = node.state("chef_server.reconfigured", **WHILE_OUT)
        assert done["result"] is False and "HAProxy has no single leader" in done["comment"]
        assert done["changes"] == {"reconfigured for": {"old": None, "new": "2.3.16"}}
        assert reconfigured_for(node.host()) is None, "it is not noted before its HAProxy was seen"
        haproxy()
        done = node.state("chef_server.reconfigured", **WHILE_OUT)
        assert done["result"] is True and "taken out of service before, by stopped" in done["comment"]

    def test_done_before_and_still_out(self, frontend, recorded, haproxy):
        recorded.say(f"{SERVER} maintenance on")
        recorded.say(f"{SERVER} reconfigure")
        haproxy()
        node = frontend("14.16.19")
        node.state("chef_server.out_of_service", "out", api=API)
        node.state("chef_server.reconfigured", **WHILE_OUT)
        done = node.state("chef_server.reconfigured", **WHILE_OUT)
        assert (done["result"], done["changes"]) == (True, {})
        assert done["comment"] == "reconfigured for 2.3.16; taken out of service before, by maintenance"
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

    def test_where_the_index_is_missing_it_is_reconfigured_once_more(self, minion, recorded, haproxy, status_page, web):
        """It is reconfigure that makes the index, and an index that was deleted is not there although it was run."""
        recorded.say(f"{SERVER} reconfigure")
        haproxy()
        given = {"api": status_page.url, **self.RECONFIGURED}
        web.index()
        for _ in range(2):
            assert minion.state("chef_server.reconfigured", **given, index=True)["result"] is True
        assert recorded.changing == [[SERVER, "reconfigure"]]
        web.answers.clear()
        assert minion.state("chef_server.reconfigured", **given, index=True)["changes"] != {}
        assert recorded.changing == [[SERVER, "reconfigure"]] * 2
        assert minion.state("chef_server.reconfigured", **given)["changes"] == {}

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

"""Whether a frontend's clients are refused is seen from outside; and the firewall rule that keeps them out."""

import subprocess

import pytest

from saltext.chef_backend.node import edge, firewall
from saltext.chef_backend.product.edge import Answer, Door
from tests.functional.chef_server.conftest import API, RUNS, SERVER, WHILE_OUT

EDGE_RUNS = "run: opscode-erchef: (pid 11) 5s; run: log: (pid 12) 5s\nrun: nginx: (pid 14) 3s; run: log: (pid 15) 3s\n"


class TestSeenFromOutside:
    """What counts is what a client gets, not what a command said, nor a note of ours."""

    def test_i9_a_mode_that_was_accepted_and_lets_clients_in_fails(self, frontend, recorded, outside):
        recorded.say(f"{SERVER} maintenance on")
        outside.says = Answer(401)
        done = frontend("14.6.32").state("chef_server.out_of_service", "out", api=API)
        assert done["result"] is False
        where = "http://192.0.2.7:80/organizations/salt-chef-backend/nodes"
        assert f"be1: clients are not refused, seen from outside: {where}: 401" in done["comment"]

    def test_i9_no_answer_is_no_refusal(self, frontend, recorded, outside):
        recorded.say(f"{SERVER} maintenance on")
        outside.says = Answer(error="TimeoutError: timed out")
        assert frontend("14.6.32").state("chef_server.out_of_service", "out", api=API)["result"] is False

    def test_i9_whoever_let_them_in_meanwhile_they_are_refused_again(self, frontend, recorded, outside):
        recorded.say(f"{SERVER} maintenance on")
        node = frontend("14.6.32")
        node.state("chef_server.out_of_service", "out", api=API)
        assert node.call("chef_server_agent.refuses", API) is None
        outside.says = Answer(401)  # a reconfigure has ended the mode
        assert node.call("chef_server_agent.refuses", API).endswith(": 401")
        would = node.state("chef_server.out_of_service", "out", api=API, test=True)
        assert would["result"] is None
        outside.says = None
        recorded.say(f"{SERVER} maintenance off")
        subprocess.run([recorded.bin / SERVER, "maintenance", "off"], check=True)
        done = node.state("chef_server.out_of_service", "out", api=API)
        assert (done["result"], done["changes"]["clients"]["new"]) == (True, "refused")
        assert recorded.changing[-1] == [SERVER, "maintenance", "on"]

    def test_i9_one_that_is_back_and_refuses_still_is_not_back(self, frontend, recorded, haproxy, status_page, outside):
        recorded.say(f"{SERVER} maintenance on")
        recorded.say(f"{SERVER} maintenance off")
        haproxy()
        node = frontend("14.6.32")
        node.state("chef_server.out_of_service", "out", api=API)
        outside.says = Answer(503)
        done = node.state("chef_server.in_service", "back", api=status_page.url, leader_timeout=1, api_timeout=1)
        assert done["result"] is False and "clients are not served, seen from outside" in done["comment"]

    def test_what_is_asked_is_this_hosts_own_address_not_its_loopback(self, status_page, monkeypatch):
        monkeypatch.undo()  # a real request, to a real server
        port = int(status_page.url.rsplit(":", 1)[1].partition("/")[0])
        assert edge.ask("127.0.0.1", Door("http", port)).status == 200
        assert not edge.ask("127.0.0.1", Door("https", port)).closed, "it speaks no TLS: that is no refusal"
        status_page.end()
        assert edge.ask("127.0.0.1", Door("http", port)).closed


class TestKeptOutByTheFirewall:
    """The frontend that builds the index is reconfigured meanwhile, which lets clients in by default."""

    @pytest.fixture(name="walled")
    def fixture_walled(self, frontend, recorded):
        """Return a function that makes the minion a frontend of a version, with nftables."""

        def of(version):
            node = frontend(version)
            away = ("nft", f"delete table inet {firewall.TABLE}")
            recorded.say(["nft", "list tables"], "table inet filter\n")
            recorded.say(
                ["nft", firewall.rule((80, 443))], then={("nft", "list tables"): f"table inet {firewall.TABLE}\n"}
            )
            recorded.say(away, then={("nft", "list tables"): ""})
            recorded.say(f"{SERVER} status", EDGE_RUNS)
            recorded.say(f"{SERVER} reconfigure")
            node.write("/opt/opscode/sv/nginx/run", "")
            return node

        return of

    def test_its_services_run_and_nobody_comes_in(self, walled, recorded):
        node = walled("14.6.31")  # it has no maintenance mode at all
        done = node.state("chef_server.out_of_service", "out", api=API, how="firewall")
        assert done["result"] is True, done["comment"]
        assert recorded.changing == [["nft", firewall.rule((80, 443))]]
        assert node.path("/opt/opscode/sv/nginx/down").exists(), "a boot forgets the rule"
        assert node.call("chef_server_agent.refuses", API) is None
        again = node.state("chef_server.out_of_service", "out", api=API)
        assert (again["result"], again["changes"], again["comment"]) == (True, {}, "out of service: firewall")

    def test_i9_it_is_reconfigured_and_refuses_clients_afterwards(self, walled, recorded, haproxy, outside):
        haproxy()
        node = walled("14.16.19")
        node.state("chef_server.out_of_service", "out", api=API, how="firewall")
        done = node.state("chef_server.reconfigured", **WHILE_OUT)
        assert (done["result"], "out of service: firewall" in done["comment"]) == (True, True)
        outside.says = Answer(401)  # whoever took the rule away
        done = node.state("chef_server.reconfigured", **{**WHILE_OUT, "backend_version": "3"})
        assert done["result"] is False and "clients are not refused, seen from outside" in done["comment"]

    def test_i9_where_the_plain_port_sends_its_clients_is_kept_from_them_as_well(self, walled, recorded, outside):
        outside.sends_to = "https://chef.example.com:8443/"
        node = walled("14.16.19")
        rule = firewall.rule((80, 443, 8443))
        recorded.say(["nft", rule], then={("nft", "list tables"): f"table inet {firewall.TABLE}\n"})
        done = node.state("chef_server.out_of_service", "out", api=API, how="firewall")
        assert (done["result"], recorded.changing) == (True, [["nft", rule]])
        assert "https://192.0.2.7:8443/organizations/salt-chef-backend/nodes: no connection" in done["comment"]

    @pytest.mark.parametrize("lost", ["rule", "nginx"])
    def test_i9_after_a_boot_the_rule_stands_before_nginx_starts(self, walled, recorded, lost):
        node = walled("14.16.19")
        node.state("chef_server.out_of_service", "out", api=API, how="firewall")
        if lost == "rule":
            recorded.say(["nft", "list tables"], "")
        else:
            recorded.say(f"{SERVER} status", RUNS)
        before = len(recorded.changing)
        done = node.state("chef_server.out_of_service", "out", api=API, how="firewall")
        assert done["result"] is True
        start = [[SERVER, "start"]] if lost == "nginx" else []
        assert recorded.changing[before:] == [["nft", firewall.rule((80, 443))], *start]

    def test_back_in_service_the_rule_goes_last(self, walled, recorded):
        recorded.say(f"{SERVER} maintenance off")
        node = walled("14.16.19")
        node.state("chef_server.out_of_service", "out", api=API, how="firewall")
        before = len(recorded.changing)
        assert node.call("chef_server_agent.bring_back") is True
        assert recorded.changing[before:] == [
            [SERVER, "maintenance", "off"], [SERVER, "start"], ["nft", f"delete table inet {firewall.TABLE}"],
        ]  # fmt: skip
        assert not node.path("/opt/opscode/sv/nginx/down").exists()
        assert node.call("chef_server_agent.out") is None

    def test_without_nftables_nobody_can_be_kept_out(self, walled, recorded):
        node = walled("14.16.19")
        assert node.call("chef_server_agent.may_keep_out") is True
        recorded.say(["nft", "list tables"], status=1, stderr="Operation not permitted")
        said = node.told("chef_server_agent.may_keep_out")
        assert "Operation not permitted: without nftables clients could not be kept out" in said

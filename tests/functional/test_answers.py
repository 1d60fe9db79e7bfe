"""What the execution modules make of the answers: versions, the leader, failover, what is due, a node's whole view."""

import os
import threading
import time

import pytest

from tests.functional.conftest import manifest
from tests.functional.test_failures import told

CTL = "chef-backend-ctl"
MANIFEST = "/opt/chef-backend/version-manifest.json"
NOW_9 = {"server_version_num": "90624\n", "position": "pg_current_xlog_location()"}
NOW_13 = {"server_version_num": "130011\n", "position": "pg_current_wal_lsn()"}


def test_version(backend):
    assert backend.call("chef_backend.version") == "2.3.16"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"build_version": ""}', '{"build_version": "two"}', "\udcff"])
def test_a_manifest_that_cannot_be_read_is_no_version(backend, text):
    backend.path(MANIFEST).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert told(backend, "chef_backend.version").startswith(f"be1: {backend.path(MANIFEST)}: ")


def test_no_manifest_asks_whether_it_is_installed(minion):
    assert told(minion, "chef_backend.version").endswith("No such file or directory: is chef-backend installed?")


def test_leader(backend, recorded, recording):
    assert backend.call("chef_backend.leader") == "be1"
    assert backend.call("chef_backend.is_leader") is True
    recorded.say(f"{CTL} cluster-status", recording("synthetic-be2-leads.txt"))
    assert backend.call("chef_backend.leader") == "be2"
    assert backend.call("chef_backend.is_leader") is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("synthetic-nobody-leads.txt", "be1 sees no single leader (role/PG: be1: waiting_for_leader/follower, be2"),
        ("synthetic-two-lead.txt", "be1 sees no single leader"),
        ("s3-status-four-services.txt", "be1: chef-backend-ctl cluster-status: "),
    ],
)
def test_no_single_leader_is_never_a_name(backend, recorded, recording, text, said):
    recorded.say(f"{CTL} cluster-status", recording(text))
    assert told(backend, "chef_backend.leader").startswith(said)
    assert told(backend, "chef_backend.is_leader").startswith(said)


def test_cluster_status_that_fails_is_no_answer(backend, recorded):
    recorded.say(f"{CTL} cluster-status", "", stderr="not in a cluster\n", status=1)
    for function in ("leader", "is_leader", "failover", "cluster_status"):
        said = told(backend, f"chef_backend.{function}")
        assert said == "be1: chef-backend-ctl cluster-status ended with status 1:\n  not in a cluster"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("synthetic-be1-leads.txt", "on"),
        ("synthetic-be1-leads-blocked.txt", "off"),
        ("synthetic-cluster-status-blocked-words.txt", "mixed"),
        ("synthetic-be1-leads-1.4.6.txt", "unknown"),
    ],
)
def test_failover_as_shown(backend, recorded, recording, text, shown):
    recorded.say(f"{CTL} cluster-status", recording(text))
    assert backend.call("chef_backend.failover") == shown


class TestEnsureFailover:
    def test_nothing_is_called_if_it_is_so(self, backend, recorded):
        assert backend.call("chef_backend.ensure_failover", "on") == {"before": "on", "after": "on"}
        assert recorded.changing == []

    def test_it_is_waited_for_until_it_shows(self, backend, recorded, recording):
        blocked = {f"{CTL} cluster-status": recording("synthetic-be1-leads-blocked.txt")}
        recorded.say(f"{CTL} set-cluster-failover off", then=blocked)
        assert backend.call("chef_backend.ensure_failover", False) == {"before": "on", "after": "off"}
        assert recorded.changing == [[CTL, "set-cluster-failover", "off"]]

    def test_a_command_that_changed_nothing_is_a_failure(self, backend, recorded):
        recorded.say(f"{CTL} set-cluster-failover off")
        said = told(backend, "chef_backend.ensure_failover", "off", timeout=1)
        assert said == "be1: failover was switched off, but cluster-status shows on after 1 s"

    def test_a_version_that_does_not_show_it_is_always_told(self, backend, recorded, recording):
        recorded.say(f"{CTL} cluster-status", recording("synthetic-be1-leads-1.4.6.txt"))
        recorded.say(f"{CTL} set-cluster-failover on")
        assert backend.call("chef_backend.ensure_failover", "on") == {"before": "unknown", "after": "unknown"}
        assert recorded.changing == [[CTL, "set-cluster-failover", "on"]]


class TestDue:
    def test_services_that_started_after_the_package_came_run_it(self, backend):
        assert backend.call("chef_backend_node.outdated_services") is None
        assert backend.call("chef_backend_node.upgrade_due") is None

    def test_services_that_run_since_before_do_not(self, backend, recorded, recording):
        recorded.say(f"{CTL} status", recording("synthetic-status-for-days.txt"))
        expected = "leaderl, epmd, etcd, postgresql, elasticsearch started before 2.3.16 was installed"
        assert backend.call("chef_backend_node.outdated_services") == expected
        assert backend.call("chef_backend_node.upgrade_due") == expected

    def test_a_run_that_died_here_is_told_although_the_services_are_new(self, backend, record):
        backend.call("chef_backend_record.create", {**record, "node": "be1"})
        assert backend.call("chef_backend_node.upgrade_due") == "run 20261122120000000000 did not finish on this node"

    @pytest.mark.parametrize("other", [{"node": "be2"}, {"node": None}, {"node": "be1", "target": "3.1.1"}])
    def test_a_run_on_another_node_or_to_another_version_is_not(self, backend, record, other):
        backend.call("chef_backend_record.create", {**record, **other})
        assert backend.call("chef_backend_node.upgrade_due") is None


@pytest.mark.parametrize("server", [NOW_9, NOW_13], ids=["9.6", "13"])
def test_replication_asks_in_the_words_of_its_postgresql_as_its_user(backend, recorded, server):
    psql = ["psql", "-d", "postgres", "-X", "-A", "-t", "-c"]
    recorded.say(psql, '{"application_name":"be2"}\n')
    recorded.say([*psql, "show server_version_num"], server["server_version_num"])
    assert backend.call("chef_backend.replication") == '{"application_name":"be2"}'
    became, _, again, query = recorded.words
    assert query[:-1] == psql
    assert server["position"] in query[-1]
    assert became[:4] == again[:4] == ["runuser", "-u", "chef_pgsql", "--"]
    assert recorded.calls[-1]["parent"] == os.getpid()


class TestView:
    def test_it_holds_all_that_judging_needs(self, backend, recorded, recording):
        recorded.say("psql", "130011\n")
        view = backend.call("chef_backend_node.view")
        assert view["errors"] == {}
        assert (view["node"], view["version"], view["half_upgraded"], view["record"]) == ("be1", "2.3.16", None, None)
        assert view["cluster_status"] == recording("synthetic-be1-leads.txt").strip()
        assert view["status"] == recording("synthetic-status-just-started.txt").strip()
        assert recorded.changing == []

    def test_only_what_is_wanted_is_asked_and_a_note_comes_first(self, backend, recorded, record):
        backend.call("chef_backend_record.create", record)
        jid = record["owner"]["jid"]
        view = backend.call("chef_backend_node.view", ["record", "version"], jid, {"step": "failover off"})
        noted = {**record, "step": "failover off", "heartbeat": view["record"]["heartbeat"]}
        assert view == {"node": "be1", "errors": {}, "record": noted, "version": "2.3.16"}
        assert recorded.calls == []

    def test_a_follower_does_not_ask_its_database(self, backend, recorded, recording):
        recorded.say(f"{CTL} cluster-status", recording("synthetic-be2-leads.txt"))
        view = backend.call("chef_backend_node.view")
        assert (view["errors"], view["replication"]) == ({}, "")
        assert {words[0] for words in recorded.words} == {CTL}

    def test_what_fails_is_an_error_of_its_own_and_spoils_nothing_else(self, minion, recorded, recording):
        recorded.say(f"{CTL} cluster-status", recording("synthetic-be1-leads.txt"))
        recorded.say(f"{CTL} status", "", status=1, stderr="leaderl is not there\n")
        view = minion.call("chef_backend_node.view")
        assert view["cluster_status"].startswith("Name")
        assert set(view["errors"]) >= {"version", "status", "replication"}
        assert view["errors"]["status"].endswith("leaderl is not there")
        assert all(view[name] is None for name in view["errors"])

    def test_nothing_at_all_there_is_still_an_answer(self, minion, recorded):
        view = minion.call("chef_backend_node.view")
        assert set(view["errors"]) >= {"version", "cluster_status", "status"}

    def test_a_record_that_cannot_be_read_is_an_error(self, backend):
        backend.write("/var/lib/salt-chef-backend/run.json", "{")
        assert "not JSON" in backend.call("chef_backend_node.view")["errors"]["record"]


def test_busy_sees_a_command_that_is_changing_the_node(shared, recorded):
    recorded.say(f"{CTL} upgrade", seconds=1.5)
    worker = threading.Thread(target=shared.call, args=("chef_backend.upgrade",))
    worker.start()
    bound = time.monotonic() + 3
    while not (lines := [line for line in shared.call("chef_backend_node.busy") if str(recorded.bin) in line]):
        assert time.monotonic() < bound, "it was not seen"
    assert lines[0].endswith("chef-backend-ctl upgrade")
    worker.join()
    assert not [line for line in shared.call("chef_backend_node.busy") if str(recorded.bin) in line]


def test_tail_gives_the_last_lines(minion):
    minion.write("/var/log/chef-backend/leaderl/current", "".join(f"{number}\n" for number in range(99)))
    assert minion.call("chef_backend_service.tail", "leaderl", lines=2) == "97\n98"
    assert "etcd/current: " in told(minion, "chef_backend_service.tail", "etcd")


class TestFrontend:
    def test_one_leader(self, minion, recording, haproxy):
        haproxy([recording("s17-show-stat.csv")])
        assert minion.call("chef_server.haproxy").startswith("# pxname,svname")
        assert minion.call("chef_server.wait_for_leader", timeout=2) < 1

    def test_several_are_waited_out(self, minion, recording, haproxy):
        one = recording("s17-show-stat.csv")
        haproxy([one.replace(",DOWN,", ",UP,"), one])
        assert minion.call("chef_server.wait_for_leader", timeout=5) > 0

    def test_several_for_too_long_are_told(self, minion, recording, haproxy):
        haproxy([recording("s17-show-stat.csv").replace(",DOWN,", ",UP,")])
        said = told(minion, "chef_server.wait_for_leader", timeout=1)
        assert said.startswith("be1: HAProxy has no single leader within 1 s: ")
        assert "chef_backend_postgresql" in said

    def test_no_haproxy_is_told(self, minion):
        assert "haproxy.sock: " in told(minion, "chef_server.wait_for_leader", timeout=0)

    def test_note(self, minion):
        assert minion.call("chef_server.reconfigured_for") is None
        assert minion.call("chef_server.note_reconfigured", "2.3.16") is True
        assert minion.call("chef_server.reconfigured_for") == "2.3.16"

    def test_version(self, minion):
        minion.write("/opt/opscode/version-manifest.json", manifest("14.16.19"))
        assert minion.call("chef_server.version") == "14.16.19"

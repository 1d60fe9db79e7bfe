"""What a backend answers: its version, who leads, failover, replication, the last lines of a log."""

import dataclasses
import json
import os
import sys
import time

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.node import backend as node
from saltext.chef_backend.product import objects

CTL = "chef-backend-ctl"
MANIFEST = "/opt/chef-backend/version-manifest.json"
NOW_9 = {"server_version_num": "90624\n", "position": "pg_current_xlog_location()"}
NOW_13 = {"server_version_num": "130011\n", "position": "pg_current_wal_lsn()"}


def test_the_version_is_its_manifests(backend):
    assert backend.call("chef_backend.version") == "2.3.16"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"build_version": ""}', '{"build_version": "two"}', "\udcff"])
def test_a_manifest_that_cannot_be_read_is_no_version(backend, text):
    backend.path(MANIFEST).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert backend.told("chef_backend.version").startswith(f"be1: {backend.path(MANIFEST)}: ")


def test_no_manifest_asks_whether_it_is_installed(minion):
    assert minion.told("chef_backend.version").endswith("No such file or directory: is chef-backend installed?")


def test_the_leader_is_told_by_its_name(backend, recorded, recording):
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
    assert backend.told("chef_backend.leader").startswith(said)
    assert backend.told("chef_backend.is_leader").startswith(said)


def test_cluster_status_that_fails_is_no_answer(backend, recorded):
    recorded.say(f"{CTL} cluster-status", "", stderr="not in a cluster\n", status=1)
    for function in ("leader", "is_leader", "failover", "cluster_status"):
        said = backend.told(f"chef_backend.{function}")
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
def test_failover_is_told_as_cluster_status_shows_it(backend, recorded, recording, text, shown):
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
        said = backend.told("chef_backend.ensure_failover", "off", timeout=1)
        assert said == "be1: failover was switched off, but cluster-status shows on (looked for 1 s)"

    def test_a_version_that_does_not_show_it_is_always_told(self, backend, recorded, recording):
        recorded.say(f"{CTL} cluster-status", recording("synthetic-be1-leads-1.4.6.txt"))
        recorded.say(f"{CTL} set-cluster-failover on")
        assert backend.call("chef_backend.ensure_failover", "on") == {"before": "unknown", "after": "unknown"}
        assert recorded.changing == [[CTL, "set-cluster-failover", "on"]]


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
    assert recorded.calls[-1]["by"] == os.path.realpath(sys.executable)


def test_i5_a_node_that_is_not_listed_does_not_lead(backend):
    """Its services are down: an upgrade that died there goes on all the same."""
    assert node.is_leader(dataclasses.replace(backend.host(), name="be9")) is False


def test_a_node_whose_address_is_the_leaders_and_whose_name_is_anothers_does_not_know_whether_it_leads(backend):
    host = dataclasses.replace(backend.host(), name="be2", grains={"ipv4": ["203.0.113.11"]})
    with pytest.raises(CommandExecutionError, match=r"be2: cluster-status shows be1 \(203.0.113.11\), not surely this"):
        node.is_leader(host)


def test_who_is_connected_is_asked_of_postgresql(backend, recorded):
    recorded.say("psql", "203.0.113.9\n192.0.2.1\n2001:db8::1\n")
    assert backend.call("chef_backend_agent.connected") == ["192.0.2.1", "2001:db8::1", "203.0.113.9"]
    assert "pg_stat_activity" in recorded.words[-1][-1]
    recorded.say("psql", "", status=2, stderr="could not connect\n")
    assert "could not connect" in backend.told("chef_backend_agent.connected")


def test_what_a_new_run_stands_on_is_told_without_a_secret(backend, web):
    told = backend.call("chef_backend_agent.ground")
    assert (told["settings"], abs(told["clock"] - time.time()) < 60) == ({}, True)
    backend.write("/etc/chef-backend/chef-backend.rb", "postgresql.port 5433\npostgresql.password 's3cr3t'\n")
    assert backend.call("chef_backend_agent.ground")["settings"] == {"postgresql.port": "5433"}
    backend.path("/etc/chef-backend/chef-backend.rb").write_bytes(b"\xff\xfe")
    assert "chef-backend.rb" in backend.told("chef_backend_agent.ground")


def test_how_fast_etcds_disk_is_and_whether_there_is_an_index_are_told_or_why_not(backend, web):
    told = backend.call("chef_backend_agent.ground")
    assert (told["fsync"], told["index"]) == (None, False)
    assert told["errors"]["fsync"].startswith("be1: http://127.0.0.1:2379/metrics: ")
    web.index()
    web.answers["/metrics"] = 'etcd_wal_fsync_durations_microseconds{quantile="0.99"} 600000\n'
    told = backend.call("chef_backend_agent.ground")
    assert (told["fsync"], told["index"], told["errors"]) == (0.6, True, {})
    web.end()
    told = backend.call("chef_backend_agent.ground")
    assert (told["fsync"], told["index"], sorted(told["errors"])) == (None, None, ["fsync", "index"])


def test_who_made_the_index_and_what_postgresql_holds_are_told(backend, recorded, web):
    web.index("6.8.23", mapped=False)
    assert backend.call("chef_backend_agent.index") == {"created": "6.8.23", "mapped": False}
    counts = dict.fromkeys(objects.KINDS, 3)
    recorded.say("psql", json.dumps({"organisation": "acme", "database": "chef_" + "a" * 32, "counts": counts}))
    assert backend.call("chef_backend_agent.stored") == {"acme": {"database": "chef_" + "a" * 32, "counts": counts}}
    assert recorded.words[-1][:3] == ["psql", "-d", "opscode_chef"]
    recorded.say("psql", "ERROR")
    assert "objects of an organisation" in backend.told("chef_backend_agent.stored")


def test_tail_gives_the_last_lines(minion):
    minion.write("/var/log/chef-backend/leaderl/current", "".join(f"{number}\n" for number in range(99)))
    assert minion.call("chef_backend.tail", "leaderl", lines=2) == "97\n98"
    assert "etcd/current: " in minion.told("chef_backend.tail", "etcd")


def test_p14_postgresqls_log_lies_in_a_folder_of_its_version(minion):
    for number, version in enumerate(("9.6", "9.5")):
        minion.write(f"/var/log/chef-backend/postgresql/{version}/current", version)
        os.utime(minion.path(f"/var/log/chef-backend/postgresql/{version}/current"), (number, number))
    assert minion.call("chef_backend.tail", "postgresql") == "9.5"

"""The laboratory itself: texts, columns and exit statuses of its commands, as documented and as in the samples."""

import json
import re
import urllib.request

import psycopg
import pytest

from tests.integration.lab_people import ctl, install, leaders, nodes, password, sql, until


def test_an_unknown_command_ends_with_1(lab):
    done = ctl(lab, "be1", "frobnicate")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Unknown command: frobnicate\nDid you mean:")


def test_an_unknown_service_ends_with_1(lab):
    done = ctl(lab, "be1", "status", "postgres")
    assert done.returncode == 1
    assert done.stdout.startswith("Unknown service: postgres\nDid you mean:")


def test_without_a_terminal_and_yes_a_confirmation_ends_with_4(lab):
    done = ctl(lab, "be1", "remove-node", "be2")
    assert done.returncode == 4
    assert "To run this command non-interactively, you must pass in the parameter --yes" in done.stdout
    assert done.stdout.endswith("Canceling operation\n")


def test_it_needs_root(lab):
    for program in ("chef-backend-ctl", "chef-server-ctl"):
        host = "be1" if "backend" in program else "fe1"
        done = lab.exec(host, "chpst", "-u", "nobody", program, "status", check=False)
        assert done.returncode == 1
        assert "must be run as root" in done.stderr


def test_a_call_costs_what_was_ordered_also_by_the_journal(lab):
    for host, program in (("be1", "chef-backend-ctl"), ("fe1", "chef-server-ctl")):
        lab.put(host, "/etc/lab/faults.json", '{"ctl_seconds": 0.5}')
        lab.exec(host, program, "version")
        ends = [line for line in lab.journal() if line["event"] == "end" and line["host"] == host]
        assert ends[-1]["argv"] == [program, "version"]
        assert ends[-1]["duration"] >= 0.5


def test_remove_node_fails_while_the_node_is_alive(lab, roles):
    leader, follower, _ = roles
    done = ctl(lab, leader, "remove-node", follower, "-y")
    assert done.returncode == 1
    assert "still alive" in done.stderr


def test_backup_is_refused_on_the_leader_without_force(lab, roles):
    leader, _, _ = roles
    done = ctl(lab, leader, "backup")
    assert done.returncode == 1
    assert "is the leader" in done.stderr


def test_backup_on_a_follower_and_on_the_leader_with_force_write_an_archive(lab, roles):
    leader, follower, _ = roles
    assert ctl(lab, follower, "backup").returncode == 0
    assert ctl(lab, leader, "backup", "--force", "--timeout", "60").returncode == 0
    for host in (leader, follower):
        archives = sorted((lab.root(host) / "var/opt/chef-backup").glob("*.tar.gz"))
        listed = lab.exec(host, "tar", "-tzf", f"/var/opt/chef-backup/{archives[-1].name}").stdout
        assert "postgresql/PG_VERSION" in listed
        assert "configuration/chef-backend-secrets.json" in listed


def test_restore_brings_the_saved_rows_back(lab, roles):
    leader, follower, _ = roles
    sql(lab, leader, "drop table if exists saved; create table saved as select 1 as number")
    assert ctl(lab, leader, "backup", "--force").returncode == 0
    sql(lab, leader, "insert into saved values (2)")
    archive = max((lab.root(leader) / "var/opt/chef-backup").glob("*.tar.gz")).name
    done = ctl(lab, leader, "restore", f"/var/opt/chef-backup/{archive}", "-y")
    assert done.returncode == 0, done.stderr
    assert leaders(lab) == [leader]
    assert sql(lab, leader, "select number from saved") == [(1,)]
    lab.wait_healthy()
    assert sql(lab, follower, "select number from saved") == [(1,)]


@pytest.mark.spoils
def test_the_columns_of_cluster_status_follow_the_installed_version(lab):
    expected = {
        "1.4.6": "Name IP GUID Role PG ES Following",
        "2.0.30": "Name IP GUID Role PG ES Following Blocked Eligible",
        "3.1.1": "Name IP GUID Role PG ES Following Blocked Eligible",
    }
    for version, header in expected.items():
        install(lab, "be3", version)
        lines = ctl(lab, "be3", "cluster-status").stdout.splitlines()
        assert lines[0].split() == header.split()
        assert len(lines) == 4


def test_cluster_status_json_is_as_a_users_script_reads_it(lab):
    until(lambda: len(nodes(lab, "be1")) == 3, "all have posted")
    lines = ctl(lab, "be1", "cluster-status", "--json").stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if '"role": "follower"' in line)
    assert '"name"' in lines[at - 4]
    assert any('"partially_synced": false' in line for line in lines[at : at + 6])


def test_status_looks_like_the_sample(lab):
    lab.wait_healthy()
    text = ctl(lab, "be2", "status").stdout
    for line in (
        r"Service +Local Status +Time in State +Distributed Node Status",
        r"leaderl +running \(pid \d+\) +0d \d+h \d+m \d+s +leader: 1; waiting: 0; follower: 2; total: 3",
        r"epmd +running \(pid \d+\) +0d \d+h \d+m \d+s +status: local-only",
        r"etcd +running \(pid \d+\) +0d \d+h \d+m \d+s +health: green; healthy nodes: 3/3",
        r"postgresql +running \(pid \d+\) +0d \d+h \d+m \d+s +leader: 1; offline: 0; syncing: 0; synced: 2",
        r"elasticsearch +running \(pid \d+\) +0d \d+h \d+m \d+s +state: green; nodes online: 3/3",
        r"System +Local Status +Distributed Node Status",
        r"disks +/var/log/chef-backend: OK; /var/opt/chef-backend: OK +health: green; healthy nodes: 3/3",
    ):
        assert re.search(f"^{line}$", text, re.M), (line, text)


def test_status_simple_is_runits(lab):
    for line in ctl(lab, "be2", "status", "--simple").stdout.splitlines():
        assert re.fullmatch(r"run: \w+: \(pid \d+\) \d+s; run: log: \(pid \d+\) \d+s", line)


def test_a_stopped_service_is_shown_down_without_a_pid(lab):
    stopped = ctl(lab, "be3", "stop", "elasticsearch")
    assert re.fullmatch(r"ok: down: elasticsearch: \d+s, normally up\n", stopped.stdout)
    assert re.search(r"^elasticsearch +down +0d ", ctl(lab, "be3", "status").stdout, re.M)
    assert ctl(lab, "be3", "start", "elasticsearch").returncode == 0


def test_with_no_leader_the_postgresql_cell_holds_the_error_of_the_sample(lab, roles):
    leader, follower, _ = roles
    ctl(lab, leader, "set-cluster-failover", "off")
    assert ctl(lab, leader, "stop", "leaderl").returncode == 0
    until(lambda: leaders(lab) == [], "nobody leads")
    text = ctl(lab, follower, "status").stdout
    assert "error: could not reach pgsql leader for replication stats" in text


@pytest.mark.spoils
def test_a_node_in_no_cluster_says_so_and_can_join_again(lab, roles):
    leader, follower, other = roles
    assert ctl(lab, other, "cleanse").returncode == 4
    secrets = (lab.root(follower) / "etc/chef-backend/chef-backend-secrets.json").read_text()
    assert ctl(lab, other, "cleanse", "-y").returncode == 0
    lost = ctl(lab, other, "cluster-status")
    assert lost.returncode == 1
    assert "cluster not configured" in lost.stderr
    assert ctl(lab, leader, "remove-node", other, "-y").returncode == 0
    lab.put(other, "/root/wrong.json", json.dumps({"postgresql": {"db_superuser_password": "wrong"}}), 0o600)
    join = ("join-cluster", lab.address(leader), "-y", "--accept-license", "-s")
    assert ctl(lab, other, *join, "/root/wrong.json").returncode == 1
    lab.put(other, "/root/secrets.json", secrets, 0o600)
    done = ctl(lab, other, *join, "/root/secrets.json")
    assert done.returncode == 0, done.stderr
    lab.wait_healthy()


def test_the_secrets_are_real_and_kept_from_others(lab):
    secrets = "/etc/chef-backend/chef-backend-secrets.json"
    assert lab.exec("be1", "stat", "-c", "%U:%G %a", secrets).stdout == "root:chef_pgsql 640\n"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(
            host=lab.address("be1"), user="chef_pgsql", password="guessed", dbname="postgres", connect_timeout=2
        )
    assert password(lab) in ctl(lab, "be1", "gen-server-config", "fe9").stdout
    assert password(lab) not in ctl(lab, "be1", "show-config").stdout


def test_superuser_by_the_socket_needs_no_password(lab, roles):
    leader, _, _ = roles
    psql = ("chpst", "-u", "chef_pgsql", "/opt/chef-backend/embedded/bin/psql", "-d", "postgres", "-Atc")
    assert lab.exec(leader, *psql, "select pg_is_in_recovery()").stdout == "f\n"


def test_the_index_tells_which_elasticsearch_made_it(lab):
    address = f"http://{lab.address('be1')}:9200/chef/_settings/index.version.created*?human"
    with urllib.request.urlopen(address, timeout=5) as answer:
        found = json.load(answer)
    assert found["chef"]["settings"]["index"]["version"]["created_string"] == "5.6.16"


@pytest.mark.spoils
def test_installing_and_removing_the_package_leaves_no_code_behind(lab):
    ctl(lab, "be3", "status")
    install(lab, "be3", "2.3.16")
    assert lab.exec("be3", "dpkg", "--audit").stdout == ""
    assert lab.exec("be3", "dpkg", "-V", "chef-backend").stdout == ""
    lab.exec("be3", "dpkg", "-r", "chef-backend")
    assert not (lab.root("be3") / "opt/chef-backend/embedded").exists()


def test_frontend_reconfigure_fails_as_documented_while_nobody_leads(lab, roles):
    leader, _, _ = roles
    ctl(lab, leader, "set-cluster-failover", "off")
    assert ctl(lab, leader, "stop", "leaderl").returncode == 0
    until(lambda: leaders(lab) == [], "nobody leads")
    done = lab.exec("fe1", "chef-server-ctl", "reconfigure", check=False)
    assert done.returncode == 1
    assert "HAProxy still showing multiple active backends" in done.stderr


def test_the_status_api_tells_pong_and_fail(lab):
    def code():
        ask = ("curl", "-s", "-o", "/dev/null", "-m", "5", "-w", "%{http_code}", "http://127.0.0.1/_status")
        return lab.exec("fe1", *ask, check=False).stdout

    until(lambda: code() == "200", "the frontend is well")
    lab.exec("fe1", "chef-server-ctl", "stop", "goiardi")
    assert code() == "500"
    lab.exec("fe1", "chef-server-ctl", "start", "goiardi")
    until(lambda: code() == "200", "the frontend is well again")

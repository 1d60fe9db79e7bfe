"""The laboratory itself: the documented ways back from a loss of nodes."""

import json

import pytest

from tests.integration.lab_people import FAULTS, ctl, leaders, nodes, replicas, serves, sql, throws_wal_away, until

LEADERL = "/var/opt/chef-backend/leaderl/data"
NO_START, UNSYNCED = f"{LEADERL}/no-start-pgsql", f"{LEADERL}/unsynced"
FOLLOW = "PSQL_INTERNAL_OK=true chef-backend-ctl pgsql-follow"


@pytest.mark.spoils
def test_quorum_loss_recovery_makes_a_cluster_of_the_survivor_and_the_others_join_it(lab, roles):
    leader, follower, other = roles
    sql(lab, leader, "create table if not exists before_the_loss (number int)")
    lab.power_off(leader)
    lab.power_off(other)
    until(lambda: serves(lab, follower) == 503, "nobody leads")
    recovered = ctl(lab, follower, "create-cluster", "--quorum-loss-recovery", "-y", "--accept-license")
    assert recovered.returncode == 0, recovered.stderr
    assert leaders(lab, (follower,)) == [follower]
    assert set(nodes(lab, follower)) <= {follower}
    assert sql(lab, follower, "select count(*) from before_the_loss") == [(0,)]
    lab.power_on(other)
    assert ctl(lab, other, "cleanse", "--yes").returncode == 0  # a new node, as the page has it
    joined = joins(lab, other, follower, "-s", has_a_copy_of_the_secrets(lab, other, follower))
    assert joined.returncode == 0, joined.stderr
    assert replicas(lab, follower) == {other}


def joins(lab, host, peer, *options):
    return ctl(lab, host, "join-cluster", lab.address(peer), *options, "-y", "--accept-license")


def has_a_copy_of_the_secrets(lab, host, of):
    """Put the cluster's secrets onto a host; return where."""
    copy = "/root/secrets.json"
    lab.put(host, copy, (lab.root(of) / "etc/chef-backend/chef-backend-secrets.json").read_text(), 0o600)
    return copy


@pytest.mark.spoils
def test_cleanse_deletes_data_settings_and_logs_and_saves_the_settings_below_root(lab, roles):
    leader, follower, _ = roles
    root = lab.root(follower)
    settings = {path.name: path.read_bytes() for path in (root / "etc/chef-backend").iterdir()}
    assert {"chef-backend.rb", "chef-backend-secrets.json"} <= set(settings)
    log = root / "var/log/chef-backend/leaderl/of-before"
    log.touch()
    assert ctl(lab, follower, "stop").returncode == 0
    assert ctl(lab, leader, "remove-node", follower, "-y").returncode == 0
    assert ctl(lab, follower, "cleanse", "--yes").returncode == 0
    assert not log.exists()
    assert not (root / "etc/chef-backend").exists()
    assert not (root / "var/opt/chef-backend").exists()
    (saved,) = root.glob("root/chef-backend-cleanse*")
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == settings


@pytest.mark.spoils
def test_join_recovery_is_an_error_without_the_settings_of_before_and_a_new_node_joins_without_it(lab, roles):
    leader, follower, _ = roles
    copy = has_a_copy_of_the_secrets(lab, follower, leader)
    assert ctl(lab, follower, "stop").returncode == 0
    assert ctl(lab, leader, "remove-node", follower, "-y").returncode == 0
    assert ctl(lab, follower, "cleanse", "--yes").returncode == 0
    refused = joins(lab, follower, leader, "-s", copy, "--recovery")
    assert refused.returncode != 0
    assert "No existing installation was found" in refused.stdout + refused.stderr
    lab.exec(follower, "sh", "-c", "mkdir /etc/chef-backend && cp /root/chef-backend-cleanse*/*.rb /etc/chef-backend/")
    refused = joins(lab, follower, leader, "--recovery")
    assert refused.returncode != 0
    assert "No secrets" in refused.stdout + refused.stderr
    lab.exec(follower, "rm", "-r", "/etc/chef-backend")
    joined = joins(lab, follower, leader, "-s", copy)
    assert joined.returncode == 0, joined.stderr
    assert follower in replicas(lab, leader)


@pytest.mark.spoils
def test_a_node_cannot_join_a_cluster_that_was_installed_with_3_0_0(lab, roles):
    leader, follower, _ = roles
    key = "http://127.0.0.1:2379/v2/keys/cb/installed"
    assert ctl(lab, follower, "stop").returncode == 0
    assert ctl(lab, leader, "remove-node", follower, "-y").returncode == 0
    lab.exec(leader, "curl", "-sf", "-X", "PUT", key, "-d", "value=3.0.0")
    refused = joins(lab, follower, leader, "--recovery")
    assert refused.returncode != 0
    assert "cannot join a cluster that was installed with 3.0.0" in refused.stdout + refused.stderr


@pytest.mark.spoils
def test_a_node_that_was_cleansed_returns_with_its_saved_settings_and_recovery(lab, roles):
    leader, follower, _ = roles
    assert ctl(lab, follower, "stop").returncode == 0
    assert ctl(lab, leader, "remove-node", follower, "-y").returncode == 0
    assert ctl(lab, follower, "cleanse", "--yes").returncode == 0
    lab.exec(follower, "sh", "-c", "mkdir /etc/chef-backend && cp /root/chef-backend-cleanse*/* /etc/chef-backend/")
    joined = joins(lab, follower, leader, "--recovery")
    assert joined.returncode == 0, joined.stderr
    assert follower in replicas(lab, leader)


def test_stop_and_start_on_all_three_brings_a_leader_back(lab, roles):
    leader, follower, other = roles
    for host in (leader, follower, other):
        assert ctl(lab, host, "stop").returncode == 0
    assert leaders(lab) == []
    for host in (follower, other, leader):
        assert ctl(lab, host, "start").returncode == 0
    found = until(lambda: leaders(lab), "somebody leads")[0]
    until(lambda: len(replicas(lab, found)) == 2, "the others follow")


def test_a_sentinel_keeps_a_follower_from_starting_until_it_is_removed(lab, roles):
    leader, follower, _ = roles
    lab.put(follower, NO_START, "")
    assert ctl(lab, follower, "stop", "postgresql").returncode == 0
    until(lambda: nodes(lab, leader)[follower]["role"] == "waiting_for_leader", "it waits")
    assert follower not in replicas(lab, leader)
    assert not nodes(lab, leader)[follower]["eligible"]
    lab.exec(follower, "rm", NO_START)
    until(lambda: follower in replicas(lab, leader), "it follows again")


@pytest.mark.spoils
@pytest.mark.parametrize("how", ["", " --force-basebackup"])
def test_the_sentinel_of_a_failed_sync_stays_until_a_person_removes_it(lab, roles, how):
    leader, follower, _ = roles
    for service in ("leaderl", "postgresql"):
        assert ctl(lab, follower, "stop", service).returncode == 0
    lab.put(follower, UNSYNCED, "")
    lab.exec(follower, "sh", "-c", f"{FOLLOW}{how} --verbose {lab.address(leader)}")
    assert ctl(lab, follower, "start", "leaderl").returncode == 0
    until(lambda: nodes(lab, leader)[follower]["role"] == "waiting_for_leader", "it waits")
    assert follower not in replicas(lab, leader)
    lab.exec(follower, "rm", UNSYNCED)
    until(lambda: follower in replicas(lab, leader), "it follows again")


@pytest.mark.spoils
def test_a_previous_leader_is_not_promoted_while_its_sentinel_is_there(lab, roles):
    leader, _, _ = roles
    for host in roles:
        lab.put(host, FAULTS, json.dumps({"never_leads": True}))
    lab.exec(leader, "sh", "-c", "kill -STOP $(head -1 /var/opt/chef-backend/postgresql/data/postmaster.pid)")
    until(lambda: (lab.root(leader) / NO_START.lstrip("/")).exists(), "it is deposed")
    until(lambda: not leaders(lab), "nobody leads")
    assert ctl(lab, leader, "promote", leader).returncode != 0
    lab.exec(leader, "rm", NO_START)
    assert ctl(lab, leader, "restart", "postgresql").returncode == 0
    assert ctl(lab, leader, "promote", leader).returncode == 0
    assert leaders(lab) == [leader]


@pytest.mark.spoils
def test_a_follower_whose_wal_is_gone_comes_back_by_a_full_copy_only(lab, roles):
    leader, follower, _ = roles
    throws_wal_away(lab, leader, follower)
    log = lab.root(follower) / "var/log/chef-backend/postgresql"

    def its_log_says_so():
        return any("has already been removed" in one.read_text() for one in log.glob("*/current"))

    until(its_log_says_so, "its log says so")
    assert follower not in replicas(lab, leader)
    assert ctl(lab, follower, "stop", "leaderl").returncode == 0
    lab.exec(follower, "sh", "-c", f"{FOLLOW} --force-basebackup --verbose {lab.address(leader)}")
    assert ctl(lab, follower, "start").returncode == 0
    until(lambda: follower in replicas(lab, leader), "it follows again")

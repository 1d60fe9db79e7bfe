"""The laboratory itself: what `upgrade` does, and how it punishes a wrong order."""

import json
import subprocess
import threading
import time

import pytest

from tests.integration.lab_people import (
    Writer,
    ctl,
    events,
    install,
    leaders,
    nodes,
    replicas,
    sql,
    until,
)
from tests.lab.common import PATIENCE

UNSYNCED = "var/opt/chef-backend/leaderl/data/unsynced"
NEW = "2.3.16"


def runs(lab, host):
    """The version that a node was last brought to."""
    return (lab.root(host) / "var/opt/chef-backend/upgraded-to").read_text().strip()


def pids(lab, host):
    """The services' process numbers, by name."""
    lines = ctl(lab, host, "status", "--simple").stdout.splitlines()
    return {line.split(":")[1].strip(): line.split("(pid ")[1].split(")")[0] for line in lines if "(pid" in line}


def recover(lab, leader, *hosts):
    """The documented way out of a partial sync: leaderl stopped, a full copy, leaderl started."""
    follow = ("env", "PSQL_INTERNAL_OK=true", "chef-backend-ctl", "pgsql-follow", "--force-basebackup")
    for host in hosts:
        assert ctl(lab, host, "stop", "leaderl").returncode == 0
        lab.exec(host, *follow, lab.address(leader))
        assert ctl(lab, host, "start", "leaderl").returncode == 0
        until(lambda host=host: host in replicas(lab, leader), f"{host} follows again")
        assert not (lab.root(host) / UNSYNCED).exists()


def test_the_package_restarts_nothing_and_upgrade_restarts_everything(fresh_lab):
    lab = fresh_lab
    before = pids(lab, "be2")
    install(lab, "be2", NEW)
    assert ctl(lab, "be2", "version").stdout.strip() == f"chef-backend {NEW}"
    assert pids(lab, "be2") == before
    assert runs(lab, "be2") == "2.2.0"
    done = ctl(lab, "be2", "upgrade")
    assert done.returncode == 0, done.stderr
    after = pids(lab, "be2")
    assert set(after) == set(before)
    assert not set(after.values()) & set(before.values())
    assert runs(lab, "be2") == NEW


def test_upgrade_ends_when_the_node_has_rejoined_and_the_table_says_so(lab, roles):
    leader, _, other = roles
    install(lab, other, NEW)
    assert ctl(lab, other, "upgrade").returncode == 0
    assert other in replicas(lab, leader)
    shown = nodes(lab, leader)[other]
    assert (shown["role"], shown["pg"], shown["eligible"], shown["partially_synced"]) == (
        "follower", "follower", True, False,
    )  # fmt: skip


def test_upgrade_failover_on_the_leader_loses_nothing_and_leads_once(lab, roles):
    leader, _, _ = roles
    install(lab, leader, NEW)
    since = time.time()
    with Writer(lab) as writer:
        done = ctl(lab, leader, "upgrade", "--failover")
        assert done.returncode == 0, done.stderr
        writer.writes_again()
    assert writer.lost() == set()
    assert [event["how"] for event in events(lab, "leads", since)] == ["hand-over"]
    new = leaders(lab)[0]
    assert new != leader
    assert replicas(lab, new) == set(lab.backends) - {new}


def test_upgrade_on_the_leader_without_failover_is_an_outage(lab, roles):
    leader, _, _ = roles
    ctl(lab, leader, "set-cluster-failover", "off")
    install(lab, leader, NEW)
    since = time.time()
    with Writer(lab) as writer:
        done = ctl(lab, leader, "upgrade")
        assert done.returncode == 0, done.stderr
        writer.writes_again()
        gap = writer.longest_gap()
    assert gap > 1, "the outage lasts as long as the leader is being upgraded"
    assert [(event["host"], event["how"]) for event in events(lab, "leads", since)] == [(leader, "start")]


def test_upgrade_on_the_leader_with_failover_on_but_not_ordered_is_a_crash(lab, roles):
    leader, _, _ = roles
    install(lab, leader, NEW)
    since = time.time()
    assert ctl(lab, leader, "upgrade").returncode == 0
    found = events(lab, "leads", since)
    assert [event["how"] for event in found] == ["crash"]
    assert found[0]["host"] != leader
    postgresql = (lab.root(leader) / "var/log/chef-backend/postgresql/9.5/current").read_text()
    assert "received immediate shutdown request" in postgresql


def test_two_upgrades_at_once_leave_no_synced_follower(lab, roles):
    leader, follower, other = roles
    ctl(lab, leader, "set-cluster-failover", "off")
    results = {}
    for host in (follower, other):
        install(lab, host, NEW)

    def upgrade(host):
        results[host] = ctl(lab, host, "upgrade")

    threads = [threading.Thread(target=upgrade, args=(host,)) for host in (follower, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for host in (follower, other):
        assert results[host].returncode != 0
        assert "partially synced" in results[host].stderr
        assert (lab.root(host) / UNSYNCED).exists()

    def states():
        shown = nodes(lab, leader)
        return [(shown[host]["role"], shown[host]["partially_synced"], shown[host]["eligible"]) for host in shown]

    broken = ("waiting_for_leader", True, False)
    until(lambda: states().count(broken) == 2, "both are shown partially synced")
    assert replicas(lab, leader) == set()
    assert "synced: 0" in ctl(lab, leader, "status", "postgresql").stdout
    ctl(lab, leader, "set-cluster-failover", "on")
    assert ctl(lab, leader, "demote").returncode == 1

    recover(lab, leader, follower, other)


def test_a_follower_that_does_not_rejoin_makes_upgrade_fail(lab, roles):
    leader, follower, other = roles
    install(lab, follower, NEW)
    lab.put(follower, "/etc/lab/faults.json", json.dumps({"no_rejoin": True}))
    done = ctl(lab, follower, "upgrade")
    assert done.returncode == 1
    assert f"{follower} has not rejoined the cluster" in done.stderr
    assert replicas(lab, leader) == {other}
    lab.put(follower, "/etc/lab/faults.json", "{}")
    again = ctl(lab, follower, "upgrade")
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("running", "installed", "words"),
    [
        ("2.2.0", "2.0.30", "cannot be downgraded"),
        ("1.4.6", "2.3.16", "needs downtime"),
        ("2.0.30", "3.1.1", "upgrade to 2.3.16 first"),
        ("1.4.6", "3.1.1", "upgrade to 2.3.16 first"),
    ],
)
def test_upgrade_refuses_the_ways_that_the_product_does_not_go(lab, running, installed, words):
    really = runs(lab, "be3")
    lab.put("be3", "/var/opt/chef-backend/upgraded-to", f"{running}\n")
    install(lab, "be3", installed)
    before = pids(lab, "be3")
    refused = ctl(lab, "be3", "upgrade")
    assert refused.returncode == 1
    assert words in refused.stderr
    assert pids(lab, "be3") == before
    install(lab, "be3", really)
    lab.put("be3", "/var/opt/chef-backend/upgraded-to", f"{really}\n")


def test_the_way_with_downtime_brings_the_leader_back(lab, roles):
    leader, follower, other = roles
    sql(lab, leader, "create table if not exists before_the_downtime (number int)")
    for host in lab.backends:
        lab.put(host, "/var/opt/chef-backend/upgraded-to", "1.4.6\n")
        install(lab, host, NEW)
    for host in roles:  # as documented, the leader first
        done = ctl(lab, host, "down-for-upgrade")
        assert done.returncode == 0, done.stderr
    assert leaders(lab) == []
    assert ctl(lab, follower, "cluster-status").returncode == 1, "with the cluster down nobody can tell who led"
    for host in (follower, other, leader):
        done = ctl(lab, host, "upgrade")
        assert done.returncode == 0, (host, done.stderr)
    until(lambda: leaders(lab) == [leader], "the leader of before leads again")
    until(lambda: replicas(lab, leader) == {follower, other}, "the others follow it")
    assert sql(lab, leader, "select count(*) from before_the_downtime") == [(0,)]


def test_a_killed_upgrade_leaves_a_begin_without_an_end(lab):
    since = time.time()
    install(lab, "be2", NEW)
    lab.put("be2", "/etc/lab/faults.json", json.dumps({"upgrade": {"hang": 60}}))
    running = lab.popen("be2", "chef-backend-ctl", "upgrade", stdout=subprocess.DEVNULL)

    def begun():
        return [e for e in events(lab, "begin", since) if e["argv"] == ["chef-backend-ctl", "upgrade"]]

    until(begun, "the journal has seen it")
    lab.exec("be2", "kill", "-9", str(begun()[0]["pid"]))
    running.wait(10)
    assert begun()[0]["id"] not in {event["id"] for event in events(lab, "end", since)}


def test_an_upgrade_begun_before_the_other_has_rejoined_damages_both(lab, roles):
    leader, follower, other = roles
    ctl(lab, leader, "set-cluster-failover", "off")
    lab.put(follower, "/etc/lab/faults.json", json.dumps({"no_rejoin": True}))
    first = lab.popen(follower, "chef-backend-ctl", "upgrade", stderr=subprocess.PIPE)
    until(lambda: replicas(lab, leader) == {other}, "the first one is down")
    time.sleep(3)
    second = ctl(lab, other, "upgrade")
    lab.put(follower, "/etc/lab/faults.json", "{}")
    first.communicate(timeout=PATIENCE)
    assert second.returncode != 0 and first.returncode != 0
    assert (lab.root(other) / UNSYNCED).exists()
    assert replicas(lab, leader) == set() or (lab.root(follower) / UNSYNCED).exists()
    recover(lab, leader, follower, other)


def test_a_quorum_that_is_lost_in_an_upgrade_and_comes_back_damages_nothing(lab, roles):
    leader, follower, other = roles
    install(lab, follower, NEW)
    ctl(lab, leader, "set-cluster-failover", "off")
    lab.put(follower, "/etc/lab/faults.json", json.dumps({"upgrade_seconds": 5}))
    running = lab.popen(follower, "chef-backend-ctl", "upgrade", stderr=subprocess.PIPE)
    until(lambda: replicas(lab, leader) == {other}, "it is down")
    lab.power_off(other)
    until(lambda: "etcd" in pids(lab, follower), "its services start again")
    lab.power_on(other)
    said = running.communicate(timeout=PATIENCE)[1]
    assert running.returncode == 0, said.decode()
    assert not (lab.root(follower) / UNSYNCED).exists()
    until(lambda: replicas(lab, leader) == {follower, other}, "both follow")

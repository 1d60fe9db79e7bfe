"""The laboratory itself: the documented ways back from a loss of nodes."""

import pytest

from tests.integration.lab_people import ctl, leaders, nodes, replicas, serves, sql, until


@pytest.mark.spoils
def test_quorum_loss_recovery_makes_a_cluster_of_the_survivor_and_the_others_join_it(lab, roles):
    leader, follower, other = roles
    sql(lab, leader, "create table if not exists before_the_loss (number int)")
    lab.power_off(leader)
    lab.power_off(other)
    until(lambda: serves(lab, follower) == 503, 10, "nobody leads")
    recovered = ctl(lab, follower, "create-cluster", "--quorum-loss-recovery", "-y", "--accept-license")
    assert recovered.returncode == 0, recovered.stderr
    assert leaders(lab, (follower,)) == [follower]
    assert set(nodes(lab, follower)) <= {follower}
    assert sql(lab, follower, "select count(*) from before_the_loss") == [(0,)]
    lab.power_on(other)
    join = ("join-cluster", lab.address(follower), "--recovery", "-y", "--accept-license")
    joined = ctl(lab, other, *join)
    assert joined.returncode == 0, joined.stderr
    assert replicas(lab, follower) == {other}


def test_stop_and_start_on_all_three_brings_a_leader_back(lab, roles):
    leader, follower, other = roles
    for host in (leader, follower, other):
        assert ctl(lab, host, "stop").returncode == 0
    assert leaders(lab) == []
    for host in (follower, other, leader):
        assert ctl(lab, host, "start").returncode == 0
    found = until(lambda: leaders(lab), 40, "somebody leads")[0]
    until(lambda: len(replicas(lab, found)) == 2, 40, "the others follow")


def test_a_sentinel_keeps_a_follower_from_starting_until_it_is_removed(lab, roles):
    leader, follower, _ = roles
    sentinel = "/var/opt/chef-backend/leaderl/data/no-start-pgsql"
    lab.put(follower, sentinel, "")
    assert ctl(lab, follower, "stop", "postgresql").returncode == 0
    until(lambda: nodes(lab, leader)[follower]["role"] == "waiting_for_leader", 15, "it waits")
    assert follower not in replicas(lab, leader)
    assert not nodes(lab, leader)[follower]["eligible"]
    lab.exec(follower, "rm", sentinel)
    until(lambda: follower in replicas(lab, leader), 20, "it follows again")

"""The laboratory itself: who leads, how it changes, and what is lost. Each test is a documented behaviour."""

import time

import pytest

from tests.integration.lab_people import (
    Writer,
    ctl,
    events,
    leaders,
    nodes,
    replicas,
    serves,
    sql,
    the_leader,
    until,
)
from tests.lab.common import PATIENCE


@pytest.fixture
def ttl(lab):
    """The lab's leader TTL in seconds (30 s in the product)."""
    return 30 / lab.speed


def test_the_node_that_created_the_cluster_leads_and_the_others_follow(lab, roles):
    leader, follower, other = roles
    assert leaders(lab) == [leader]
    assert replicas(lab, leader) == {follower, other}
    told = {leader: ("leader", "leader"), follower: ("follower", "follower"), other: ("follower", "follower")}
    # A node that has just joined posted its state before; the table lags by one posting.
    until(
        lambda: {name: (node["role"], node["pg"]) for name, node in nodes(lab, follower).items()} == told,
        "the table tells the same",
    )


def test_a_hand_over_loses_nothing_under_a_writers_load(lab, roles):
    _, follower, _ = roles
    with Writer(lab) as writer:
        for _ in range(5):
            done = ctl(lab, follower, "demote")
            assert done.returncode == 0, done.stderr
            writer.writes_again()
            until(lambda: len(replicas(lab, the_leader(lab))) == 2, "both others follow")
        gap = writer.longest_gap()
    assert writer.lost() == set()
    assert len(writer.acknowledged) > 500
    assert gap < 4, "an outage far beyond HAProxy's interval and the promotion"


def test_demote_gives_the_leadership_to_a_follower_and_the_old_leader_follows(lab, roles):
    leader = roles[0]
    since = time.time()
    assert ctl(lab, leader, "demote").returncode == 0
    new = the_leader(lab)
    assert new != leader
    until(lambda: replicas(lab, new) == set(lab.backends) - {new}, "both others follow")
    assert [event["how"] for event in events(lab, "leads", since)] == ["hand-over"]


def test_promote_makes_the_named_node_leader(lab, roles):
    _, follower, other = roles
    assert ctl(lab, follower, "promote", other).returncode == 0
    assert the_leader(lab) == other
    again = ctl(lab, follower, "promote", other)
    assert again.returncode == 1
    assert "already the leader" in again.stderr


@pytest.mark.parametrize("switch", [("set-cluster-failover",), ("set-node-failover",)])
def test_demote_promote_and_upgrade_failover_are_refused_while_failover_is_off(lab, roles, switch):
    leader, follower, _ = roles
    assert ctl(lab, leader, *switch, "off").returncode == 0
    for words in (("demote",), ("promote", follower), ("upgrade", "--failover")):
        refused = ctl(lab, leader, *words)
        assert refused.returncode == 1, words
        assert "Failover is disabled" in refused.stderr
    assert leaders(lab) == [leader]
    assert ctl(lab, leader, *switch, "on").returncode == 0
    assert ctl(lab, leader, "demote").returncode == 0


def test_a_node_whose_failover_is_off_is_not_promoted(lab, roles):
    leader, _, other = roles
    ctl(lab, other, "set-node-failover", "off")
    assert ctl(lab, leader, "promote", other).returncode == 1
    assert {name for name, node in nodes(lab, leader).items() if node["blocked"]} == {other}
    for _ in range(2):
        assert ctl(lab, leader, "demote").returncode == 0
        assert the_leader(lab) != other
        until(lambda: len(replicas(lab, the_leader(lab))) == 2, "both others follow")


def test_after_a_power_loss_a_follower_leads_when_the_ttl_is_over(lab, roles, ttl):
    leader, follower, other = roles
    since = time.time()
    lab.power_off(leader)
    off = time.monotonic()
    new = until(lambda: leaders(lab, (follower, other)), "a follower leads")[0]
    assert time.monotonic() - off > ttl * 0.5, "nobody may lead while the old lease can hold"
    assert [(event["host"], event["how"]) for event in events(lab, "leads", since)] == [(new, "crash")]


def test_a_follower_rejoins_after_a_power_loss(lab, roles):
    leader, follower, other = roles
    lab.power_off(other)
    until(lambda: serves(lab, leader) == 200, "the leader is not disturbed")
    sql(lab, leader, "create table if not exists meanwhile (number int)")
    until(lambda: set(nodes(lab, leader)) == {leader, follower}, f"{other} is no longer shown")
    # Else the connection of before the power loss, which nobody ended, would pass for the new one.
    until(lambda: replicas(lab, leader) == {follower}, f"{leader} has noticed")
    lab.power_on(other)
    until(lambda: replicas(lab, leader) == {follower, other}, f"{other} follows again")
    until(lambda: sql(lab, other, "select to_regclass('meanwhile') is not null") == [(True,)], f"{other} caught up")


def test_the_old_leader_rejoins_as_a_follower_after_a_power_loss(lab, roles):
    leader, follower, other = roles
    lab.power_off(leader)
    new = until(lambda: leaders(lab, (follower, other)), "a follower leads")[0]
    sql(lab, new, "create table if not exists after_the_crash (number int)")
    lab.power_on(leader)
    until(lambda: leader in replicas(lab, new), f"{leader} follows")
    assert leaders(lab) == [new]
    assert sql(lab, leader, "select count(*) from after_the_crash") == [(0,)]
    assert not (lab.root(leader) / "var/opt/chef-backend/leaderl/data/no-start-pgsql").exists()


def test_with_failover_off_nobody_is_elected_until_it_is_on(lab, roles, ttl):
    leader, follower, other = roles
    ctl(lab, follower, "set-cluster-failover", "off")
    lab.power_off(leader)
    end = time.monotonic() + ttl * 1.5 + 1
    while time.monotonic() < end:
        assert leaders(lab, (follower, other)) == []
        time.sleep(0.2)
    assert ctl(lab, follower, "set-cluster-failover", "on").returncode == 0
    until(lambda: leaders(lab, (follower, other)), "a follower leads")


def test_with_failover_off_the_leader_who_returns_leads_again(lab, roles, ttl):
    leader, follower, other = roles
    ctl(lab, follower, "set-cluster-failover", "off")
    since = time.time()
    lab.power_off(leader)
    time.sleep(ttl + 2)
    lab.power_on(leader)
    until(lambda: leaders(lab) == [leader], f"{leader} leads again")
    until(lambda: replicas(lab, leader) == {follower, other}, "the others follow it again")
    assert [(event["host"], event["how"]) for event in events(lab, "leads", since)] == [(leader, "start")]


def test_a_leader_cut_off_answers_503_and_never_are_there_two(lab, roles):
    leader, follower, other = roles
    lab.unplug(leader)
    cut = time.monotonic()

    def local():
        ask = ("curl", "-s", "-o", "/dev/null", "-m", "1", "-w", "%{http_code}", "http://127.0.0.1:7331/leader")
        return lab.exec(leader, *ask, check=False).stdout == "200"

    last_old = first_new = None
    while time.monotonic() < cut + PATIENCE and first_new is None:
        others = leaders(lab, (follower, other))
        if local():
            last_old = time.monotonic()
            assert not others, "two leaders"
        if others:
            first_new = time.monotonic()
    assert first_new, "nobody took over"
    assert last_old and last_old < first_new
    assert lab.exec(leader, "pgrep", "-x", "postgres", check=False).stdout == "", "PostgreSQL still takes writes"
    (new,) = leaders(lab, (follower, other))
    lab.plug(leader)
    until(lambda: leader in replicas(lab, new), f"{leader} follows {new}")
    assert serves(lab, leader) == 503
    assert serves(lab, new) == 200, "the return of a node moves no lead"


def test_a_follower_cut_off_changes_no_leader(lab, roles, ttl):
    leader, follower, other = roles
    since = time.time()
    lab.unplug(follower)
    time.sleep(ttl * 1.5)
    assert serves(lab, leader) == 200
    lab.plug(follower)
    until(lambda: replicas(lab, leader) == {follower, other}, f"{follower} follows again")
    assert events(lab, "leads", since) == []


def test_without_a_quorum_nobody_leads(lab, roles):
    leader, follower, other = roles
    lab.power_off(follower)
    lab.power_off(other)
    until(lambda: serves(lab, leader) == 503, f"{leader} gives up when its lease is over")
    lab.power_on(follower)
    until(lambda: leaders(lab, (leader, follower)), "a leader with the quorum")


def test_postgresql_killed_on_the_leader_is_a_failover_after_the_allowed_failures(lab, roles):
    leader = roles[0]
    lab.exec(leader, "sv", "down", "/opt/chef-backend/sv/postgresql")
    until(lambda: leaders(lab) and leaders(lab) != [leader], "another one leads")


def test_elasticsearch_failing_on_the_leader_moves_the_lead_and_postgresqls_with_it(lab, roles):
    leader, follower, other = roles
    since = time.time()
    lab.exec(leader, "sv", "down", "/opt/chef-backend/sv/elasticsearch")
    new = until(lambda: leaders(lab, (follower, other)), "another one leads")[0]
    until(lambda: replicas(lab, new) == set(lab.backends) - {new}, "both others follow it")
    assert [event["host"] for event in events(lab, "leads", since)] == [new]


def test_elasticsearch_failing_on_the_leader_moves_no_lead_while_failover_is_off(lab, roles):
    leader, follower, other = roles
    assert ctl(lab, leader, "set-cluster-failover", "off").returncode == 0
    lab.exec(leader, "sv", "down", "/opt/chef-backend/sv/elasticsearch")
    time.sleep(12)
    assert leaders(lab) == [leader]
    assert ctl(lab, leader, "set-cluster-failover", "on").returncode == 0
    until(lambda: leaders(lab, (follower, other)), "another one leads as soon as failover is on")


def test_elasticsearch_failing_on_a_follower_moves_no_lead(lab, roles):
    leader, follower, _ = roles
    lab.exec(follower, "sv", "down", "/opt/chef-backend/sv/elasticsearch")
    time.sleep(12)
    assert leaders(lab) == [leader]


def test_force_leader_is_refused_while_somebody_leads_and_works_when_nobody_does(lab, roles):
    leader, follower, other = roles
    assert ctl(lab, follower, "force-leader").returncode == 1
    ctl(lab, follower, "set-cluster-failover", "off")
    lab.power_off(leader)
    until(lambda: ctl(lab, follower, "force-leader").returncode == 0, "force-leader is accepted")
    assert leaders(lab, (follower, other)) == [follower]


def test_what_cluster_status_shows_lags_behind(lab, roles):
    leader, follower, other = roles
    assert ctl(lab, leader, "promote", follower).returncode == 0
    stale = nodes(lab, other)
    assert leaders(lab) == [follower]
    seen = until(
        lambda: [name for name, node in nodes(lab, other).items() if node["role"] == "leader"] == [follower],
        "the table tells who leads",
    )
    assert seen
    assert stale[leader]["role"] != "follower" or stale[follower]["role"] != "leader", "it was there at once"

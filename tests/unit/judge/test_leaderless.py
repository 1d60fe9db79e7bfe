"""Nobody leads, or nobody may: the documented ways to a leader, and nobody named who must not be one."""

import dataclasses

import pytest

from tests.unit import printed
from tests.unit.answered import everywhere, run, views
from tests.unit.judge.advised import NOBODY_LEADS, WAITING, advise, in_order, silenced

NOBODY_LEADS_OFF = printed.cluster_status(tuple(dataclasses.replace(one, blocked="blocked") for one in WAITING))


def test_nobody_leads():
    (said,) = advise(views(**everywhere({"cluster_status": NOBODY_LEADS, "replication": ""})))
    assert said.startswith("nobody leads. Wait a minute")
    assert "'chef-backend-ctl promote NODE'" in said and "(eligible: be1, be2, be3)" in said
    assert "'chef-backend-ctl force-leader'" in said


def test_nobody_leads_and_a_run_knows_who_did():
    seen = views(**everywhere({"cluster_status": NOBODY_LEADS, "replication": ""}))
    (said,) = advise(seen, run(leader="be2", failover="off"), "gone")
    assert "'chef-backend-ctl promote be2'" in said and "be2 led when run r1 was opened" in said
    assert in_order(said, "Wait a minute", "copy the file systems", "see that cluster-status stays as it is", "promote")


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({"finished": ("be2",)}, {}),  # it has handed over
        ({"inside": ("be2",)}, {}),
        ({"failover": "on"}, {}),  # another may have been elected since
        ({}, {"unsynced": True}),
        ({}, {"no_start": True}),  # another has led since
    ],
)
def test_who_led_is_not_named_for_promotion_where_another_may_have_newer_data(fields, changes):
    seen = views(**everywhere({"cluster_status": NOBODY_LEADS, "replication": ""}))
    seen["be2"] = dataclasses.replace(seen["be2"], **changes)
    said = advise(seen, run(**{"leader": "be2", "failover": "off", **fields}), "gone")[0]
    assert "'chef-backend-ctl promote NODE'" in said and "be2 led" not in said
    assert ("eligible: be1, be3)" in said) == (changes != {} or fields != {"failover": "on"})


def test_nobody_is_elected_or_promoted_while_failover_is_off():
    seen = views(**everywhere({"cluster_status": NOBODY_LEADS_OFF, "replication": ""}))
    said = advise(seen, run(state="failed", failover="off"), "gone")[0]
    assert in_order(
        said, "nobody leads. Failover is off", "'chef-backend-ctl set-cluster-failover on'", "then wait", "promote"
    )
    seen["be2"] = dataclasses.replace(seen["be2"], half_upgraded="etcd started before")
    said = advise(seen, run(state="failed", leader="be1", failover="off"), "gone")[0]
    assert in_order(
        said,
        "be2 is half-upgraded and must not lead: 'chef-backend-ctl stop leaderl' on be2",
        "'chef-backend-ctl set-cluster-failover on'",
        "wait a minute for an election",
        "'chef-backend-ctl promote be1'",
    )


def test_before_2_0_30_the_record_says_that_failover_is_off():
    silent_of_it = printed.cluster_status(WAITING, columns=tuple(one for one in printed.COLUMNS if one != "Blocked"))
    seen = views(**everywhere({"cluster_status": silent_of_it, "replication": ""}))
    assert advise(seen, run(failover="off"), "gone")[0].startswith("nobody leads. Failover is off")
    assert advise(seen)[0].startswith("nobody leads. Wait a minute")


def test_a_leader_that_has_handed_over_is_not_promoted_again_though_it_is_the_one_that_is_deposed():
    for fields in ({"inside": ("be1",)}, {"finished": ("be1",)}):
        said = advise(views(**deposed("be1")), run(leader="be1", failover="off", **fields), "gone")[0]
        assert "promote be1" not in said and "'chef-backend-ctl promote NODE'" in said
    half = views(**deposed("be1"))
    half["be1"] = dataclasses.replace(half["be1"], half_upgraded="etcd started before")
    assert not any("promote be1" in line for line in advise(half))


def deposed(name):
    """Nobody leads, and this node's PostgreSQL does not start."""
    members = (
        printed.Member(
            node,
            role="deposed_leader" if node == name else "waiting_for_leader",
            following="-",
            pg="down" if node == name else "follower",
            eligible="not_eligible",
        )
        for node in printed.NODES
    )
    return everywhere({"cluster_status": printed.cluster_status(tuple(members)), "replication": ""})


@pytest.mark.parametrize("record", [None, run(leader="be2")])
def test_p5_nobody_leads_and_the_leader_of_before_is_deposed(record):
    (said,) = advise(views(**deposed("be1")), record, record and "gone")
    assert said.startswith("nobody leads, and be1, which led before, is deposed: its PostgreSQL does not start while ")
    assert in_order(
        said,
        "nobody has led since be1",
        "copy the file systems of all nodes first",
        "/var/log/chef-backend/leaderl/current on be1",
        "on be1 'rm /var/opt/chef-backend/leaderl/data/no-start-pgsql'",
        "'chef-backend-ctl restart postgresql'",
        "'chef-backend-ctl promote be1'",
    )


@pytest.mark.parametrize("etcd", ["health: red; healthy nodes: 1/3", "error: could not reach etcd (timed out)"])
def test_p6_two_nodes_are_down_and_new_ones_join_without_recovery(etcd):
    (said,) = advise(silenced("be2", "be3", be1={"status": printed.status(printed.cells(etcd=etcd))}))
    assert said.startswith("be2 and be3 do not answer, and etcd on be1 has no quorum: they are down, or be1 is cut off")
    assert in_order(
        said,
        "Only if both are lost for good, and be1 has the newest data",
        "copy the file systems of all nodes first",
        "'chef-backend-ctl create-cluster --quorum-loss-recovery' on be1",
        "'chef-backend-ctl join-cluster 10.0.0.1 -s SECRETS' on a new node, without --recovery",
        "SECRETS is a copy of be1's /etc/chef-backend/chef-backend-secrets.json",
    )


LOST = {"status": printed.status(printed.cells(etcd="health: red; healthy nodes: 1/3"))}


def test_p6_nobody_is_told_to_make_a_cluster_of_3_0_0_that_nobody_can_join():
    (said,) = advise(silenced("be2", "be3", be1=LOST | {"version": "3.0.0"}))
    assert said.endswith("ask the vendor: nobody joins a cluster that was installed with 3.0.0")
    assert "create-cluster" not in said
    (said,) = advise(silenced("be2", "be3", be1=LOST | {"version": "3.1.1"}))
    assert in_order(said, "If the cluster was installed with 3.0.0, ask the vendor instead", "create-cluster")


@pytest.mark.parametrize(
    ("addresses", "address"),
    [(["192.168.5.4"], "192.168.5.4"), (["172.17.0.1", "192.168.5.4"], "ADDRESS"), ([], "ADDRESS")],
)
def test_p6_the_survivors_address_is_said_if_only_one_can_be_meant(addresses, address):
    own = {"own": {"names": ["be1"], "addresses": addresses}, "cluster_status": None}
    (said,) = advise(silenced("be2", "be3", be1=LOST | own))
    assert f"'chef-backend-ctl join-cluster {address} -s SECRETS'" in said
    where = "ADDRESS is the publish_address in be1's /etc/chef-backend/chef-backend.rb. "
    assert (where in said) == (address == "ADDRESS")


def test_s2_two_silent_minions_are_not_two_nodes_that_are_down():
    (said,) = advise(silenced("be2", "be3"))
    assert said == (
        "be2 and be3 do not answer, but etcd on be1 has a quorum: one of them at least is at work, and its minion is "
        "silent. Look at their minions and hosts; nothing is to be recovered"
    )


@pytest.mark.parametrize(
    "status", ["broken", printed.status(printed.cells(etcd=None)), printed.status(printed.cells(etcd="a: b"))]
)
def test_s2_what_the_third_node_does_not_tell_is_no_reason_to_recover(status):
    (said,) = advise(silenced("be2", "be3", be1={"status": status}))
    assert "be1 does not tell whether etcd has a quorum" in said and "create-cluster" not in said


def test_nobody_answers():
    (said,) = advise(silenced("be1", "be2", "be3"))
    assert "or find out why their minions are silent" in said and "create-cluster" not in said

"""The judgement: what is healthy, and of what is not the node, the value, the bound and the advice."""

import dataclasses

import pytest

from saltext.chef_backend.judge import health
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.product.cluster_status import ClusterStatus
from saltext.chef_backend.product.reading import ParseError
from saltext.chef_backend.product.status import Status
from tests.unit import printed

BOUNDS = health.Bounds()


def view(node, members=printed.MEMBERS, lag=None, **services):
    """What one node answers; the leader knows how far its followers are behind."""
    led = any(member.name == node and member.pg == "leader" for member in members)
    followers = {member.name: 0 for member in members if member.name != node} if led else {}
    return View(
        node=node,
        cluster=ClusterStatus.from_table(printed.cluster_status(members)),
        status=Status.from_text(printed.status(**services)),
        version="2.2.0",
        lag=followers if lag is None else lag,
    )


def views(**changes):
    """Three healthy views, some of them replaced."""
    return {node: view(node) for node in printed.NODES} | changes


def judged(members=printed.MEMBERS, **services):
    cluster = ClusterStatus.from_table(printed.cluster_status(members))
    return health.judge(cluster, Status.from_text(printed.status(**services)), "be1")


def said(verdict):
    assert not verdict.healthy
    assert verdict.reasons
    return "\n".join(map(str, verdict.reasons))


# all nodes' views


def test_between_turns_one_node_is_enough_to_show_the_table_of_the_cluster():
    unasked = {node: dataclasses.replace(view(node), table=False, cluster=None) for node in ("be2", "be3")}
    assert health.judge_cluster(views(**unasked), BOUNDS).healthy
    said_nothing = dataclasses.replace(view("be2"), cluster=None)
    assert "be2 shows no cluster-status" in said(health.judge_cluster(views(be2=said_nothing), BOUNDS))
    nobody = {node: dataclasses.replace(view(node), table=False, cluster=None) for node in printed.NODES}
    assert "shows no cluster-status" in said(health.judge_cluster(nobody, BOUNDS))


# one node's view


@pytest.mark.parametrize(
    ("cluster", "status"),
    [
        ("s1-cluster-status-healthy.txt", "s3-status-four-services.txt"),
        ("s1-cluster-status-healthy.txt", "s5-status-0.8.7.txt"),
        ("s1-cluster-status-healthy.txt", "s6-status-collapsed.txt"),
        ("synthetic-cluster-status-following.txt", "s6-status-collapsed.txt"),
        ("synthetic-cluster-status-blocked-yes-no.txt", "s6-status-collapsed.txt"),
    ],
)
def test_healthy_samples(sample, cluster, status):
    seen = ClusterStatus.from_table(sample(cluster))
    assert health.judge(seen, Status.from_text(sample(status))) == health.Verdict(True, ())


def test_just_after_a_demote(sample):
    seen = ClusterStatus.from_table(sample("s2-cluster-status-after-demote.txt"))
    verdict = health.judge(seen, Status.from_text(sample("s3-status-four-services.txt")))
    assert said(verdict) == (
        "backend-1 is deposed_leader, PostgreSQL follower (expected follower): wait until it follows, or repair it"
    )


def test_the_broken_cluster_of_issue_1405(sample):
    seen = ClusterStatus.from_table(sample("s1-cluster-status-healthy.txt"))
    verdict = health.judge(seen, Status.from_text(sample("s7-status-broken.txt")), "backend-2")
    told = said(verdict)
    assert "backend-2 has postgresql down (expected running): look at /var/log/chef-backend/postgresql there" in told
    assert "backend-2 has postgresql error: could not reach pgsql leader for replication stats" in told
    assert "backend-2 has leaderl with leader: 0 (expected 1)" in told
    assert "backend-2 has leaderl with waiting: 3 (expected 0)" in told
    assert "backend-2 has leaderl with follower: 0 (expected 2)" in told


def test_a_partially_synced_node(sample):
    seen = ClusterStatus.from_json(sample("synthetic-cluster-status-list.json"))
    verdict = health.judge(seen, Status.from_text(sample("s3-status-four-services.txt")))
    assert [reason.node for reason in verdict.reasons] == ["backend-3"]
    assert "partially synced" in said(verdict)


@pytest.mark.parametrize(
    ("members", "told"),
    [
        (printed.MEMBERS[:2], "be1 sees 2 nodes, be1, be2 (expected 3): find out which node is missing"),
        ((*printed.MEMBERS, printed.Member("be4")), "be1 sees 4 nodes"),
        (printed.changed("be1", role="follower", pg="follower"), "be1 sees no single leader: be1 follower/follower"),
        (printed.changed("be1", pg="follower"), "be1 sees no single leader: be1 leader/follower"),
        (
            printed.changed("be2", role="leader", pg="leader"),
            "be1 sees no single leader: be1 leader/leader, be2 leader",
        ),
        (printed.changed("be2", pg="leader"), "be1 sees no single leader"),
        (printed.changed("be2", role="waiting_for_leader"), "be2 is waiting_for_leader, PostgreSQL follower"),
        (printed.changed("be2", role="promoting"), "be2 is promoting"),
        (printed.changed("be3", pg=""), "be3 is follower, PostgreSQL unknown"),
        (printed.changed("be3", es=""), "be3 has Elasticsearch unknown (expected master or not_master)"),
        (printed.changed("be2", es="master"), "be1 sees several Elasticsearch masters, be2, be3"),
        (printed.changed("be3", eligible="not_eligible"), "be3 is not eligible to lead"),
        (printed.changed("be3", following="be2"), "be3 follows be2 (expected the leader be1)"),
        (printed.changed("be3", following="10.0.0.2"), "be3 follows be2 (expected the leader be1)"),
    ],
)
def test_what_cluster_status_shows(members, told):
    assert told in said(judged(members))


@pytest.mark.parametrize(
    "members",
    [
        printed.changed("be3", following="10.0.0.1"),
        printed.changed("be3", following="be1.example.com"),
        printed.changed("be3", following=""),
        printed.changed("be3", following="5432"),  # names nobody: the cell's form is not documented
        printed.changed("be3", eligible="not_eligible", blocked="blocked"),
    ],
)
def test_what_is_not_documented_makes_nobody_ill(members):
    assert judged(members).healthy


@pytest.mark.parametrize(
    ("services", "told"),
    [
        ({"down": ["etcd"]}, "be1 has etcd down (expected running)"),
        ({"down": ["epmd"]}, "be1 has epmd down"),
        ({"cells": printed.cells(leaderl=None)}, "be1 does not list leaderl"),
        ({"cells": printed.cells(elasticsearch=None)}, "be1 does not list elasticsearch"),
        ({"cells": printed.cells(etcd="health: yellow; healthy nodes: 3/3")}, "be1 has etcd with health: yellow"),
        ({"cells": printed.cells(etcd="health: green; healthy nodes: 2/3")}, "healthy nodes: 2/3 (expected 3/3)"),
        ({"cells": printed.cells(etcd="health: green; healthy nodes: 2/2")}, "healthy nodes: 2/2 (expected 3/3)"),
        ({"cells": printed.cells(etcd="health: green; healthy nodes: 4/4")}, "healthy nodes: 4/4 (expected 3/3)"),
        ({"cells": printed.cells(etcd="health: green")}, "healthy nodes: nothing (expected 3/3)"),
        ({"cells": printed.cells(etcd="")}, "be1 has etcd with health: nothing (expected green)"),
        ({"cells": printed.cells(elasticsearch="state: red; nodes online: 3/3")}, "elasticsearch with state: red"),
        ({"cells": printed.cells(elasticsearch="error: x")}, "be1 has elasticsearch error: x: look at /var/log"),
        ({"cells": printed.cells(epmd="error: x")}, "be1 has epmd error: x"),
        (
            {"cells": printed.cells(postgresql="leader: 1; offline: 1; syncing: 0; synced: 1")},
            "be1 has postgresql with synced: 1 (expected 2)",
        ),
        (
            {"cells": printed.cells(postgresql="leader: 1; offline: 0; syncing: 0; synced: 3")},
            "be1 has postgresql with synced: 3 (expected 2)",
        ),
        (
            {"cells": printed.cells(postgresql="leader: 1; offline: 0; syncing: 1; synced: 2")},
            "be1 has postgresql with syncing: 1 (expected 0)",
        ),
        (
            {"cells": printed.cells(leaderl="leader: 2; waiting: 0; follower: 2; total: 3")},
            "be1 has leaderl with leader: 2 (expected 1)",
        ),
        (
            {"cells": printed.cells(leaderl="leader: 1; waiting: 0; follower: two; total: 3")},
            "be1 has leaderl with follower: two (expected 2)",
        ),
        ({"disks": ("/var/opt/chef-backend: 12MB", printed.DISKS[1])}, "has disks /var/opt/chef-backend: 12MB"),
        ({"disks": ("error: no such disk", printed.DISKS[1])}, "be1 has disks error: no such disk (expected OK)"),
        ({"disks": (printed.DISKS[0], "health: yellow; healthy nodes: 2/3")}, "be1 has disks with health: yellow"),
    ],
)
def test_what_status_shows(services, told):
    assert told in said(judged(**services))


def test_nothing_to_judge_is_not_healthy():
    assert "shows no cluster-status" in said(health.judge(None, None))
    told = said(health.judge(ParseError("no table", "oops"), ParseError("no rows", "alas")))
    assert "this node shows no cluster-status that can be read: no table: 'oops'" in told
    assert "this node shows no status of its services that can be read: no rows: 'alas'" in told


# the views of all three


def test_three_healthy_views():
    assert health.judge_cluster(views(), BOUNDS) == health.Verdict(True, ())


def test_a_follower_far_behind():
    verdict = health.judge_cluster(views(be1=view("be1", lag={"be2": 83886080, "be3": 52428800})), BOUNDS)
    assert said(verdict) == (
        "be2 is 83886080 bytes behind the leader (limit 52428800): "
        "wait until it has caught up, or raise gates.max_lag_bytes"
    )


def test_p14_postgresqls_log_is_the_one_that_its_node_has():
    log = "/var/log/chef-backend/postgresql/9.6/current"
    told = said(
        health.judge_cluster(views(be2=dataclasses.replace(view("be2", down=["postgresql"]), pg_log=log)), BOUNDS)
    )
    assert f"be2 has postgresql down (expected running): look at {log} there" in told
    told = said(health.judge_cluster(views(be2=view("be2", down=["postgresql"])), BOUNDS))
    assert "look at /var/log/chef-backend/postgresql there" in told, "what it has not told is not guessed"


def test_a_follower_far_behind_known_by_its_guid():
    guid = printed.MEMBERS[1].guid
    verdict = health.judge_cluster(views(be1=view("be1", lag={guid: 7, "be3": 0})), health.Bounds(max_lag_bytes=6))
    assert said(verdict).startswith("be2 is 7 bytes behind the leader (limit 6)")


@pytest.mark.parametrize("lag", [None, True, -1, 0.5, "0"])
def test_a_lag_that_is_no_number(lag):
    verdict = health.judge_cluster(views(be1=view("be1", lag={"be2": lag, "be3": 0})), BOUNDS)
    assert "be2 is" in said(verdict)


@pytest.mark.parametrize("lag", [{}, {"be2": 0}])
def test_replication_that_nobody_shows(lag):
    verdict = health.judge_cluster(views(be1=view("be1", lag=lag)), BOUNDS)
    assert f"the cluster shows replication to {len(lag)} followers (expected 2)" in said(verdict)


def test_two_nodes_that_are_replicated():
    verdict = health.judge_cluster(views(be2=view("be2", lag={"be3": 0})), BOUNDS)
    assert "the cluster is replicated from several nodes, be1, be2 (expected the leader only)" in said(verdict)


OTHER_LEADER = (
    dataclasses.replace(printed.MEMBERS[0], role="follower", pg="follower", following="be2"),
    dataclasses.replace(printed.MEMBERS[1], role="leader", pg="leader", following="-"),
    dataclasses.replace(printed.MEMBERS[2], following="be2"),
)


def test_a_node_that_does_not_lead_and_is_replicated():
    seen = {node: view(node, OTHER_LEADER, lag={}) for node in printed.NODES}
    seen["be1"] = dataclasses.replace(seen["be1"], lag={"be3": 0})
    told = said(health.judge_cluster(seen, BOUNDS))
    assert "be1 has followers in replication, be3 (be2 leads): wait until they follow the leader" in told


def test_nodes_that_do_not_agree_on_the_leader():
    assert judged(OTHER_LEADER).healthy  # seen alone, nothing is wrong with it
    verdict = health.judge_cluster(views(be3=view("be3", OTHER_LEADER)), BOUNDS)
    assert "the cluster is seen with different leaders: wait until the nodes agree" in said(verdict)


def test_a_node_of_another_cluster():
    strangers = (printed.MEMBERS[0], printed.MEMBERS[1], dataclasses.replace(printed.MEMBERS[2], name="be9"))
    verdict = health.judge_cluster(views(be3=view("be3", strangers)), BOUNDS)
    assert "the cluster is seen with different nodes" in said(verdict)
    assert "be3 is not in its own cluster-status" in said(verdict)


@pytest.mark.parametrize("missing", printed.NODES)
def test_a_node_that_does_not_answer(missing):
    silent = View.of_silence(missing, "the minion did not return within 15 s")
    told = said(health.judge_cluster(views(**{missing: silent}), BOUNDS))
    assert "the minion did not return within 15 s" in told
    left = {node: view(node) for node in printed.NODES if node != missing}
    assert "the cluster is seen by 2 nodes" in said(health.judge_cluster(left, BOUNDS))


def test_no_views_at_all():
    assert "the cluster is seen by 0 nodes, none (expected 3)" in said(health.judge_cluster({}, BOUNDS))


def test_a_reason_is_told_once():
    deposed = printed.changed("be3", role="deposed_leader")
    verdict = health.judge_cluster({node: view(node, deposed) for node in printed.NODES}, BOUNDS)
    assert len([reason for reason in verdict.reasons if reason.node == "be3"]) == 1


# a run that is resumed: one node is half-way through its upgrade

FEW = {
    "leaderl": "leader: 1; waiting: 1; follower: 1; total: 3",
    "etcd": "health: yellow; healthy nodes: 2/3",
    "postgresql": "leader: 1; offline: 1; syncing: 0; synced: 1",
    "elasticsearch": "state: yellow; nodes online: 2/3",
}


def half_upgraded(node, role="waiting_for_leader", **changes):
    """A follower is half-way through: what the others see, and what it says itself."""
    members = printed.changed(node, role=role, pg="", es="")
    seen = {other: view(other, members, cells=printed.cells(**FEW)) for other in printed.NODES if other != node}
    return seen | {node: View.of_silence(node, "chef-backend-ctl status: exit status 1")} | changes


def test_a_half_upgraded_follower_is_tolerated_and_told():
    seen = half_upgraded("be3")
    assert not health.judge_cluster(seen, BOUNDS).healthy
    verdict = health.judge_cluster(seen, BOUNDS, except_node="be3")
    assert verdict.healthy
    assert verdict.reasons == ()
    told = "\n".join(map(str, verdict.tolerated))
    assert "chef-backend-ctl status: exit status 1 (be1, be2 see be3 neither leading nor following" in told
    assert "be1 has postgresql with synced: 1 (expected 2)" in told
    assert "be2 has elasticsearch with nodes online: 2/3 (expected 3/3)" in told


def test_a_half_upgraded_follower_that_nobody_lists():
    left = [member for member in printed.MEMBERS if member.name != "be3"]
    seen = {node: view(node, left, cells=printed.cells(**FEW)) for node in ("be1", "be2")}
    assert health.judge_cluster(seen | {"be3": View.of_silence("be3", "x")}, BOUNDS, except_node="be3").healthy


def test_only_the_named_node_is_tolerated():
    assert not health.judge_cluster(half_upgraded("be3"), BOUNDS, except_node="be2").healthy
    assert not health.judge_cluster(half_upgraded("be3"), BOUNDS, except_node="be9").healthy


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"be2": View.of_silence("be2", "no answer")}, "no answer (be1 sees be2 following: only its minion is silent)"),
        ({"be2": view("be2", down=["leaderl"])}, "be2 has leaderl down"),
        ({"be1": view("be1", lag={"be2": 60_000_000})}, "be2 is 60000000 bytes behind the leader"),
        ({"be1": view("be1", lag={"be3": 0})}, "the cluster shows replication to 0 followers (expected 1)"),
        (
            {
                "be1": view(
                    "be1", cells=printed.cells(**FEW | {"postgresql": "leader: 1; offline: 2; syncing: 0; synced: 0"})
                )
            },
            "be1 has postgresql with synced: 0 (expected 1 to 2)",
        ),
        ({"be1": view("be1", cells=printed.cells(etcd="health: red; healthy nodes: 1/3"))}, "(expected 2/3 or 3/3)"),
        ({"be1": view("be1", printed.changed("be2", role="promoting"))}, "be2 is promoting"),
    ],
)
def test_beside_a_half_upgraded_node_the_others_must_be_well(changes, told):
    assert told in said(health.judge_cluster(half_upgraded("be3", **changes), BOUNDS, except_node="be3"))


def test_a_half_upgraded_node_that_claims_to_lead_too_is_not_tolerated():
    seen = half_upgraded("be3", role="leader")
    assert "no single leader" in said(health.judge_cluster(seen, BOUNDS, except_node="be3"))


def test_a_half_upgraded_leader_that_still_leads_is_tolerated():
    """Its package is installed, its `upgrade --failover` ended before it began: all others are well."""
    ill = dataclasses.replace(view("be1", down=["epmd"]), version="2.3.16")
    seen = views(be1=ill)
    assert not health.judge_cluster(seen, BOUNDS).healthy
    verdict = health.judge_cluster(seen, BOUNDS, except_node="be1")
    assert verdict.healthy
    assert [reason.node for reason in verdict.tolerated] == ["be1"]


def test_a_half_upgraded_leader_excuses_no_missing_follower():
    seen = views(be2=view("be2", cells=printed.cells(postgresql="leader: 1; offline: 1; syncing: 0; synced: 1")))
    told = said(health.judge_cluster(seen, BOUNDS, except_node="be1"))
    assert "be2 has postgresql with synced: 1 (expected 2)" in told


def test_a_resumed_node_that_is_well_leaves_nothing_to_tolerate():
    assert health.judge_cluster(views(), BOUNDS, except_node="be2") == health.Verdict(True, ())


def test_elasticsearch_need_not_be_well_between_an_upgrade_and_its_reindex():
    """Nothing else is excused by that."""
    down = printed.status(down=["elasticsearch"])
    cluster = ClusterStatus.from_table(printed.cluster_status(printed.changed("be2", es="unknown")))
    status = Status.from_text(down)
    assert not health.judge(cluster, status).healthy
    assert health.judge(cluster, status, search=False).healthy
    worse = Status.from_text(printed.status(down=["elasticsearch", "etcd"]))
    assert [reason.service for reason in health.judge(cluster, worse, search=False).reasons] == ["etcd"]
    views = {node: View(node, cluster=cluster, status=status, version="3.1.1") for node in printed.NODES}
    views["be1"] = dataclasses.replace(views["be1"], lag={"be2": 0, "be3": 0})
    assert not health.judge_cluster(views, health.Bounds()).healthy
    assert health.judge_cluster(views, health.Bounds(search=False)).healthy

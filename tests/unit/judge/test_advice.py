"""What the documents leave to a person is said with the right names, and a healthy cluster needs nobody."""

import dataclasses

import pytest

from saltext.chef_backend.judge import advice
from tests.unit import printed
from tests.unit.answered import RECORD, REPLICATION, everywhere, silent, views

NOBODY_LEADS = printed.cluster_status(
    tuple(printed.Member(name, role="waiting_for_leader", pg="down", following="-") for name in printed.NODES)
)


def advise(seen, record=None, gone=None):
    return advice.advise(seen, record, gone)


def silenced(*nodes, **changes):
    return views(**changes) | {node: silent(node) for node in nodes}


def test_a_healthy_cluster_needs_nobody():
    assert advise(views()) == []
    assert advise(views(), dataclasses.replace(RECORD, state="paused"), "it ended as paused") == []


def test_while_a_run_is_at_it_or_has_the_cluster_down_it_says_itself_how_it_goes_on():
    assert advise(silenced("be2", "be3"), RECORD, None) == []
    assert advise(silenced("be2"), dataclasses.replace(RECORD, way="downtime", down=("be1",)), "gone") == []


def test_nobody_leads():
    (said,) = advise(views(**everywhere({"cluster_status": NOBODY_LEADS, "replication": ""})))
    assert said.startswith("nobody leads. Wait a minute")
    assert "'chef-backend-ctl promote NODE'" in said and "(eligible: be1, be2, be3)" in said
    assert "'chef-backend-ctl force-leader'" in said


def test_nobody_leads_and_a_run_knows_who_did():
    seen = views(**everywhere({"cluster_status": NOBODY_LEADS, "replication": ""}))
    (said,) = advise(seen, dataclasses.replace(RECORD, leader="be2"), "gone")
    assert "'chef-backend-ctl promote be2'" in said and "be2 led when run r1 was opened" in said


def test_one_node_is_down():
    (said,) = advise(silenced("be2"))
    assert said.startswith("be2 does not answer: look at its host")
    assert "'chef-backend-ctl remove-node be2' on be1" in said
    assert "'chef-backend-ctl join-cluster 10.0.0.1 --recovery -s SECRETS'" in said
    assert "SECRETS is a copy of be1's /etc/chef-backend/chef-backend-secrets.json" in said


def test_two_nodes_are_down():
    (said,) = advise(silenced("be2", "be3"))
    assert said.startswith("be2 and be3 do not answer: if they are down, etcd has no quorum")
    assert "'chef-backend-ctl create-cluster --quorum-loss-recovery' on be1" in said
    assert "Only if both are lost for good" in said
    assert "'chef-backend-ctl join-cluster 10.0.0.1 --recovery -s SECRETS'" in said
    assert "SECRETS is a copy of be1's /etc/chef-backend/chef-backend-secrets.json" in said


def test_nobody_answers():
    (said,) = advise(silenced("be1", "be2", "be3"))
    assert "or find out why their minions are silent" in said and "create-cluster" not in said


def test_leaderl_does_not_run():
    down = {"status": printed.status(down=("leaderl",))}
    (said,) = advise(views(be1=down, be3=down))
    assert said.startswith("leaderl does not run on be1, be3: without it a node neither leads nor follows")
    assert "'chef-backend-ctl start leaderl'" in said


def test_a_sync_that_failed():
    columns = tuple(printed.COLUMNS)
    table = printed.cluster_status(columns=columns)
    rows = table.splitlines()
    rows = [
        f"{rows[0]}  Partially Synced",
        *(f"{row}  {'true' if row.startswith('be3') else 'false'}" for row in rows[1:]),
    ]
    (said,) = advise(views(**everywhere({"cluster_status": "\n".join(rows)})))
    assert said.startswith("the sync of be3 failed and left leaderl/data/unsynced there.")
    assert "on be3 'chef-backend-ctl stop leaderl'" in said
    assert "'PSQL_INTERNAL_OK=true chef-backend-ctl pgsql-follow --force-basebackup 10.0.0.1'" in said


def test_a_sync_that_failed_as_the_node_itself_tells():
    (said,) = advise(views(be3={"unsynced": True}))
    assert said.startswith("the sync of be3 failed and left leaderl/data/unsynced there.")
    only_be2 = REPLICATION.splitlines()[0]
    assert advise(views(be1={"replication": only_be2}, be3={"unsynced": True})) == [said], "said once"


def test_a_follower_whose_wal_is_gone():
    only_be2 = REPLICATION.splitlines()[0]
    (said,) = advise(views(be1={"replication": only_be2}))
    assert said.startswith("be3 does not replicate from be1. If /var/log/chef-backend/postgresql/*/current there says")
    assert "requested WAL segment ... has already been removed" in said and "--force-basebackup 10.0.0.1" in said


@pytest.mark.parametrize("record", [None, dataclasses.replace(RECORD, state="failed")])
def test_a_node_that_is_half_upgraded(record):
    seen = views(
        be3={"half_upgraded": "etcd started before 2.3.16 was installed"},
        **everywhere_but("be3", cluster_status=printed.OFF),
    )
    (said,) = advise(seen, record, "gone" if record else None)
    assert said.startswith("be3 is half-upgraded: the upgrade with ")
    assert ("version 2.3.16 in the pillar" if record else "the version that is installed there") in said


def everywhere_but(node, **changes):
    return {other: changes for other in printed.NODES if other != node}


def test_failover_off_without_a_run_and_after_one():
    seen = views(**everywhere({"cluster_status": printed.OFF}))
    (said,) = advise(seen)
    assert said.startswith("failover is off and no run explains it") and "set-cluster-failover on" in said
    (said,) = advise(seen, dataclasses.replace(RECORD, state="failed"), "gone")
    assert "run r1 ended as failed and left it so" in said


def test_what_cannot_be_read_is_left_to_the_verdict():
    assert advise(views(**everywhere({"cluster_status": "broken", "replication": "broken"}))) == []

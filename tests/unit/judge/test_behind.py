"""A node does not follow: the way back by hand is whole, with its names, and only where it is needed."""

import dataclasses

from saltext.chef_backend.judge import standing
from saltext.chef_backend.show import status as shows
from saltext.chef_backend.show.status import Shown
from tests.unit import printed
from tests.unit.answered import REPLICATION, everywhere, replicated, views
from tests.unit.judge.advised import NOBODY_LEADS, advise, in_order, late


def test_a_way_back_that_is_at_work_is_not_advised_once_more():
    seen = views(be3={"unsynced": True, "busy": ["chef-backend-ctl join-cluster"]})
    assert not any("pgsql-follow" in line for line in advise(seen))


def test_a_sentinel_beside_a_node_that_follows_is_no_reason_to_stop_it():
    assert advise(views(be3={"no_start": True})) == []


def test_a_leader_of_before_that_does_not_follow_is_brought_into_line_by_hand_and_no_wal_is_blamed():
    members = tuple(
        dataclasses.replace(one, role="deposed_leader", pg="down", eligible="not_eligible")
        if one.name == "be3"
        else one
        for one in printed.MEMBERS
    )
    seen = late({"replication": REPLICATION.splitlines()[0]}, be3={"no_start": True})
    shown = views(**everywhere({"cluster_status": printed.cluster_status(members)}))
    seen = {node: dataclasses.replace(one, cluster=shown[node].cluster) for node, one in seen.items()}
    (said,) = advise(seen)
    assert said.startswith("be3 led before, and does not follow be1: its PostgreSQL does not start while ")
    assert in_order(
        said,
        "on be3 'chef-backend-ctl stop leaderl'",
        "pgsql-follow 10.0.0.1 --verbose'",
        "'rm -f /var/opt/chef-backend/leaderl/data/no-start-pgsql'",
        "'chef-backend-ctl start leaderl'",
    )


def test_without_a_leader_no_command_is_said_that_needs_its_address():
    seen = views(**everywhere({"cluster_status": NOBODY_LEADS, "replication": "", "unsynced": True}))
    said = [line for line in advise(seen) if line.startswith("the sync of")]
    assert len(said) == 3
    assert all(line.endswith("the way back begins at the leader") and "pgsql-follow" not in line for line in said)


def test_a_sync_that_failed():
    columns = tuple(printed.COLUMNS)
    table = printed.cluster_status(columns=columns)
    rows = table.splitlines()
    rows = [
        f"{rows[0]}  Partially Synced",
        *(f"{row}  {'true' if row.startswith('be3') else 'false'}" for row in rows[1:]),
    ]
    (said,) = advise(views(**everywhere({"cluster_status": "\n".join(rows)})))
    assert_it_is_the_sync(said)


def assert_it_is_the_sync(said):
    assert said.startswith("the sync of be3 failed and left /var/opt/chef-backend/leaderl/data/unsynced there.")
    assert in_order(
        said,
        "on be3 'chef-backend-ctl stop leaderl'",
        "'PSQL_INTERNAL_OK=true chef-backend-ctl pgsql-follow 10.0.0.1 --verbose'",
        "Once that works, 'rm -f /var/opt/chef-backend/leaderl/data/unsynced'",
        "'chef-backend-ctl start leaderl'",
        "WAL segment has already been removed",
        "--force-basebackup --verbose 10.0.0.1'",
        "'rm -f /var/opt/chef-backend/leaderl/data/unsynced'",
        "'chef-backend-ctl start'",
    )


def test_p4_a_sync_that_failed_as_the_node_itself_tells():
    (said,) = advise(views(be3={"unsynced": True}))
    assert_it_is_the_sync(said)
    only_be2 = REPLICATION.splitlines()[0]
    assert advise(views(be1={"replication": only_be2}, be3={"unsynced": True})) == [said], "said once"


def test_a_follower_whose_wal_is_gone():
    only_be2 = REPLICATION.splitlines()[0]
    log = "/var/log/chef-backend/postgresql/9.5/current"
    (said,) = advise(late({"replication": only_be2}, be3={"pg_log": log}))
    assert said.startswith(f"be3 does not replicate from be1. If {log} there says")
    assert (
        "requested WAL segment ... has already been removed" in said and "--force-basebackup --verbose 10.0.0.1" in said
    )


def test_p8_followers_that_replicate_by_addresses_nobody_knows_are_left_alone():
    rows = [replicated("walreceiver", address=f"172.16.0.{number}") for number in (2, 3)]
    assert advise(views(be1={"replication": "\n".join(rows)})) == []
    stands = standing.of_cluster("prod", "2.2.0", views(be1={"replication": "\n".join(rows)}), 1000)
    assert (stands.reasons, stands.replicating) == ((), (("172.16.0.2", 0), ("172.16.0.3", 0)))
    text = shows.status_text(Shown(stands))
    assert "replication to 172.16.0.2, which is no node's: 0 bytes behind" in text
    assert advise(late({"replication": "\n".join(rows)})) == [], "each may be one of the two"
    (said, other) = advise(late({"replication": rows[0]}))
    assert "be2 does not replicate" in said and "be3 does not replicate" in other


def test_a_wal_segment_that_is_gone_is_said_where_the_log_was_read():
    advice = advise(late({"replication": ""}, be3={"signs": {"postgresql": ["wal-gone"]}}))
    assert any(
        line.startswith("be3 does not replicate from be1. Its log says that what it has does not lead on: a full")
        for line in advice
    )
    assert any(line.startswith("be2 does not replicate from be1. If /var/log/") for line in advice)

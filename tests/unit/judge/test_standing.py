"""How a cluster stands: every node, every reason, the run, and what is advised about it."""

import pytest

from saltext.chef_backend.judge import answers, standing
from saltext.chef_backend.judge.standing import NodeStanding
from saltext.chef_backend.note import Note
from saltext.chef_backend.show import status as shows
from saltext.chef_backend.show.status import Shown
from tests.unit import printed
from tests.unit.answered import RECORD, everywhere, run, silent, view, views


def of_cluster(seen):
    return standing.of_cluster("prod", "2.3.16", seen, max_lag_bytes=1024)


def test_every_node_is_shown_as_it_is():
    one, two, three = standing.of_nodes(views(be3={"version": "2.3.16"}), "2.3.16")
    assert one == NodeStanding(
        node="be1",
        version="2.2.0",
        target="2.3.16",
        address="10.0.0.1",
        role="leader",
        pg="leader",
        es="not_master",
        lag="",
        due="not upgraded yet",
        called="be1",
        guid=printed.MEMBERS[0].guid,
    )
    assert (two.lag, two.due) == (0, "not upgraded yet")
    assert (three.es, three.lag, three.due) == ("master", 96, "")


def test_nodes_are_found_whether_their_minions_have_a_domain_or_not():
    seen = {f"{node}.example.com": view(f"{node}.example.com") for node in printed.NODES}
    rows = standing.of_nodes(answers.in_our_words(seen), "2.3.16")
    assert [(row.node, row.address, row.lag) for row in rows] == [
        ("be1.example.com", "10.0.0.1", ""),
        ("be2.example.com", "10.0.0.2", 0),
        ("be3.example.com", "10.0.0.3", 96),
    ]


def test_a_half_upgraded_node_is_due_although_the_version_is_the_target():
    rows = standing.of_nodes(views(be2={"version": "2.3.16", "half_upgraded": "etcd started before"}), "2.3.16")
    assert rows[1].due == "etcd started before"


def test_a_silent_node_is_unknown_not_missing():
    row = standing.of_nodes(views() | {"be3": silent("be3")}, "2.3.16")[2]
    assert row.node == "be3"
    assert {row.version, row.address, row.role, row.pg, row.es} == {"unknown"}
    assert row.due == "unknown"


def test_where_no_backend_tells_of_a_run_it_is_unknown_whether_one_is_open():
    nobody = {node: silent(node) for node in printed.NODES}
    assert (of_cluster(nobody).run, of_cluster(nobody).known) == (None, False)
    assert "run: unknown" in shows.status_text(Shown(of_cluster(nobody)))
    assert of_cluster(nobody | {"be1": view("be1")}).known is True


def test_a_healthy_cluster():
    found = of_cluster(views())
    assert found.healthy is True
    assert found.reasons == ()
    assert (found.cluster, found.target, found.failover, found.run) == ("prod", "2.3.16", "on", None)


def test_failover_off_without_a_run_is_told_and_what_to_do():
    found = of_cluster(views(**everywhere({"cluster_status": printed.OFF})))
    assert found.failover == "off"
    assert found.healthy is False
    assert list(map(str, found.reasons)) == [
        "failover is off and no run explains it: run 'chef-backend-ctl set-cluster-failover on'"
    ]


@pytest.mark.parametrize(("state", "way"), [("failed", "rolling"), ("paused", "reindex"), ("open", "replace_node")])
def test_failover_off_is_not_explained_by_a_run_that_does_not_switch_it_now(state, way):
    ended = RECORD.to_dict() | {"state": state, "way": way}
    found = of_cluster(views(**everywhere({"cluster_status": printed.OFF, "record": ended})))
    assert found.healthy is False
    assert list(map(str, found.reasons)) == [f"failover is off, and run r1 is {state}: nobody would take over"]


def test_failover_off_is_explained_by_a_run():
    found = of_cluster(views(**everywhere({"cluster_status": printed.OFF, "record": RECORD.to_dict()})))
    assert found.healthy is True
    assert found.run == run(unheard=0.0)


@pytest.mark.parametrize(
    ("state", "gave_up", "unheard", "told"),
    [
        ("open", None, 60.0, ""),
        (
            "open",
            None,
            61.0,
            "silent for 61 s (lease 60 s) at 'open': if its salt-run is gone, the same command goes on",
        ),
        ("failed", None, 0.0, "run r1 failed at 'open': the same command goes on from there"),
        ("open", 1, 61.0, "the backends gave it up and look after failover themselves; the same command goes on from"),
    ],
)
def test_a_run_that_is_not_under_way_any_more_is_told_with_what_to_do(state, gave_up, unheard, told):
    note = Note("r1", gave_up=gave_up).to_dict()
    found = of_cluster(views(be1={"record": RECORD.to_dict() | {"state": state}, "note": note, "unheard": unheard}))
    assert told in found.advice
    assert bool(found.advice) == bool(told)
    assert told in shows.status_text(Shown(found))
    assert found.healthy is True, "an unfinished run is no illness: the next one may go on"


def test_a_cluster_that_its_run_took_down_is_told_with_what_to_do():
    down = run(way="downtime", down=True, state="failed")
    answer = {"record": down.to_dict(), "cluster_status": None, "status": printed.status(down=list(printed.SERVICES))}
    found = of_cluster(views(**everywhere(answer)))
    assert found.advice == "run r1 has the cluster down (be2, be3, be1): the same command goes on from there"


def test_a_record_that_cannot_be_read_is_a_reason():
    found = of_cluster(views(be2={"record": {"run": "r1"}}))
    assert found.healthy is False
    assert found.run is None
    assert any(str(reason).startswith("be2: not a record: ") for reason in found.reasons)

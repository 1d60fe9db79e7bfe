"""What status shows: every node, every reason, and what is advised."""

import dataclasses

import pytest

from saltext.chef_backend.judge.plan import Plan, Step
from saltext.chef_backend.show import status as shows
from tests.unit import printed
from tests.unit.answered import RECORD, everywhere, silent, view, views

OFF = printed.cluster_status(
    tuple(printed.Member(m.name, m.role, m.pg, m.es, m.following, blocked="blocked") for m in printed.MEMBERS)
)


def status(seen, target="2.3.16", now=2100.0):
    return shows.status("prod", target, seen, max_lag_bytes=1024, now=now)


def test_many_clusters_are_a_line_each_and_what_is_not_well_below():
    well, ill = status(views()), {**status(views(be2={"errors": {"answer": "be2 does not answer"}})), "cluster": "test"}
    head, *lines = shows.every_text([well, ill]).splitlines()
    assert head.split() == ["cluster", "version", "target", "leader", "failover", "run", "verdict"]
    assert lines[0].split() == ["prod", "2.2.0", "2.3.16", "be1", "on", "none", "healthy"]
    assert lines[1].startswith("test") and lines[1].endswith("NOT HEALTHY")
    assert lines[2] == "test:" and all(line.startswith("  - ") for line in lines[3:])


def test_every_node_is_shown_as_it_is():
    one, two, three = shows.node_rows(views(be3={"version": "2.3.16"}), "2.3.16")
    assert one == {
        "node": "be1",
        "version": "2.2.0",
        "target": "2.3.16",
        "address": "10.0.0.1",
        "role": "leader",
        "pg": "leader",
        "es": "not_master",
        "lag": "",
        "due": "not upgraded yet",
    }
    assert (two["lag"], two["due"]) == (0, "not upgraded yet")
    assert (three["es"], three["lag"], three["due"]) == ("master", 96, "")


def test_nodes_are_found_whether_their_minions_have_a_domain_or_not():
    seen = {f"{node}.example.com": view(f"{node}.example.com") for node in printed.NODES}
    assert [(row["node"], row["address"], row["lag"]) for row in shows.node_rows(seen, "2.3.16")] == [
        ("be1.example.com", "10.0.0.1", ""),
        ("be2.example.com", "10.0.0.2", 0),
        ("be3.example.com", "10.0.0.3", 96),
    ]


def test_a_half_upgraded_node_is_due_although_the_version_is_the_target():
    rows = shows.node_rows(views(be2={"version": "2.3.16", "half_upgraded": "etcd started before"}), "2.3.16")
    assert rows[1]["due"] == "etcd started before"


def test_a_silent_node_is_unknown_not_missing():
    row = shows.node_rows(views() | {"be3": silent("be3")}, "2.3.16")[2]
    assert row["node"] == "be3"
    assert {row[key] for key in ("version", "address", "role", "pg", "es")} == {"unknown"}
    assert row["due"] == "not upgraded yet"


def test_status_of_a_healthy_cluster():
    shown = status(views())
    assert shown["healthy"] is True
    assert shown["reasons"] == []
    assert (shown["cluster"], shown["target"], shown["failover"], shown["run"]) == ("prod", "2.3.16", "on", None)


def test_failover_off_without_a_run_is_told_and_what_to_do():
    shown = status(views(**everywhere({"cluster_status": OFF})))
    assert shown["failover"] == "off"
    assert shown["healthy"] is False
    assert shown["reasons"] == [
        "failover is off and no run explains it: run 'chef-backend-ctl set-cluster-failover on'"
    ]


@pytest.mark.parametrize(("state", "way"), [("failed", "rolling"), ("paused", "reindex"), ("open", "replace_node")])
def test_failover_off_is_not_explained_by_a_run_that_does_not_switch_it_now(state, way):
    ended = RECORD.to_dict() | {"state": state, "way": way}
    shown = status(views(**everywhere({"cluster_status": OFF, "record": ended})))
    assert shown["healthy"] is False
    assert shown["reasons"] == [f"failover is off, and run r1 is {state}: nobody would take over"]


def test_failover_off_is_explained_by_a_run():
    shown = status(views(**everywhere({"cluster_status": OFF, "record": RECORD.to_dict()})))
    assert shown["healthy"] is True
    assert shown["run"] == RECORD.to_dict()


@pytest.mark.parametrize(
    ("state", "now", "told"),
    [
        ("open", 2160.0, ""),
        ("open", 2161.0, "silent for 61 s (lease 60 s) at 'open': if its salt-run is gone, the same command goes on"),
        ("failed", 2100.0, "run r1 failed at 'open': the same command goes on from there"),
        ("abandoned", 2100.0, "the backends gave it up and switched failover on; the same command goes on from here"),
    ],
)
def test_a_run_that_is_not_under_way_any_more_is_told_with_what_to_do(state, now, told):
    shown = status(views(be1={"record": RECORD.to_dict() | {"state": state}}), now=now)
    assert told in shown["advice"]
    assert bool(shown["advice"]) == bool(told)
    assert told in shows.status_text(shown)
    assert shown["healthy"] is True, "an unfinished run is no illness: the next one may go on"


def test_a_cluster_that_its_run_took_down_is_told_with_what_to_do():
    down = dataclasses.replace(RECORD, way="downtime", down=("be1",), state="failed")
    answer = {"record": down.to_dict(), "cluster_status": None, "status": printed.status(down=list(printed.SERVICES))}
    shown = status(views(**everywhere(answer)))
    assert shown["advice"] == "run r1 has the cluster down (be2, be3, be1): the same command goes on from there"


def test_a_record_that_cannot_be_read_is_a_reason():
    shown = status(views(be2={"record": {"run": "r1"}}))
    assert shown["healthy"] is False
    assert shown["run"] is None
    assert any(reason.startswith("be2: not a record: ") for reason in shown["reasons"])


def test_status_for_a_terminal_lists_every_reason():
    text = shows.status_text(status(views(be2={"status": printed.status(down=["etcd"])}) | {"be3": silent("be3")}))
    assert "cluster prod: NOT HEALTHY; failover on" in text
    assert "run: none" in text
    assert "  - be2 has etcd down" in text
    assert "Minion did not return" in text
    assert "run: r1 to 2.3.16, open, at 'open'" in shows.status_text(status(views(be1={"record": RECORD.to_dict()})))


def test_tables_are_aligned_by_their_widest_cell():
    rows = [{"node": "backend-1", "due": ""}, {"node": "b", "due": 7, "more": "x"}]
    assert shows.table(rows, ("node", "due")) == "node       due\nbackend-1\nb          7"


# plan


def test_plan_for_a_terminal_shows_way_hops_order_commands_and_what_would_refuse_it():
    hops = ("2.0.30 to 2.3.16: rolling", "2.3.16 to 3.1.1: reindex")
    step = Step("be2", ("chef-backend-ctl", "upgrade"))
    planned = Plan("rolling", "within 2.x", hops, ("be2", "be1"), (step,), ())
    text = shows.plan_text(status(views()), planned)
    assert text.startswith(shows.status_text(status(views())))
    assert "way: rolling (within 2.x)\nhop 1: 2.0.30 to 2.3.16: rolling\nhop 2: 2.3.16 to 3.1.1: reindex\n" in text
    assert text.endswith("order: be2, be1\n  be2      chef-backend-ctl upgrade")
    refused = shows.plan_text(status(views()), dataclasses.replace(planned, refusals=("be3 is behind",)))
    assert refused.endswith("an upgrade would be refused now:\n  - be3 is behind")


def test_plan_for_a_program_is_plain_lists_and_texts():
    planned = Plan("rolling", "within 2.x", ("x",), ("be2",), (Step("be2", ("chef-backend-ctl", "upgrade")),), ("no",))
    assert shows.plan(planned, [["fe1"]]) == {
        "way": "rolling",
        "reason": "within 2.x",
        "hops": ["x"],
        "order": ["be2"],
        "commands": [["be2", "chef-backend-ctl upgrade"]],
        "frontends": [["fe1"]],
        "refusals": ["no"],
    }

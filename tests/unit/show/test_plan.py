"""What status and plan show: every node, every reason, and the commands of a rolling upgrade in their order."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext.chef_backend.judge import way as ways
from saltext.chef_backend.product.version import Version
from saltext.chef_backend.show import status as plans
from tests.unit import printed
from tests.unit.answered import RECORD, everywhere, moved, silent, view, views

DEB = "chef-backend_2.3.16-1_amd64.deb"
OFF = printed.cluster_status(
    tuple(printed.Member(m.name, m.role, m.pg, m.es, m.following, blocked="blocked") for m in printed.MEMBERS)
)


def status(seen, target="2.3.16", now=2100.0):
    return plans.status("prod", target, seen, max_lag_bytes=1024, now=now)


def plan(seen, target="2.3.16", **more):
    packages = {**more.get("hops", {}), target: DEB}
    return plans.plan(status(seen, target), [["fe1"], ["fe2"]], packages, more.get("index"))


# status


def test_many_clusters_are_a_line_each_and_what_is_not_well_below():
    well, ill = status(views()), {**status(views(be2={"errors": {"answer": "be2 does not answer"}})), "cluster": "test"}
    head, *lines = plans.every_text([well, ill]).splitlines()
    assert head.split() == ["cluster", "version", "target", "leader", "failover", "run", "verdict"]
    assert lines[0].split() == ["prod", "2.2.0", "2.3.16", "be1", "on", "none", "healthy"]
    assert lines[1].startswith("test") and lines[1].endswith("NOT HEALTHY")
    assert lines[2] == "test:" and all(line.startswith("  - ") for line in lines[3:])


def test_every_node_is_shown_as_it_is():
    one, two, three = plans.node_rows(views(be3={"version": "2.3.16"}), "2.3.16")
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
    assert [(row["node"], row["address"], row["lag"]) for row in plans.node_rows(seen, "2.3.16")] == [
        ("be1.example.com", "10.0.0.1", ""),
        ("be2.example.com", "10.0.0.2", 0),
        ("be3.example.com", "10.0.0.3", 96),
    ]


def test_a_half_done_upgrade_is_due_although_the_version_is_the_target():
    rows = plans.node_rows(views(be2={"version": "2.3.16", "half_upgraded": "etcd started before"}), "2.3.16")
    assert rows[1]["due"] == "etcd started before"


def test_a_silent_node_is_unknown_not_missing():
    row = plans.node_rows(views() | {"be3": silent("be3")}, "2.3.16")[2]
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
    assert told in plans.status_text(shown)
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
    text = plans.status_text(status(views(be2={"status": printed.status(down=["etcd"])}) | {"be3": silent("be3")}))
    assert "cluster prod: NOT HEALTHY; failover on" in text
    assert "run: none" in text
    assert "  - be2 has etcd down" in text
    assert "Minion did not return" in text
    assert "run: r1 to 2.3.16, open, at 'open'" in plans.status_text(status(views(be1={"record": RECORD.to_dict()})))


def test_tables_are_aligned_by_their_widest_cell():
    rows = [{"node": "backend-1", "due": ""}, {"node": "b", "due": 7, "more": "x"}]
    assert plans.table(rows, ("node", "due")) == "node       due\nbackend-1\nb          7"


# plan


def test_the_rolling_way_takes_followers_first_and_the_leader_last():
    planned = plan(views())
    assert planned["way"] == "rolling"
    assert planned["reason"] == "2.2.0 to 2.3.16 stays within 2.x"
    assert planned["order"] == ["be2", "be3", "be1"]
    assert planned["refusals"] == []
    assert planned["frontends"] == [["fe1"], ["fe2"]]
    assert planned["commands"] == [
        ["any", "chef-backend-ctl set-cluster-failover off"],
        ["be2", f"install {DEB}"],
        ["be2", "chef-backend-ctl upgrade"],
        ["be3", f"install {DEB}"],
        ["be3", "chef-backend-ctl upgrade"],
        ["any", "chef-backend-ctl set-cluster-failover on"],
        ["be1", f"install {DEB}"],
        ["be1", "chef-backend-ctl upgrade --failover"],
        ["any", "chef-backend-ctl set-cluster-failover off"],
        ["any", "chef-backend-ctl set-cluster-failover on"],
    ]


def test_who_leads_now_is_last_whoever_it_is():
    seen = views(**everywhere({"cluster_status": moved("be2")}))
    assert plan(seen)["order"] == ["be1", "be3", "be2"]


def test_what_is_upgraded_is_not_planned_again():
    planned = plan(views(be2={"version": "2.3.16"}, be3={"version": "2.3.16"}))
    assert planned["order"] == ["be1"]
    assert planned["commands"][0] == ["be1", f"install {DEB}"]
    assert planned["way"] == "rolling"


def test_nothing_is_planned_on_a_cluster_that_is_upgraded():
    planned = plan(views(**everywhere({"version": "2.3.16"})))
    assert (planned["way"], planned["order"], planned["commands"]) == ("none", [], [])


@pytest.mark.parametrize(
    ("seen", "target", "refusal"),
    [
        (views(), "2.0.30", "2.2.0 to 2.0.30: refused (2.2.0 is newer than 2.0.30: there is no way back"),
        (views(), "4.0.0", "2.2.0 to 4.0.0: refused (no way to 4.0.0 is documented"),
        (
            views(**everywhere({"version": "2.0.30"})),
            "3.1.1",
            "2.0.30 to 3.1.1: refused (2.0.30 does not go to 3.1.1 directly; go to 2.3.16 first: add it to hops",
        ),
        (
            views(be2={"version": "1.4.6"}),
            "2.3.16",
            "the backends run different versions (be1 2.2.0, be2 1.4.6, be3 2.2.0)",
        ),
        (views(be2={"version": "3.0.0-rc.1"}), "3.1.1", "be2: '3.0.0-rc.1' is not a version"),
        (views() | {"be3": silent("be3")}, "2.3.16", "be3: its version is unknown"),
        (views(be2={"status": printed.status(down=["etcd"])}), "2.3.16", "be2 has etcd down"),
    ],
)
def test_what_an_upgrade_would_refuse_is_told_before(seen, target, refusal):
    assert any(told.startswith(refusal) for told in plan(seen, target)["refusals"])


@pytest.mark.parametrize("version", [None, "latest"])
def test_unknown_is_never_nothing_to_do(version):
    planned = plan(views(**everywhere({"version": version})))
    assert planned["way"] == "refused"
    planned = plan(views(**everywhere({"version": "2.3.16"}) | {"be2": {"version": version}}))
    assert planned["way"] == "refused"


@pytest.mark.parametrize(("installed", "target"), [("2.0.30", "3.1.1"), ("2.2.0", "2.0.30")])
def test_no_commands_are_shown_for_a_way_that_is_refused(installed, target):
    planned = plan(views(**everywhere({"version": installed})), target)
    assert (planned["way"], planned["commands"]) == ("refused", [])


def test_the_way_with_downtime_takes_the_leader_down_first_and_upgrades_it_last():
    planned = plan(views(**everywhere({"version": "1.4.6", "cluster_status": moved("be2")})))
    assert planned["way"] == "downtime"
    assert planned["commands"] == [
        ["be1", f"install {DEB}"],
        ["be2", f"install {DEB}"],
        ["be3", f"install {DEB}"],
        ["be2", "chef-backend-ctl down-for-upgrade"],
        ["be1", "chef-backend-ctl down-for-upgrade"],
        ["be3", "chef-backend-ctl down-for-upgrade"],
        ["be1", "chef-backend-ctl upgrade"],
        ["be3", "chef-backend-ctl upgrade"],
        ["be2", "chef-backend-ctl upgrade"],
    ]


def test_several_hops_are_shown_with_their_ways_and_the_commands_of_the_first():
    seen = views(**everywhere({"version": "2.0.30"}))
    planned = plan(seen, "3.1.1", hops={"2.3.16": "first.deb"}, index="5.4.1")
    assert (planned["way"], planned["refusals"]) == ("rolling", [])
    assert ["be2", "install first.deb"] in planned["commands"]
    text = plans.plan_text(status(seen, "3.1.1"), planned)
    assert "hop 1: 2.0.30 to 2.3.16: rolling" in text
    assert "hop 2: 2.3.16 to 3.1.1: reindex (the index was created by Elasticsearch 5.4.1" in text


def test_a_reindex_ends_with_elasticsearch_stopped_emptied_and_started_everywhere():
    planned = plan(views(), "3.1.1", index="5.4.1")
    assert planned["way"] == "reindex"
    assert [command for node, command in planned["commands"] if node == "all"] == [
        "stop elasticsearch", "delete the index files", "start elasticsearch",
    ]  # fmt: skip


def test_plan_for_a_terminal():
    shown = status(views())
    text = plans.plan_text(shown, plan(views()))
    assert "way: rolling (2.2.0 to 2.3.16 stays within 2.x)" in text
    assert "order: be2, be3, be1" in text
    assert text.index("be3      chef-backend-ctl upgrade") < text.index("be1      chef-backend-ctl upgrade --failover")
    assert text.index("upgrade --failover") < text.index("fe1      chef-server-ctl reconfigure")
    assert "refused" not in text
    refused = plans.plan_text(status(views(), "2.0.30"), plan(views(), "2.0.30"))
    assert "an upgrade would be refused now:\n  - 2.2.0 to 2.0.30: refused (2.2.0 is newer" in refused


INSTALLED = st.sampled_from(["1.4.6", "2.0.30", "2.2.0", "2.3.16", "3.1.1", None])


@settings(max_examples=80, deadline=None)
@given(
    installed=st.tuples(INSTALLED, INSTALLED, INSTALLED),
    target=st.sampled_from(["1.4.6", "2.2.0", "2.3.16", "3.1.1"]),
    leads=st.sampled_from(printed.NODES),
)
def test_failover_is_on_at_the_end_the_leader_is_last_and_no_refused_way_is_called_a_way(installed, target, leads):
    answer = {"cluster_status": moved(leads)}
    seen = {node: view(node, version=version, **answer) for node, version in zip(printed.NODES, installed, strict=True)}
    planned = plan(seen, target)
    switches = [command for _, command in planned["commands"] if "set-cluster-failover" in command]
    assert switches == ["chef-backend-ctl set-cluster-failover off", "chef-backend-ctl set-cluster-failover on"] * (
        len(switches) // 2
    )
    assert leads not in planned["order"][:-1]
    assert set(planned["order"]) == {node for node in printed.NODES if seen[node].version != target}
    upgraded = [node for node, command in planned["commands"] if command.startswith("chef-backend-ctl upgrade")]
    assert upgraded == ([] if planned["way"] == "refused" else planned["order"])
    goal = Version.from_text(target)
    chosen = {ways.choose_way(Version.from_text(v), goal).name for v in installed if v} - {"none"}
    if len(chosen) > 1 or "refused" in chosen or len(set(installed) - {target}) > 1:
        assert planned["way"] == "refused"
        assert planned["refusals"]
    if None in installed:
        assert planned["refusals"]

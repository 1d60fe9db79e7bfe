"""What status and plan show, on a terminal and to a program."""

import dataclasses
import json

from saltext.chef_backend.judge import answers, kinds, standing
from saltext.chef_backend.judge.plan import Plan, Step
from saltext.chef_backend.reason import Reason
from saltext.chef_backend.show import status as shows
from saltext.chef_backend.show.status import Shown
from tests.unit import printed
from tests.unit.answered import RECORD, silent, views

NO = Reason("way", "prod", said="no")


def status(seen, cluster="prod"):
    return Shown(standing.of_cluster(cluster, "2.3.16", seen, max_lag_bytes=1024))


def test_many_clusters_are_a_line_each_and_what_is_not_well_below():
    well, ill = status(views()), status(views(be2={"errors": {"answer": "be2 does not answer"}}), cluster="test")
    head, *lines = shows.every_text([well.standing, ill.standing]).splitlines()
    assert head.split() == ["cluster", "version", "target", "leader", "failover", "run", "verdict"]
    assert lines[0].split() == ["prod", "2.2.0", "2.3.16", "be1", "on", "none", "healthy"]
    assert lines[1].startswith("test") and lines[1].endswith("NOT HEALTHY")
    assert lines[2] == "test:" and all(line.startswith("  - ") for line in lines[3:])


def test_status_for_a_terminal_lists_every_reason():
    text = shows.status_text(status(views(be2={"status": printed.status(down=["etcd"])}) | {"be3": silent("be3")}))
    assert "cluster prod: NOT HEALTHY; failover on" in text
    assert "run: none" in text
    assert "  - be2 has etcd down" in text
    assert "Minion did not return" in text
    assert "run: r1 to 2.3.16, open, at 'open'" in shows.status_text(status(views(be1={"record": RECORD.to_dict()})))


def test_i8_status_says_what_is_at_work_on_a_node():
    shown = status(views(be2={"busy": ["chef-backend-ctl upgrade (for 20 s)"]}))
    assert "at work: be2: chef-backend-ctl upgrade (for 20 s)" in shows.status_text(shown)
    assert shown.to_dict()["at_work"] == ["be2: chef-backend-ctl upgrade (for 20 s)"]


def test_a_node_that_the_product_calls_otherwise_is_told_once():
    loud = printed.cluster_status(
        tuple(
            dataclasses.replace(one, name=one.name.upper(), following=one.following.upper()) for one in printed.MEMBERS
        )
    )
    seen = views(**{node: {"cluster_status": loud} for node in printed.NODES})
    text = shows.status_text(status(answers.in_our_words(seen)))
    assert "in cluster-status be1 is BE1, be2 is BE2, be3 is BE3" in text
    assert text.count("BE1") == 1, "the table and everything else call it as its minion is called"


def test_status_for_a_program_is_plain_lists_mappings_and_texts():
    shown = Shown(status(views(be1={"record": RECORD.to_dict()})).standing, "the next window opens soon", ("do this",))
    plain = shown.to_dict()
    assert plain == json.loads(json.dumps(plain))
    assert (plain["healthy"], plain["reasons"], plain["run"]) == (True, [], RECORD.to_dict())
    assert (plain["window"], plain["to_do"]) == ("the next window opens soon", ["do this"])
    assert [node["node"] for node in plain["nodes"]] == ["be1", "be2", "be3"]


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
    left = shows.plan_text(status(views()), dataclasses.replace(planned, left=("the last step is left to you",)))
    assert left.endswith("upgrade\nthe last step is left to you")
    refused = shows.plan_text(
        status(views()), dataclasses.replace(planned, refusals=(Reason("lag", "be3", "is behind"),))
    )
    assert refused.endswith("an upgrade would be refused now:\n  - be3 is behind")


def test_plan_for_a_program_is_plain_lists_and_texts():
    planned = Plan("rolling", "within 2.x", ("x",), ("be2",), (Step("be2", ("chef-backend-ctl", "upgrade")),), (NO,))
    assert shows.plan(planned, [["fe1"]]) == {
        "way": "rolling",
        "reason": "within 2.x",
        "hops": ["x"],
        "order": ["be2"],
        "commands": [["be2", "chef-backend-ctl upgrade"]],
        "frontends": [["fe1"]],
        "refusals": [kinds.fields(NO)],
        "left": [],
    }

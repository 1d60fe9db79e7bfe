"""What watch and history show of a run."""

import dataclasses

from saltext.chef_backend.judge.standing import of_nodes
from saltext.chef_backend.show import watch as shows
from tests.unit.answered import RECORD, views
from tests.unit.test_journal import entry, ran

NODES = of_nodes(views(), "2.3.16")[:2]
TOLD = [
    entry(2000, "open", node="prod"),
    entry(2010, "install", "begin"),
    entry(2012, "install"),
    ran(2015, "chef-backend-ctl", "upgrade"),
    entry(2013, "upgrade", "begin"),
]


def test_each_node_with_its_last_step_and_what_it_took_before():
    be1, be2 = shows.rows(NODES, TOLD, {"be2": 61.4}, now=2033)
    assert be1 == {"node": "be1", "role": "leader", "version": "2.2.0", "step": "-", "elapsed": "-", "estimated": "-"}
    assert (be2["step"], be2["elapsed"], be2["estimated"]) == ("upgrade ...", "20 s", "61 s")


def test_a_gate_is_shown_until_something_else_is_told():
    said = "be2 is 83886080 bytes behind the leader (limit 52428800)"
    waiting = [*TOLD, entry(2040, "gate", "begin", node="prod", comment=said)]
    assert shows.waits_for(waiting) == said
    assert f"gate: {said}" in shows.screen(RECORD, shows.rows(NODES, waiting, {}, 2041), waiting, 2041)
    assert shows.waits_for([*waiting, entry(2050, "gate", "end")]) is None
    assert shows.waits_for([]) is None


def test_the_screen_begins_with_the_run():
    first = shows.screen(RECORD, shows.rows(NODES, TOLD, {}, 2041), TOLD, 2041).splitlines()[0]
    assert first == "prod: run r1, rolling to 2.3.16, 41 s; at 'open'; failover on"


def test_one_cluster_of_many():
    close = entry(2050, "close", node="prod")
    begins = entry(2030, "upgrade", "begin")
    rows = [
        shows.cluster_row("prod", RECORD, begins, 2041),
        shows.cluster_row("a", dataclasses.replace(RECORD, state="failed", failover="off"), None, 2041),
        shows.cluster_row("b", None, close, 2041),
        shows.cluster_row("c", None, dataclasses.replace(close, how="failed"), 2041),
        shows.cluster_row("d", None, begins, 2041),
        shows.cluster_row("e", None, None, 2041),
    ]
    assert [row["state"] for row in rows] == ["open", "failed", "done", "aborted", "ended", "-"]
    assert shows.clusters_text(rows).splitlines()[1].split() == [
        *("prod", "open", "2.3.16", "on", "41", "s", "be2", "upgrade", "..."),
    ]


def test_the_runs_that_were():
    ended = dataclasses.replace(RECORD, state="done", step="verified")
    assert shows.history_text([]) == "no run is known"
    head, row = shows.history_text([shows.run_row(ended, lambda at: f"at {at:.0f}")]).splitlines()
    assert head.split() == ["run", "way", "target", "state", "opened", "seconds", "step", "master"]
    assert row.split() == ["r1", "rolling", "2.3.16", "done", "at", "2000", "100", "verified", "hub"]


def test_all_that_was_told_of_a_run_and_what_is_missing():
    text = shows.told_text(RECORD, TOLD, ["be3: its part is missing"], lambda at: f"{at:.0f}")
    assert text.startswith("prod: run r1, rolling to 2.3.16, open; failover was off for 0 s")
    assert "2015  be2      chef-backend-ctl upgrade done (1.5 s)" in text
    assert text.endswith("be3: its part is missing")

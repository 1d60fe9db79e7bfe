"""A second terminal: watch shows a run live, and history finds it again with every command that changed something."""

import json
import os
import signal

import pytest

from tests.integration.test_steering import types
from tests.lab.common import PATIENCE


def ran(operator, nodes):
    """What the laboratory's own journal saw: host, words and status of each changing command of the product."""
    seen = [c for c in operator.changing_commands() if c.host in nodes and c.argv[0].startswith("chef-")]
    return sorted((c.host, " ".join(c.argv), c.status) for c in seen)


def test_a_run_is_watched_live_and_watch_ends_with_it(happy):
    assert happy.watch.returncode == happy.watch_json.returncode == 0, happy.watch
    assert "is done; failover was off for" in happy.watch.stdout
    shown = happy.watch.stderr
    for words in (
        "open done",
        "be2      gate 1 of 3 done: upgrade follower be2",
        "be1      gate 3 of 3 done: upgrade leader be1",
        "be2      install ...",
        "be3      rejoin done",
        "be1      chef-backend-ctl upgrade --failover",
    ):
        assert words in shown, shown
    assert shown.index("open done") < shown.index("be2      rejoin done") < shown.index("close done")
    (ended,) = json.loads(happy.watch_json.stdout)
    assert (ended["ok"], ended["state"], ended["run"]) == (True, "done", happy.run)
    assert "no run of prod is under way" in types(happy.operator, "watch", status=1)


def test_a_run_is_found_again(happy):
    operator = happy.operator
    assert happy.run in types(operator, "history")
    told = operator.lab.salt_run("chef_backend.history", "prod", happy.run, "text=False", "--out=json")
    (told,) = json.loads(told.stdout)
    commands = [entry for entry in told["entries"] if entry["step"] == "command"]
    nodes = (*operator.lab.backends, *operator.lab.frontends)
    found = [(e["node"], " ".join(e["data"]["argv"]), e["data"]["status"]) for e in commands]
    assert sorted(one for one in found if not one[1].startswith("install ")) == ran(operator, nodes)
    assert [e["node"] for e in commands if e["data"]["argv"][0] == "install"] == ["be2", "be3", "be1"]
    assert told["troubles"] == []
    switched = operator.commands("chef-backend-ctl set-cluster-failover")
    off = sum(on.end - off.end for off, on in zip(switched[::2], switched[1::2], strict=True))
    assert abs(told["exposure"] - off) < 2, (told["exposure"], off)
    missing = operator.lab.salt_run("chef_backend.history", "prod", "20200101")
    assert missing.returncode == 1 and "prod has no run '20200101', known are: " in missing.stdout


@pytest.mark.campaign
def test_a_run_that_dies_while_it_is_watched(operator):
    run = operator.starts_upgrading()
    operator.waits_for(lambda: operator.commands("chef-backend-ctl set-cluster-failover off"))
    watched = operator.starts_watching("prod")
    operator.waits_for(lambda: operator.commands("chef-backend-ctl upgrade"))
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    stdout, stderr = watched.communicate(timeout=PATIENCE)
    assert watched.returncode == 1, stdout + stderr
    assert "nobody drives run" in stdout and "is no more" in stdout, stdout + stderr


@pytest.mark.campaign
def test_all_clusters_of_a_site_are_watched_on_one_terminal(operator):
    """The second one has the same hosts: the laboratory has one cluster."""
    operator.lab.write_pillar({"chef_backend": {"clusters": {"prod": operator.cluster, "twin": operator.cluster}}})
    idle = operator.lab.salt_run("chef_backend.watch")
    assert idle.returncode == 1 and "no run is under way, of prod, twin" in idle.stdout, idle.stdout
    run = operator.starts_upgrading()
    operator.waits_for(lambda: operator.commands("chef-backend-ctl set-cluster-failover off"))
    watched = operator.starts_watching()
    run.communicate(timeout=PATIENCE)
    assert run.returncode == 0
    stdout, shown = watched.communicate(timeout=PATIENCE)  # a fleet would begin its next run within a minute
    assert watched.returncode == 0, stdout + shown
    assert [line.split()[:2] for line in stdout.splitlines()[1:3]] == [["prod", "done"], ["twin", "-"]], stdout
    lines = [line.split() for line in shown.splitlines() if line.startswith("prod ")]
    steps = [" ".join(line[2:]) for line in lines]
    for step in ("be3 rejoin ...", "be1 upgrade ..."):
        assert step in steps, shown
    assert "twin" not in shown, shown

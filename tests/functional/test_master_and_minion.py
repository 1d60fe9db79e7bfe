"""A real master and a real minion on loopback, with recorded programs on the minion's PATH."""

import concurrent.futures
import os

import pytest

from tests.functional.minion import REPO, move_tree
from tests.functional.pillars import example, write_for_masters
from tests.functional.recorded import Recorded

QUICK = {"enable_fqdns_grains": False, "enable_gpu_grains": False, "grains_cache": True}


@pytest.fixture(name="salt_factories_config", scope="session")
def fixture_salt_factories_config(tmp_path_factory):
    """Keep what the daemons write below pytest's folder, and what they listen on at loopback."""
    return {
        "code_dir": str(REPO),
        "root_dir": str(tmp_path_factory.mktemp("salt")),
        "log_server_host": "127.0.0.1",
        "start_timeout": 120,
        "slow_stop": False,
    }


@pytest.fixture(name="programs", scope="module")
def fixture_programs(tmp_path_factory, recording):
    """Return the programs that the minion finds first."""
    programs = Recorded(tmp_path_factory.mktemp("programs") / "recorded")
    programs.say("chef-backend-ctl cluster-status", recording("synthetic-be1-leads.txt"))
    programs.say("chef-backend-ctl status", recording("synthetic-status-just-started.txt"))
    return programs


@pytest.fixture(name="master", scope="module")
def fixture_master(salt_factories, tmp_path_factory, programs):
    """Start a master, hub, and a minion, be1; their pillar names two backends only."""
    pillar = tmp_path_factory.mktemp("pillar")
    write_for_masters(pillar, example(backends=["be1", "be2"]))
    master = salt_factories.salt_master_daemon(
        "hub",
        overrides={
            **QUICK,
            "id": "hub_master",
            "interface": "127.0.0.1",
            "auto_accept": True,
            "worker_threads": 2,
            "file_roots": {"base": [str(REPO)]},
            "pillar_roots": {"base": [str(pillar)]},
            "module_dirs": [str(REPO)],
        },
    )
    moved = tmp_path_factory.mktemp("m")
    minion = master.salt_minion_daemon(
        "be1",
        overrides={**QUICK, "interface": "127.0.0.1", "module_dirs": [str(move_tree(moved))]},
    )
    minion.environ["PATH"] = f"{programs.bin}:{os.environ['PATH']}"
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda daemon: daemon.start(), (master, minion)))
    yield master
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda daemon: daemon.terminate(), (minion, master)))


def test_a_minion_answers_with_its_view(master, programs):
    view = master.salt_cli().run("chef_backend_node.view", minion_tgt="be1").data
    assert view["node"] == "be1"
    assert view["cluster_status"].startswith("Name")
    assert view["status"].startswith("Service")
    assert view["errors"]["version"].endswith("is chef-backend installed?")
    assert programs.changing == []


def test_a_failed_command_reaches_the_operator_with_its_node_and_a_status_that_is_not_0(master, programs):
    programs.say("chef-backend-ctl demote", status=1, stderr="Failover is disabled for the cluster\n")
    done = master.salt_cli().run("chef_backend_cluster.demote", minion_tgt="be1")
    assert done.returncode != 0
    assert "be1: chef-backend-ctl demote ended with status 1:\n  Failover is disabled for the cluster" in done.data


def test_an_orchestration_with_a_bad_pillar_is_refused_and_touches_nothing(master, programs):
    before = len(programs.calls)
    done = master.salt_run_cli().run("state.orchestrate", "orch.chef_backend_rolling", pillar={"cluster": "prod"})
    assert done.returncode == 1
    said = "chef_backend:clusters:prod:backends: found ['be1', 'be2'], expected exactly three minion ids"
    results = {step["__id__"]: step for step in done.data["data"]["hub_master"].values()}
    assert said in results["Open the run"]["comment"]
    assert results["Close the run"]["result"] is True
    assert results["Close the run"]["comment"] == "no run was opened: nothing to close"
    assert [name for name, step in results.items() if step["changes"]] == []
    assert len(programs.calls) == before, "no backend was asked anything"


def test_an_orchestration_of_an_unknown_cluster_is_refused_and_runs_nothing_else(master):
    cluster = "prod\n\nEvil:\n  cmd.run:\n    - name: id"
    done = master.salt_run_cli().run("state.orchestrate", "orch.chef_backend_rolling", pillar={"cluster": cluster})
    assert done.returncode == 1
    results = {step["__id__"]: step for step in done.data["data"]["hub_master"].values()}
    assert results["Open the run"]["comment"].startswith(f"cluster {cluster!r} is not in chef_backend:clusters")
    assert len(results) == 8

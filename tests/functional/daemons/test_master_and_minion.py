"""A real master and a real minion on loopback, to which Salt has synced the extension, as users have it.

The programs of the product are recorded ones, first on the minion's PATH; its files lie below a folder.
"""

import concurrent.futures
import contextlib
import os
import shutil
import socket
import threading
import time

import pytest

from saltext.chef_backend import salt as door
from tests.functional.daemons.ending import end
from tests.functional.minion import QUICK, REPO, TREE
from tests.functional.pillars import example, write_for_masters
from tests.functional.recorded import Recorded
from tests.lab.common import PATIENCE

ROOT = 'ROOT = Path("/")\n'
STAMP = '{"manifest_format": 2, "software": {}, "build_version": "2.3.16"}'
MODULES = {f"modules.{path.stem}" for path in (REPO / "_modules").glob("*.py")} | {"modules.balancer"}
SITE = {  # a site's own files: the hooks of its load balancer, and a state that calls them as a run does
    "_modules/balancer.py": """
import time

def drain(node):
    return __salt__["saltutil.cmd"](node, "test.ping")[node]["ret"]

def undrain(node):
    time.sleep(600)
""",
    "_states/site.py": """
import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt

def called(name, bound):
    master = salt.master(__orchestration_jid__)
    bus = master.bus.own()
    end = master.clock.every(0.05, lambda: bus.send(["be1"], "test.ping"))  # as the heartbeat does
    try:
        said = master.apart(lambda: master.salt[name]("be1"), bound)
    finally:
        end()
    return {"name": name, "result": True, "changes": {}, "comment": str(said)}
""",
    "site.sls": """
balancer.drain:
  site.called:
    - bound: 60
balancer.undrain:
  site.called:
    - bound: 2
""",
    "chef/chef-backend_2.3.16-1_amd64.deb": "no package",
}


@pytest.fixture(name="node", scope="module")
def fixture_node(tmp_path_factory):
    """Return the folder below which the minion's files of the product lie: a package is installed, and no more."""
    node = tmp_path_factory.mktemp("node")
    (node / "opt/chef-backend").mkdir(parents=True)
    (node / "opt/chef-backend/version-manifest.json").write_text(STAMP, encoding="utf-8")
    return node


@pytest.fixture(name="tree", scope="module")
def fixture_tree(tmp_path_factory, node):
    """Return a copy of the tree, for ``file_roots``; its nodes have their files below that folder."""
    tree = tmp_path_factory.mktemp("tree")
    for name in TREE:
        shutil.copytree(REPO / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    host = tree / "_utils/saltext/chef_backend/node/host.py"
    for name, content in SITE.items():
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(content, encoding="utf-8")
    text = host.read_text(encoding="utf-8")
    assert text.count(ROOT) == 1
    host.write_text(text.replace(ROOT, f'ROOT = Path("{node}")\n'), encoding="utf-8")
    return tree


@pytest.fixture(name="programs", scope="module")
def fixture_programs(tmp_path_factory, recording):
    """Return the programs that the minion finds first."""
    programs = Recorded(tmp_path_factory.mktemp("programs") / "recorded")
    programs.say("chef-backend-ctl cluster-status", recording("synthetic-be1-leads.txt"))
    programs.say("chef-backend-ctl status", recording("synthetic-status-just-started.txt"))
    return programs


@pytest.fixture(name="master", scope="module")
def fixture_master(salt_factories, tmp_path_factory, programs, tree):
    """Start a master, hub, and a minion, be1, and sync both; their pillar names two backends only."""
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
            "file_roots": {"base": [str(tree)]},
            "pillar_roots": {"base": [str(pillar)]},
        },
    )
    minion = master.salt_minion_daemon("be1", overrides={**QUICK, "interface": "127.0.0.1"})
    minion.environ["PATH"] = f"{programs.bin}:{os.environ['PATH']}"
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda daemon: daemon.start(), (master, minion)))
        runner = pool.submit(master.salt_run_cli(timeout=PATIENCE).run, "saltutil.sync_all")
        synced = master.salt_cli(timeout=PATIENCE).run("saltutil.sync_all", minion_tgt="be1")
    assert (set(synced.data["modules"]), runner.result().data["runners"]) == (MODULES, ["runners.chef_backend"])
    yield master
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(end, (minion, master)))


def orchestrate(master, cluster):
    """Run the rolling way; return its status and the results of its steps."""
    done = master.salt_run_cli(timeout=PATIENCE).run(
        "state.orchestrate", "orch.chef_backend_rolling", pillar={"cluster": cluster}
    )
    return done.returncode, {step["__id__"]: step for step in done.data["data"]["hub_master"].values()}


def test_a_minion_answers_with_its_view(master, programs):
    before = len(programs.changing)
    view = master.salt_cli(timeout=PATIENCE).run("chef_backend_agent.view", minion_tgt="be1").data
    assert view["node"] == "be1"
    assert view["version"] == "2.3.16"
    assert view["cluster_status"].startswith("Name")
    assert view["status"].startswith("Service")
    assert view["record"] is None
    assert len(programs.changing) == before


def test_s1_over_the_bus_a_silent_minion_and_one_in_error_are_told_apart_and_each_answer_has_its_job(master):
    bus = door.Bus(master.config, {})
    said = bus.ask(["be1", "be2"], "chef_backend_agent.last", timeout=20)
    assert (said["be1"].ok, said["be1"].value) == (True, None)
    assert (said["be2"].silent, said["be2"].code) == (True, "silent")
    (jid,) = {answer.jid for answer in said.values()}
    assert master.salt_run_cli(timeout=PATIENCE).run("jobs.lookup_jid", jid).returncode == 0
    gone = bus.ask(["be1"], "chef_backend_agent.nosuch", timeout=20)["be1"]
    assert (gone.silent, gone.code) == (False, "modules")
    assert gone.error.endswith("run 'salt be1 saltutil.sync_all'")
    other = bus.ask(["be1"], "chef_backend_agent.view", *range(9), timeout=20)["be1"]
    assert (other.code, "which takes others there" in other.error) == ("modules", True)
    frontend = bus.ask(["be1"], "chef_server_agent.state", timeout=20)["be1"]
    assert frontend.code == "no-product"
    assert frontend.error.startswith("be1: its minion answers, no Chef Infra Server here: neither /opt/opscode")


def test_a_failed_command_reaches_the_operator_with_its_node_and_a_status_that_is_not_0(master, programs):
    programs.say("chef-backend-ctl demote", status=1, stderr="Failover is disabled for the cluster\n")
    done = master.salt_cli(timeout=PATIENCE).run("chef_backend.demote", minion_tgt="be1")
    assert done.returncode != 0
    assert "be1: chef-backend-ctl demote ended with status 1:\n  Failover is disabled for the cluster" in done.data


def test_what_is_for_frontends_says_on_a_backend_why_it_is_of_no_use(master):
    done = master.salt_cli(timeout=PATIENCE).run("chef_server_agent.state", minion_tgt="be1")
    assert done.returncode != 0
    assert "no Chef Infra Server here: neither /opt/opscode nor its data is there" in str(done.data)


def test_a_nodes_part_is_applied_with_the_pillar_that_its_master_gives_it(master, node, programs):
    before = len(programs.changing)
    (node / "var/opt/chef-backend/etcd").mkdir(parents=True)
    (node / "var/opt/chef-backend/etcd/data").touch()
    pillar = {"timeouts": {"install": 60}}
    cli = master.salt_cli(timeout=PATIENCE)
    done = cli.run("state.sls", "orch.node.emptied", pillar=pillar, test=True, minion_tgt="be1")
    (step,) = done.data.values()
    assert (step["__id__"], step["result"]) == ("This backend holds no data of a cluster", None)
    assert step["comment"] == "would delete all data of be1"
    assert len(programs.changing) == before


def test_an_orchestration_with_a_bad_pillar_is_refused_and_touches_nothing(master, programs):
    before = len(programs.calls)
    status, steps = orchestrate(master, "prod")
    assert status == 1
    said = "chef_backend:clusters:prod:backends: found ['be1', 'be2'], expected exactly three minion ids"
    assert said in steps["Open the rolling run"]["comment"]
    assert steps["Close the rolling run"]["result"] is True
    assert steps["Close the rolling run"]["comment"] == "no run was opened: nothing to close"
    assert [name for name, step in steps.items() if step["changes"]] == []
    assert len(programs.calls) == before, "no backend was asked anything"


def test_an_orchestration_of_an_unknown_cluster_is_refused_and_runs_nothing_else(master):
    cluster = "prod\n\nEvil:\n  cmd.run:\n    - name: id"
    status, steps = orchestrate(master, cluster)
    assert status == 1
    assert steps["Open the rolling run"]["comment"].startswith(f"cluster {cluster!r} is not in chef_backend:clusters")
    assert len(steps) == 12


def test_a_sites_hook_reaches_minions_from_a_process_of_its_own_and_one_that_hangs_is_ended(master):
    done = master.salt_run_cli(timeout=PATIENCE).run("state.orchestrate", "site")
    steps = done.data["data"]["hub_master"].values()
    said = {step["name"]: step["comment"] for step in steps}
    assert said == {"balancer.drain": "None", "balancer.undrain": "did not return within 2 s, and was ended"}


def staged(master, source, **options):
    given = {"sha256": "skip-verification", "version": "2.3.16", **options}
    cli = master.salt_cli(timeout=PATIENCE)
    done = cli.run("state.single", "chef_backend.staged", name=source, minion_tgt="be1", **given)
    (step,) = done.data.values()
    return step["comment"]


@pytest.mark.parametrize("where", ["", "?saltenv=base"])
def test_s18_a_package_is_fetched_from_the_masters_files_whose_environment_may_be_named(master, where):
    said = staged(master, f"salt://chef/chef-backend_2.3.16-1_amd64.deb{where}")
    assert "chef-backend_2.3.16-1_amd64.deb is no package for a node" in said


def test_a_fetch_that_hangs_ends_in_words_and_with_its_job(master):
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def serve():
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while True:
                    connection.sendall(b"x")
                    time.sleep(0.02)
            ended.set()

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/chef-backend_2.3.16-1_amd64.deb"
        said = staged(master, url, timeout=1)
        assert said.startswith(f"{url} cannot be fetched: not done within 1 s, which timeouts:fetch in the pillar sets")
        assert ended.wait(PATIENCE), "nothing of it goes on when the job has ended"


def test_a_changed_file_of_the_package_is_used_by_the_running_minion_after_the_next_sync(master, tree):
    ask = master.salt_cli(timeout=PATIENCE)
    assert ask.run("chef_backend.version", minion_tgt="be1").data == "2.3.16"
    with open(tree / "_utils/saltext/chef_backend/product/manifest.py", "a", encoding="utf-8") as file:
        file.write("\n\ndef parse_manifest(text):\n    return Manifest('of a new manifest.py')\n")
    synced = ask.run("saltutil.sync_all", minion_tgt="be1").data
    assert (synced["utils"], synced["modules"]) == (["utils.saltext.chef_backend.product.manifest"], [])
    end = time.monotonic() + PATIENCE  # the minion is told by an event of its own
    while (said := ask.run("chef_backend.version", minion_tgt="be1").data) == "2.3.16":
        assert time.monotonic() < end
    assert said == "of a new manifest.py"

"""The frontends' own upgrade, 14.16.19 to 15.10.12: in order, the database migrated once, no backend touched."""

import json
import os
import signal
import tarfile
import threading
import time

import pytest

from tests.integration.lab_people import sql
from tests.integration.operator import OLD, Operator, assert_nothing_left_to_do, assert_untouched, sha256
from tests.lab import salt
from tests.lab.clients.chef_api import ApiError, ChefApi
from tests.lab.clients.crowd import API_KEY, API_USER
from tests.lab.common import RUN

NEW = "15.10.12"
UPGRADE = "chef-server-ctl upgrade"
EXTMODS = salt.SYNCED / "modules"  # where a site's module lies when it is synced
TOLD, FAILS = RUN / "balancer.jsonl", RUN / "balancer-fails"

BALANCER = f"""
# A site's own module on its master: what its load balancer was told stands in a file, one line each time.
import json, os, time

def _told(verb, node):
    with open({str(TOLD)!r}, "a") as file:
        file.write(json.dumps({{"verb": verb, "node": node, "time": time.time()}}) + chr(10))
    time.sleep(0.3)  # requests under way end
    if os.path.exists({str(FAILS)!r} + "-" + verb):
        os.unlink({str(FAILS)!r} + "-" + verb)
        return False
    return True

def drain(node):
    return _told("drain", node)

def undrain(node):
    return _told("undrain", node)
"""


class Balancer:
    """What the site's load balancer was told, and clients that go where it sends them."""

    def __init__(self, lab):
        self.lab = lab
        TOLD.unlink(missing_ok=True)
        EXTMODS.mkdir(parents=True, exist_ok=True)
        (EXTMODS / "balancer.py").write_text(BALANCER)
        self.served, self.refused, self.halt = 0, [], threading.Event()

    def told(self):
        lines = TOLD.read_text().splitlines() if TOLD.exists() else []
        return [json.loads(line) for line in lines]

    def words(self):
        return [f"{one['verb']} {one['node']}" for one in self.told()]

    def fails(self, verb):
        """Have the next call of a hook return False."""
        FAILS.with_name(f"{FAILS.name}-{verb}").touch()

    def open(self):
        """The frontends that get clients now."""
        last = {one["node"]: one["verb"] for one in self.told()}
        return [node for node in self.lab.frontends if last.get(node) != "drain"]

    def __enter__(self):
        self.client = threading.Thread(target=self._go_on, daemon=True)
        self.client.start()
        return self

    def __exit__(self, *_):
        self.halt.set()
        self.client.join(30)

    def _go_on(self):
        key = (self.lab.root("fe1") / API_KEY).read_text()
        apis = {node: ChefApi(f"http://{self.lab.address(node)}", API_USER, key) for node in self.lab.frontends}
        for number in range(10**6):
            if self.halt.wait(0.05):
                return
            there = self.open()
            node = there[number % len(there)] if there else "nobody"
            try:
                apis[node].create_node(f"client-{number}")
            except (ApiError, KeyError) as error:
                self.refused.append(f"{node}: {error}")
            else:
                self.served += 1


@pytest.fixture
def operator(fresh_lab):
    """An operator at a cluster whose frontends run 14.16.19, who wants 15.10.12 on them."""
    someone = Operator(fresh_lab, orchestration="orch.chef_server_upgrade")
    wants(someone)
    return someone


def wants(operator, **settings):
    package = operator.lab.server_package(NEW)
    server = {
        "version": NEW,
        "package": {"source": f"salt://packages/{package.name}", "sha256": sha256(package)},
        "accept_license": True,
        "drain": "balancer.drain",
        "undrain": "balancer.undrain",
    } | settings
    operator.wants(OLD, server=server, backup=False)


@pytest.fixture
def balancer(operator):
    """The site's load balancer, which nobody has told anything yet."""
    return Balancer(operator.lab)


def hosts(operator, command):
    return [one.host for one in operator.commands(command)]


def migrations(operator):
    """The frontends that applied the schema step, as often as they did."""
    there = "select to_regclass('public.migrations') is not null"
    if not api_sql(operator, there)[0][0]:
        return []
    return [frontend for (frontend,) in api_sql(operator, "select frontend from public.migrations order by at")]


def api_sql(operator, statement):
    return sql(operator.lab, "fe1", statement, database="opscode_chef")


def versions(operator):
    return {
        node: operator.lab.exec(node, "chef-server-ctl", "version").stdout.strip() for node in operator.lab.frontends
    }


def answers(operator, frontend):
    """Create a node by a frontend's API, and find it."""
    key = (operator.lab.root("fe1") / API_KEY).read_text()
    api = ChefApi(f"http://{operator.lab.address(frontend)}", API_USER, key)
    name = f"{frontend}-{time.monotonic_ns()}"
    api.create_node(name)
    return name in api.nodes()


def answers_at_all(operator, frontend):
    try:
        return answers(operator, frontend)
    except ApiError:
        return False


def assert_upgraded(operator, run):
    """The command ended with status 0, every frontend runs the target and answers, the database was migrated once."""
    assert run.returncode == 0, run.stdout + run.stderr
    assert set(versions(operator).values()) == {NEW}
    assert all(answers(operator, frontend) for frontend in operator.lab.frontends)
    assert len(migrations(operator)) == 1


def assert_backends_untouched(operator):
    changing = [str(one) for one in operator.changing_commands() if one.host in operator.lab.backends]
    assert changing == []
    assert operator.shown_failover() == "on"


def test_the_first_migrates_the_database_the_others_follow_and_the_backends_are_untouched(operator, balancer):
    with balancer:
        run = operator.upgrades()
    assert_upgraded(operator, run)
    assert balancer.words() == ["drain fe1", "undrain fe1", "drain fe2", "undrain fe2"]
    assert balancer.served > 50 and balancer.refused == [], "clients go where the load balancer sends them"
    for node, (drained, back) in zip(("fe1", "fe2"), (balancer.told()[:2], balancer.told()[2:]), strict=True):
        (stop,) = [one for one in operator.commands("chef-server-ctl stop") if one.host == node]
        (cleanup,) = [one for one in operator.commands("chef-server-ctl cleanup") if one.host == node]
        assert drained["time"] < stop.begin and cleanup.end < back["time"]
    assert migrations(operator) == ["fe1"]
    assert hosts(operator, "chef-server-ctl backup --config-only --yes") == ["fe1"]
    (kept,) = (salt.MASTER / "cache/chef_backend/backups").iterdir()
    assert (kept.name.startswith("prod-"), os.stat(kept).st_mode & 0o777) == (True, 0o600)
    with tarfile.open(kept) as archive:
        assert "etc/opscode/chef-server.rb" in archive.getnames()
    assert list((salt.MASTER / "cache/minions/fe1/files").rglob("*.tgz")) == [], "Salt's own copy is gone"
    for verb in ("stop", "upgrade", "start", "cleanup"):
        assert hosts(operator, f"chef-server-ctl {verb}") == ["fe1", "fe2"], verb
    first, second = operator.commands("chef-server-ctl cleanup")[0], operator.commands("chef-server-ctl stop")[1]
    assert first.end < second.begin
    for words in ("drain fe1:", "undrain fe1:", "drain fe2:", "undrain fe2:"):
        assert words in run.stdout, run.stdout
    assert_backends_untouched(operator)

    assert_nothing_left_to_do(operator)


@pytest.mark.campaign
def test_an_undrain_that_fails_leaves_the_others_alone_and_the_same_command_goes_on(operator, balancer):
    balancer.fails("undrain")
    run = operator.upgrades()
    assert run.returncode != 0
    assert "fe1: balancer.undrain returned False: whether fe1 gets clients now" in run.stdout, run.stdout
    assert hosts(operator, "chef-server-ctl stop") == ["fe1"]
    assert balancer.words() == ["drain fe1", "undrain fe1"]

    assert_upgraded(operator, operator.upgrades())
    assert hosts(operator, "chef-server-ctl stop") == ["fe1", "fe2"], "what is done is not done again"
    assert balancer.words()[-3:] == ["undrain fe1", "drain fe2", "undrain fe2"]


@pytest.mark.campaign
def test_kill_9_after_the_first_migrated_and_before_it_ended_then_the_same_command(operator, balancer):
    operator.orders_fault("fe1", {"start": {"hang": 15, "times": 1}})
    run = operator.starts_upgrading()
    operator.waits_for(lambda: operator.commands("chef-server-ctl start"))
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert hosts(operator, UPGRADE) == ["fe1"]
    backends = Operator(operator.lab)
    refused = backends.upgrades()
    assert refused.returncode != 0
    assert "of the frontends to 15.10.12 is unfinished" in refused.stdout, refused.stdout

    assert_upgraded(operator, operator.upgrades())
    assert hosts(operator, UPGRADE)[-1] == "fe2"
    assert balancer.open() == ["fe1", "fe2"], "also whose upgrade came to its end after the run had died"
    assert_backends_untouched(operator)


@pytest.mark.campaign
def test_a_migration_that_did_not_get_its_lock_is_seen_before_anything_is_cleaned_up(operator, balancer):
    """The tool logs an error and ends with 0."""
    operator.orders_fault("fe1", {"migration_locked": {"times": 1}})
    run = operator.upgrades()
    assert run.returncode != 0
    assert "fe1: chef-server-ctl upgrade ended with status 0, but the database is at migration" in run.stdout
    assert operator.commands("chef-server-ctl cleanup") == []
    assert [command.host for command in operator.commands("chef-server-ctl upgrade")] == ["fe1"]
    run = operator.upgrades()
    assert run.returncode == 0, run.stdout + run.stderr
    assert [command.host for command in operator.commands("chef-server-ctl cleanup")] == ["fe1", "fe2"]


@pytest.mark.campaign
def test_the_second_fails_and_resume_goes_on_with_it(operator, balancer):
    operator.orders_fault("fe2", {"upgrade": {"exit": 1, "output": "relation already exists", "times": 1}})
    run = operator.upgrades()
    assert run.returncode != 0
    for words in ("fe2: chef-server-ctl upgrade ended with status 1", "relation already exists"):
        assert words in run.stdout, run.stdout
    assert answers(operator, "fe1")
    operator.forgets_the_past()
    assert_upgraded(operator, operator.lab.salt_run("chef_backend.resume", "prod"))
    assert hosts(operator, UPGRADE) == ["fe2"]


@pytest.mark.campaign
def test_refused_before_anything_changes(operator, balancer):
    def refused(*words):
        assert_untouched(operator, operator.upgrades(), *words)

    operator.wants(OLD)
    refused("chef_backend:clusters:prod:server: found nothing")
    wants(operator, accept_license=False)
    refused("server:accept_license: true")
    wants(operator, version="14.16.18")
    refused("fe1 runs 14.16.19", "no way back")
    package = operator.lab.server_package(NEW)
    wants(operator, package={"source": f"salt://packages/{package.name}", "sha256": "0" * 64})
    refused("sha256", "0000")
    backend = operator.lab.package("2.3.16")
    wants(operator, package={"source": f"salt://packages/{backend.name}", "sha256": sha256(backend)})
    refused("is a package of chef-backend, expected chef-server-core")
    wants(operator, undrain="balancer.back")
    refused("the master has no function balancer.back")
    wants(operator, undrain=None)
    refused("server:undrain: found nothing")
    wants(operator)
    operator.lab.exec("fe2", "chef-server-ctl", "stop", "goiardi")
    operator.forgets_the_past()
    refused("fe2: the Chef API does not answer")
    operator.lab.exec("fe2", "chef-server-ctl", "start", "goiardi")
    operator.waits_for(lambda: answers_at_all(operator, "fe2"))
    operator.forgets_the_past()
    assert balancer.words() == []
    said = operator.upgrades("test=True")
    assert "Upgrade the first frontend, which migrates the database" in said.stdout, said.stdout
    assert "Result: False" not in said.stdout, said.stdout
    assert operator.changing_commands() == []

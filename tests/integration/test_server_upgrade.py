"""The frontends' own upgrade, 14.16.19 to 15.10.12: in order, the database migrated once, no backend touched."""

import os
import signal
import time

import pytest

from tests.integration.lab_people import sql
from tests.integration.operator import OLD, Operator, assert_nothing_left_to_do, assert_untouched, sha256
from tests.lab.clients.chef_api import ChefApi
from tests.lab.clients.crowd import API_KEY, API_USER

NEW = "15.10.12"
UPGRADE = "chef-server-ctl upgrade"


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
        "drain": "test.echo",
        "undrain": "test.echo",
    } | settings
    operator.wants(OLD, server=server, backup=False)


def hosts(operator, command):
    return [one.host for one in operator.commands(command)]


def migrations(operator):
    """The frontends that applied the schema step, as often as they did."""
    there = "select to_regclass('public.migrations') is not null"
    if not api_sql(operator, there)[0][0]:
        return []
    return [frontend for (frontend,) in api_sql(operator, "select frontend from public.migrations order by at")]


def api_sql(operator, statement):
    return sql(operator.lab, "fe1", statement, database="goiardi")


def versions(operator):
    return {
        node: operator.lab.exec(node, "chef-server-ctl", "version").stdout.strip() for node in operator.lab.frontends
    }


def answers(operator, frontend):
    """Create a node by a frontend's API, and find it."""
    key = (operator.lab.root("fe1") / API_KEY).read_text()
    api = ChefApi(f"http://{operator.lab.address(frontend)}:4545", API_USER, key)
    name = f"{frontend}-{time.monotonic_ns()}"
    api.create_node(name)
    return name in api.nodes()


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


def test_the_first_migrates_the_database_the_others_follow_and_the_backends_are_untouched(operator):
    run = operator.upgrades()
    assert_upgraded(operator, run)
    assert migrations(operator) == ["fe1"]
    for verb in ("stop", "upgrade", "start", "cleanup"):
        assert hosts(operator, f"chef-server-ctl {verb}") == ["fe1", "fe2"], verb
    first, second = operator.commands("chef-server-ctl cleanup")[0], operator.commands("chef-server-ctl stop")[1]
    assert first.end < second.begin
    for words in ("Drain frontend fe1", "Undrain frontend fe1", "Drain frontend fe2", "Undrain frontend fe2"):
        assert words in run.stdout, run.stdout
    assert_backends_untouched(operator)

    assert_nothing_left_to_do(operator)


def test_kill_9_after_the_first_migrated_and_before_it_ended_then_the_same_command(operator):
    operator.orders_fault("fe1", {"start": {"hang": 15, "times": 1}})
    run = operator.starts_upgrading()
    operator.waits_for(lambda: operator.commands("chef-server-ctl start"), 120)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert hosts(operator, UPGRADE) == ["fe1"]
    backends = Operator(operator.lab)
    refused = backends.upgrades()
    assert refused.returncode != 0
    assert "of the frontends to 15.10.12 is unfinished" in refused.stdout, refused.stdout

    assert_upgraded(operator, operator.upgrades())
    assert hosts(operator, UPGRADE)[-1] == "fe2"
    assert_backends_untouched(operator)


@pytest.mark.campaign
def test_the_second_fails_and_resume_goes_on_with_it(operator):
    operator.orders_fault("fe2", {"upgrade": {"exit": 1, "output": "relation already exists", "times": 1}})
    run = operator.upgrades()
    assert run.returncode != 0
    for words in ("fe2: chef-server-ctl upgrade ended with status 1", "relation already exists"):
        assert words in run.stdout, run.stdout
    assert answers(operator, "fe1")
    operator.forgets_the_past()
    assert_upgraded(operator, operator.lab.salt_run("chef_backend.resume", "prod"))
    assert hosts(operator, UPGRADE) == ["fe2"]


def test_refused_before_anything_changes(operator):
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
    wants(operator, drain="balancer.drain")
    refused("the master has no function balancer.drain")
    wants(operator)
    said = operator.upgrades("test=True")
    assert "Upgrade frontend fe1, which migrates the database" in said.stdout, said.stdout
    assert "Result: False" not in said.stdout, said.stdout
    assert operator.changing_commands() == []

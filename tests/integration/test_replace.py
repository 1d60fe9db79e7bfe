"""A backend is down for good: the documented recovery of a single node, by one command that has to be confirmed."""

import json
import os
import shutil
import signal

import pytest

from tests.integration.operator import OLD, assert_untouched
from tests.lab.clients.crowd import Crowd
from tests.lab.clients.tally import ACKNOWLEDGED

SECRETS = "/etc/chef-backend/chef-backend-secrets.json"
COPY = "/root/chef-backend-secrets.json"
ORDER = {"cluster": "prod", "node": "be3", "secrets": COPY, "confirm": "delete all data of be3", "accept_license": True}
STEPS = [
    ("be1", "remove-node"),
    ("be3", "cleanse"),
    ("be3", "join-cluster"),
]


@pytest.fixture
def operator(operator):
    """An operator at a fresh cluster; a copy of the secrets lies on be3."""
    operator.wants(OLD, backup=False, frontends=None)
    copy = operator.lab.root("be3") / COPY.lstrip("/")
    copy.write_text((operator.lab.root("be1") / SECRETS.lstrip("/")).read_text())
    copy.chmod(0o600)
    return operator


def loses(operator, node):
    """The node's database is gone, and nothing of the product runs there any more; its minion does."""
    assert operator.lab.exec(node, "chef-backend-ctl", "stop").returncode == 0
    shutil.rmtree(operator.lab.root(node) / "var/opt/chef-backend/postgresql/data")
    for other in {"be1", "be2", "be3"} - {node}:  # what they show lags behind
        operator.waits_for(lambda other=other: node not in shown(operator.lab, other))
    operator.forgets_the_past()


def shown(lab, node):
    """The names in a node's cluster-status."""
    table = lab.exec(node, "chef-backend-ctl", "cluster-status").stdout
    return [line.split()[0] for line in table.splitlines()[1:]]


def words(**changes):
    return ("state.orchestrate", "orch.chef_backend_replace_node", "pillar=" + json.dumps(ORDER | changes))


def replaces(operator, *more, **changes):
    return operator.lab.salt_run(*words(**changes), *more)


def did(operator):
    return [(c.host, c.argv[1]) for c in operator.changing_commands()]


def joined_with(operator):
    """The options of the commands by which nodes joined."""
    words = [c.argv for c in operator.changing_commands() if c.argv[1] == "join-cluster"]
    assert all(argv[2] == operator.lab.address("be1") for argv in words)
    return [[option for option in argv[3:] if option in ("--recovery", "-s", COPY)] for argv in words]


def assert_replaced(operator, run):
    assert run.returncode == 0, run.stdout + run.stderr
    assert operator.lab.unhealthy() is None
    assert operator.shown_failover() == "on"


def test_the_node_is_removed_emptied_and_joins_anew_and_no_write_is_lost(operator):
    loses(operator, "be3")
    with Crowd(operator.lab) as crowd:
        run = replaces(operator)
        tallies = [tally for several in crowd.stop() for tally in several]
    assert_replaced(operator, run)
    assert did(operator) == STEPS
    assert joined_with(operator) == [["--recovery"]]
    assert operator.takeovers() == []
    for tally in tallies:
        assert tally.count(ACKNOWLEDGED) > 100, tally.writer
        assert [answer.key for answer in (*tally.lost, *tally.revived)] == [], tally.writer

    operator.forgets_the_past()
    again = replaces(operator)
    assert_replaced(operator, again)
    assert "be3 is a healthy member" in again.stdout
    assert did(operator) == [], "a node that is well is not replaced"


@pytest.mark.campaign
def test_a_new_host_in_its_place_joins_with_the_secrets_and_without_recovery(operator):
    loses(operator, "be3")
    operator.lab.exec("be3", "sh", "-c", "rm -r /etc/chef-backend /var/opt/chef-backend/*")
    run = replaces(operator)
    assert_replaced(operator, run)
    assert did(operator) == [("be1", "remove-node"), ("be3", "join-cluster")], run.stdout
    assert joined_with(operator) == [["-s", COPY]]


@pytest.mark.campaign
def test_a_host_of_another_cluster_is_refused_before_it_is_emptied(operator):
    loses(operator, "be3")
    (operator.lab.root("be3") / SECRETS.lstrip("/")).write_text('{"of": "another"}')
    assert_untouched(operator, replaces(operator), "differ: is this host of another cluster")
    assert did(operator) == []


@pytest.mark.campaign
def test_refused_before_anything_is_deleted(operator):
    operator.forgets_the_past()
    wrong = {
        "confirm: found '', expected 'delete all data of be3'": {"confirm": ""},
        "expected 'delete all data of be1'": {"node": "be1"},
        "'be9' is no backend of this cluster, expected one of be1, be2, be3": {"node": "be9"},
        "cluster 'nosuch' is not in": {"cluster": "nosuch"},
    }
    for said, changes in wrong.items():
        assert_untouched(operator, replaces(operator, **changes), said)
    loses(operator, "be3")
    assert_untouched(operator, replaces(operator, secrets="/root/nosuch.json"), "No such file or directory on be3")
    os.chmod(operator.lab.root("be3") / COPY.lstrip("/"), 0o644)
    assert_untouched(operator, replaces(operator), "mode 0600")
    os.chmod(operator.lab.root("be3") / COPY.lstrip("/"), 0o600)
    test = replaces(operator, "test=True")
    assert test.returncode == 0, test.stdout + test.stderr
    assert "would remove be3 from the cluster" in test.stdout
    assert did(operator) == []

    operator.lab.power_off("be2")
    operator.forgets_the_past()
    assert_untouched(operator, replaces(operator), "be2 does not answer")


@pytest.mark.campaign
def test_kill_9_inside_the_cleansing_then_the_same_command(operator):
    loses(operator, "be3")
    operator.orders_fault("be3", {"cleanse": {"hang": 5, "times": 1}})
    run = operator.lab.salt_run_popen(*words())
    operator.waits_for(lambda: operator.commands("chef-backend-ctl cleanse"))
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    resumed = operator.lab.salt_run("chef_backend.resume", "prod")
    assert resumed.returncode == 1
    assert "orch.chef_backend_replace_node goes on with it, confirmed once more" in resumed.stdout
    operator.waits_for(lambda: all(c.end for c in operator.changing_commands()))
    assert_replaced(operator, replaces(operator))
    assert did(operator) == STEPS, "nothing is done twice"


@pytest.mark.campaign
def test_joining_fails_and_the_same_command_goes_on(operator):
    loses(operator, "be3")
    operator.orders_fault("be3", {"join-cluster": {"exit": 1, "output": "no space left", "times": 1}})
    failed = replaces(operator)
    assert failed.returncode == 1
    for said in ("no space left", "the same command resumes it"):
        assert said in failed.stdout
    assert operator.shown_failover() == "on"
    assert_replaced(operator, replaces(operator))
    assert did(operator) == [*STEPS, ("be3", "join-cluster")]

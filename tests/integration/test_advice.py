"""What the documents leave to a person: `status` says it with the right names, does none of it, and it leads back."""

import re
import shutil
import time

import pytest

from tests.integration.lab_people import leaders, throws_wal_away
from tests.integration.operator import Operator
from tests.lab.common import LabError

SENTINEL = "/var/opt/chef-backend/leaderl/data/unsynced"
SECRETS = "/etc/chef-backend/chef-backend-secrets.json"
COPY = "/root/secrets.json"
QUOTED = re.compile(r"(?:\bon (be\d) )?'((?:chef-backend-ctl|PSQL_INTERNAL_OK=true|rm) [^']+)'(?: on (be\d))?")
CONFIRMED = {
    "remove-node": " -y",
    "cleanse": " -y",
    **dict.fromkeys(("create-cluster", "join-cluster"), " -y --accept-license"),
}


@pytest.fixture
def operator(operator):
    """An operator at a healthy cluster on its target."""
    operator.wants("2.2.0", frontends=None)
    return operator


def status(operator):
    return operator.lab.salt_run("chef_backend.status", "prod")


def says(operator, *words):
    """Wait until `status` says so, which ends non-zero and changes nothing; return the advice, one a line."""
    operator.forgets_the_past()
    end = time.monotonic() + 60
    while not all(word in (shown := status(operator)).stdout for word in words):
        assert time.monotonic() < end, shown.stdout
    assert shown.returncode == 1, shown.stdout
    assert operator.changing_commands() == []
    return re.findall(r"^ *\* (.*)$", shown.stdout, re.MULTILINE)


def follows(operator, advice, node=""):
    """Type each command that an advice quotes, in its order, on the node that it names; confirm what asks for it."""
    typed = []
    for before, command, after in QUOTED.findall(advice):
        node = before or after or node
        words = command.replace("SECRETS", COPY)
        words += CONFIRMED.get(words.split()[1], "")
        operator.lab.exec(node, "sh", "-c", words, timeout=180)
        typed.append((node, words))
    assert typed, advice
    return typed


def assert_whole(operator):
    operator.lab.wait_healthy()
    operator.waits_for(lambda: status(operator).returncode == 0)


def has_a_copy_of_the_secrets(operator, node, of):
    text = (operator.lab.root(of) / SECRETS.lstrip("/")).read_text()
    operator.lab.put(node, COPY, text, 0o600)


def is_a_new_host(operator, node):
    """Nothing of a cluster is on this host but the product's package."""
    operator.lab.exec(node, "chef-backend-ctl", "cleanse", "-y")
    for path in operator.lab.root(node).glob("root/chef-backend-cleanse*"):
        shutil.rmtree(path)


def may_not_sync(operator, node):
    """Its leaderl may not follow, as after a sync that failed."""
    for service in ("leaderl", "postgresql"):  # the one starts the other again
        operator.lab.exec(node, "chef-backend-ctl", "stop", service)
    operator.lab.put(node, SENTINEL, "")
    operator.lab.exec(node, "chef-backend-ctl", "start", "leaderl")


@pytest.mark.campaign
def test_p4_a_sync_that_failed_is_tried_by_hand_and_its_sentinel_removed(operator):
    may_not_sync(operator, "be3")
    (advice,) = says(operator, f"the sync of be3 failed and left {SENTINEL} there")
    by_hand, _, _ = advice.partition("If it says")
    follows(operator, by_hand)
    assert_whole(operator)


@pytest.mark.campaign
def test_p4_a_sync_that_cannot_go_on_ends_with_a_full_copy(operator):
    may_not_sync(operator, "be3")
    operator.lab.exec("be3", "sh", "-c", "rm /var/opt/chef-backend/postgresql/data/global/pg_control")
    (advice,) = says(operator, f"the sync of be3 failed and left {SENTINEL} there")
    by_hand, _, copy = advice.partition("If it says")
    with pytest.raises(Exception, match="could not be brought into line"):
        follows(operator, by_hand)
    follows(operator, copy, "be3")
    assert_whole(operator)


@pytest.mark.campaign
def test_a_follower_whose_wal_is_gone_gets_a_full_copy(operator):
    throws_wal_away(operator.lab, "be1", "be3")
    advice = says(operator, "be3 does not replicate from be1. Its log says that what it has does not lead on")
    follows(operator, next(line for line in advice if line.startswith("be3 does not replicate")))
    assert_whole(operator)


@pytest.mark.campaign
def test_p6_two_nodes_are_down_and_new_ones_join_the_survivor(operator):
    for node in ("be2", "be3"):
        operator.lab.power_off(node)
    (advice,) = says(operator, "be2 and be3 do not answer, and etcd on be1 has no quorum")
    recover, _, _ = advice.partition("then, one after another")
    follows(operator, recover)
    _, _, join = advice.partition("then, one after another")
    for node in ("be2", "be3"):
        operator.lab.power_on(node)
        operator.lab.await_minions([node])
        is_a_new_host(operator, node)
        has_a_copy_of_the_secrets(operator, node, of="be1")
        follows(operator, join, node)
    assert_whole(operator)


def nobody_leads(operator):
    for node in operator.lab.backends:  # but who is promoted
        operator.orders_fault(node, {"never_leads": True})


@pytest.mark.campaign
def test_nobody_leads_after_a_stop_of_all_and_one_is_promoted(operator):
    nobody_leads(operator)
    for verb in ("stop", "start"):  # of all at once: the documents know that it may leave nobody to lead
        for node in operator.lab.backends:
            assert operator.lab.exec(node, "chef-backend-ctl", verb).returncode == 0
    (advice,) = says(
        operator, "nobody leads. Wait a minute for an election", "chef-backend-ctl promote", "force-leader"
    )
    promoted, _, _ = advice.partition("if that fails")
    follows(operator, promoted.replace("NODE", "be1"), "be1")
    assert_whole(operator)


@pytest.mark.campaign
def test_p5_nobody_leads_and_the_deposed_leader_is_promoted_again(operator):
    nobody_leads(operator)
    operator.lab.exec("be1", "sh", "-c", "kill -STOP $(head -1 /var/opt/chef-backend/postgresql/data/postmaster.pid)")
    (advice,) = says(operator, "nobody leads, and be1, which led before, is deposed")
    follows(operator, advice)
    assert_whole(operator)


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("service", "said"), [("leaderl", "leaderl does not run on"), ("", "leaderl and more is stopped on")]
)
def test_no_leaderl_runs(operator, service, said):
    for node in operator.lab.backends:
        assert operator.lab.exec(node, "chef-backend-ctl", *filter(None, ["stop", service])).returncode == 0
    said += " be1, be2, be3"
    advice = next(line for line in says(operator, said) if line.startswith(said))
    for node in operator.lab.backends:
        follows(operator, advice, node)
    assert_whole(operator)


@pytest.mark.campaign
def test_the_leader_is_lost_while_failover_is_off(operator):
    operator.lab.exec("be1", "chef-backend-ctl", "set-cluster-failover", "off")
    operator.lab.power_off("be1")
    advice = says(operator, "nobody leads. Failover is off, so that nobody is elected")
    elected, _, _ = next(line for line in advice if line.startswith("nobody leads")).partition("If none comes")
    follows(operator, elected, "be2")
    operator.waits_for(lambda: leaders(operator.lab, ("be2", "be3")))
    operator.lab.power_on("be1")
    assert_whole(operator)


@pytest.mark.campaign
def test_nobody_leads_and_only_force_does_it(operator):
    nobody_leads(operator)
    for verb in ("stop", "start"):
        for node in operator.lab.backends:
            assert operator.lab.exec(node, "chef-backend-ctl", verb).returncode == 0
    for node in operator.lab.backends:
        operator.orders_fault(node, {"never_leads": True, "promote": {"exit": 1, "output": "no leader"}})
    (advice,) = says(operator, "nobody leads. Wait a minute for an election", "force-leader")
    promoted, _, forced = advice.partition("if that fails")
    with pytest.raises(LabError, match="no leader"):
        follows(operator, promoted.replace("NODE", "be1"), "be1")
    follows(operator, forced, "be1")
    assert_whole(operator)


@pytest.mark.campaign
@pytest.mark.parametrize("who", ["a new node", "this one"])
def test_p3_a_node_that_does_not_come_back(operator, who):
    operator.lab.power_off("be3")
    (advice,) = says(operator, "be3 does not answer: look at its host", "orch.chef_backend_replace_node")
    remove, _, more = advice.partition("Then a new node joins")
    a_new_one, _, this_one = more.partition("Or this one returns")
    follows(operator, remove)
    operator.lab.power_on("be3")
    operator.lab.await_minions(["be3"])
    if who == "a new node":
        is_a_new_host(operator, "be3")
        has_a_copy_of_the_secrets(operator, "be3", of="be1")
        follows(operator, a_new_one, "be3")
    else:
        cleanse, see, join = this_one.partition("see that /var/opt/chef-backend is gone")
        follows(operator, cleanse, "be3")
        assert see and not (operator.lab.root("be3") / "var/opt/chef-backend").exists()
        back = "mkdir /etc/chef-backend && cp -p /root/chef-backend-cleanse*/* /etc/chef-backend/"
        operator.lab.exec("be3", "sh", "-c", back)
        follows(operator, join, "be3")
    assert_whole(operator)


@pytest.mark.campaign
def test_p5_the_old_leader_is_left_with_elasticsearchs_old_settings_on_the_way_to_3(house):
    operator = Operator(house.fresh(backends="2.3.16"))
    operator.wants("3.1.1", backup=False, timeouts={"ask": 10, "gate": 15, "rejoin": 20, "failover": 30, "lease": 60})
    operator.orders_fault("be1", {"old_settings": {"times": 1}})
    run = operator.upgrades()
    assert run.returncode == 1
    assert "Elasticsearch 6 was given settings of 5, as the upgrade to 3.x ended half-way" in run.stdout
    operator.lab.put("be1", "/etc/lab/faults.json", "{}")
    advice = says(operator, "Elasticsearch does not start on be1, and its log says 'unknown setting [path.scripts]'")
    follows(operator, next(line for line in advice if "path.scripts" in line))
    operator.waits_for(lambda: operator.upgrades().returncode == 0)
    assert_whole(operator)


@pytest.mark.campaign
def test_failover_that_no_run_has_left_off(operator):
    operator.lab.exec("be1", "chef-backend-ctl", "set-cluster-failover", "off")
    (advice,) = says(operator, "failover is off and no run explains it")
    follows(operator, advice, "be1")
    assert_whole(operator)

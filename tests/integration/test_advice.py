"""What the documents leave to a person: `status` says it with the right names, and does none of it."""

import time

import pytest

SENTINEL = "/var/opt/chef-backend/leaderl/data/unsynced"


@pytest.fixture
def operator(operator):
    """An operator at a healthy cluster on its target."""
    operator.wants("2.2.0")
    return operator


def assert_said(operator, *words):
    """`status` comes to say so, ends non-zero, and changes nothing."""
    operator.forgets_the_past()
    end = time.monotonic() + 60
    while not all(word in (shown := status(operator)).stdout for word in words):
        assert time.monotonic() < end, shown.stdout
    assert shown.returncode == 1, shown.stdout
    assert operator.changing_commands() == []


def status(operator):
    return operator.lab.salt_run("chef_backend.status", "prod")


@pytest.mark.campaign
def test_a_sync_that_failed(operator):
    operator.lab.put("be3", SENTINEL, "")
    assert_said(
        operator,
        "the sync of be3 failed and left leaderl/data/unsynced there",
        f"pgsql-follow --force-basebackup {operator.lab.address('be1')}",
    )


@pytest.mark.campaign
def test_two_nodes_are_down(operator):
    operator.lab.power_off("be2")
    operator.lab.power_off("be3")
    assert_said(
        operator,
        "be2 and be3 do not answer: if they are down, etcd has no quorum and nobody leads",
        "'chef-backend-ctl create-cluster --quorum-loss-recovery' on be1",
    )


@pytest.mark.campaign
def test_nobody_leads(operator):
    for node in operator.lab.backends:
        operator.orders_fault(node, {"never_leads": True})
    for verb in ("stop", "start"):  # of all at once: the documents know that it may leave nobody to lead
        for node in operator.lab.backends:
            assert operator.lab.exec(node, "chef-backend-ctl", verb).returncode == 0
    assert_said(operator, "nobody leads. Wait a minute for an election", "chef-backend-ctl promote", "force-leader")


@pytest.mark.campaign
def test_no_leaderl_runs(operator):
    for node in operator.lab.backends:
        assert operator.lab.exec(node, "chef-backend-ctl", "stop", "leaderl").returncode == 0
    assert_said(operator, "leaderl does not run on be1, be2, be3", "'chef-backend-ctl start leaderl'")


@pytest.mark.campaign
def test_a_node_that_does_not_come_back(operator):
    operator.lab.power_off("be3")
    assert_said(
        operator,
        "be3 does not answer: look at its host and its minion",
        "'chef-backend-ctl remove-node be3' on be1",
        "orch.chef_backend_replace_node",
    )

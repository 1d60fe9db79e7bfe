"""The rolling upgrade, end to end: what an operator types, and what the journal saw of it."""

import copy
import itertools

from tests.integration.happy import of_the_site
from tests.integration.operator import NEW, OLD, assert_nothing_left_to_do
from tests.lab.clients.tally import ACKNOWLEDGED


def test_the_command_ends_with_status_0_and_every_node_runs_the_target(happy):
    operator = happy.operator
    assert happy.upgrade.returncode == 0, happy.upgrade
    assert operator.versions() == dict.fromkeys(("be1", "be2", "be3"), NEW)


def test_the_terminal_is_not_silent_while_it_runs_and_shows_no_traceback_at_its_end(happy):
    for node in ("be1", "be2", "be3"):
        assert f"{node}      upgrade done" in happy.upgrade.stderr
    assert "Traceback" not in happy.upgrade.stderr


def test_the_commands_are_those_of_the_plan_word_by_word(happy):
    did = happy.operator.did()
    assert len(did) == 13, "10 of the product, and 3 installations"
    assert did == happy.plan


def test_i1_never_are_two_backends_in_upgrade_at_once(happy):
    operator = happy.operator
    spans = sorted((c.begin, c.end) for c in operator.commands("chef-backend-ctl upgrade"))
    assert len(spans) == 3
    for (_, end), (begin, _) in itertools.pairwise(spans):
        assert end < begin


def test_i2_the_leader_is_upgraded_last_after_one_hand_over_to_an_upgraded_node(happy):
    operator = happy.operator
    order = operator.hosts_upgrading()
    assert order == ["be2", "be3", "be1"]
    assert [c.host for c in operator.commands("chef-backend-ctl upgrade --failover")] == ["be1"]
    takeovers = operator.takeovers()
    assert [t["how"] for t in takeovers] == ["hand-over"]
    assert takeovers[0]["host"] in ("be2", "be3")


def test_i3_failover_is_off_while_followers_are_upgraded_and_on_at_the_end(happy):
    operator = happy.operator
    for command in operator.commands("chef-backend-ctl upgrade"):
        expected = "on" if "--failover" in command.argv else "off"
        assert operator.failover_at(command.begin) == expected, command
    assert operator.failover_at(float("inf")) == "on"
    assert operator.shown_failover() == "on"


def test_i4_no_write_that_a_client_saw_acknowledged_is_lost(happy):
    assert len(happy.clients) == 3, "rows by SQL, and nodes through each of two API servers"
    for tally in happy.clients:
        assert tally.count(ACKNOWLEDGED) > 50, tally.writer
        assert [answer.key for answer in tally.lost] == [], tally.writer
        assert [answer.key for answer in tally.revived] == [], tally.writer


def test_i6_packages_and_backup_come_before_the_exposure(happy):
    operator = happy.operator
    off = operator.commands("chef-backend-ctl set-cluster-failover off")[0]
    assert all(backup.end < off.begin for backup in operator.commands("chef-backend-ctl backup"))
    assert [c.host for c in operator.commands("chef-backend-ctl backup")] == ["be2"]
    for node in operator.lab.backends:
        assert of_the_site(operator.lab, node).read_bytes() == b"of the site"


def test_every_frontend_is_reconfigured_once_one_after_another(happy):
    operator = happy.operator
    seen = operator.commands("chef-server-ctl reconfigure")
    assert [c.host for c in seen] == ["fe1", "fe2"]
    assert seen[0].end < seen[1].begin


def test_run_again_changes_nothing(happy):
    assert_nothing_left_to_do(copy.copy(happy.operator))


def test_status_and_plan_say_so(happy):
    operator = happy.operator
    status = operator.lab.salt_run("chef_backend.status", "prod")
    assert status.returncode == 0, status.stdout
    assert "cluster prod: healthy; failover on" in status.stdout
    plan = operator.lab.salt_run("chef_backend.plan", "prod")
    assert plan.returncode == 0, plan.stdout
    assert "way: none" in plan.stdout
    assert OLD not in plan.stdout

"""The rolling upgrade, end to end: what an operator types, and what the journal saw of it."""

import itertools

import pytest

from tests.integration.operator import NEW, OLD, Operator, assert_nothing_left_to_do
from tests.lab.clients.crowd import Crowd
from tests.lab.clients.tally import ACKNOWLEDGED


@pytest.fixture(scope="module")
def clients(module_lab):
    """What clients were told who wrote all the time, and what is stored: filled by the one rolling upgrade."""
    return []


def of_the_site(lab, node):
    """An archive that was there before the run."""
    return lab.root(node) / "var/opt/chef-backup/of-the-site.tgz"


@pytest.fixture(scope="module")
def done(module_lab, clients):
    """One rolling upgrade from 2.2.0 to 2.3.16, under load, that everything here looks at."""
    operator = Operator(module_lab)
    operator.wants(NEW)
    for node in module_lab.backends:
        of_the_site(module_lab, node).write_bytes(b"of the site")
    with Crowd(module_lab) as crowd:
        run = operator.upgrades()
        clients += [tally for tallies in crowd.stop() for tally in tallies]
    return operator, run


def test_the_command_ends_with_status_0_and_every_node_runs_the_target(done):
    operator, run = done
    assert run.returncode == 0, run.stdout + run.stderr
    assert operator.versions() == dict.fromkeys(("be1", "be2", "be3"), NEW)


def test_the_terminal_is_not_silent_while_it_runs(done):
    _, run = done
    for node in ("be1", "be2", "be3"):
        assert f"{node}      upgrade done" in run.stderr


def test_i1_never_are_two_backends_in_upgrade_at_once(done):
    operator, _ = done
    spans = sorted((c.begin, c.end) for c in operator.commands("chef-backend-ctl upgrade"))
    assert len(spans) == 3
    for (_, end), (begin, _) in itertools.pairwise(spans):
        assert end < begin


def test_i2_the_leader_is_upgraded_last_after_one_hand_over_to_an_upgraded_node(done):
    operator, _ = done
    order = operator.hosts_upgrading()
    assert order == ["be2", "be3", "be1"]
    assert [c.host for c in operator.commands("chef-backend-ctl upgrade --failover")] == ["be1"]
    takeovers = operator.takeovers()
    assert [t["how"] for t in takeovers] == ["hand-over"]
    assert takeovers[0]["host"] in ("be2", "be3")


def test_i3_failover_is_off_while_followers_are_upgraded_and_on_at_the_end(done):
    operator, _ = done
    for command in operator.commands("chef-backend-ctl upgrade"):
        expected = "on" if "--failover" in command.argv else "off"
        assert operator.failover_at(command.begin) == expected, command
    assert operator.failover_at(float("inf")) == "on"
    assert operator.shown_failover() == "on"


def test_i4_no_write_that_a_client_saw_acknowledged_is_lost(done, clients):
    assert len(clients) == 3, "rows by SQL, and nodes through each of two API servers"
    for tally in clients:
        assert tally.count(ACKNOWLEDGED) > 100, tally.writer
        assert [answer.key for answer in tally.lost] == [], tally.writer
        assert [answer.key for answer in tally.revived] == [], tally.writer


def test_i6_packages_and_backup_come_before_the_exposure(done):
    operator, _ = done
    off = operator.commands("chef-backend-ctl set-cluster-failover off")[0]
    assert all(backup.end < off.begin for backup in operator.commands("chef-backend-ctl backup"))
    assert [c.host for c in operator.commands("chef-backend-ctl backup")] == ["be2"]
    for node in operator.lab.backends:
        assert of_the_site(operator.lab, node).read_bytes() == b"of the site"


def test_every_frontend_is_reconfigured_once_one_after_another(done):
    operator, _ = done
    seen = operator.commands("chef-server-ctl reconfigure")
    assert [c.host for c in seen] == ["fe1", "fe2"]
    assert seen[0].end < seen[1].begin


def test_run_again_changes_nothing(done):
    operator, _ = done
    assert_nothing_left_to_do(operator)


def test_status_and_plan_say_so(done):
    operator, _ = done
    status = operator.lab.salt_run("chef_backend.status", "prod")
    assert status.returncode == 0, status.stdout
    assert "cluster prod: healthy; failover on" in status.stdout
    plan = operator.lab.salt_run("chef_backend.plan", "prod")
    assert plan.returncode == 0, plan.stdout
    assert "way: none" in plan.stdout
    assert OLD not in plan.stdout

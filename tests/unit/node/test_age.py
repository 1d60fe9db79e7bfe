"""Since when services run and a package is there: whatever somebody has done to the wall clock."""

import os

import pytest

from saltext.chef_backend.node import age
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.product.runit import SimpleService
from tests.unit.run import fakes

MANIFEST = "/opt/chef-backend/version-manifest.json"
HOUR = 3600


class Clock(fakes.Clock):
    """A clock of a host that booted a day ago."""

    def __init__(self):
        super().__init__()
        self.boots, self.since, self.wall = "b1", 24.0 * HOUR, 0.0

    def now(self):
        return self.wall

    def boot(self):
        return self.boots, self.since


class Processes:
    """Processes by their number, and when each began, in seconds since the boot."""

    def __init__(self, began):
        self.seen = began

    def began(self, pid):
        return self.seen.get(pid)


@pytest.fixture(name="node")
def fixture_node(tmp_path):
    began = {1: 3.0 * HOUR, 2: 23.9 * HOUR}  # before the package came, and after it
    node = Host("be1", {}, root=tmp_path, clock=Clock(), processes=Processes(began))
    path = node.path(MANIFEST)
    path.parent.mkdir(parents=True)
    path.write_text("{}", encoding="utf-8")
    node.clock.wall = os.stat(path).st_ctime + HOUR  # an hour after the installation
    return node


OLD, NEW = SimpleService("etcd", "run", 1, 21 * HOUR), SimpleService("leaderl", "run", 2, 360)


def noted(node, hours_ago):
    node.clock.since -= hours_ago * HOUR
    age.note_unpacked(node, MANIFEST)
    node.clock.since += hours_ago * HOUR


def test_what_began_before_the_package_came_is_outdated(node):
    assert age.outdated(node, [OLD, NEW], MANIFEST) == ["etcd"]
    noted(node, 1)
    assert age.outdated(node, [OLD, NEW], MANIFEST) == ["etcd"]


@pytest.mark.parametrize("stepped", [-2 * HOUR, 2 * HOUR])
def test_a_wall_clock_that_steps_makes_nothing_outdated_that_is_not(node, stepped):
    noted(node, 1)
    node.clock.wall += stepped
    shown = [SimpleService(one.name, "run", one.pid, max(0, one.seconds + stepped)) for one in (OLD, NEW)]
    assert age.outdated(node, shown, MANIFEST) == ["etcd"]


def test_a_package_that_somebody_else_installed_since_is_told_by_its_ctime(node):
    noted(node, 20)  # that was another one
    os.utime(node.path(MANIFEST))
    assert age.outdated(node, [OLD, NEW], MANIFEST) == ["etcd"]


def test_after_a_reboot_nothing_runs_that_began_before_the_installation(node):
    noted(node, 1)
    node.clock.boots = "b2"
    assert age.outdated(node, [OLD, NEW], MANIFEST) == []


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '{"/opt/chef-backend/version-manifest.json": 7}'])
def test_a_note_that_cannot_be_read_is_none(node, text):
    path = node.path(age.UNPACKED)
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    assert age.outdated(node, [OLD, NEW], MANIFEST) == ["etcd"]


def test_runits_time_may_be_a_second_too_long(node):
    assert age.outdated(node, [SimpleService("etcd", "run", 1, HOUR + 1)], MANIFEST) == []
    assert age.outdated(node, [SimpleService("etcd", "run", 1, HOUR + 2)], MANIFEST) == ["etcd"]


def test_a_service_is_as_old_as_its_process_and_else_as_runit_says(node):
    gone = SimpleService("epmd", "run", 4711, 5)
    assert age.of_services(node, [OLD, gone]) == {"etcd": 21.0 * HOUR, "epmd": 5.0}


def test_notes_of_two_products_stand_beside_each_other(node):
    other = "/opt/opscode/version-manifest.json"
    node.path(other).parent.mkdir(parents=True)
    node.path(other).write_text("{}", encoding="utf-8")
    noted(node, 1)
    age.note_unpacked(node, other)
    assert age.outdated(node, [OLD], MANIFEST) == ["etcd"]

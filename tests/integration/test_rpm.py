"""The rolling upgrade where hosts are rpm's: real rpm packages, rpm, no repository within reach.

One lab serves all of this, in the order of this page: what is refused leaves it as it was.
"""

import json
import os
import signal

import pytest

from tests.integration.operator import (
    NEW,
    OLD,
    Operator,
    assert_finished,
    assert_nothing_left_to_do,
    assert_untouched,
    sha256,
)
from tests.lab import packages

BACKENDS = ("be1", "be2", "be3")
MANIFEST = "/opt/chef-backend/version-manifest.json"
UNREACHABLE = "unreachable"


@pytest.fixture(scope="module")
def person(rpm_lab):
    """An operator at a fresh rpm cluster of 2.2.0."""
    return Operator(rpm_lab)


@pytest.fixture(scope="module")
def done(person):
    """One rolling upgrade by rpm that what comes below looks at."""
    person.forgets_the_past()
    person.wants(NEW, backup=False)
    return person, person.upgrades()


def by_rpm(lab):
    """Return what each backend's own rpm database holds of the product."""
    return {
        node: lab.exec(node, "rpm", "-q", "--queryformat", "%{NAME} %{VERSION}\n", "chef-backend").stdout
        for node in lab.backends
    }


def brought(lab, node, package):
    """Bring a package file to a node by hand; return where it lies there."""
    path = f"/root/{package.name}"
    lab.put(node, path, package.read_bytes())
    return path


def stages(lab, node, version, source, checksum):
    """Have a node's state stage a package, outside of any run."""
    promised = (f"salt://packages/{source}", f"version={version}", f"sha256={checksum}")
    run = lab.salt(node, "state.single", "chef_backend.staged", *promised)
    assert run.returncode == 0, run.stdout


def installs(lab, node, version, source, checksum):
    """Have a node's state install what is staged, outside of any run."""
    promised = (version, f"source=salt://packages/{source}", f"sha256={checksum}")
    return lab.salt(node, "state.single", "chef_backend.installed", *promised)


def outdated(lab, node):
    """Ask a node which services run the version before; None if none does."""
    asked = lab.salt(node, "chef_backend_agent.view", '["status", "half_upgraded"]', "--out=json", "--static")
    return json.loads(asked.stdout)[node]["half_upgraded"]


def test_the_hosts_are_rpms_and_their_repository_cannot_be_reached(rpm_lab):
    assert by_rpm(rpm_lab) == dict.fromkeys(BACKENDS, f"chef-backend {OLD}\n")
    grains = rpm_lab.salt("be1", "grains.item", "os_family", "osarch", "--out=json")
    assert '"RedHat"' in grains.stdout and '"x86_64"' in grains.stdout, grains.stdout
    asked = rpm_lab.exec("be1", "dnf", "makecache", check=False)
    assert asked.returncode != 0
    assert UNREACHABLE in asked.stdout + asked.stderr


@pytest.mark.campaign
def test_a_package_that_lies_about_its_version_is_refused_and_nothing_is_touched(person):
    good = person.lab.package(NEW)
    lying = packages.build(OLD, good.parent / "lying", family="rpm").rename(good.parent / "lying" / good.name)
    person.wants(NEW, backup=False, package={"source": f"salt://packages/lying/{lying.name}", "sha256": sha256(lying)})
    person.forgets_the_past()
    assert_untouched(person, person.upgrades(), "holds version 2.2.0, expected 2.3.16")
    assert by_rpm(person.lab) == dict.fromkeys(BACKENDS, f"chef-backend {OLD}\n")


@pytest.mark.campaign
def test_the_other_familys_package_is_refused_and_nothing_is_touched(person):
    deb = person.lab.package(NEW, family="deb")
    person.wants(NEW, backup=False, package={"source": f"salt://packages/{deb.name}", "sha256": sha256(deb)})
    person.forgets_the_past()
    assert_untouched(person, person.upgrades(), "is no package for a node of the family RedHat")


@pytest.mark.campaign
def test_an_older_package_is_refused_though_dnf_would_install_it(person):
    lab = person.lab
    person.forgets_the_past()
    old = lab.package("2.0.30")
    run = installs(lab, "be1", "2.0.30", old.name, sha256(old))
    assert_untouched(person, run, "2.2.0 is installed, and 2.0.30 is older: there is no way back")
    there = brought(lab, "be1", old)
    asked = lab.exec("be1", "dnf", "--assumeno", "--disablerepo=*", "install", there, check=False)
    assert "Downgrading:" in asked.stdout, "else the refusal would be dnf's own"


@pytest.mark.campaign
def test_a_damaged_package_that_nobody_verified_is_refused_before_a_file_is_replaced(person):
    """Its header is whole, so it can be staged; rpm knows the payload's own checksum."""
    lab, good = person.lab, person.lab.package(NEW)
    damaged = good.parent / "damaged" / good.name
    damaged.parent.mkdir()
    content = bytearray(good.read_bytes())
    content[-20000] ^= 0xFF
    damaged.write_bytes(content)
    stages(lab, "be1", NEW, f"damaged/{good.name}", "skip-verification")
    run = installs(lab, "be1", NEW, f"damaged/{good.name}", "skip-verification")
    assert run.returncode != 0
    assert "does not verify" in run.stdout, run.stdout
    assert by_rpm(lab) == dict.fromkeys(BACKENDS, f"chef-backend {OLD}\n")
    assert person.versions() == dict.fromkeys(BACKENDS, OLD)
    assert lab.exec("be1", "rpm", "-V", "chef-backend").stdout == ""


def test_the_command_ends_with_status_0_and_rpm_knows_the_target_everywhere(done):
    operator, run = done
    assert run.returncode == 0, run.stdout + run.stderr
    assert operator.versions() == dict.fromkeys(BACKENDS, NEW)
    assert by_rpm(operator.lab) == dict.fromkeys(BACKENDS, f"chef-backend {NEW}\n")
    for node in BACKENDS:
        assert operator.lab.exec(node, "rpm", "-V", "chef-backend").stdout == ""


def test_followers_first_and_the_leader_last_after_one_hand_over(done):
    operator, _ = done
    assert operator.hosts_installing() == ["be2", "be3", "be1"]
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]
    assert [c.host for c in operator.commands("chef-backend-ctl upgrade --failover")] == ["be1"]
    assert [t["how"] for t in operator.takeovers()] == ["hand-over"]
    assert operator.shown_failover() == "on"


def test_packages_changed_by_rpm_alone_each_between_its_gates_and_its_upgrade(done):
    operator, _ = done
    installs = [c for c in operator.commands() if c.installs]
    assert [c.argv[0] for c in installs] == ["rpm"] * 3
    for install, upgrade in zip(installs, operator.commands("chef-backend-ctl upgrade"), strict=True):
        assert install.status == 0
        assert install.end < upgrade.begin


def test_the_manifests_ctime_is_when_rpm_put_it_there(done):
    """outdated_services goes by it: rpm writes to another name, sets the build's mtime, and renames."""
    operator, _ = done
    for install in (c for c in operator.commands() if c.installs):
        file = (operator.lab.root(install.host) / MANIFEST.lstrip("/")).stat()
        assert install.begin <= file.st_ctime <= install.end, install.host
        assert file.st_mtime < install.begin - 86400, "the build's time"


def test_run_again_changes_nothing(done):
    operator, _ = done
    assert_nothing_left_to_do(operator)


def test_services_are_outdated_from_the_installation_to_the_upgrade(done):
    """A package put there by hand is seen, whatever the manifest's version."""
    operator, _ = done
    lab = operator.lab
    assert outdated(lab, "be1") is None
    lab.exec("be1", "rpm", "-U", "--replacepkgs", brought(lab, "be1", lab.package(NEW)))
    assert "started before 2.3.16 was installed" in outdated(lab, "be1")


@pytest.mark.campaign
def test_an_installation_that_was_cut_off_is_made_whole(person):
    """A killed rpm leaves the new files in place, and two packages in rpm's database: here such a database is made."""
    lab, version = person.lab, person.versions()["be1"]
    lab.exec("be1", "rpm", "-i", "--justdb", "--force", brought(lab, "be1", lab.package("2.0.30")))
    assert sorted(by_rpm(lab)["be1"].splitlines()) == ["chef-backend 2.0.30", f"chef-backend {version}"]
    package = lab.package(version)
    stages(lab, "be1", version, package.name, sha256(package))
    run = installs(lab, "be1", version, package.name, sha256(package))
    assert run.returncode == 0, run.stdout
    assert "had been cut off, and is whole now" in run.stdout
    assert by_rpm(lab)["be1"] == f"chef-backend {version}\n"
    assert lab.exec("be1", "rpm", "-V", "chef-backend").stdout == ""


@pytest.mark.campaign
def test_a_follower_fails_and_kill_9_while_rpm_installs_then_the_same_command(rpm_lab, house):
    operator = Operator(house.fresh(family="rpm"))
    operator.wants(NEW, backup=False)
    operator.orders_fault("be2", {"upgrade": {"exit": 1, "output": "disk full", "times": 1}})
    run = operator.upgrades()
    assert run.returncode != 0 and "be2: chef-backend-ctl upgrade ended with status 1" in run.stdout, run.stdout
    assert operator.hosts_installing() == ["be2"], "later nodes are left alone"

    run = operator.starts_upgrading()
    operator.waits_for(lambda: operator.hosts_installing() == ["be2", "be3"])
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert_finished(operator, operator.upgrades())
    assert operator.hosts_upgrading() == ["be2", "be2", "be3", "be1"]
    assert by_rpm(operator.lab) == dict.fromkeys(BACKENDS, f"chef-backend {NEW}\n")


@pytest.mark.campaign
def test_the_frontends_own_upgrade_calls_rpm_as_documented(rpm_lab, house):
    lab = house.fresh(family="rpm")
    operator = Operator(lab, orchestration="orch.chef_server_upgrade")
    package = lab.server_package("15.10.12")
    promised = {"source": f"salt://packages/{package.name}", "sha256": sha256(package)}
    operator.wants(OLD, backup=False, server={"version": "15.10.12", "package": promised, "accept_license": True})
    run = operator.upgrades()
    assert run.returncode == 0, run.stdout + run.stderr
    installs = [c for c in operator.commands() if c.installs]
    assert [c.host for c in installs] == ["fe1", "fe2"]
    assert {tuple(c.argv[:4]) for c in installs} == {("rpm", "-Uvh", "--replacepkgs", "--nopostun")}
    for node in lab.frontends:
        held = lab.exec(node, "rpm", "-q", "--queryformat", "%{NAME} %{VERSION}\n", "chef-server-core").stdout
        assert held == "chef-server-core 15.10.12\n"
    assert [c.host for c in operator.commands("chef-server-ctl upgrade")] == ["fe1", "fe2"]
    assert [str(c) for c in operator.changing_commands() if c.host in lab.backends] == []
    assert_nothing_left_to_do(operator)

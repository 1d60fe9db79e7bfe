"""What dpkg and rpm answer, read; what is held back; a lock that another package manager has."""

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.errors import InVain
from saltext.chef_backend.node import installer
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.node.processes import Work
from saltext.chef_backend.product.command import Done
from tests.unit.run import fakes

DEB, RPM = {"os_family": "Debian", "osarch": "amd64"}, {"os_family": "Suse", "osarch": "x86_64"}
PATH = "/var/cache/salt-chef-backend/chef-backend_2.3.16-1_amd64.deb"
LOCKED = "dpkg: error: dpkg frontend lock was locked by another process with pid 4711\n"


class Programs:
    """Package managers that say what a test has them say."""

    def __init__(self, said=(), ends=()):
        self.said, self.ends, self.started = Done(*said) if said else None, list(ends), []

    def run(self, words, timeout, env=None):
        return self.said

    def start(self, words, folder, env=None, keep=True, until=None):
        self.started.append((words, env))

    def look(self, folder):
        return Work(None, False)

    def wait(self, folder, seconds):
        return Work(self.ends[0][0], False, 0.0)

    def output(self, folder):
        return "", self.ends.pop(0)[1]


def node(tmp_path, grains, said=(), ends=()):
    return Host("be1", {}, grains=grains, root=tmp_path, clock=fakes.Clock(), processes=Programs(said, ends))


@pytest.mark.parametrize(
    ("grains", "said", "version"),
    [
        (DEB, (0, "install ok installed 2.3.16-1", ""), "2.3.16-1"),
        (DEB, (0, "hold ok installed 1:2.3.16-1", ""), "1:2.3.16-1"),
        (DEB, (0, "install ok half-configured 2.3.16-1", ""), ""),
        (DEB, (0, "deinstall ok config-files 2.3.16-1", ""), ""),
        (DEB, (1, "", "dpkg-query: no packages found matching chef-backend"), ""),
        (RPM, (0, "2.3.16-1.el8", ""), "2.3.16-1.el8"),
        (RPM, (0, "2.2.0-1.el8\n2.3.16-1.el8", ""), "2.2.0-1.el8,2.3.16-1.el8"),
        (RPM, (1, "package chef-backend is not installed", ""), ""),
    ],
)
def test_which_version_is_installed(tmp_path, grains, said, version):
    assert installer.held(node(tmp_path, grains, said), "chef-backend") == version


@pytest.mark.parametrize(
    ("grains", "said"),
    [
        (DEB, (2, "", "dpkg-query: error: parsing file")),
        (RPM, (1, "", "error: rpmdb open failed")),
        (DEB, (None, "", "")),
        (RPM, (None, "", "")),
    ],
)
def test_i8_a_package_manager_that_does_not_tell_is_no_answer(tmp_path, grains, said):
    with pytest.raises(CommandExecutionError, match="be1: "):
        installer.held(node(tmp_path, grains, said), "chef-backend")


@pytest.mark.parametrize(
    ("path", "line", "held"),
    [
        ("/etc/yum/pluginconf.d/versionlock.list", "0:chef-backend-2.2.0-1.el7.*", True),
        ("/etc/dnf/plugins/versionlock.list", "chef-backend-0:2.2.0-1.el8.*", True),
        ("/etc/dnf/plugins/versionlock.list", "# chef-backend-0:2.2.0-1.el8.*", False),
        ("/etc/dnf/plugins/versionlock.list", "chef-backend-tools-0:2.2.0-1.el8.*", False),
        ("/etc/dnf/versionlock.toml", 'name = "chef-backend"', True),
        ("/etc/zypp/locks", "solvable_name: chef-backend", True),
        ("/etc/zypp/locks", "solvable_name: my-chef-backend", False),
    ],
)
def test_what_is_held_back_is_read_where_yum_dnf_and_zypper_keep_it(tmp_path, path, line, held):
    host = node(tmp_path, RPM)
    assert installer.is_held_back(host, "chef-backend") is False
    host.path(path).parent.mkdir(parents=True)
    host.path(path).write_text(f"{line}\n")
    assert installer.is_held_back(host, "chef-backend") is held


@pytest.mark.parametrize(
    ("grains", "said", "found"),
    [
        (DEB, " new Debian package\n Package: chef-backend\n Version: 2.3.16-1\n Architecture: amd64\n Section: misc\n",
         ("chef-backend", "2.3.16-1")),
        (DEB, " Package: x\n Version: 1:2-1\n Architecture: all\n", ("x", "1:2-1")),
        (DEB, " Package: x\n Version: 1-1\n Architecture: arm64\n", ("x:arm64", "1-1")),
        (RPM, "chef-backend 2.3.16-1.el8 x86_64\n", ("chef-backend", "2.3.16-1.el8")),
        (RPM, "x 1:2-1 noarch\n", ("x", "1:2-1")),
    ],
)  # fmt: skip
def test_what_a_file_holds(tmp_path, grains, said, found):
    assert installer.inside(node(tmp_path, grains, (0, said, "")), tmp_path / "x") == found


@pytest.mark.parametrize("said", [(0, " Package: x\n", ""), (2, "", "not a Debian format archive")])
def test_a_file_that_holds_no_package(tmp_path, said):
    with pytest.raises(CommandExecutionError, match="is no package for a node of the family Debian"):
        installer.inside(node(tmp_path, DEB, said), tmp_path / "x")


def install(host):
    installer.install(host, {"changes": {}}, "chef-backend", host.path(PATH), "2.3.16", 600)


def test_another_package_manager_is_waited_for(tmp_path):
    host = node(tmp_path, DEB, (0, "install ok installed 2.2.0-1", ""), [(2, LOCKED), (2, LOCKED), (0, "")])
    began = host.clock.monotonic()
    install(host)
    assert len(host.processes.started) == 3
    assert host.clock.monotonic() > began
    words, env = host.processes.started[0]
    assert words == ("dpkg", "--force-confdef", "--force-confold", "-i", str(host.path(PATH)))
    assert env["DEBIAN_FRONTEND"] == "noninteractive"


def test_but_not_for_ever(tmp_path):
    host = node(tmp_path, DEB, (0, "install ok installed 2.2.0-1", ""), [(2, LOCKED)] * 1000)
    with pytest.raises(CommandExecutionError, match=r"locked by another process with pid 4711 \(looked for 600 s\)"):
        install(host)


def test_what_else_fails_is_not_tried_again(tmp_path):
    host = node(tmp_path, DEB, (0, "install ok installed 2.2.0-1", ""), [(1, "disk full\n"), (0, "")])
    with pytest.raises(InVain, match="disk full"):
        install(host)
    assert len(host.processes.started) == 1

"""What dpkg and rpm, apt and dnf say, recorded: to the states of the package there must be no difference."""

import pytest

from tests.functional.minion import GRAINS

REDHAT = {
    **GRAINS,
    "os": "CentOS",
    "os_family": "RedHat",
    "osarch": "x86_64",
    "osrelease": "8",
    "osmajorrelease": 8,
    "oscodename": "",
}


class Debian:
    """dpkg and apt."""

    family = "Debian"
    minion = "shared"
    file = "chef-backend_2.3.16-1_amd64.deb"
    installer = "apt-get"
    options = ("-q", "-y")
    foreign = "chef-backend:arm64"
    completing = "install"

    @staticmethod
    def version(release, epoch=None):
        """Return a package's version as this family writes it."""
        return f"{epoch}:{release}-1" if epoch else f"{release}-1"

    def holds(self, recorded, package="chef-backend", release="2.3.16", epoch=None, arch="amd64"):
        """Have the staged file hold a package."""
        version = self.version(release, epoch)
        recorded.say("dpkg -I", f" Package: {package}\n Version: {version}\n Architecture: {arch}\n")

    def holds_foreign(self, recorded):
        """Have the staged file hold the package for machines of another kind."""
        self.holds(recorded, arch="arm64")

    def holds_nothing(self, recorded):
        """Have the staged file be no package of this family."""
        recorded.say("dpkg -I", status=2, stderr="dpkg-deb: error: not a Debian format archive\n")

    def installed(self, release, package="chef-backend"):
        """Return what is answered when this release is installed."""
        return {"dpkg-query": f"install ok installed {package} {self.version(release)} amd64\n"}

    def half_installed(self, old, new, package="chef-backend"):
        """Return what is answered when the installation was cut off after the new files were in place."""
        return {"dpkg-query": f"install ok half-configured {package} {self.version(new)} amd64\n"}

    def compares(self, recorded, older, newer):
        """Have versions compared, which apt's module leaves to dpkg."""
        older, newer = self.version(older), self.version(newer)
        recorded.say("dpkg --compare-versions", status=1)
        recorded.say(f"dpkg --compare-versions {older} lt {newer}")
        recorded.say(f"dpkg --compare-versions {newer} gt {older}")


class RedHat:
    """rpm and dnf."""

    family = "RedHat"
    minion = "redhat"
    file = "chef-backend-2.3.16-1.el8.x86_64.rpm"
    installer = "dnf"
    options = ("-y", "--best", "--allowerasing", "--disablerepo=*")  # no repository is looked at
    foreign = "chef-backend.aarch64"
    completing = "reinstall"

    @staticmethod
    def version(release, epoch=None):
        """Return a package's version as this family writes it."""
        return f"{epoch}:{release}-1.el8" if epoch else f"{release}-1.el8"

    @staticmethod
    def _line(package, release, epoch, arch, since="(none)"):
        return f"{package}_|-{epoch or '(none)'}_|-{release}_|-1.el8_|-{arch}_|-none_|-{since}\n"

    def holds(self, recorded, package="chef-backend", release="2.3.16", epoch=None, arch="x86_64"):
        """Have the staged file hold a package."""
        recorded.say("rpm -qp", self._line(package, release, epoch, arch).strip())

    def holds_foreign(self, recorded):
        """Have the staged file hold the package for machines of another kind."""
        self.holds(recorded, arch="aarch64")

    def holds_nothing(self, recorded):
        """Have the staged file be no package of this family."""
        recorded.say("rpm -qp", status=1, stderr="error: chef-backend.deb: not an rpm package (or package manifest)\n")

    def installed(self, release, package="chef-backend"):
        """Return what is answered when this release is installed."""
        return {"rpm -qa": self._line(package, release, None, "x86_64", since=1700000000)}

    def half_installed(self, old, new, package="chef-backend"):
        """Return what is answered when the installation was cut off after the new files were in place."""
        return {"rpm -qa": self.installed(old, package)["rpm -qa"] + self.installed(new, package)["rpm -qa"]}

    def compares(self, recorded, older, newer):
        """Nothing to record: rpm's module compares by itself."""


@pytest.fixture(name="packager", params=[Debian, RedHat], ids=lambda kind: kind.family)
def fixture_packager(request):
    """Return the node's package manager: every test here is made with both."""
    return request.param()


@pytest.fixture(name="minion")
def fixture_minion(packager, request):
    """Return a minion of that family with nothing of the product installed on it."""
    minion = request.getfixturevalue(packager.minion)
    minion.forget()
    return minion

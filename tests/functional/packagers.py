"""What dpkg and rpm, apt and dnf say, recorded: to the states of the package there must be no difference."""

import pytest

from tests.functional.minion import GRAINS, Minion
from tests.functional.recorded import Recorded

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
    def version(release: str, epoch: int | None = None) -> str:
        """Return a package's version as this family writes it."""
        return f"{epoch}:{release}-1" if epoch else f"{release}-1"

    def holds(
        self,
        recorded: Recorded,
        package: str = "chef-backend",
        release: str = "2.3.16",
        epoch: int | None = None,
        arch: str = "amd64",
    ) -> None:
        """Have the staged file hold a package."""
        version = self.version(release, epoch)
        recorded.say("dpkg -I", f" Package: {package}\n Version: {version}\n Architecture: {arch}\n")

    def holds_foreign(self, recorded: Recorded) -> None:
        """Have the staged file hold the package for machines of another kind."""
        self.holds(recorded, arch="arm64")

    def holds_nothing(self, recorded: Recorded) -> None:
        """Have the staged file be no package of this family."""
        recorded.say("dpkg -I", status=2, stderr="dpkg-deb: error: not a Debian format archive\n")

    def installed(self, release: str, package: str = "chef-backend") -> dict[str, str]:
        """Return what is answered when this release is installed."""
        return {"dpkg-query": f"install ok installed {package} {self.version(release)} amd64\n"}

    def half_installed(self, old: str, new: str, package: str = "chef-backend") -> dict[str, str]:
        """Return what is answered when the installation was cut off after the new files were in place."""
        return {"dpkg-query": f"install ok half-configured {package} {self.version(new)} amd64\n"}

    def compares(self, recorded: Recorded, older: str, newer: str) -> None:
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
    def version(release: str, epoch: int | None = None) -> str:
        """Return a package's version as this family writes it."""
        return f"{epoch}:{release}-1.el8" if epoch else f"{release}-1.el8"

    @staticmethod
    def _line(package: str, release: str, epoch: int | None, arch: str, since: str = "(none)") -> str:
        return f"{package}_|-{epoch or '(none)'}_|-{release}_|-1.el8_|-{arch}_|-none_|-{since}\n"

    def holds(
        self,
        recorded: Recorded,
        package: str = "chef-backend",
        release: str = "2.3.16",
        epoch: int | None = None,
        arch: str = "x86_64",
    ) -> None:
        """Have the staged file hold a package."""
        recorded.say("rpm -qp", self._line(package, release, epoch, arch).strip())

    def holds_foreign(self, recorded: Recorded) -> None:
        """Have the staged file hold the package for machines of another kind."""
        self.holds(recorded, arch="aarch64")

    def holds_nothing(self, recorded: Recorded) -> None:
        """Have the staged file be no package of this family."""
        recorded.say("rpm -qp", status=1, stderr="error: chef-backend.deb: not an rpm package (or package manifest)\n")

    def installed(self, release: str, package: str = "chef-backend") -> dict[str, str]:
        """Return what is answered when this release is installed."""
        return {"rpm -qa": self._line(package, release, None, "x86_64", since="1700000000")}

    def half_installed(self, old: str, new: str, package: str = "chef-backend") -> dict[str, str]:
        """Return what is answered when the installation was cut off after the new files were in place."""
        return {"rpm -qa": self.installed(old, package)["rpm -qa"] + self.installed(new, package)["rpm -qa"]}

    def compares(self, recorded: Recorded, older: str, newer: str) -> None:
        """Nothing to record: rpm's module compares by itself."""


Packager = Debian | RedHat


@pytest.fixture(name="packager", params=[Debian, RedHat], ids=lambda kind: kind.family)
def fixture_packager(request: pytest.FixtureRequest) -> Packager:
    """Return the node's package manager: every test here is made with both."""
    kind: type[Packager] = request.param
    return kind()


@pytest.fixture(name="minion")
def fixture_minion(packager: Packager, request: pytest.FixtureRequest) -> Minion:
    """Return a minion of that family with nothing of the product installed on it."""
    minion: Minion = request.getfixturevalue(packager.minion)
    minion.forget()
    return minion

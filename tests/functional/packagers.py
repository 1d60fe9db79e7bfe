"""What dpkg and rpm say, recorded: to the states of the package there must be no difference."""

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
    """dpkg."""

    family = "Debian"
    minion = "shared"
    file = "chef-backend_2.3.16-1_amd64.deb"
    installs = ("dpkg", "--force-confdef", "--force-confold", "-i")
    foreign = "chef-backend:arm64"

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
        return {"dpkg-query": f"install ok installed {self.version(release)}\n"}

    def half_installed(self, old: str, new: str, package: str = "chef-backend") -> dict[str, str]:
        """Return what is answered when the installation was cut off after the new files were in place."""
        return {"dpkg-query": f"install ok half-configured {self.version(new)}\n"}

    def holds_back(self, recorded: Recorded, minion: Minion) -> None:
        """Have somebody hold chef-backend 2.2.0 back, as ``apt-mark hold`` does."""
        recorded.say("dpkg-query", f"hold ok installed {self.version('2.2.0')}\n")


class RedHat:
    """rpm."""

    family = "RedHat"
    minion = "redhat"
    file = "chef-backend-2.3.16-1.el8.x86_64.rpm"
    installs = ("rpm", "-Uvh", "--replacepkgs")
    foreign = "chef-backend:aarch64"

    @staticmethod
    def version(release: str, epoch: int | None = None) -> str:
        """Return a package's version as this family writes it."""
        return f"{epoch}:{release}-1.el8" if epoch else f"{release}-1.el8"

    def holds(
        self,
        recorded: Recorded,
        package: str = "chef-backend",
        release: str = "2.3.16",
        epoch: int | None = None,
        arch: str = "x86_64",
    ) -> None:
        """Have the staged file hold a package."""
        recorded.say("rpm -qp", f"{package} {self.version(release, epoch)} {arch}\n")

    def holds_foreign(self, recorded: Recorded) -> None:
        """Have the staged file hold the package for machines of another kind."""
        self.holds(recorded, arch="aarch64")

    def holds_nothing(self, recorded: Recorded) -> None:
        """Have the staged file be no package of this family."""
        recorded.say("rpm -qp", status=1, stderr="error: chef-backend.deb: not an rpm package (or package manifest)\n")

    def installed(self, release: str, package: str = "chef-backend") -> dict[str, str]:
        """Return what is answered when this release is installed."""
        return {"rpm -q": f"{self.version(release)}\n"}

    def half_installed(self, old: str, new: str, package: str = "chef-backend") -> dict[str, str]:
        """Return what is answered when the installation was cut off after the new files were in place."""
        return {"rpm -q": self.installed(old, package)["rpm -q"] + self.installed(new, package)["rpm -q"]}

    def holds_back(self, recorded: Recorded, minion: Minion) -> None:
        """Have somebody hold chef-backend 2.2.0 back, as dnf's versionlock does."""
        minion.write("/etc/dnf/plugins/versionlock.list", "# locked\nchef-backend-0:2.2.0-1.el8.*\n")


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

"""States of the package and the backup: what is fetched, verified and installed, with recorded dpkg and apt."""

import hashlib
import tarfile

import pytest

from tests.functional.conftest import manifest

MANIFEST = "/opt/chef-backend/version-manifest.json"
INSIDE = " Package: {package}\n Version: {version}\n Architecture: amd64\n"
CONTENT = "the package's bytes"
SHA256 = hashlib.sha256(CONTENT.encode()).hexdigest()
DEB = "chef-backend_2.3.16-1_amd64.deb"


@pytest.fixture(name="source")
def fixture_source(minion, recorded, tmp_path):
    """Return where a package of chef-backend 2.3.16 lies."""
    recorded.say("dpkg -I", INSIDE.format(package="chef-backend", version="2.3.16-1"))
    path = tmp_path / DEB
    path.write_text(CONTENT, encoding="utf-8")
    return str(path)


@pytest.fixture(name="staged")
def fixture_staged(minion):
    """Return where it is staged."""
    return minion.path(f"/var/cache/salt-chef-backend/{DEB}")


class TestStaged:
    def stage(self, minion, source, **kwargs):
        return minion.state("chef_backend.staged", source, **{"sha256": SHA256, "version": "2.3.16", **kwargs})

    def test_test_mode_fetches_nothing(self, minion, recorded, source, staged):
        done = self.stage(minion, source, test=True)
        assert done["result"] is None
        assert done["changes"] == {"package": {"old": None, "new": str(staged)}}
        assert not staged.exists()
        assert recorded.words == []

    def test_fetched_and_verified(self, minion, recorded, source, staged):
        done = self.stage(minion, source)
        assert done["result"] is True, done["comment"]
        assert done["comment"] == "fetched chef-backend 2.3.16, checksum and version verified, not installed yet"
        assert done["changes"] == {"package": {"old": None, "new": str(staged)}}
        assert staged.read_text(encoding="utf-8") == CONTENT
        assert recorded.changing == []

    def test_once_more_changes_nothing(self, minion, source, staged):
        self.stage(minion, source)
        done = self.stage(minion, source)
        assert (done["result"], done["changes"]) == (True, {})
        assert done["comment"] == f"{staged} holds chef-backend 2.3.16"

    @pytest.mark.parametrize(
        ("inside", "kwargs", "said"),
        [
            ({}, {"sha256": "0" * 64}, f"sha256 is {SHA256}, expected {'0' * 64}: wrong file, or wrong checksum"),
            ({"version": "2.3.17-1"}, {}, "holds version 2.3.17, expected 2.3.16"),
            ({"version": "1:2.3.16-1"}, {"version": "2.3.17"}, "holds version 2.3.16, expected 2.3.17"),
            ({"package": "chef-server-core"}, {}, "is a package of chef-server-core, expected chef-backend"),
        ],
    )
    def test_what_is_not_the_promised_package_does_not_stay(
        self, minion, recorded, source, staged, inside, kwargs, said
    ):
        recorded.say("dpkg -I", INSIDE.format(**{"package": "chef-backend", "version": "2.3.16-1", **inside}))
        done = self.stage(minion, source, **kwargs)
        assert (done["result"], done["changes"]) == (False, {})
        assert said in done["comment"]
        assert not staged.exists()

    def test_the_version_inside_is_checked_without_a_checksum_too(self, minion, recorded, source, staged):
        recorded.say("dpkg -I", INSIDE.format(package="chef-backend", version="3.1.1-1"))
        done = self.stage(minion, source, sha256="skip-verification")
        assert done["result"] is False
        assert "holds version 3.1.1" in done["comment"]
        assert not staged.exists()

    def test_no_package_at_all(self, minion, recorded, source, staged):
        recorded.say("dpkg -I", status=2, stderr="dpkg-deb: error: not a Debian format archive\n")
        done = self.stage(minion, source)
        assert done["result"] is False
        assert "not a Debian format archive" in done["comment"]

    @pytest.mark.parametrize("where", ["salt://none/", "/none/", "http://127.0.0.1:{port}/"])
    def test_nothing_there_to_fetch(self, minion, unused_port, staged, where):
        url = where.format(port=unused_port) + DEB
        done = self.stage(minion, url)
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"].startswith(f"{url} cannot be fetched")
        assert not staged.exists()

    def test_from_the_masters_files(self, minion, source, staged):
        (minion.tree / "chef").mkdir(exist_ok=True)
        (minion.tree / "chef" / DEB).write_text(CONTENT, encoding="utf-8")
        assert self.stage(minion, f"salt://chef/{DEB}")["result"] is True
        assert staged.read_text(encoding="utf-8") == CONTENT


class TestInstalled:
    @pytest.fixture(autouse=True)
    def fixture_node(self, minion, recorded, source, staged, tmp_path):
        """Make a node with 2.2.0 installed and 2.3.16 staged."""
        self.minion, self.source = minion, source
        minion.write(MANIFEST, manifest("2.2.0"))
        staged.write_text(CONTENT, encoding="utf-8")
        (tmp_path / "new").write_text(manifest("2.3.16"), encoding="utf-8")
        (tmp_path / "other").write_text(manifest("2.3.17"), encoding="utf-8")
        recorded.say("dpkg --compare-versions", status=1)
        recorded.say("dpkg --compare-versions 2.2.0-1 lt 2.3.16-1")
        recorded.say("dpkg --compare-versions 2.3.16-1 gt 2.2.0-1")
        recorded.say("dpkg-query", self.listing("2.2.0-1"))
        self.now_installed = {"dpkg-query": self.listing("2.3.16-1")}

    @staticmethod
    def listing(version):
        return f"install ok installed chef-backend {version} amd64\n"

    def install(self, **kwargs):
        return self.minion.state("chef_backend.installed", "2.3.16", source=self.source, sha256=SHA256, **kwargs)

    def apt(self, recorded, tmp_path, source="new", then=None, **kwargs):
        manifest_file = self.minion.path(MANIFEST)
        recorded.say("apt-get", copies={tmp_path / source: manifest_file}, then=then, **kwargs)

    def test_test_mode(self, recorded):
        done = self.install(test=True)
        assert done["result"] is None
        assert done["changes"] == {"chef-backend": {"old": "2.2.0", "new": "2.3.16"}}
        assert recorded.changing == []

    def test_installed(self, recorded, tmp_path, staged):
        self.apt(recorded, tmp_path, then=self.now_installed)
        done = self.install()
        assert done["result"] is True, done["comment"]
        assert done["comment"] == "chef-backend 2.2.0 replaced by 2.3.16; its services run the version before"
        assert done["changes"] == {"chef-backend": {"old": "2.2.0-1", "new": "2.3.16-1"}}
        (words,) = recorded.changing
        assert words[0] == "apt-get" and words[-2:] == ["install", str(staged)]

    def test_once_more_changes_nothing(self, recorded, minion):
        minion.write(MANIFEST, manifest("2.3.16"))
        done = self.install()
        assert (done["result"], done["changes"], recorded.words) == (True, {}, [])

    def test_a_staged_file_that_changed_meanwhile_is_not_installed(self, recorded, staged):
        staged.write_text("something else", encoding="utf-8")
        done = self.install()
        assert (done["result"], done["changes"]) == (False, {})
        assert "wrong file, or wrong checksum in the pillar" in done["comment"]
        assert recorded.changing == []

    def test_nothing_staged(self, recorded, staged):
        staged.unlink()
        done = self.install()
        assert done["result"] is False
        assert done["comment"] == f"{staged} is not there"
        assert recorded.changing == []

    def test_apt_fails(self, recorded):
        recorded.say("apt-get", status=100, stderr="E: dpkg was interrupted\n")
        done = self.install()
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"].startswith("be1: installing ")
        assert "E: dpkg was interrupted" in done["comment"]

    def test_apt_says_yes_and_another_version_is_there(self, recorded, tmp_path):
        self.apt(recorded, tmp_path, source="other", then=self.now_installed)
        done = self.install()
        assert done["result"] is False
        assert done["comment"].endswith("is installed, but the manifest says 2.3.17")
        assert done["changes"] == {"chef-backend": {"old": "2.2.0-1", "new": "2.3.16-1"}}


class TestBackedUp:
    LINE = "chef-backend-ctl backup --timeout 60"

    @pytest.fixture(autouse=True)
    def fixture_folder(self, minion, tmp_path):
        self.folder = minion.path("/var/opt/chef-backup/x").parent
        (self.folder / "chef-backup-old.tar.gz").write_bytes(b"an older one")
        self.new = self.folder / "chef-backup-2026-11-22.tar.gz"
        self.whole = tmp_path / "whole.tar.gz"
        with tarfile.open(self.whole, "w:gz") as archive:
            archive.add(self.folder / "chef-backup-old.tar.gz", "postgresql.dump")

    def back_up(self, minion, **kwargs):
        return minion.state("chef_backend.backed_up", str(self.folder), timeout=60, **kwargs)

    def test_test_mode(self, minion, recorded):
        done = self.back_up(minion, test=True)
        assert done["result"] is None
        assert done["changes"] == {"archive": {"old": None, "new": "a new archive"}}
        assert recorded.words == []

    def test_backed_up(self, minion, recorded):
        recorded.say(self.LINE, copies={self.whole: self.new})
        done = self.back_up(minion)
        assert done["result"] is True, done["comment"]
        assert done["changes"] == {"archive": {"old": None, "new": str(self.new)}}
        assert done["comment"] == f"{self.new}: {self.new.stat().st_size} bytes, 1 members, readable to its end"
        assert recorded.changing == [self.LINE.split()]

    def test_status_0_and_no_archive(self, minion, recorded):
        recorded.say(self.LINE)
        done = self.back_up(minion)
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"] == f"backup ended with status 0, but no new archive stands in {self.folder}"

    @pytest.mark.parametrize("content", ["", "no archive", "cut"])
    def test_half_an_archive(self, minion, recorded, tmp_path, content):
        half = self.whole.read_bytes()[:60] if content == "cut" else content.encode()
        (tmp_path / "half").write_bytes(half)
        recorded.say(self.LINE, copies={tmp_path / "half": self.new})
        done = self.back_up(minion)
        assert done["result"] is False
        assert done["comment"].startswith(f"{self.new} is no whole archive: ")
        assert done["changes"] == {"archive": {"old": None, "new": str(self.new)}}

    def test_backup_fails(self, minion, recorded):
        recorded.say(self.LINE, "No space left on device\n", status=1)
        done = self.back_up(minion)
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"] == f"be1: {self.LINE} ended with status 1:\n  No space left on device"

"""States of the package: what is fetched, verified and installed, with recorded dpkg and rpm."""

import contextlib
import hashlib
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.functional.conftest import manifest
from tests.functional.minion import FILES
from tests.functional.packagers import fixture_minion, fixture_packager  # noqa: F401

MANIFEST = "/opt/chef-backend/version-manifest.json"
CONTENT = "the package's bytes"
SHA256 = hashlib.sha256(CONTENT.encode()).hexdigest()


@pytest.fixture(name="source")
def fixture_source(packager, recorded, tmp_path):
    """Return where a package of chef-backend 2.3.16 lies."""
    packager.holds(recorded)
    path = tmp_path / packager.file
    path.write_text(CONTENT, encoding="utf-8")
    return str(path)


@pytest.fixture(name="staged")
def fixture_staged(packager, minion):
    """Return where it is staged."""
    return minion.path(f"/var/cache/salt-chef-backend/{packager.file}")


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
            ({"release": "2.3.17"}, {}, "holds version 2.3.17, expected 2.3.16"),
            ({"epoch": 1}, {"version": "2.3.17"}, "holds version 2.3.16, expected 2.3.17"),
            ({"package": "chef-server-core"}, {}, "is a package of chef-server-core, expected chef-backend"),
        ],
    )
    def test_what_is_not_the_promised_package_does_not_stay(
        self, minion, recorded, packager, source, staged, inside, kwargs, said
    ):
        packager.holds(recorded, **inside)
        done = self.stage(minion, source, **kwargs)
        assert (done["result"], done["changes"]) == (False, {})
        assert said in done["comment"]
        assert not staged.exists()

    def test_an_epoch_is_no_part_of_the_release(self, minion, recorded, packager, source):
        packager.holds(recorded, epoch=1)
        assert self.stage(minion, source)["result"] is True

    def test_the_version_inside_is_checked_without_a_checksum_too(self, minion, recorded, packager, source, staged):
        packager.holds(recorded, release="3.1.1")
        done = self.stage(minion, source, sha256="skip-verification")
        assert done["result"] is False
        assert "holds version 3.1.1" in done["comment"]
        assert not staged.exists()

    def test_a_package_for_machines_of_another_kind(self, minion, recorded, packager, source, staged):
        packager.holds_foreign(recorded)
        done = self.stage(minion, source)
        assert (done["result"], done["changes"]) == (False, {})
        assert f"is a package of {packager.foreign}, expected chef-backend" in done["comment"]
        assert not staged.exists()

    @pytest.mark.parametrize("sha256", [SHA256, "skip-verification"])
    def test_the_other_familys_package_or_none_at_all(self, minion, recorded, packager, source, staged, sha256):
        packager.holds_nothing(recorded)
        done = self.stage(minion, source, sha256=sha256)
        assert (done["result"], done["changes"]) == (False, {})
        assert f"{staged} is no package for a node of the family {packager.family}" in done["comment"]
        assert not staged.exists()

    def test_what_was_no_package_is_fetched_anew_when_it_is_one(self, minion, recorded, packager, source, staged):
        packager.holds_nothing(recorded)
        staged.write_text("half a download", encoding="utf-8")
        assert self.stage(minion, source, sha256="skip-verification")["result"] is False
        packager.holds(recorded)
        assert self.stage(minion, source, sha256="skip-verification")["result"] is True
        assert staged.read_text(encoding="utf-8") == CONTENT

    @pytest.mark.parametrize("where", ["salt://none/", "/none/", "http://127.0.0.1:{port}/"])
    def test_nothing_there_to_fetch(self, minion, packager, unused_port, staged, where):
        url = where.format(port=unused_port) + packager.file
        done = self.stage(minion, url)
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"].startswith(f"{url} cannot be fetched")
        assert not staged.exists()

    def test_a_server_that_sends_it_bit_by_bit_holds_nobody_up(self, minion, packager, staged):
        ended = threading.Event()

        class Trickles(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "1000000")
                self.end_headers()
                with contextlib.suppress(OSError):
                    while not ended.wait(0.02):
                        self.wfile.write(b"x")

            def log_message(self, *_):
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Trickles) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                url = f"http://127.0.0.1:{server.server_port}/{packager.file}"
                done = self.stage(minion, url, timeout=1)
            finally:
                ended.set()
                server.shutdown()
        assert done["result"] is False
        assert done["comment"].startswith(f"{url} cannot be fetched: not done within 1 s, which timeouts:fetch in the")
        assert list(staged.parent.iterdir()) == []

    def test_what_comes_after_the_bound_is_not_staged(self, minion, source, staged, monkeypatch):
        """A share that hangs: the copy cannot be ended, and goes on as soon as the share does."""
        goes_on, over, copy = threading.Event(), threading.Event(), shutil.copyfile

        def late(source, path):
            goes_on.wait(30)
            with contextlib.suppress(OSError):
                copy(source, path)
            over.set()

        monkeypatch.setattr(shutil, "copyfile", late)
        done = self.stage(minion, source, timeout=0.2)
        assert (done["result"], "not done within 0.2 s" in done["comment"]) == (False, True)
        goes_on.set()
        assert over.wait(30)
        assert list(staged.parent.iterdir()) == []

    def test_what_a_job_that_was_killed_was_fetching_does_not_stay(self, minion, source, staged):
        minion.write("/var/cache/salt-chef-backend/fetching-x/part", "half a download")
        assert self.stage(minion, source)["result"] is True
        assert list(staged.parent.iterdir()) == [staged]

    def test_from_the_masters_files(self, minion, packager, source, staged):
        minion.write(f"/{FILES}/chef/{packager.file}", CONTENT)
        assert self.stage(minion, f"salt://chef/{packager.file}")["result"] is True
        assert staged.read_text(encoding="utf-8") == CONTENT


class TestInstalled:
    @pytest.fixture(autouse=True)
    def fixture_node(self, minion, recorded, packager, source, staged, tmp_path):
        """Make a node with 2.2.0 installed and 2.3.16 staged."""
        self.minion, self.packager, self.source = minion, packager, source
        minion.write(MANIFEST, manifest("2.2.0"))
        staged.write_text(CONTENT, encoding="utf-8")
        (tmp_path / "new").write_text(manifest("2.3.16"), encoding="utf-8")
        (tmp_path / "other").write_text(manifest("2.3.17"), encoding="utf-8")
        self.answer(recorded, packager.installed("2.2.0"))
        self.replaced = {"old": packager.version("2.2.0"), "new": packager.version("2.3.16")}

    def install(self, **kwargs):
        return self.minion.state("chef_backend.installed", "2.3.16", source=self.source, sha256=SHA256, **kwargs)

    @staticmethod
    def answer(recorded, answers):
        for line, text in answers.items():
            recorded.say(line, text)

    def installs(self, recorded, manifest_file):
        """Have the package manager install 2.3.16, with this manifest in it."""
        copies = {manifest_file: self.minion.path(MANIFEST)}
        recorded.say(self.packager.installs, copies=copies, then=self.packager.installed("2.3.16"))

    def test_test_mode(self, recorded):
        done = self.install(test=True)
        assert done["result"] is None
        assert done["changes"] == {"chef-backend": {"old": "2.2.0", "new": "2.3.16"}}
        assert recorded.changing == []

    def test_installed(self, recorded, tmp_path, staged):
        self.installs(recorded, tmp_path / "new")
        done = self.install()
        assert done["result"] is True, done["comment"]
        assert done["comment"] == "chef-backend 2.2.0 replaced by 2.3.16; its services run the version before"
        assert done["changes"] == {"chef-backend": self.replaced}
        assert recorded.changing == [[*self.packager.installs, str(staged)]]

    def test_once_more_changes_nothing(self, recorded, minion):
        minion.write(MANIFEST, manifest("2.3.16"))
        self.answer(recorded, self.packager.installed("2.3.16"))
        done = self.install()
        assert (done["result"], done["changes"], recorded.changing) == (True, {}, [])

    def test_an_installation_that_was_cut_off_is_made_whole(self, recorded, minion, tmp_path, staged):
        minion.write(MANIFEST, manifest("2.3.16"))
        self.answer(recorded, self.packager.half_installed("2.2.0", "2.3.16"))
        self.installs(recorded, tmp_path / "new")
        assert self.install(test=True)["result"] is None
        assert recorded.changing == []
        done = self.install()
        assert done["result"] is True, done["comment"]
        assert done["comment"] == "the installation of chef-backend 2.3.16 had been cut off, and is whole now"
        assert recorded.changing == [[*self.packager.installs, str(staged)]]
        assert "chef-backend" in done["changes"]

    def test_what_stays_half_installed_is_no_success(self, recorded, minion, staged):
        minion.write(MANIFEST, manifest("2.3.16"))
        self.answer(recorded, self.packager.half_installed("2.2.0", "2.3.16"))
        recorded.say(self.packager.installs)
        done = self.install()
        assert done["result"] is False
        assert done["comment"].startswith("be1: ")
        assert str(staged) in done["comment"]

    def test_a_staged_file_that_changed_meanwhile_is_not_installed(self, recorded, staged):
        staged.write_text("something else", encoding="utf-8")
        done = self.install()
        assert (done["result"], done["changes"]) == (False, {})
        assert "wrong file, or wrong checksum in the pillar" in done["comment"]
        assert recorded.changing == []

    @pytest.mark.parametrize("test", [False, True])
    def test_an_older_version_is_refused_before_anything_is_asked(self, recorded, minion, test):
        minion.write(MANIFEST, manifest("3.1.1"))
        done = self.install(test=test)
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"].startswith("be1: chef-backend 3.1.1 is installed, and 2.3.16 is older")
        assert recorded.words == []

    def test_what_the_manifest_says_may_be_no_release(self, recorded, minion):
        minion.write(MANIFEST, manifest("2.3.16+20180101"))
        done = self.install()
        assert (done["result"], done["changes"]) == (False, {})
        assert "'2.3.16+20180101' is not a version" in done["comment"]
        assert recorded.words == []

    def test_nothing_staged(self, recorded, staged):
        staged.unlink()
        done = self.install()
        assert done["result"] is False
        assert done["comment"] == f"{staged} is not there"
        assert recorded.changing == []

    def test_the_package_manager_fails(self, recorded, staged):
        recorded.say(self.packager.installs, status=2, stderr="it was interrupted\n")
        done = self.install()
        assert (done["result"], done["changes"]) == (False, {})
        words = " ".join([*self.packager.installs, str(staged)])
        assert done["comment"] == f"be1: {words} ended with status 2:\n  it was interrupted"

    def test_a_package_that_is_held_back_is_left_alone(self, recorded, minion):
        self.packager.holds_back(recorded, minion)
        done = self.install()
        assert (done["result"], done["changes"], recorded.changing) == (False, {}, [])
        assert done["comment"].startswith("be1: chef-backend is held back: somebody wants it to stay as it is")

    def test_a_package_manager_that_does_not_tell_is_not_taken_for_one_that_knows_nothing(self, recorded):
        recorded.say("dpkg-query", status=2, stderr="dpkg-query: error: the database is broken\n")
        recorded.say("rpm -q", status=1, stderr="error: the database is broken\n")
        done = self.install()
        assert (done["result"], done["changes"], recorded.changing) == (False, {}, [])
        assert "the database is broken" in done["comment"]

    def test_the_package_manager_says_yes_and_another_version_is_there(self, recorded, tmp_path):
        self.installs(recorded, tmp_path / "other")
        done = self.install()
        assert done["result"] is False
        assert done["comment"].endswith("is installed, but the manifest says 2.3.17")
        assert done["changes"] == {"chef-backend": self.replaced}

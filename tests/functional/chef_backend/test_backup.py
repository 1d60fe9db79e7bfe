"""The state of the backup: an archive of this run, readable to its end."""

import tarfile

import pytest

FOLDER = "/var/opt/chef-backup"


class TestBackedUp:
    LINE = "chef-backend-ctl backup --timeout 60"

    @pytest.fixture(autouse=True)
    def fixture_folder(self, minion, tmp_path):
        self.folder = minion.path(f"{FOLDER}/x").parent
        (self.folder / "chef-backup-old.tar.gz").write_bytes(b"an older one")
        self.new = self.folder / "chef-backup-2026-11-22.tar.gz"
        self.whole = tmp_path / "whole.tar.gz"
        with tarfile.open(self.whole, "w:gz") as archive:
            archive.add(self.folder / "chef-backup-old.tar.gz", "postgresql.dump")

    def back_up(self, minion, **kwargs):
        return minion.state("chef_backend.backed_up", FOLDER, timeout=60, **kwargs)

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
        assert (self.folder / "chef-backup-old.tar.gz").read_bytes() == b"an older one", "the site's own is left alone"

    def test_i5_it_is_taken_once_a_run(self, minion, recorded, record):
        minion.call("chef_backend_agent.accept", record)
        recorded.say(self.LINE, copies={self.whole: self.new})
        assert self.back_up(minion)["result"] is True
        again = self.back_up(minion)
        assert (again["result"], again["changes"]) == (True, {})
        assert again["comment"] == f"{self.new} was taken for this run before"
        assert recorded.changing == [self.LINE.split()]

    def test_i8_an_archive_that_is_gone_is_taken_again(self, minion, recorded, record):
        minion.call("chef_backend_agent.accept", record)
        recorded.say(self.LINE, copies={self.whole: self.new})
        self.back_up(minion)
        self.new.unlink()
        assert self.back_up(minion)["changes"] == {"archive": {"old": None, "new": str(self.new)}}

    def test_status_0_and_no_archive(self, minion, recorded):
        recorded.say(self.LINE)
        done = self.back_up(minion)
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"] == f"backup ended with status 0, but no new archive stands in {FOLDER}"

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
        assert done["comment"].startswith(f"be1: {self.LINE} ended with status 1:\n  a disk is full: make room there")
        assert done["comment"].endswith("\n  No space left on device")

"""What a master keeps in files: notes, and pages of reports; and how it tells whether a process of it still runs."""

import os
import shutil
import subprocess
import threading
import time

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend import salt
from saltext.chef_backend.node import supervisor
from saltext.chef_backend.record import Owner


@pytest.fixture(name="notes")
def fixture_notes(tmp_path):
    return salt._Notes({"cachedir": str(tmp_path)})


def test_a_note_is_read_again_and_one_that_is_not_there_is_none(notes):
    assert notes.read("accepted-prod") is None
    notes.write("accepted-prod", "2100.5")
    assert notes.read("accepted-prod") == "2100.5"


def test_a_page_is_written_for_its_owner_only_and_replaces_the_one_before(notes, tmp_path):
    notes.keep("reports/prod-1.html", "old")
    path = notes.keep("reports/prod-1.html", "<!DOCTYPE html>")
    assert path == str(tmp_path / "chef_backend/reports/prod-1.html")
    assert (tmp_path / "chef_backend/reports/prod-1.html").read_text() == "<!DOCTYPE html>"
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path / "chef_backend/reports") == ["prod-1.html"]


def test_a_page_that_cannot_be_written_is_one_message(tmp_path):
    (tmp_path / "chef_backend").write_text("a file where the folder is to be")
    with pytest.raises(CommandExecutionError, match=r"/prod-1.html cannot be written: "):
        salt._Notes({"cachedir": str(tmp_path)}).keep("reports/prod-1.html", "<!DOCTYPE html>")


def test_what_is_read_and_then_written_is_done_by_one_at_a_time(notes):
    notes.write("count", "0")

    def count():
        for _ in range(50):
            with notes.alone():
                notes.write("count", str(int(notes.read("count")) + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert notes.read("count") == "200"


# whether the owner of a run is alive: by what the kernel counts


def owner_of(pid, **changes):
    """The owner that a process is now."""
    known = {"jid": "1", "master": "hub", "boot": supervisor.boot(), "pid": pid, "ticks": supervisor.ticks_of(pid)}
    return Owner(**{**known, **changes})


@pytest.fixture(name="process")
def fixture_process(tmp_path):
    """A process whose name looks like the end of what the kernel tells of it."""
    program = tmp_path / "a) R (1 2"
    program.symlink_to(shutil.which("sleep"))
    with subprocess.Popen([program, "60"]) as process:
        yield process
        process.kill()


def test_a_process_is_the_owner_until_it_ends_whatever_its_name_is(process):
    owner = owner_of(process.pid)
    assert salt._is_alive(owner) is True
    process.kill()
    process.wait()
    assert salt._is_alive(owner) is False


@pytest.mark.parametrize("changes", [{"ticks": 1}, {"boot": "another"}])
def test_a_process_that_has_only_the_owners_number_is_not_the_owner(process, changes):
    assert salt._is_alive(owner_of(process.pid, **changes)) is False


@pytest.mark.parametrize("step", [-86400, -1, 1, 7200])
def test_a_step_of_the_wall_clock_makes_no_living_owner_gone(process, monkeypatch, step):
    owner, stepped = owner_of(process.pid), time.time() + step
    monkeypatch.setattr(time, "time", lambda: stepped)
    assert salt._is_alive(owner) is True
    assert owner_of(process.pid) == owner

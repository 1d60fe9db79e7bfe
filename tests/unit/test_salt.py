"""What a master keeps in files: notes that its other processes see, and pages of reports."""

import os
import threading

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend import salt


@pytest.fixture(name="notes")
def fixture_notes(tmp_path):
    return salt._Notes({"cachedir": str(tmp_path)})


def test_a_note_is_read_again_and_one_that_is_not_there_is_none(notes):
    assert notes.read("accepted-prod") is None
    notes.write("accepted-prod", "2100.5")
    assert notes.read("accepted-prod") == "2100.5"


def test_a_page_is_written_for_its_owner_only_and_replaces_the_one_before(notes, tmp_path):
    notes.page("prod-1", "old")
    path = notes.page("prod-1", "<!DOCTYPE html>")
    assert path == str(tmp_path / "chef_backend/reports/prod-1.html")
    assert (tmp_path / "chef_backend/reports/prod-1.html").read_text() == "<!DOCTYPE html>"
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path / "chef_backend/reports") == ["prod-1.html"]


def test_a_page_that_cannot_be_written_is_one_message(tmp_path):
    (tmp_path / "chef_backend").write_text("a file where the folder is to be")
    with pytest.raises(CommandExecutionError, match=r"the report cannot be written to .*/prod-1.html: "):
        salt._Notes({"cachedir": str(tmp_path)}).page("prod-1", "<!DOCTYPE html>")


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

"""A node's part of a run's journal, on disk, and the runs that ended."""

import stat

import pytest
from salt.exceptions import CommandExecutionError

ENTRY = {
    "time": 1000.5,
    "cluster": "prod",
    "run": "20261122120000000000",
    "node": "be1",
    "step": "upgrade",
    "how": "end",
    "seconds": 12.5,
    "comment": None,
    "data": {},
}
FOLDER = "/var/lib/salt-chef-backend/journal"


def test_what_is_noted_is_read_again_and_only_by_root(minion):
    for seconds in (1.0, 2.0):
        assert minion.call("chef_backend_journal.note", {**ENTRY, "seconds": seconds}) is True
    read = minion.call("chef_backend_journal.read", ENTRY["run"])
    assert read == {"entries": [{**ENTRY, "seconds": 1.0}, {**ENTRY, "seconds": 2.0}], "troubles": []}
    (path,) = minion.path(FOLDER).iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_run_that_told_nothing_here(minion):
    assert minion.call("chef_backend_journal.read", "r0") == {"entries": [], "troubles": []}


def test_a_line_that_was_cut_off_by_a_power_loss_is_told(minion):
    minion.call("chef_backend_journal.note", ENTRY)
    (path,) = minion.path(FOLDER).iterdir()
    with path.open("a") as file:
        file.write('{"time": 1001.5, "clus')
    read = minion.call("chef_backend_journal.read", ENTRY["run"])
    assert read["entries"] == [ENTRY]
    assert read["troubles"] == ['a line of the journal cannot be read: \'{"time": 1001.5, "clus\'']


@pytest.mark.parametrize("run", ["../run", "a/b", "", "x" * 200])
def test_a_runs_id_is_no_path(minion, run):
    assert minion.call("chef_backend_journal.note", {**ENTRY, "run": run}) is False
    with pytest.raises(CommandExecutionError, match="is no run's id"):
        minion.call("chef_backend_journal.read", run)


def test_a_journal_that_cannot_be_written_fails_nothing(minion):
    minion.write(FOLDER, "a file where the folder should be")
    assert minion.call("chef_backend_journal.note", ENTRY) is False


def test_the_newest_20_runs_are_kept(minion):
    for number in range(25):
        minion.call("chef_backend_journal.note", {**ENTRY, "run": f"r{number}"})
    names = {path.name for path in minion.path(FOLDER).iterdir()}
    assert len(names) == 20 and "r24.jsonl" in names


def test_records_of_runs_that_ended_are_kept_and_the_oldest_forgotten(minion, record):
    for number in range(25):
        one = {**record, "run": f"202611221200000000{number:02}"}
        minion.call("chef_backend_record.create", one)
        minion.call("chef_backend_record.finish", one["owner"]["jid"], {**one, "state": "done"})
    minion.call("chef_backend_record.create", record)
    runs = [one["run"] for one in minion.call("chef_backend_record.every")]
    assert runs[0] == record["run"], "the open one"
    assert sorted(set(runs[1:])) == [f"202611221200000000{number:02}" for number in range(5, 25)]
    assert {one["state"] for one in minion.call("chef_backend_record.every")[1:]} == {"done"}

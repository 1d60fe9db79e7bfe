"""A node's part of a run's journal, on disk, and the events by which it is told."""

import logging
import os
import stat

import pytest

from saltext.chef_backend.node.journal import tell, tell_command

RUN = "20261122120000000000"
FOLDER = "/var/lib/salt-chef-backend/journal"
ENTRY = {"cluster": "prod", "run": RUN, "node": "be1", "step": "upgrade", "how": "end", "comment": None, "data": {}}


@pytest.fixture(name="host")
def fixture_host(minion):
    """Return the minion inside of a job of a run."""
    return minion.host(run=RUN, cluster="prod")


def entries(minion, run=RUN, door="chef_backend_agent"):
    """Return what a node told of a run, if all of that can be read."""
    read = minion.call(f"{door}.journal", run)
    assert read["troubles"] == []
    return read["entries"]


@pytest.mark.parametrize("door", ["chef_backend_agent", "chef_server_agent"])
def test_what_is_told_is_read_again_and_only_by_root(minion, host, door):
    tag = f"chef_backend/prod/{RUN}/be1/upgrade/end"
    assert [tell(host, "upgrade", "end", seconds) for seconds in (1.0, 2.0)] == [tag, tag]
    first, second = entries(minion, door=door)
    assert first == {**ENTRY, "seconds": 1.0, "time": first["time"]}
    assert second == {**ENTRY, "seconds": 2.0, "time": second["time"]}
    assert 0 < first["time"] <= second["time"]
    (path,) = minion.path(FOLDER).iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_is_told_is_fired_as_an_event_too(minion, host):
    tell(host, "upgrade", "failed", 1.5, "no space left")
    ((tag, data),) = minion.bus.fired
    assert tag == f"chef_backend/prod/{RUN}/be1/upgrade/failed"
    assert [data] == entries(minion)


def test_a_command_that_changes_something_is_told_with_its_words_and_its_status(minion, host):
    tell_command(host, ["chef-backend-ctl", "upgrade", "--failover"], 3, 12.34)
    (entry,) = entries(minion)
    assert (entry["step"], entry["how"], entry["seconds"]) == ("command", "failed", 12.3)
    assert entry["data"] == {"argv": ["chef-backend-ctl", "upgrade", "--failover"], "status": 3}


def test_what_is_done_outside_of_a_job_of_the_run_belongs_to_the_run_whose_record_lies_here(minion, record):
    assert tell(minion.host(), "upgrade", "begin") is None
    assert (minion.bus.fired, os.listdir(minion.path(FOLDER).parent)) == ([], []), "outside a run nothing is told"
    minion.call("chef_backend_agent.accept", record)
    assert tell(minion.host(), "upgrade", "begin") == f"chef_backend/prod/{record['run']}/be1/upgrade/begin"
    (entry,) = entries(minion, record["run"])
    assert (entry["cluster"], entry["how"]) == ("prod", "begin")


def test_a_record_that_cannot_be_read_does_not_fail_what_is_told(minion):
    minion.write("/var/lib/salt-chef-backend/run.json", "{")
    assert tell(minion.host(), "upgrade", "begin") is None


def test_a_run_that_told_nothing_here(minion):
    assert minion.call("chef_backend_agent.journal", "r0") == {"entries": [], "troubles": []}


def test_a_run_is_found_also_where_yaml_made_a_number_of_its_id(minion, host):
    tell(host, "upgrade", "begin")
    assert len(entries(minion, int(RUN))) == 1


def test_a_line_that_was_cut_off_by_a_power_loss_is_told(minion, host):
    tell(host, "upgrade", "end")
    (path,) = minion.path(FOLDER).iterdir()
    with path.open("a") as file:
        file.write('{"time": 1001.5, "clus')
    read = minion.call("chef_backend_agent.journal", RUN)
    assert [entry["step"] for entry in read["entries"]] == ["upgrade"]
    assert read["troubles"] == ['a line of the journal cannot be read: \'{"time": 1001.5, "clus\'']


@pytest.mark.parametrize("run", ["../run", "a/b", "x" * 200])
def test_a_runs_id_is_no_path(minion, run, caplog):
    with caplog.at_level(logging.WARNING):
        tell(minion.host(run=run, cluster="prod"), "upgrade", "end")
    assert "is no run's id" in caplog.text
    assert os.listdir(minion.path(FOLDER).parent) == []
    assert "is no run's id" in minion.told("chef_backend_agent.journal", run)


def test_a_journal_that_cannot_be_written_fails_nothing(minion, host, caplog):
    minion.write(FOLDER, "a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        assert tell(host, "upgrade", "end") is not None
    assert "be1: the journal cannot be written: " in caplog.text
    assert len(minion.bus.fired) == 1, "it is told as an event all the same"


def test_the_newest_20_runs_are_kept(minion):
    for number in range(25):
        tell(minion.host(run=f"r{number}", cluster="prod"), "upgrade", "end")
        path = minion.path(f"{FOLDER}/r{number}.jsonl")
        os.utime(path, (number, number))  # of one moment they may seem, where they are told so quickly
    names = {path.name for path in minion.path(FOLDER).iterdir()}
    assert names == {f"r{number}.jsonl" for number in range(5, 25)}

"""The record on a node: created once, replaced only by its owner, never half-written, never taken for absent."""

import contextlib
import json
import os
import stat
import threading
import time

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.node import record_file

RUN = "/var/lib/salt-chef-backend/run.json"
LAST = "/var/lib/salt-chef-backend/last-run.json"


@pytest.fixture(name="other")
def fixture_other(record):
    """Return the record of another run, of another master."""
    owner = {"jid": "20261122130000000000", "master": "hub2", "pid": 12, "started": 1795352400.0}
    return {**record, "run": "20261122130000000000", "owner": owner}


def amend(minion, jid, changes):
    """Change fields of the record as a run does; return what stands there then."""
    return minion.call("chef_backend_agent.view", ["record"], jid, changes)["record"]


def test_a_free_node_has_no_record(minion):
    assert minion.record() is None
    assert minion.call("chef_backend_agent.last") is None
    assert not os.path.exists(f"{minion.root}/var/lib/salt-chef-backend"), "reading leaves nothing behind"


def test_create_is_exclusive(minion, record, other):
    assert minion.call("chef_backend_agent.create", record) == {"taken": True, "record": record}
    assert minion.call("chef_backend_agent.create", other) == {"taken": False, "record": record}
    assert minion.record() == record


def test_of_many_that_create_at_once_one_wins(minion, record, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: time.sleep(0.05))  # slow: all look before one writes
    answers, start = [], threading.Barrier(8)

    def create(number):
        owner = {**record["owner"], "jid": str(number)}
        start.wait()
        answers.append(minion.call("chef_backend_agent.create", {**record, "owner": owner}))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["taken"] for answer in answers) == [False] * 7 + [True]
    winner = next(answer["record"] for answer in answers if answer["taken"])
    assert all(answer["record"] == winner for answer in answers)
    assert minion.record() == winner


def test_replace_compares_the_owner(minion, record, other):
    minion.call("chef_backend_agent.create", record)
    refused = minion.call("chef_backend_agent.replace", other["owner"]["jid"], other)
    assert refused == {"taken": False, "record": record}
    assert minion.record() == record
    taken = minion.call("chef_backend_agent.replace", record["owner"]["jid"], other)
    assert taken == {"taken": True, "record": other}
    assert minion.record() == other


def test_a_job_id_that_yaml_made_a_number_is_the_same_owner(minion, record):
    minion.call("chef_backend_agent.create", record)
    assert minion.call("chef_backend_agent.replace", int(record["owner"]["jid"]), record)["taken"] is True


def test_finish_keeps_the_record_and_frees_the_node(minion, record, other):
    minion.call("chef_backend_agent.create", record)
    done = {**record, "state": "done"}
    assert minion.call("chef_backend_agent.finish", other["owner"]["jid"], done) is False
    assert minion.record() == record
    assert minion.call("chef_backend_agent.finish", record["owner"]["jid"], done) is True
    assert minion.record() is None
    assert minion.call("chef_backend_agent.last") == done
    assert minion.call("chef_backend_agent.finish", record["owner"]["jid"], done) is True, "once more is no mistake"


def test_withdraw_frees_only_what_is_ones_own(minion, record, other):
    minion.call("chef_backend_agent.create", record)
    minion.call("chef_backend_agent.finish", record["owner"]["jid"], {**record, "state": "done"})
    minion.call("chef_backend_agent.create", other)
    assert minion.call("chef_backend_agent.withdraw", record["owner"]["jid"]) is False
    assert minion.record() == other
    assert minion.call("chef_backend_agent.withdraw", other["owner"]["jid"]) is True
    assert minion.record() is None
    assert minion.call("chef_backend_agent.last") == {**record, "state": "done"}


def test_only_the_owner_amends(minion, record, other):
    assert amend(minion, "1", {"step": "x"}) is None
    minion.call("chef_backend_agent.create", record)
    assert amend(minion, other["owner"]["jid"], {"step": "stolen"}) == record
    assert minion.record() == record
    amended = amend(minion, record["owner"]["jid"], {"step": "failover off"})
    assert amended == minion.record()
    assert amended == {**record, "step": "failover off", "heartbeat": amended["heartbeat"]}
    assert amended["heartbeat"] > record["heartbeat"]


def test_a_wish_is_noted_of_an_open_run_alone_and_taken_back(minion, record, other):
    assert minion.call("chef_backend_agent.wish", record["run"], "pause") is False
    minion.call("chef_backend_agent.create", record)
    assert minion.call("chef_backend_agent.wish", other["run"], "pause") is False
    assert minion.call("chef_backend_agent.wish", int(record["run"]), "pause") is True
    assert minion.record() == {**record, "wish": "pause"}, "no sign of life of the owner"
    assert minion.call("chef_backend_agent.wish", record["run"], None) is True
    assert minion.record() == record


def test_only_a_run_that_waits_for_its_window_is_held(minion, record):
    assert minion.call("chef_backend_agent.hold", record["run"]) is False
    minion.call("chef_backend_agent.create", record)
    assert minion.call("chef_backend_agent.hold", record["run"]) is False, "it is open"
    waits = {**record, "state": "paused", "waits": "the window is closed"}
    minion.call("chef_backend_agent.replace", record["owner"]["jid"], waits)
    assert minion.call("chef_backend_agent.hold", "1") is False
    assert minion.call("chef_backend_agent.hold", int(record["run"])) is True
    assert minion.record() == {**waits, "waits": None}
    assert minion.call("chef_backend_agent.hold", record["run"]) is False, "it waits no more"


def test_a_run_that_was_given_up_is_amended_no_more_and_its_late_orders_are_refused(minion, record):
    jid, host = record["owner"]["jid"], minion.host()
    minion.call("chef_backend_agent.create", record)
    assert record_file.abandon(host, "1") is False
    assert minion.call("chef_backend_agent.beat", jid) is True
    assert record_file.abandon(host, jid) is True
    assert record_file.abandon(host, jid) is False
    assert minion.call("chef_backend_agent.beat", jid) is False
    given_up = minion.record()
    assert (given_up["state"], given_up["failover"]) == ("abandoned", "on")
    assert amend(minion, jid, {"step": "upgrade"}) == given_up
    for order in (record_file.begun_here, record_file.down_here):
        with pytest.raises(CommandExecutionError, match="the backends gave it up"):
            order(host)
    assert minion.record() == given_up


def test_begun_here_notes_this_node_until_finished_here(minion, record):
    record_file.begun_here(minion.host())
    assert minion.record() is None, "outside a run there is nothing to note it in"
    minion.call("chef_backend_agent.create", {**record, "finished": ["be3", "be1"]})
    record_file.begun_here(minion.host())
    assert minion.record() == {**record, "node": "be1", "finished": ["be3"]}
    assert record_file.is_finished_here(minion.host()) is False
    record_file.finished_here(minion.host())
    noted = minion.record()
    assert (noted["node"], noted["finished"]) == (None, ["be3", "be1"])
    assert record_file.is_finished_here(minion.host()) is True


def test_finished_here_notes_this_node(minion, record):
    record_file.finished_here(minion.host())
    assert minion.record() is None, "outside a run there is nothing to note it in"
    minion.call("chef_backend_agent.create", {**record, "node": "be1", "finished": ["be3"]})
    record_file.finished_here(minion.host())
    noted = minion.record()
    assert (noted["node"], noted["finished"]) == (None, ["be3", "be1"])
    assert noted["heartbeat"] == record["heartbeat"], "no sign of life of the owner"


def test_only_root_reads_it(minion, record):
    old = os.umask(0)
    try:
        minion.call("chef_backend_agent.create", record)
        minion.call("chef_backend_agent.finish", record["owner"]["jid"], record)
        minion.call("chef_backend_agent.create", record)
    finally:
        os.umask(old)
    folder = minion.path(RUN).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {p.name: oct(stat.S_IMODE(p.stat().st_mode)) for p in (minion.path(RUN), minion.path(LAST))} == {
        "run.json": "0o600",
        "last-run.json": "0o600",
    }


def test_a_reader_never_sees_half_a_record(minion, record):
    minion.call("chef_backend_agent.create", record)
    path, jid, seen, done = minion.path(RUN), record["owner"]["jid"], [], threading.Event()

    def look():
        while not done.is_set():
            seen.append(json.loads(path.read_text(encoding="utf-8"))["step"])

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for number in range(100):
            minion.call("chef_backend_agent.replace", jid, {**record, "step": f"{number:03}" * (1 + number * 40)})
    finally:
        done.set()
        reader.join()
    assert seen, "nothing was read meanwhile"


def test_a_disk_that_is_full_leaves_the_old_record(minion, record, monkeypatch):
    minion.call("chef_backend_agent.create", record)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with contextlib.suppress(OSError, CommandExecutionError):
        minion.call("chef_backend_agent.replace", record["owner"]["jid"], {**record, "step": "later"})
    assert minion.record() == record


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON: ''"),
        ('{"run": "1"', 'not JSON: \'{"run": "1"\''),
        ("null", "a record is a mapping, found NoneType"),
        ("[]", "a record is a mapping, found list"),
        ("{}", "not a record: backends is missing"),
        (b"\xff\xfe", ""),
    ],
    ids=["empty", "cut", "null", "list", "nothing in it", "no text"],
)
def test_a_record_that_cannot_be_read_is_an_error_and_stays(minion, record, text, said):
    path = minion.path(RUN)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = path.read_bytes()
    refusals = [minion.call("chef_backend_agent.view", ["record"])["errors"]["record"]]
    for function, args in (("create", [record]), ("replace", ["1", record]), ("finish", ["1", record])):
        refusals.append(minion.told(f"chef_backend_agent.{function}", *args))
    for function, args in (("withdraw", ["1"]), ("beat", ["1"]), ("wish", ["1", "pause"]), ("hold", ["1"])):
        refusals.append(minion.told(f"chef_backend_agent.{function}", *args))
    for refusal in refusals:
        assert refusal.startswith(f"{path}: {said}")
        assert "move it away if no upgrade of this cluster is under way" in refusal
    assert path.read_bytes() == before


@pytest.mark.parametrize("wrong", [{"lease": "long"}, {"owner": {"jid": "1"}}, {"colour": "red"}, {"backends": None}])
def test_what_is_no_record_is_not_written(minion, record, wrong):
    with pytest.raises(ValueError, match="not a record"):
        minion.call("chef_backend_agent.create", {**record, **wrong})
    assert not minion.path(RUN).exists()


def test_records_of_runs_that_ended_are_kept_and_the_oldest_forgotten(minion, record):
    for number in range(25):
        one = {**record, "run": f"202611221200000000{number:02}"}
        minion.call("chef_backend_agent.create", one)
        minion.call("chef_backend_agent.finish", one["owner"]["jid"], {**one, "state": "done"})
    minion.call("chef_backend_agent.create", record)
    runs = [one["run"] for one in minion.call("chef_backend_agent.every")]
    assert runs[0] == record["run"], "the open one"
    assert sorted(set(runs[1:])) == [f"202611221200000000{number:02}" for number in range(5, 25)]
    assert {one["state"] for one in minion.call("chef_backend_agent.every")[1:]} == {"done"}

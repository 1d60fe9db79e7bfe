"""The record on a node: created once, replaced only by its owner, never half-written, never taken for absent."""

import contextlib
import json
import os
import stat
import threading
import time

import pytest
from salt.exceptions import CommandExecutionError

from tests.functional.minion import Minion
from tests.functional.test_failures import told

RUN = "/var/lib/salt-chef-backend/run.json"
LAST = "/var/lib/salt-chef-backend/last-run.json"


@pytest.fixture(name="other")
def fixture_other(record):
    """Return the record of another run, of another master."""
    owner = {"jid": "20261122130000000000", "master": "hub2", "pid": 12, "started": 1795352400.0}
    return {**record, "run": "20261122130000000000", "owner": owner}


def test_a_free_node_has_no_record(minion):
    assert minion.call("chef_backend_record.read") is None
    assert minion.call("chef_backend_record.last") is None
    assert not os.path.exists(f"{minion.root}/var/lib/salt-chef-backend"), "reading leaves nothing behind"


def test_create_is_exclusive(minion, record, other):
    assert minion.call("chef_backend_record.create", record) == {"created": True, "record": record}
    assert minion.call("chef_backend_record.create", other) == {"created": False, "record": record}
    assert minion.call("chef_backend_record.read") == record


def test_of_many_that_create_at_once_one_wins(minion, record, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: time.sleep(0.05))  # slow: all look before one writes
    answers, start = [], threading.Barrier(8)
    minions = [Minion(minion.root, minion.tree) for _ in range(8)]

    def create(number):
        owner = {**record["owner"], "jid": str(number)}
        start.wait()
        answers.append(minions[number].call("chef_backend_record.create", {**record, "owner": owner}))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["created"] for answer in answers) == [False] * 7 + [True]
    winner = next(answer["record"] for answer in answers if answer["created"])
    assert all(answer["record"] == winner for answer in answers)
    assert minion.call("chef_backend_record.read") == winner


def test_replace_compares_the_owner(minion, record, other):
    minion.call("chef_backend_record.create", record)
    refused = minion.call("chef_backend_record.replace", other["owner"]["jid"], other)
    assert refused == {"replaced": False, "record": record}
    assert minion.call("chef_backend_record.read") == record
    taken = minion.call("chef_backend_record.replace", record["owner"]["jid"], other)
    assert taken == {"replaced": True, "record": other}
    assert minion.call("chef_backend_record.read") == other


def test_a_job_id_that_yaml_made_a_number_is_the_same_owner(minion, record):
    minion.call("chef_backend_record.create", record)
    assert minion.call("chef_backend_record.replace", int(record["owner"]["jid"]), record)["replaced"] is True


def test_finish_keeps_the_record_and_frees_the_node(minion, record, other):
    minion.call("chef_backend_record.create", record)
    done = {**record, "state": "done"}
    assert minion.call("chef_backend_record.finish", other["owner"]["jid"], done) is False
    assert minion.call("chef_backend_record.read") == record
    assert minion.call("chef_backend_record.finish", record["owner"]["jid"], done) is True
    assert minion.call("chef_backend_record.read") is None
    assert minion.call("chef_backend_record.last") == done
    assert minion.call("chef_backend_record.finish", record["owner"]["jid"], done) is True, "once more is no mistake"


def test_withdraw_frees_only_what_is_ones_own(minion, record, other):
    minion.call("chef_backend_record.create", record)
    minion.call("chef_backend_record.finish", record["owner"]["jid"], {**record, "state": "done"})
    minion.call("chef_backend_record.create", other)
    assert minion.call("chef_backend_record.withdraw", record["owner"]["jid"]) is False
    assert minion.call("chef_backend_record.read") == other
    assert minion.call("chef_backend_record.withdraw", other["owner"]["jid"]) is True
    assert minion.call("chef_backend_record.read") is None
    assert minion.call("chef_backend_record.last") == {**record, "state": "done"}


def test_only_the_owner_amends(minion, record, other):
    assert minion.call("chef_backend_record.amend", "1", {"step": "x"}) is None
    minion.call("chef_backend_record.create", record)
    assert minion.call("chef_backend_record.amend", other["owner"]["jid"], {"step": "stolen"}) == record
    assert minion.call("chef_backend_record.read") == record
    amended = minion.call("chef_backend_record.amend", int(record["owner"]["jid"]), {"step": "failover off"})
    assert amended == minion.call("chef_backend_record.read")
    assert amended == {**record, "step": "failover off", "heartbeat": amended["heartbeat"]}
    assert amended["heartbeat"] > record["heartbeat"]


def test_a_run_that_was_given_up_is_amended_no_more_and_its_late_orders_are_refused(minion, record):
    jid = record["owner"]["jid"]
    minion.call("chef_backend_record.create", record)
    assert minion.call("chef_backend_record.abandon", "1") is False
    assert minion.call("chef_backend_record.beat", jid) is True
    assert minion.call("chef_backend_record.abandon", jid) is True
    assert minion.call("chef_backend_record.abandon", jid) is False
    assert minion.call("chef_backend_record.beat", jid) is False
    given_up = minion.call("chef_backend_record.read")
    assert (given_up["state"], given_up["failover"]) == ("abandoned", "on")
    assert minion.call("chef_backend_record.amend", jid, {"step": "upgrade"}) == given_up
    assert "the backends gave it up" in told(minion, "chef_backend_record.begun_here")


def test_begun_here_notes_this_node_until_finished_here(minion, record):
    assert minion.call("chef_backend_record.begun_here") is False
    minion.call("chef_backend_record.create", {**record, "finished": ["be3", "be1"]})
    assert minion.call("chef_backend_record.begun_here") is True
    assert minion.call("chef_backend_record.read") == {**record, "node": "be1", "finished": ["be3"]}
    minion.call("chef_backend_record.finished_here")
    noted = minion.call("chef_backend_record.read")
    assert (noted["node"], noted["finished"]) == (None, ["be3", "be1"])


def test_finished_here_notes_this_node(minion, record):
    assert minion.call("chef_backend_record.finished_here") is False
    minion.call("chef_backend_record.create", {**record, "node": "be1", "finished": ["be3"]})
    assert minion.call("chef_backend_record.finished_here") is True
    noted = minion.call("chef_backend_record.read")
    assert (noted["node"], noted["finished"]) == (None, ["be3", "be1"])
    assert noted["heartbeat"] == record["heartbeat"], "no sign of life of the owner"


def test_only_root_reads_it(minion, record):
    old = os.umask(0)
    try:
        minion.call("chef_backend_record.create", record)
        minion.call("chef_backend_record.finish", record["owner"]["jid"], record)
        minion.call("chef_backend_record.create", record)
    finally:
        os.umask(old)
    folder = minion.path(RUN).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {p.name: oct(stat.S_IMODE(p.stat().st_mode)) for p in (minion.path(RUN), minion.path(LAST))} == {
        "run.json": "0o600",
        "last-run.json": "0o600",
    }


def test_a_reader_never_sees_half_a_record(minion, record):
    minion.call("chef_backend_record.create", record)
    path, jid, seen, done = minion.path(RUN), record["owner"]["jid"], [], threading.Event()

    def look():
        while not done.is_set():
            seen.append(json.loads(path.read_text(encoding="utf-8"))["step"])

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for number in range(100):
            minion.call("chef_backend_record.replace", jid, {**record, "step": f"{number:03}" * (1 + number * 40)})
    finally:
        done.set()
        reader.join()
    assert seen, "nothing was read meanwhile"


def test_a_disk_that_is_full_leaves_the_old_record(minion, record, monkeypatch):
    minion.call("chef_backend_record.create", record)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with contextlib.suppress(OSError, CommandExecutionError):
        minion.call("chef_backend_record.replace", record["owner"]["jid"], {**record, "step": "later"})
    assert minion.call("chef_backend_record.read") == record


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
    for function, args in (("read", []), ("create", [record]), ("replace", ["1", record]), ("finish", ["1", record])):
        refusal = told(minion, f"chef_backend_record.{function}", *args)
        assert refusal.startswith(f"{path}: {said}")
        assert "move it away if no upgrade of this cluster is under way" in refusal
    assert "move it away" in told(minion, "chef_backend_record.withdraw", "1")
    assert path.read_bytes() == before


@pytest.mark.parametrize("wrong", [{"lease": "long"}, {"owner": {"jid": "1"}}, {"colour": "red"}, {"backends": None}])
def test_what_is_no_record_is_not_written(minion, record, wrong):
    with pytest.raises(ValueError, match="not a record"):
        minion.call("chef_backend_record.create", {**record, **wrong})
    assert not minion.path(RUN).exists()

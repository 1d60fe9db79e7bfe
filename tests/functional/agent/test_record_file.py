"""The record on a node: replaced by a higher one alone, never half-written, never taken for absent; its own note."""

import contextlib
import json
import os
import stat
import threading
import time

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.node import deadman, moments, record_file
from tests.functional.minion import Clock

ACCEPT, FINISH = "chef_backend_agent.accept", "chef_backend_agent.finish"
RUN = "/var/lib/salt-chef-backend/run.json"
LAST = "/var/lib/salt-chef-backend/last-run.json"
NOTE = "/var/lib/salt-chef-backend/note.json"
HEARD = "/var/lib/salt-chef-backend/heard.json"


@pytest.fixture(name="other")
def fixture_other(record):
    """Return the record of another run, of another master."""
    owner = {"jid": "20261122130000000000", "master": "hub2", "boot": "b2", "pid": 12, "ticks": 7}
    return {**record, "run": "20261122130000000000", "owner": owner, "epoch": 2}


@pytest.fixture(name="taken")
def fixture_taken(record, other):
    """Return the record of the run as another owner has taken it over."""
    return {**record, "owner": other["owner"], "epoch": 2}


def test_a_free_node_has_no_record(minion):
    assert minion.record() is None
    assert minion.call("chef_backend_agent.last") is None
    assert not os.path.exists(f"{minion.root}/var/lib/salt-chef-backend"), "reading leaves nothing behind"


def test_a_record_gives_way_to_a_higher_one_of_its_run_alone(minion, record, taken):
    """The epoch counts before the revision, and no clock at all."""
    words = [record, {**record, "revision": 3, "step": "later", "changed": 1.0}, {**taken, "revision": 2}]
    for number, word in enumerate(words):
        assert minion.call(ACCEPT, word) == {"taken": True, "record": word}
        assert minion.call(ACCEPT, word)["taken"] is True, "once more is no mistake"
        for late in (*words[:number], {**word, "step": "another's", "changed": 9999999999.0}):
            assert minion.call(ACCEPT, late) == {"taken": False, "record": word}
        assert minion.record() == word


def test_a_record_gives_way_to_another_run_only_if_that_was_opened_over_it(minion, record, other):
    minion.call(ACCEPT, record)
    assert minion.call(ACCEPT, other) == {"taken": False, "record": record}
    assert minion.call(ACCEPT, other, {"r0": 1})["taken"] is False
    assert minion.call(ACCEPT, {**other, "epoch": 1, "revision": 9}, {record["run"]: 1})["taken"] is False
    assert minion.record() == record
    assert minion.call(ACCEPT, other, {"r0": 3, int(record["run"]): 1}) == {"taken": True, "record": other}
    assert minion.record() == other


def test_a_word_over_runs_without_their_epochs_is_of_another_version(minion, record, other):
    minion.call(ACCEPT, record)
    assert "another version of this extension" in minion.told(ACCEPT, other, [record["run"]])
    assert minion.record() == record


def test_i7_a_record_gives_way_to_no_new_owner_who_has_not_seen_it_as_it_is(minion, record, other, taken):
    """Between the look and the word another operator may have taken the run."""
    minion.call(ACCEPT, taken)
    goes_on, opens = {**record, "epoch": 3}, {**other, "epoch": 4}
    for word in (goes_on, opens):
        assert minion.call(ACCEPT, word, {record["run"]: 1}) == {"taken": False, "record": taken}
    assert minion.record() == taken
    for seen, word in ((2, goes_on), (3, opens)):
        assert minion.call(ACCEPT, word, {record["run"]: seen}) == {"taken": True, "record": word}


def test_a_word_that_comes_with_a_look_is_kept_before_anything_is_asked(minion, record, other):
    look = ("chef_backend_agent.view", ["record"])
    assert minion.call(*look, record)["record"] == record, "a node that had none has missed one"
    later = {**record, "revision": 2, "step": "failover off"}
    assert minion.call(*look, later)["record"] == later
    assert minion.call(*look, record)["record"] == later
    assert minion.call(*look, other)["record"] == later


def test_finish_keeps_the_record_and_frees_the_node(minion, record, other):
    later = {**record, "revision": 3}
    minion.call(ACCEPT, later)
    done = {**record, "state": "done", "revision": 4}
    for wrong in ({**other, "state": "done"}, {**done, "revision": 2}, {**done, "revision": 3}):
        assert minion.call(FINISH, wrong) is False
    assert minion.record() == later
    assert minion.call(FINISH, done) is True
    assert minion.record() is None
    assert minion.call("chef_backend_agent.last") == done
    assert minion.call("chef_backend_agent.view", ["record"])["ended"] == record["run"]
    assert minion.call(FINISH, done) is True, "once more is no mistake"


def test_a_run_that_was_aborted_and_stands_here_still_is_finished_as_it_stands(minion, record):
    aborted = {**record, "state": "aborted", "failover": "off"}
    minion.call(ACCEPT, aborted)
    assert minion.call(FINISH, aborted) is True
    assert (minion.record(), minion.call("chef_backend_agent.last")) == (None, aborted)


def test_i7_a_word_of_a_run_that_has_ended_here_brings_it_back_no_more(minion, record, taken):
    minion.call(ACCEPT, record)
    done = {**record, "state": "done", "revision": 2}
    minion.call(FINISH, done)
    for late in (record, {**record, "revision": 9}, taken, done):
        assert minion.call(ACCEPT, late) == {"taken": False, "record": done}
        assert minion.call("chef_backend_agent.view", ["record"], late)["record"] is None
    assert minion.record() is None


def test_i7_the_word_of_a_run_that_could_not_be_opened_holds_no_node_when_a_later_run_has_ended(minion, record, other):
    minion.call(ACCEPT, record)
    minion.call("chef_backend_agent.withdraw", record["run"], 1)
    minion.call(ACCEPT, other)
    assert minion.call("chef_backend_agent.view", ["record"])["epoch"] == 2
    minion.call(FINISH, {**other, "state": "done", "revision": 9})
    assert "is late: its epoch is 1, and a run of epoch 2 was heard of here" in minion.told(ACCEPT, record)
    assert "is late" in minion.call("chef_backend_agent.view", ["record"], record)["errors"]["record"]
    assert minion.record() is None


def test_an_epoch_that_cannot_be_read_is_not_none(minion, record):
    minion.write("/var/lib/salt-chef-backend/epoch", "seven")
    assert "move it away, if no run is under way" in minion.told(ACCEPT, record)


def test_a_node_that_has_missed_the_end_of_a_run_gives_way_to_the_next(minion, record, other):
    minion.call(ACCEPT, record)
    assert minion.call(ACCEPT, other, {record["run"]: 1})["taken"] is True


def test_withdraw_frees_only_what_is_ones_own(minion, record, other):
    minion.call(ACCEPT, record)
    minion.call(FINISH, {**record, "state": "done", "revision": 2})
    minion.call(ACCEPT, other)
    for run, epoch in ((record["run"], 1), (other["run"], 1)):
        assert minion.call("chef_backend_agent.withdraw", run, epoch) is False
    assert minion.record() == other
    assert minion.call("chef_backend_agent.withdraw", other["run"], 2) is True
    assert minion.record() is None
    assert minion.call("chef_backend_agent.last")["run"] == record["run"]


def test_a_wish_is_noted_of_an_open_run_alone_and_taken_back(minion, record, other):
    wish = "chef_backend_agent.wish"
    assert minion.call(wish, record["run"], 1, "pause") is False
    minion.call(ACCEPT, record)
    assert minion.call(wish, other["run"], 1, "pause") is False
    assert minion.call(wish, record["run"], 2, "pause") is False, "it was seen under another owner"
    assert minion.call(wish, int(record["run"]), 1, "pause") is True
    assert minion.note() == {"run": record["run"], "wish": "pause", "wished": 1}
    assert minion.call(wish, record["run"], 1, None) is True
    assert minion.note() == {"run": record["run"], "wished": 1}
    assert minion.record() == record, "what a node notes changes nothing of the record"
    minion.call(ACCEPT, {**record, "state": "paused", "revision": 2})
    assert minion.call(wish, record["run"], 1, "pause") is False, "it is not open"


# given up


def test_i7_a_run_that_was_given_up_hears_no_word_of_that_owner_and_obeys_no_late_order(minion, record, taken, other):
    host = minion.host()
    minion.call(ACCEPT, record)
    assert record_file.give_up(host, other["run"], 1) is False
    assert record_file.give_up(host, record["run"], 2) is False
    assert record_file.give_up(host, record["run"], 1) is True
    assert minion.call(ACCEPT, {**record, "revision": 2}) == {"taken": False, "record": record}
    for order in (record_file.begun_here, record_file.down_here):
        with pytest.raises(CommandExecutionError, match="the backends gave it up"):
            order(host)
    assert minion.note() == {"run": record["run"], "gave_up": 1}
    assert minion.call("chef_backend_agent.every")[0]["state"] == "abandoned"
    assert minion.call(ACCEPT, taken)["taken"] is True, "of a new owner it is"
    record_file.begun_here(host)
    assert minion.call("chef_backend_agent.every")[0]["state"] == "open"


def test_what_is_inside_its_upgrade_when_the_run_is_given_up_is_noted_as_finished_all_the_same(minion, record):
    host = minion.host()
    minion.call(ACCEPT, record)
    record_file.begun_here(host)
    record_file.give_up(host, record["run"], 1)
    record_file.finished_here(host)
    assert minion.note() == {"run": record["run"], "finished": True, "gave_up": 1}


# what a node notes of itself


def test_a_node_notes_that_it_is_down_inside_its_upgrade_and_done(minion, record):
    host, run = minion.host(), record["run"]
    for order in (record_file.down_here, record_file.begun_here, record_file.finished_here):
        order(host)
        assert minion.note() == {}, "outside a run there is nothing to note it in"
    minion.call(ACCEPT, record)
    record_file.down_here(host)
    assert minion.note() == {"run": run, "down": True}
    record_file.begun_here(host)
    assert minion.note() == {"run": run, "down": True, "inside": True}
    assert record_file.is_finished_here(host) is False
    record_file.finished_here(host)
    assert minion.note() == {"run": run, "down": True, "finished": True}
    assert record_file.is_finished_here(host) is True
    assert minion.record() == record, "nothing of it lies in the record"


def test_a_nodes_note_counts_for_its_own_run_only(minion, record, other):
    host = minion.host()
    minion.call(ACCEPT, record)
    minion.call("chef_backend_agent.wish", record["run"], 1, "abort")
    record_file.finished_here(host)
    minion.call(ACCEPT, other, {record["run"]: 1})
    assert record_file.is_finished_here(host) is False
    record_file.begun_here(host)
    assert minion.note() == {"run": other["run"], "inside": True}, "and nothing of the run before is in the next"


def test_a_note_that_cannot_be_read_is_an_error_and_stays(minion, record):
    minion.call(ACCEPT, record)
    path = minion.path(NOTE)
    path.write_text("{", encoding="utf-8")
    said = minion.call("chef_backend_agent.view", ["record"])["errors"]["note"]
    assert said.startswith(f"{path}: not a node's note: '{{'") and "if its upgrade is not half done" in said
    assert minion.told("chef_backend_agent.wish", record["run"], 1, "pause") == said
    assert [one["run"] for one in minion.call("chef_backend_agent.every")] == [record["run"]], "history is shown"
    assert path.read_text(encoding="utf-8") == "{"


# when it heard of the owner


def test_i8_unheard_is_told_by_the_clock_since_the_boot_and_a_step_of_the_wall_clock_changes_nothing(minion, record):
    clock = Clock()
    host = minion.host(clock=clock)
    assert moments.ago(host, moments.HEARD) is None
    record_file.accept(host, record_file.Record.from_dict(record))
    clock.since += 50
    for step in (-86400, 7200):
        clock.wall += step
        assert moments.ago(host, moments.HEARD) == 50
    assert record_file.beat(host, record["owner"]["jid"], 1) is True
    assert moments.ago(host, moments.HEARD) == 0


def test_i8_after_a_reboot_the_owner_is_unheard_since_the_boot_at_least(minion, record):
    clock = Clock()
    host = minion.host(clock=clock)
    record_file.accept(host, record_file.Record.from_dict(record))
    clock.boot_id, clock.since = "b2", 90.0
    assert moments.ago(host, moments.HEARD) == 90
    for text in ("{", "[]", '{"boot": "b2"}', '{"boot": "b2", "at": null}', b"\xff"):
        minion.path(HEARD).write_bytes(text if isinstance(text, bytes) else text.encode())
        assert moments.ago(host, moments.HEARD) == 90, "what cannot be read is no sign of life"


def test_only_the_owner_in_its_epoch_is_heard_by_a_heartbeat(minion, record, taken, monkeypatch):
    monkeypatch.setattr(deadman, "stay_armed", lambda host, within: True)
    jid = record["owner"]["jid"]
    assert minion.call("chef_backend_agent.beat", jid, 1) is False
    minion.call(ACCEPT, record)
    assert minion.call("chef_backend_agent.beat", int(jid), 1) is True, "YAML made a number of it"
    assert minion.call("chef_backend_agent.beat", "1", 1) is False
    assert minion.call("chef_backend_agent.beat", jid, 2) is False
    minion.call(ACCEPT, taken)
    assert minion.call("chef_backend_agent.beat", jid, 1) is False
    minion.call(ACCEPT, {**taken, "state": "failed", "revision": 2})
    assert minion.call("chef_backend_agent.beat", taken["owner"]["jid"], 2) is False, "it is not open"
    assert minion.record()["revision"] == 2, "a beat changes nothing of the record"


# the file


def test_of_many_that_take_a_free_node_at_once_one_wins(minion, record, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: time.sleep(0.05))  # slow: all look before one writes
    answers, start = [], threading.Barrier(8)

    def take(number):
        owner = {**record["owner"], "jid": str(number)}
        start.wait()
        answers.append(minion.call(ACCEPT, {**record, "owner": owner}))

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["taken"] for answer in answers) == [False] * 7 + [True]
    winner = next(answer["record"] for answer in answers if answer["taken"])
    assert all(answer["record"] == winner for answer in answers)
    assert minion.record() == winner


def test_only_root_reads_it(minion, record, other):
    old = os.umask(0)
    try:
        minion.call(ACCEPT, record)
        minion.call(FINISH, {**record, "revision": 2})
        minion.call(ACCEPT, other)
        record_file.begun_here(minion.host())
    finally:
        os.umask(old)
    folder = minion.path(RUN).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    kept = [minion.path(path) for path in (RUN, LAST, NOTE, HEARD)]
    assert [oct(stat.S_IMODE(path.stat().st_mode)) for path in kept] == ["0o600"] * 4


def test_a_reader_never_sees_half_a_record(minion, record):
    minion.call(ACCEPT, record)
    path, seen, done = minion.path(RUN), [], threading.Event()

    def look():
        while not done.is_set():
            seen.append(json.loads(path.read_text(encoding="utf-8"))["step"])

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for number in range(2, 102):
            word = {**record, "revision": number, "step": f"{number:03}" * (1 + number * 40)}
            assert minion.call(ACCEPT, word)["taken"] is True
    finally:
        done.set()
        reader.join()
    assert seen, "nothing was read meanwhile"


def test_a_disk_that_is_full_leaves_the_old_record(minion, record, monkeypatch):
    minion.call(ACCEPT, record)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with contextlib.suppress(OSError, CommandExecutionError):
        minion.call(ACCEPT, {**record, "step": "later", "revision": 2})
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
    refusals.append(minion.call("chef_backend_agent.view", ["record"], record)["errors"]["record"])
    for function, args in (("accept", [record]), ("finish", [record])):
        refusals.append(minion.told(f"chef_backend_agent.{function}", *args))
    for function, args in (("withdraw", ["1", 1]), ("beat", ["1", 1]), ("wish", ["1", 1, "pause"])):
        refusals.append(minion.told(f"chef_backend_agent.{function}", *args))
    for refusal in refusals:
        assert refusal.startswith(f"{path}: {said}")
        assert "move it away if no upgrade of this cluster is under way" in refusal
    assert path.read_bytes() == before


@pytest.mark.parametrize("wrong", [{"lease": "long"}, {"owner": {"jid": "1"}}, {"colour": "red"}, {"backends": None}])
def test_what_is_no_record_is_not_written(minion, record, wrong):
    with pytest.raises(CommandExecutionError, match=r"^be1: what the master sends is not a record: "):
        minion.call(ACCEPT, {**record, **wrong})
    assert not minion.path(RUN).exists()


def test_records_of_runs_that_ended_are_kept_and_the_oldest_forgotten(minion, record):
    """The newest is told by its epoch: the master's clock may have been set back, and its ids with it."""
    for number in range(25):
        one = {**record, "run": f"202611221200000000{50 - number}", "epoch": number + 1}
        minion.call(ACCEPT, one)
        minion.call(FINISH, {**one, "state": "done", "revision": 2})
    record = {**record, "epoch": 26}
    minion.call(ACCEPT, record)
    runs = [one["run"] for one in minion.call("chef_backend_agent.every")]
    assert runs[0] == record["run"], "the open one"
    assert sorted(set(runs[1:])) == [f"202611221200000000{number}" for number in range(26, 46)]
    assert {one["state"] for one in minion.call("chef_backend_agent.every")[1:]} == {"done"}

"""The lock of a run, between masters and the record files of three backends: its words, its end, and who is alive."""

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers
from saltext.chef_backend.node import files, record_file
from saltext.chef_backend.node import view as views
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import lock
from tests.unit import printed
from tests.unit.run.backends import FIELDS, Cluster, everywhere

RUN_FILE = "/var/lib/salt-chef-backend/run.json"


@pytest.fixture(name="cluster")
def fixture_cluster(tmp_path):
    return Cluster(tmp_path)


# a run, and its words


def test_a_new_run_stands_on_every_backend(cluster):
    cluster.begin("1")
    assert cluster.copies() == everywhere(("1", "1", 1, 1))


def test_i6_a_new_run_is_not_opened_where_one_backend_is_silent_and_what_was_taken_is_given_back(cluster):
    for node in printed.NODES:
        hub = cluster.master("1")
        seen = clusters.views(hub, "prod", ["record"])
        cluster.silent = {node}
        with pytest.raises(CommandExecutionError, match=f"{node} does not answer"):
            lock.begin(hub, seen, None, lease=60, target="2.3.16", **FIELDS)
        assert cluster.copies() == everywhere(None)
        cluster.silent = set()


def test_i5_a_word_that_one_backend_missed_is_brought_to_it_with_the_next(cluster):
    hub = cluster.begin("1")
    cluster.silent = {"be1"}
    lock.note(hub, "prod", failover="off", step="failover off")
    assert cluster.copies()["be1"] == ("1", "1", 1, 1)
    cluster.silent = set()
    assert (cluster.told().failover, cluster.told().step) == ("off", "failover off")
    lock.say(hub, "prod", ["record"])
    assert cluster.copies() == everywhere(("1", "1", 1, 2))


def test_i8_a_beat_never_makes_a_stale_copy_the_newest(cluster):
    hub = cluster.begin("1")
    cluster.silent = {"be1"}
    lock.note(hub, "prod", failover="off", step="failover off")
    cluster.silent = set()
    for node in ("be2", "be3", "be1"):
        cluster.clock.sleep(1)
        assert record_file.beat(cluster.hosts[node], "1", 1) is True
    assert (cluster.told().failover, cluster.told().step) == ("off", "failover off")


def test_a_word_that_a_majority_has_not_got_is_no_word(cluster):
    hub = cluster.begin("1")
    cluster.silent = {"be1", "be3"}
    with pytest.raises(CommandExecutionError, match="be1 does not answer; be3 does not answer"):
        lock.note(hub, "prod", failover="off")
    cluster.silent = set()
    assert cluster.told().failover == "off", "it may have been acted upon"
    assert lock.note(hub, "prod", step="next").word == (1, 3), "and is never said again with other contents"


def test_a_backend_that_has_lost_its_disk_gets_the_record_with_the_next_word(cluster):
    hub = cluster.begin("1")
    cluster.hosts["be3"].path(RUN_FILE).unlink()
    lock.note(hub, "prod", step="next")
    assert cluster.copies() == everywhere(("1", "1", 1, 2))


def test_how_long_turns_lasted_comes_with_the_next_word(cluster):
    hub = cluster.begin("1")
    lock.measured(hub, "be2", 71.46)
    assert cluster.told().took == {}
    lock.note(hub, "prod", step="next")
    lock.measured(hub, "be3", 60.0)
    lock.note(hub, "prod", step="next")
    assert cluster.told().took == {"be2": 71.5, "be3": 60.0}


# the end


@pytest.mark.parametrize("missed", printed.NODES)
def test_i5_a_run_that_ended_on_a_majority_has_ended_and_the_third_learns_of_it(cluster, missed):
    hub = cluster.begin("1")
    cluster.begin("2")  # its epoch is the second
    cluster.silent = {missed}
    lock.finish(hub, cluster.told().changed_to(1.0, state=records.DONE))
    cluster.silent = set()
    assert cluster.copies()[missed] == ("1", "2", 2, 1)
    assert cluster.told() is None
    cluster.begin("3", "3.2.1")
    assert cluster.copies() == everywhere(("3", "3", 3, 1))


def test_an_end_that_reached_one_backend_is_told_as_not_done_and_is_the_end_all_the_same(cluster):
    hub = cluster.begin("1")
    cluster.silent = {"be2", "be3"}
    with pytest.raises(CommandExecutionError, match=r"be2 does not answer\nbe3 does not answer"):
        lock.finish(hub, cluster.told().changed_to(1.0, state=records.DONE))
    cluster.silent = set()
    assert cluster.told() is None
    cluster.begin("2")
    assert {copy[:2] for copy in cluster.copies().values()} == {("2", "2")}


def test_i7_a_late_word_does_not_bring_back_a_run_that_has_ended(cluster):
    hub = cluster.begin("1")
    late = lock.held(hub, "prod").changed_to(1.0, step="late")
    lock.finish(hub, late.changed_to(2.0, state=records.DONE))
    for host in cluster.hosts.values():
        assert record_file.accept(host, late)[0] is False
        assert views.view(host, ["record"], late.to_dict())["record"] is None
    assert cluster.copies() == everywhere(None)
    with pytest.raises(CommandExecutionError, match="has not got the record"):
        lock.note(hub, "prod", step="late")


def test_nobody_ends_a_run_over_a_later_word_of_it(cluster):
    hub = cluster.begin("1")
    before = cluster.told()
    lock.note(hub, "prod", step="next")
    with pytest.raises(CommandExecutionError, match="is held by another run"):
        lock.finish(cluster.master(""), before.changed_to(1.0, state=records.ABORTED))
    assert cluster.told().step == "next"


# given up


def test_i7_a_run_that_one_backend_has_given_up_is_not_its_owners_any_more(cluster):
    hub = cluster.begin("1")
    assert record_file.give_up(cluster.hosts["be2"], "1", 1) is True
    with pytest.raises(CommandExecutionError, match="the backends gave it up and look after failover themselves"):
        lock.note(hub, "prod", failover="off")
    assert cluster.told().state == records.ABANDONED
    assert cluster.copies()["be2"] == ("1", "1", 1, 1), "it hears no word of that owner"
    cluster.begin("2")
    assert cluster.told().state == records.OPEN
    assert cluster.copies() == everywhere(("1", "2", 2, 1))


# what cannot be read


@pytest.mark.parametrize("name", ["run.json", "note.json"])
def test_i8_what_cannot_be_read_on_one_backend_is_one_clear_message_and_changes_nothing(cluster, name):
    cluster.begin("1")
    path = cluster.hosts["be2"].path(f"/var/lib/salt-chef-backend/{name}")
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"^be2: .*'{': .*move ") as refused:
        cluster.begin("2")
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)
    assert [cluster.view(node)["record"]["owner"]["jid"] for node in ("be1", "be3")] == ["1", "1"]
    path.unlink()
    cluster.begin("2")
    assert cluster.copies() == everywhere(("1", "2", 2, 1)), "once it is moved away the same command goes on"


def test_an_owner_whose_word_one_backend_cannot_write_is_told_that_and_not_that_it_holds_nothing(cluster, monkeypatch):
    hub = cluster.begin("1")
    write = files.write

    def full(path, *args):
        if "be2" in str(path):
            raise OSError(28, "No space left on device", str(path))
        write(path, *args)

    monkeypatch.setattr(files, "write", full)
    with pytest.raises(CommandExecutionError) as refused:
        lock.note(hub, "prod", failover="off")
    assert str(refused.value).startswith("what became of prod's run is not known: be2: ")
    assert str(refused.value).endswith(": No space left on device")
    monkeypatch.undo()
    assert lock.note(hub, "prod", failover="off").failover == "off"


# who is alive


def test_unheard_is_told_by_each_backends_own_clock_since_its_boot(cluster):
    cluster.begin("1")
    cluster.clock.sleep(61)
    other = cluster.master("2", id="hub2")
    assert lock.gone(other, cluster.told()) == "silent for 61 s (lease 60 s)"
    assert record_file.beat(cluster.hosts["be3"], "1", 1) is True
    assert lock.gone(other, cluster.told()) is None, "one that has heard of it is enough"


def test_a_heartbeat_of_an_owner_that_was_overtaken_keeps_no_run_alive(cluster):
    cluster.begin("1")
    hub = cluster.master("2", id="hub2")
    seen = clusters.views(hub, "prod", ["record"])
    found = answers.run(seen)
    cluster.silent = {"be1"}
    lock.begin(hub, seen, found, lease=60, target="2.3.16", **FIELDS)
    cluster.silent = set()
    cluster.clock.sleep(61)
    assert record_file.beat(cluster.hosts["be1"], "1", 1) is True, "it has not heard of the take-over"
    assert lock.gone(cluster.master("3"), cluster.told()) == "silent for 61 s (lease 60 s)"

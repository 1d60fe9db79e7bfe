"""Which command is started, waited for, read or refused: decided from notes and from what processes show."""

from pathlib import Path

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.node import durable
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.node.processes import Work
from saltext.chef_backend.product.command import Done

UPGRADE = ("chef-backend-ctl", "upgrade")
OFF = ("chef-backend-ctl", "set-cluster-failover", "off")
AT_WORK, WELL, FAILED, UNKNOWN = Work(None, True), Work(0, False, 130.0), Work(3, False, 130.0), Work(None, False)


class Programs:
    """Processes that only are what a test says of them."""

    def __init__(self):
        self.started, self.works, self.ends = [], {}, WELL

    def start(self, words, folder, env=None, keep=True, until=None):
        if words[0] == "nothing":
            raise FileNotFoundError(2, "no such program", words[0])
        self.started.append(tuple(words))
        self.works[str(folder)] = AT_WORK

    def look(self, folder):
        return self.works.get(str(folder), UNKNOWN)

    def wait(self, folder, seconds):
        if self.works[str(folder)] == AT_WORK:
            self.works[str(folder)] = self.ends
        return self.works[str(folder)]

    def output(self, folder):
        return "out\n", f"of {len(self.started)}\n"

    def matching(self, pattern):
        return []


class Clock:
    """A host's own time, which a test sets."""

    def __init__(self):
        self.boots, self.since = "b1", 100.0

    def now(self):
        return 1795348800.0

    def boot(self):
        return self.boots, self.since


@pytest.fixture(name="host")
def fixture_host(tmp_path):
    return Host("be1", {}, root=tmp_path, clock=Clock(), processes=Programs(), run="20261122120000000000")


def left_at_work(host, words=UPGRADE, about="2.3.16"):
    """Leave a command at work whose caller is gone."""
    host.processes.ends = AT_WORK
    with pytest.raises(CommandExecutionError, match="and is still at work"):
        durable.run(host, words, 8, about=about)
    host.processes.ends = WELL


def ended_unread(host, how=WELL, words=UPGRADE, about="2.3.16"):
    """Leave a command that has ended while nobody waited."""
    left_at_work(host, words, about)
    (folder,) = [folder for folder, work in host.processes.works.items() if work == AT_WORK]
    host.processes.works[folder] = how


def test_it_is_started_and_its_end_read(host):
    ended = durable.run(host, UPGRADE, 60, about="2.3.16", before=["x"])
    assert ended == durable.Ended(
        Done(0, "out", "of 1"), 30.0, ["x"], False, host.path(f"{durable.FOLDER}/000001"), at=130.0
    )
    assert durable.at_work(host) is None


def test_i8_when_its_bound_has_passed_it_is_named_as_still_at_work_with_its_last_lines(host):
    host.processes.ends = AT_WORK
    with pytest.raises(CommandExecutionError) as said:
        durable.run(host, UPGRADE, 8)
    assert str(said.value) == (
        "be1: chef-backend-ctl upgrade did not end within 8 s, and is still at work: it goes on, and the same command "
        "waits for it again:\n  out\n  of 1"
    )
    host.clock.since = 142.0
    assert durable.at_work(host) == "chef-backend-ctl upgrade (for 42 s)"


def test_i1_the_same_command_takes_over_the_wait_and_starts_nothing(host):
    left_at_work(host)
    assert durable.run(host, UPGRADE, 60, about="2.3.16").done.status == 0
    assert host.processes.started == [UPGRADE]


def test_i5_an_end_that_nobody_waited_for_is_read_once_then_the_command_runs_again(host):
    ended_unread(host)
    first = durable.run(host, UPGRADE, 60, about="2.3.16")
    assert (first.late, host.processes.started) == (True, [UPGRADE])
    again = durable.run(host, UPGRADE, 60, about="2.3.16")
    assert (again.late, host.processes.started) == (False, [UPGRADE, UPGRADE])


def test_i5_a_failure_that_nobody_waited_for_is_told_once(host):
    ended_unread(host, FAILED)
    assert durable.run(host, UPGRADE, 60, about="2.3.16").done.status == 3
    assert durable.run(host, UPGRADE, 60, about="2.3.16").done.status == 0


def test_what_was_there_before_it_is_what_its_first_caller_saw(host):
    host.processes.ends = AT_WORK
    with pytest.raises(CommandExecutionError):
        durable.run(host, UPGRADE, 8, about="r1", before=["old.tgz"])
    host.processes.ends = WELL
    assert durable.run(host, UPGRADE, 8, about="r1", before=["old.tgz", "new.tgz"]).before == ["old.tgz"]


@pytest.mark.parametrize(
    ("words", "about"), [(OFF, None), (UPGRADE, "3.0.0"), (UPGRADE, None), ((*UPGRADE, "--failover"), "2.3.16")]
)
def test_i1_nothing_else_is_begun_beside_a_command_that_is_at_work(host, words, about):
    left_at_work(host)
    host.clock.since = 107.0
    with pytest.raises(CommandExecutionError) as said:
        durable.run(host, words, 60, about=about)
    assert str(said.value) == (
        f"be1: chef-backend-ctl upgrade is at work for 7 s: {' '.join(words)} was not begun beside it: wait until it "
        "has ended:\n  out\n  of 1"
    )
    assert host.processes.started == [UPGRADE]


@pytest.mark.parametrize("about", ["3.0.0", None])
def test_i8_an_end_counts_only_for_what_it_was_for(host, about):
    ended_unread(host)
    assert durable.run(host, UPGRADE, 60, about=about).late is False
    assert host.processes.started == [UPGRADE, UPGRADE]


def test_i8_that_a_switch_was_set_once_does_not_say_how_it_stands_now(host):
    ended_unread(host, words=OFF, about=None)
    assert durable.run(host, OFF, 60).late is False
    assert host.processes.started == [OFF, OFF]


def test_a_switch_that_hangs_is_waited_for(host):
    left_at_work(host, OFF, None)
    durable.run(host, OFF, 60)
    assert host.processes.started == [OFF]


def test_i8_an_end_counts_no_more_when_another_command_came_in_between(host):
    ended_unread(host)
    durable.run(host, UPGRADE, 60, about="3.0.0")
    assert durable.run(host, UPGRADE, 60, about="2.3.16").late is False
    assert host.processes.started == [UPGRADE, UPGRADE, UPGRADE]


def test_i5_a_switch_in_between_makes_no_end_forgotten(host):
    """The dead man's switch orders failover on while nobody waits for the backup that a run had begun."""
    ended_unread(host)
    durable.run(host, OFF, 60)
    assert durable.run(host, UPGRADE, 60, about="2.3.16").late is True
    assert host.processes.started == [UPGRADE, OFF]


def test_i8_a_node_that_lost_its_power_has_no_good_end_and_may_run_it_again(host):
    ended_unread(host, UNKNOWN)
    host.clock.boots, host.clock.since = "b2", 5.0
    assert durable.at_work(host) is None
    assert durable.run(host, UPGRADE, 60, about="2.3.16").late is False
    assert host.processes.started == [UPGRADE, UPGRADE]


def test_i8_whoever_waits_while_its_supervisor_is_killed_is_told_that_nobody_knows(host):
    host.processes.ends = UNKNOWN
    with pytest.raises(CommandExecutionError) as said:
        durable.run(host, UPGRADE, 60, about="2.3.16")
    assert str(said.value).startswith("be1: chef-backend-ctl upgrade has ended, and how is not known")


def test_pending_is_what_is_at_work_or_unread_for_the_same_thing(host):
    other = (*UPGRADE, "--failover")
    assert durable.pending(host, "2.3.16", UPGRADE, other) is None
    left_at_work(host, other)
    assert durable.pending(host, "2.3.16", UPGRADE, other) == other
    assert durable.pending(host, "3.0.0", UPGRADE, other) is None
    assert durable.pending(host, "2.3.16", UPGRADE) is None
    durable.run(host, other, 60, about="2.3.16")
    assert durable.pending(host, "2.3.16", UPGRADE, other) is None


def test_a_program_that_is_not_there_leaves_nothing_behind(host):
    with pytest.raises(CommandExecutionError, match="be1: nothing cannot be run: no such program"):
        durable.run(host, ("nothing", "at all"), 60)
    assert durable.at_work(host) is None
    assert list(host.path(durable.FOLDER).glob("0*")) == []


def test_a_caller_that_died_before_it_started_it_has_started_nothing(host):
    folder = host.path(f"{durable.FOLDER}/000001")
    folder.mkdir(parents=True)
    assert durable.at_work(host) is None
    durable.run(host, UPGRADE, 60, about="2.3.16")
    assert host.processes.started == [UPGRADE]


def test_a_note_that_cannot_be_read_is_not_taken_for_a_node_at_rest(host):
    folder = host.path(f"{durable.FOLDER}/000001")
    folder.mkdir(parents=True)
    for text in ("{", "[]", '{"words": 1}', '{"words": ["a"], "more": 1}'):
        (folder / durable.NOTE).write_text(text)
        with pytest.raises(CommandExecutionError, match="look at this node, and move the folder away"):
            durable.at_work(host)


def test_old_commands_are_forgotten_and_numbers_are_not_given_twice(host):
    for _ in range(durable.KEPT + 3):
        durable.run(host, OFF, 60)
    names = sorted(path.name for path in host.path(durable.FOLDER).glob("0*"))
    assert names == [f"{number:06}" for number in range(4, durable.KEPT + 4)]


def test_a_note_reads_back_as_it_was_written(host):
    started = durable.Started(
        Path(host.path("/x")), UPGRADE, "2.3.16", ["a"], "20261122120000000000", "prod", "b1", 100.5
    )
    started.folder.mkdir()
    started.note()
    assert durable.Started.of_note(started.folder) == started
    assert (started.folder / durable.NOTE).stat().st_mode & 0o777 == 0o600

"""A command that changes a node outlives its bound, its caller, its supervisor; all see it, nobody doubles it."""

import contextlib
import logging
import os
import signal
import threading

import psutil
import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.node import ctl, durable, processes, supervisor
from tests.functional.durable.conftest import WITHIN, until

WORDS = ("chef-backend-ctl", "upgrade")
AT_WORK = "be1: chef-backend-ctl upgrade did not end within 1 s, and is still at work"


@pytest.fixture(name="goes_on_when_waited_for")
def fixture_goes_on_when_waited_for(upgrade, monkeypatch):
    """Return a function after which the command ends, but not before somebody waits for it."""

    def begin():
        real = processes.RealProcesses.wait

        def wait(*args):
            upgrade.goes_on()
            return real(*args)

        monkeypatch.setattr(processes.RealProcesses, "wait", wait)

    return begin


def busy(minion):
    view = minion.call("chef_backend_agent.view", ["busy"])
    assert view["errors"] == {}
    return view["busy"]


def kill(pid):
    """End a process at once, and see it gone."""
    ticks = supervisor.ticks_of(pid)
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    until(lambda: supervisor.ticks_of(pid) != ticks, f"{pid} has ended")


def parents(pid):
    """Return the pids of those that have started a process, and of those that have started them."""
    found = []
    while pid > 1:
        pid = psutil.Process(pid).ppid()
        found.append(pid)
    return found


def test_p7_i1_i8_past_its_bound_it_goes_on_is_seen_and_nothing_is_begun_beside_it(
    minion, upgrade, goes_on_when_waited_for
):
    said = minion.told("chef_backend.upgrade", timeout=1)
    assert said.startswith(AT_WORK)
    assert said.endswith(":\n  stopping")
    assert supervisor.ticks_of(upgrade.child)
    (line,) = busy(minion)
    assert line.startswith("chef-backend-ctl upgrade (for ")
    refused = minion.told("chef_backend.set_cluster_failover", "on")
    assert refused.startswith("be1: chef-backend-ctl upgrade is at work for ")
    assert "chef-backend-ctl set-cluster-failover on was not begun beside it" in refused
    goes_on_when_waited_for()
    assert minion.call("chef_backend.upgrade") == "stopping\ndone"
    assert (upgrade.times, busy(minion)) == (1, [])


def test_i1_whoever_wants_the_same_when_its_caller_was_killed_waits_for_it(
    minion, upgrade, caller, goes_on_when_waited_for
):
    job = caller()
    assert upgrade.child
    kill(job)
    assert len(busy(minion)) == 1
    goes_on_when_waited_for()
    assert minion.call("chef_backend.upgrade") == "stopping\ndone"
    assert upgrade.times == 1


def test_i1_two_jobs_that_want_the_same_at_once_start_it_once_and_both_get_its_end(minion, upgrade, monkeypatch):
    real, both, ends = processes.RealProcesses.wait, threading.Barrier(2, upgrade.goes_on), list[str]()

    def wait(*args):
        both.wait(WITHIN)
        return real(*args)

    monkeypatch.setattr(processes.RealProcesses, "wait", wait)
    hosts = [minion.host(), minion.host()]
    jobs = [threading.Thread(target=lambda host=host: ends.append(ctl.run(host, WORDS, 60))) for host in hosts]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(WITHIN)
    assert (ends, upgrade.times) == (["stopping\ndone"] * 2, 1)


def test_i5_an_end_that_nobody_waited_for_is_read_by_who_wants_the_same_for_the_same(minion, upgrade):
    host = minion.host()
    upgrade.is_written("exit 7")
    with pytest.raises(CommandExecutionError, match=AT_WORK):
        ctl.change(host, WORDS, 1, about="2.3.16")
    upgrade.goes_on()
    until(lambda: busy(minion) == [], "it has ended")
    with pytest.raises(CommandExecutionError) as said:
        ctl.change(host, WORDS, 60, about="2.3.16")
    assert str(said.value) == (
        "be1: chef-backend-ctl upgrade ended with status 7, while nobody waited for it:\n  stopping\n  done"
    )
    assert upgrade.times == 1
    with pytest.raises(CommandExecutionError, match="ended with status 7:"):
        ctl.change(host, WORDS, 60, about="2.3.16")
    assert upgrade.times == 2


def test_i8_a_wrapper_that_was_killed_has_ended_when_its_child_has(minion, upgrade, goes_on_when_waited_for):
    assert minion.told("chef_backend.upgrade", timeout=1).startswith(AT_WORK)
    kill(upgrade.wrapper)
    assert len(busy(minion)) == 1
    goes_on_when_waited_for()
    assert minion.told("chef_backend.upgrade", timeout=60).startswith(
        "be1: chef-backend-ctl upgrade was ended by signal 9"
    )
    assert (upgrade.times, busy(minion)) == (1, [])


def test_what_a_failed_wrapper_has_left_at_work_is_named_and_waited_for(minion, upgrade, goes_on_when_waited_for):
    upgrade.is_written(then="exit 3")
    assert minion.told("chef_backend.upgrade", timeout=1).startswith(AT_WORK)
    (line,) = busy(minion)
    assert "; it has ended, and has left at work: pg_upgrade " in line
    assert f"(pid {upgrade.child})" in line
    goes_on_when_waited_for()
    assert minion.told("chef_backend.upgrade").startswith("be1: chef-backend-ctl upgrade ended with status 3")
    assert upgrade.times == 1


@pytest.mark.parametrize("status", [0, 3])
def test_i5_a_daemon_that_a_wrapper_has_left_behind_holds_nobody_up(minion, upgrade, status):
    """As Erlang starts its epmd, which has a session of its own."""
    upgrade.program.write_text(upgrade.program.read_text().replace("\nbash -c", "\nsetsid bash -c"))
    upgrade.program.write_text(upgrade.program.read_text().replace("wait $!; status=$?; echo done", f"status={status}"))
    call = minion.call if status == 0 else minion.told
    assert "is still at work" not in call("chef_backend.upgrade", timeout=20)
    assert busy(minion) == []
    assert supervisor.ticks_of(upgrade.child)


def test_i8_a_child_that_has_left_session_and_parents_is_seen_all_the_same(minion, upgrade):
    upgrade.program.write_text(upgrade.program.read_text().replace("\nbash -c", "\nsetsid bash -c"))
    assert minion.told("chef_backend.upgrade", timeout=1).startswith(AT_WORK)
    child = upgrade.child
    kill(upgrade.wrapper)
    assert os.getsid(child) != os.getsid(upgrade.supervisor)
    assert len(busy(minion)) == 1
    upgrade.goes_on()
    until(lambda: busy(minion) == [], "the child has ended")


def test_i8_without_its_supervisor_it_is_seen_while_it_works_then_nobody_knows_its_end(
    minion, upgrade, goes_on_when_waited_for
):
    assert minion.told("chef_backend.upgrade", timeout=1).startswith(AT_WORK)
    kill(upgrade.supervisor)
    assert len(busy(minion)) == 1
    kill(upgrade.wrapper)
    assert len(busy(minion)) == 1, "the child works"
    goes_on_when_waited_for()
    said = minion.told("chef_backend.upgrade", timeout=60)
    assert said == (
        "be1: chef-backend-ctl upgrade has ended, and how is not known: what was to note it was killed, "
        "or its disk is full:\n  stopping"
    )
    assert busy(minion) == []
    assert minion.call("chef_backend.upgrade") == "stopping\ndone"
    assert upgrade.times == 2


def test_a_signal_to_its_supervisor_that_can_be_refused_is(minion, upgrade, goes_on_when_waited_for):
    assert minion.told("chef_backend.upgrade", timeout=1).startswith(AT_WORK)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        os.kill(upgrade.supervisor, number)
    goes_on_when_waited_for()
    assert minion.call("chef_backend.upgrade") == "stopping\ndone"


def test_i8_what_was_at_work_in_another_boot_is_not_any_more_and_has_no_good_end(minion, upgrade):
    assert minion.told("chef_backend.upgrade", timeout=1).startswith(AT_WORK)
    (folder,) = minion.path(durable.FOLDER).glob("0*")
    _, *rest = (folder / processes.PROCESS).read_text().split()
    (folder / processes.PROCESS).write_text(f"00000000-0000-0000-0000-000000000000 {' '.join(rest)}\n")
    assert busy(minion) == []
    upgrade.goes_on()
    assert minion.call("chef_backend.upgrade") == "stopping\ndone"
    assert upgrade.times == 2


def test_it_is_in_a_session_of_its_own_and_no_child_of_its_caller(minion, upgrade, caller):
    job = caller()
    assert os.getsid(upgrade.wrapper) == upgrade.supervisor
    until(lambda: job not in parents(upgrade.supervisor), "it has left its caller")
    upgrade.goes_on()


def test_its_notes_and_its_output_are_roots_alone(minion, upgrade):
    upgrade.goes_on()
    minion.call("chef_backend.upgrade")
    (folder,) = minion.path(durable.FOLDER).glob("0*")
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes.pop("starting") & 0o022 == 0
    assert set(modes) >= {"command.json", "process", "stdout", "stderr", "ended", "read"}
    assert set(modes.values()) == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_p13_what_was_printed_is_kept_without_secrets_once_its_end_was_read(minion, upgrade):
    upgrade.is_written(then="echo 'password: \"s3cr3t\"'; echo 'Failed to reindex data for acme!' >&2")
    upgrade.goes_on()
    minion.call("chef_backend.upgrade")
    (folder,) = minion.path(durable.FOLDER).glob("0*")
    assert (folder / processes.STDOUT).read_text().splitlines()[-1] == 'password: "***"'
    assert "acme" in (folder / processes.STDERR).read_text(), "whoever waits for the same reads it, too"


def test_p13_no_secret_leaves_the_node(minion, upgrade, caplog):
    caplog.set_level(logging.DEBUG)
    upgrade.is_written(then='echo "postgres://u:s3cr3t@h/d"; echo "PGPASSWORD=s3cr3t" >&2')
    upgrade.goes_on()
    assert minion.call("chef_backend.upgrade") == "stopping\npostgres://u:***@h/d"
    upgrade.is_written(then="echo 'password: \"s3cr3t\"'; exit 1")
    said = minion.told("chef_backend.run", "upgrade", "--password", "s3cr3t")
    assert said == ('be1: chef-backend-ctl upgrade --password *** ended with status 1:\n  stopping\n  password: "***"')
    assert "s3cr3t" not in caplog.text


def test_output_that_may_hold_a_secret_is_not_kept_at_all(minion, upgrade):
    upgrade.is_written(then="echo s3cr3t")
    upgrade.goes_on()
    assert minion.call("chef_backend.run", "upgrade", hide=True) == ""
    (folder,) = minion.path(durable.FOLDER).glob("0*")
    assert not (folder / processes.STDOUT).exists()
    assert "s3cr3t" not in "".join(path.read_text() for path in folder.iterdir())


def test_a_program_that_cannot_be_run_is_told(minion, upgrade):
    upgrade.program.write_text("#!/no/such/interpreter\n")
    said = minion.told("chef_backend.upgrade")
    assert said == (
        "be1: chef-backend-ctl upgrade ended with status 127:\n  chef-backend-ctl: No such file or directory"
    )


def test_i7_what_is_begun_too_late_is_not_begun(minion, upgrade):
    """Its job was stopped between the look at its order and the command."""
    upgrade.is_written()
    host = minion.host()
    _, now = host.clock.boot()
    with pytest.raises(CommandExecutionError, match=r"be1: .*chef-backend-ctl cannot be run: .*it is too late for it"):
        durable.run(host, WORDS, 5, about="2.3.16", may=lambda: now - 1)
    assert upgrade.times == 0
    assert durable.at_work(host) is None
    upgrade.goes_on()
    assert durable.run(host, WORDS, WITHIN, about="2.3.16", may=lambda: now + 600).done.status == 0
    assert upgrade.times == 1

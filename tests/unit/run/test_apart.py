"""A function of the site's has a bound that holds, and does nothing after it."""

import contextvars
import os
import signal
import subprocess
import sys
import time

import pytest

from saltext.chef_backend.run import apart
from saltext.chef_backend.run.signals import Interrupted

HERE = contextvars.ContextVar("here", default="nowhere")
DIES_BESIDE = """
import pathlib, sys, time
from saltext.chef_backend.run import apart

def hook():
    pathlib.Path(sys.argv[1]).write_text(str(__import__("os").getpid()))
    time.sleep(600)

apart.call(hook, 600)
"""


def is_there(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def comes(look):
    end = time.monotonic() + 20
    while not look():
        assert time.monotonic() < end
        time.sleep(0.01)
    return True


def hangs(path, start=()):
    """A function that notes its own pid, and that of a program which it starts, and returns much too late."""

    def hook():
        pids = [os.getpid(), *(subprocess.Popen(words).pid for words in start)]
        path.write_text(" ".join(map(str, pids)), encoding="utf-8")
        time.sleep(600)

    return hook


def pids_in(path):
    return [int(pid) for pid in path.read_text(encoding="utf-8").split()]


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda: None, None),
        (lambda: True, None),
        (lambda: {"backend": "fe1"}, None),
        (lambda: False, "returned False"),
        (lambda: 1 // 0, "failed: ZeroDivisionError: integer division or modulo by zero"),
        (lambda: sys.exit("no balancer"), "failed: SystemExit: no balancer"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "ended without a word, with status -9"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), "ended without a word, with status -15"),
    ],
)
def test_what_came_of_it_is_told(work, said):
    assert apart.call(work, 20) == said


def test_what_is_beyond_its_bound_is_ended_with_what_it_has_started(tmp_path):
    said = apart.call(hangs(tmp_path / "pids", [("sleep", "600")]), 1)
    assert said == "did not return within 1 s, and was ended"
    pids = pids_in(tmp_path / "pids")
    assert len(pids) == 2 and comes(lambda: not any(map(is_there, pids)))


def test_what_one_that_is_done_has_started_goes_on(tmp_path):
    path = tmp_path / "pid"

    def hook():
        path.write_text(str(subprocess.Popen(("sleep", "600")).pid), encoding="utf-8")

    assert apart.call(hook, 20) is None
    (pid,) = pids_in(path)
    try:
        assert is_there(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_it_is_called_where_salt_called_its_caller():
    """Salt's loader finds its dunders by a context variable."""
    HERE.set("in a state")
    assert apart.call(lambda: HERE.get() == "in a state", 20) is None


def test_a_signal_to_the_run_ends_it(tmp_path):
    def came(*_):
        raise Interrupted("SIGALRM")

    before = signal.signal(signal.SIGALRM, came)
    try:
        signal.setitimer(signal.ITIMER_REAL, 1)
        with pytest.raises(Interrupted):
            apart.call(hangs(tmp_path / "pids"), 60)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert comes(lambda: not any(map(is_there, pids_in(tmp_path / "pids"))))


def test_i7_it_ends_with_the_process_of_its_run_and_does_nothing_late(tmp_path):
    path = tmp_path / "pid"
    run = subprocess.Popen([sys.executable, "-c", DIES_BESIDE, path], env={**os.environ, "PYTHONPATH": "_utils"})
    try:
        assert comes(lambda: path.exists() and path.read_text(encoding="utf-8"))
        (pid,) = pids_in(path)
        assert is_there(pid)
    finally:
        run.kill()
        run.wait()
    assert comes(lambda: not is_there(pid))

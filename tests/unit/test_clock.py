"""What is done again and again goes on, whatever one of the times came to; what is waited for has a bound."""

import contextvars
import os
import subprocess
import sys
import threading

import pytest

from saltext.chef_backend.clock import RealClock


def test_a_beat_that_fails_is_not_the_last():
    times, enough = [], threading.Event()

    def beat() -> None:
        times.append(None)
        if len(times) == 3:
            enough.set()
        raise RuntimeError("whatever it is")

    end = RealClock().every(0.01, beat)
    try:
        assert enough.wait(30)
    finally:
        end()


BEATS_AS_IT_ENDS = """
import atexit, threading, time
from saltext.chef_backend.clock import RealClock
begun = threading.Event()
def beat():
    print("begins")
    begun.set()
    time.sleep({seconds})
    print("is done")
RealClock().every(0.01, beat, {at_hand})
atexit.register(print, "Salt ends its clients")
begun.wait()
{last}
"""


@pytest.mark.parametrize(("last", "status"), [("", 0), ("raise SystemExit(3)", 3), ("raise ValueError", 1)])
def test_i5_a_process_ends_after_the_beat_at_hand_whatever_it_ends_of_and_beats_no_more(last, status):
    """Salt takes its clients down then; one in the middle of a request would hang the process for ever."""
    done = ends(last=last, seconds=1, at_hand=600)
    assert done.stdout.splitlines() == ["begins", "is done", "Salt ends its clients"], done.stderr
    assert done.returncode == status


@pytest.mark.parametrize("at_hand", [0, 1])
def test_i5_a_process_does_not_wait_for_ever_for_what_never_ends(at_hand):
    """As Salt 3006 does, whose reader of events looks for a master that is gone without a bound."""
    done = ends(last="", seconds=3600, at_hand=at_hand)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["begins", "Salt ends its clients"]), done.stderr


def ends(**how):
    """A process that beats as it ends."""
    words, env = [sys.executable, "-c", BEATS_AS_IT_ENDS.format(**how)], {**os.environ, "PYTHONPATH": "_utils"}
    return subprocess.run(words, check=False, capture_output=True, text=True, env=env, timeout=600)


HERE = contextvars.ContextVar("here", default="nowhere")


def test_work_within_a_bound_is_done_where_salt_called_its_caller():
    """Salt's loader finds its dunders by a context variable."""
    HERE.set("in a state")
    assert RealClock().within(30, HERE.get) == "in a state"


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)])
def test_what_work_within_a_bound_raises_is_raised(error):
    def work():
        raise error

    with pytest.raises(type(error)):
        RealClock().within(30, work)


def test_work_beyond_its_bound_is_waited_for_no_longer():
    over = threading.Event()
    with pytest.raises(TimeoutError, match=r"^not done within 0\.1 s$"):
        RealClock().within(0.1, over.wait)
    over.set()

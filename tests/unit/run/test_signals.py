"""I3: a signal ends the step at hand like a failure, so that the run is closed; it never stops the closing."""

import asyncio
import contextlib
import io
import os
import signal
import sys
import threading
import time

import pytest

from saltext.chef_backend import outcome, waiting
from saltext.chef_backend.clock import RealClock
from saltext.chef_backend.errors import InVain
from saltext.chef_backend.run import signals
from saltext.chef_backend.run.signals import Signals


class Process:
    """A process whose signals a test sends."""

    def __init__(self):
        self.heard = None
        self.signals = Signals(self.listen)

    def listen(self, heard, dropped):
        self.heard, self.dropped = heard, dropped
        return self.end

    def end(self):
        self.heard = None


@pytest.fixture(name="process")
def fixture_process():
    process = Process()
    process.signals.hear()
    return process


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_i3_a_signal_makes_a_failure_of_the_step_at_hand(process, name):
    with process.signals.step("Upgrade") as ret:
        process.heard(name)
        raise AssertionError("the step went on")
    assert ret["result"] is False
    assert ret["comment"] == f"interrupted by {name}: what a node was told to do may still be at work there"


def test_between_two_steps_a_signal_stops_nothing_but_lets_nothing_more_begin(process):
    process.heard("SIGTERM")
    looks = []

    def look():
        looks.append(1)
        process.signals.refuse()

    with pytest.raises(InVain, match="interrupted by SIGTERM: nothing more is begun"):
        waiting.until(RealClock(), look, 1800)
    assert len(looks) == 1, "whoever waits for something waits no longer"


def test_a_second_signal_does_not_stop_what_the_first_has_begun(process):
    cleaned = []
    with process.signals.step("Upgrade") as ret:
        try:
            process.heard("SIGINT")
        finally:
            process.heard("SIGTERM")
            cleaned.append(True)
    assert cleaned
    assert ret["comment"].startswith("interrupted by SIGINT")


def test_no_signal_stops_the_closing_and_afterwards_they_do_what_they_did_before(process):
    process.heard("SIGINT")
    with process.signals.closing():
        process.heard("SIGINT")
        process.signals.refuse()
    assert process.heard is None


def test_i3_nor_does_one_that_was_dropped_before_or_that_a_step_around_it_would_be_stopped_by(process):
    closed, dropped = [], process.signals.dropped
    with process.signals.step("Upgrade"):
        with contextlib.suppress(BaseException):
            process.heard("SIGTERM")
        with process.signals.closing():
            closed += [dropped() for _ in range(signals.PATIENCE + 1)]
    process.signals.hear()
    with process.signals.step("Upgrade"), process.signals.closing():
        process.heard("SIGTERM")
        closed.append("to its end")
    assert closed == [None] * (signals.PATIENCE + 1) + ["to its end"]


@contextlib.contextmanager
def terminal(monkeypatch):
    """What this process prints on standard error goes into a pipe; gives both its ends, as files."""
    reads, writes = os.pipe()
    with open(reads, "rb") as printed, open(writes, "w", encoding="utf-8") as prints:
        monkeypatch.setattr("sys.stderr", prints)
        yield printed, prints


def test_a_signal_is_answered_by_one_sentence(process, monkeypatch):
    with terminal(monkeypatch) as (printed, _):
        process.heard("SIGINT")
        assert os.read(printed.fileno(), 1000) == b"SIGINT: nothing more is begun, the run is being closed\n"


def test_a_process_without_a_terminal_any_more_is_interrupted_all_the_same(process, monkeypatch):
    with terminal(monkeypatch) as (printed, _):
        printed.close()
        with process.signals.step("Upgrade") as ret:
            process.heard("SIGHUP")
    assert ret["comment"].startswith("interrupted by SIGHUP")


def test_i3_a_terminal_that_takes_nothing_keeps_no_run_from_being_closed(process, monkeypatch):
    """As under a pager that nobody scrolls: the thread that prints a run's events waits in there already."""
    with terminal(monkeypatch) as (printed, full):
        os.set_blocking(full.fileno(), False)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(full.fileno(), b"." * 65536)
        os.set_blocking(full.fileno(), True)
        arrives = threading.Thread(target=process.heard, args=("SIGTERM",), daemon=True)
        arrives.start()
        arrives.join(5)
        waits = arrives.is_alive()
        printed.read1()  # whoever waits goes on
        arrives.join(5)
    assert not waits


@pytest.mark.parametrize("stderr", [None, io.StringIO()])
def test_a_process_that_never_had_a_terminal_is_interrupted_all_the_same(process, monkeypatch, stderr):
    monkeypatch.setattr("sys.stderr", stderr)
    with process.signals.step("Upgrade") as ret:
        process.heard("SIGTERM")
    assert ret["comment"].startswith("interrupted by SIGTERM")


# where what a signal raises is dropped


def test_i3_what_was_dropped_is_raised_again_until_the_step_ends(process):
    with process.signals.step("Upgrade") as ret:
        with contextlib.suppress(BaseException):  # such as a finaliser, whose errors Python only prints
            process.heard("SIGTERM")
        process.heard("SIGINT")  # what the first has begun is not stopped by another
        assert [process.dropped() for _ in range(signals.PATIENCE)] == [None] * (signals.PATIENCE - 1) + ["SIGINT"]
        process.heard("SIGINT")
        raise AssertionError("the step went on")
    assert ret["comment"].startswith("interrupted by SIGINT")
    assert process.dropped() is None


@pytest.fixture(name="real")
def fixture_real():
    """This process' own signals; afterwards they do what they did before."""
    hears = Signals(signals.of_process)
    yield hears
    with hears.closing():
        pass


async def waits():
    asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
    await asyncio.sleep(30)


def test_i3_a_signal_in_a_callback_of_an_event_loop_ends_the_step(monkeypatch, real):
    """Salt's bus has such a loop: it goes on after all other exceptions, and would wait for ever."""
    monkeypatch.setattr(real, "dropped", lambda: None)
    with real.step("Upgrade") as ret:
        asyncio.run(waits())
        raise AssertionError("the step went on")
    assert ret["comment"].startswith("interrupted by SIGTERM")


def comes(name, frame):
    """A signal that Python has this process handle in a frame."""
    number = signal.Signals[name]
    signal.getsignal(number)(number, frame)


@contextlib.contextmanager
def at(step, where, event, does):
    """Do something in the frame in which contextlib enters or leaves a step."""

    def looks(frame, now, _):
        if frame.f_code.co_name != where or frame.f_locals.get("self") is not step:
            return None
        if now == event:
            sys.settrace(None)
            does(frame)
        return looks

    before = sys.gettrace()
    sys.settrace(looks)
    try:
        yield
    finally:
        sys.settrace(before)


ENDS = [("__enter__", "return"), ("__exit__", "call")]


@pytest.mark.parametrize(("where", "event"), ENDS)
def test_i3_a_signal_where_a_step_is_entered_or_left_leaves_it_a_step(real, where, event):
    """Nobody there would make a failure of it: it is noted, and comes again if the step is at work a second later."""
    step = real.step("Upgrade")
    with at(step, where, event, lambda frame: comes("SIGTERM", frame)), step as ret:
        assert real.came == ("SIGTERM" if where == "__enter__" else None)
        if real.came:
            time.sleep(30)
            raise AssertionError("the step went on")
        ret["result"] = True
    assert (real.came, real.dropped(), ret["result"]) == ("SIGTERM", None, where == "__exit__")


@pytest.mark.parametrize(("where", "event"), ENDS)
def test_i3_nor_does_another_one_that_comes_while_that_is_answered(real, monkeypatch, where, event):
    """Somebody is impatient, or a terminal that goes hangs up on whoever is being ended."""
    answered = []

    def says(text):
        answered.append(text)
        if len(answered) == 1:
            comes("SIGTERM", sys._getframe())  # under nohup a hangup would be ignored

    monkeypatch.setattr(signals, "_say", says)
    step = real.step("Upgrade")
    with at(step, where, event, lambda frame: comes("SIGTERM", frame)), step as ret:
        ret["result"] = True
    assert (len(answered), ret["result"]) == (2, True)


def test_i3_a_signal_where_the_function_itself_handles_what_failed_comes_again(real):
    """Python 3.10 looks for signals there, and no step would make a failure of it."""
    with real.step("Upgrade") as ret:
        comes("SIGTERM", sys._getframe())
        noted = real.dropped()
        time.sleep(30)
        raise AssertionError("the step went on")
    assert noted == "SIGTERM"
    assert ret["comment"].startswith("interrupted by SIGTERM")


@pytest.mark.parametrize("beside", [contextlib, outcome, signals])
def test_i3_a_signal_in_what_makes_a_step_comes_again(real, beside):
    """Another one may come while the handler of the first has not decided yet, and that one in what leaves the step."""
    with real.step("Upgrade") as ret:
        comes("SIGTERM", eval("sys._getframe()", {"sys": sys, "__name__": beside.__name__}))
        ret["result"] = True
        noted = real.came
    assert (noted, ret["result"]) == ("SIGTERM", True)


def test_until_it_has_decided_the_handler_calls_nothing_else(process):
    called = []

    def calls(frame, event, _):
        if event == "call" and not called.count("_say"):
            called.append(frame.f_code.co_name)
            if frame.f_globals["__name__"] != signals.__name__:
                called.append(frame.f_globals["__name__"])

    hears = Signals(signals.of_process)
    hears.hear()
    handler = signal.getsignal(signal.SIGTERM)
    before = sys.getprofile()
    with hears.closing():
        sys.setprofile(calls)
        handler(signal.SIGTERM, None)
        sys.setprofile(before)
    assert called == ["<lambda>", "arrive", "_stops", "_say"]


def test_i3_a_signal_in_what_fails_itself_leaves_it_a_step(real):
    """Python hears it where it looks next: no instruction lies between what comes and what fails."""
    with real.step("Upgrade") as ret:
        list(zip(map(os.kill, [os.getpid()], [signal.SIGTERM]), (), strict=True))
    assert (real.came, ret["result"]) == ("SIGTERM", False)


class Drops:
    """A finaliser in whose middle a signal comes."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_i3_a_signal_that_a_finaliser_drops_comes_again(monkeypatch, real):
    monkeypatch.setattr(signals, "PATIENCE", 1)
    with real.step("Upgrade") as ret:
        Drops()
        time.sleep(30)
        raise AssertionError("the step went on")
    assert ret["comment"].startswith("interrupted by SIGTERM")


def test_a_signal_that_is_ignored_stays_so(real):
    """As under nohup: the terminal goes, and the run goes on."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with real.step("Upgrade") as ret:
            os.kill(os.getpid(), signal.SIGHUP)
            ret["result"] = True
        assert (ret["result"], real.came) == (True, None)
    finally:
        signal.signal(signal.SIGHUP, before)

"""I3: a signal ends the step at hand like a failure, so that the run is closed; it never stops the closing."""

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.run.signals import Signals


class Process:
    """A process whose signals a test sends."""

    def __init__(self):
        self.heard = None
        self.signals = Signals(self.listen)

    def listen(self, heard):
        self.heard = heard
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
    with pytest.raises(CommandExecutionError, match="interrupted by SIGTERM: nothing more is begun"):
        process.signals.refuse()


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


def test_a_process_without_a_terminal_any_more_is_interrupted_all_the_same(process, monkeypatch):
    def gone(*args, **kwargs):
        raise OSError("no terminal")

    monkeypatch.setattr("builtins.print", gone)
    with process.signals.step("Upgrade") as ret:
        process.heard("SIGHUP")
    assert ret["comment"].startswith("interrupted by SIGHUP")

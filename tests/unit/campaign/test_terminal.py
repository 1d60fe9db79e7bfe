"""What people type: when it ended is when it was seen to, whoever waits for what."""

import sys

from tests.campaign import terminal
from tests.campaign.terminal import Terminal
from tests.lab.common import wait_until


def python(monkeypatch, tmp_path):
    """A terminal in which everything that is typed is Python."""
    monkeypatch.setattr(terminal.salt, "argv", lambda program, words: [sys.executable, "-c", *words])
    return Terminal(tmp_path / "night")


def test_an_end_is_noted_by_a_look_while_another_command_is_at_work(monkeypatch, tmp_path):
    hub = python(monkeypatch, tmp_path)
    long = hub.types("operator", "import time; time.sleep(60)", "state.orchestrate")
    short = hub.types("somebody", "import sys; print('said'); print('told', file=sys.stderr); sys.exit(3)")
    assert hub.driving() == [long]

    def ended():
        hub.look()
        return None if short.ended is not None else "the short one is at work"

    wait_until(ended, 30)
    assert long.works
    assert (short.process.returncode, short.lines(), short.said()) == (3, ["told"], "said\ntold\n")
    assert hub.ends(0) == [long], "what has not ended is killed, and told"
    assert hub.driving() == []

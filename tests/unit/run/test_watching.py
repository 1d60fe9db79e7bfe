"""Many clusters are watched at once, until none is upgraded any more."""

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.run import watching
from saltext.chef_backend.run.master import Event
from tests.functional.pillars import example
from tests.unit.answered import RECORD, everywhere
from tests.unit.run import fakes
from tests.unit.test_journal import entry

OPEN = everywhere({"record": RECORD.to_dict()})
FAILED = everywhere({"record": {**RECORD.to_dict(), "state": "failed"}})
FREE, SILENT = everywhere({}), everywhere(None)
NODES = {"prod": ["be1", "be2", "be3"], "test": ["t1", "t2", "t3"]}


def watch(told, *prod):
    """Watch prod and test, with what prod's backends say in turn, and the events."""
    pillar = example()
    clusters = pillar["chef_backend"]["clusters"]
    clusters["test"] = clusters["prod"] | {"backends": NODES["test"]}
    hub = fakes.master(*prod, pillar=pillar, alive=lambda process: True)
    hub.events.heard = [Event(one.tag, one.to_dict()) for one in told]
    return watching.every(hub, ["prod", "test"], idle=3)


CLOSE = entry(9, "close", node="prod")


def test_each_event_is_a_line_and_the_end_is_a_table(capsys):
    ended = watch([entry(1, "upgrade", "begin"), entry(2, "upgrade"), CLOSE], OPEN, FREE)
    assert ended["ok"] is True
    assert [row["state"] for row in ended["clusters"]] == ["done", "-"]
    lines = [line.split() for line in capsys.readouterr().err.splitlines()]
    assert [[words[0], *words[2:]] for words in lines] == [
        ["prod", "be2", "upgrade", "..."],
        ["prod", "be2", "upgrade", "done"],
        ["prod", "prod", "close", "done"],
    ]
    assert "prod" in ended["text"] and "test" in ended["text"]


def test_a_run_that_failed_is_left():
    ended = watch([entry(9, "close", "failed", node="prod")], OPEN, FAILED)
    assert (ended["ok"], ended["clusters"][0]["state"]) == (False, "failed")


def test_backends_that_are_silent_for_a_while_are_no_end():
    ended = watch([entry(1, "open", node="prod"), CLOSE], OPEN, SILENT, FREE)
    assert (ended["ok"], ended["clusters"][0]["state"]) == (True, "done")


@pytest.mark.parametrize("prod", [FREE, FAILED])
def test_where_nothing_is_under_way_there_is_nothing_to_watch(prod):
    with pytest.raises(CommandExecutionError, match="no run is under way, of prod, test"):
        watch([], prod)


def test_a_run_that_nobody_drives_any_more_is_seen_although_a_nodes_clock_is_ahead():
    ahead = entry(fakes.NOW + 3600, "upgrade", "begin")
    does = {
        "chef_backend_agent.every": lambda node: [RECORD.to_dict()],
        "chef_backend_agent.journal": lambda node, run: {"entries": [ahead.to_dict()], "troubles": []},
        "chef_server_agent.journal": lambda node, run: {"entries": [], "troubles": []},
    }
    hub = fakes.master(id="hub", does=does, alive=lambda process: False)
    ended = watching.watch(hub, "prod")
    assert (ended["ok"], hub.clock.now() - fakes.NOW < 60) == (False, True)
    assert ended["text"].startswith("nobody drives run r1 any more: process 4711 is no more")

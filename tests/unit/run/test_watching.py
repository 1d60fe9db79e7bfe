"""Many clusters are watched at once, until none is upgraded any more."""

import dataclasses

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


AHEAD = entry(fakes.NOW + 3600, "upgrade", "begin")


def watches(every, *told, record=None):
    """Watch one run: ``every`` tells the records that the nodes keep, at each look; returns what the watch ended with.

    The bound is on the clock that moves when somebody waits: a watch that goes on for ever is no hang of the test.
    """
    does = {
        "chef_backend_agent.every": lambda node: [one.to_dict() for one in every()],
        "chef_backend_agent.journal": lambda node, run: {"entries": [AHEAD.to_dict()], "troubles": []},
        "chef_server_agent.journal": lambda node, run: {"entries": [], "troubles": []},
    }
    hub = fakes.master(*told, record=record, id="hub", does=does, alive=lambda process: False)
    sleep = hub.clock.sleep

    def bounded(seconds):
        assert hub.clock.now() - fakes.NOW < 60, "it watches for ever"
        sleep(seconds)

    hub.clock.sleep = bounded
    return watching.watch(hub, "prod")


def test_a_run_that_nobody_drives_any_more_is_seen_although_a_nodes_clock_is_ahead():
    ended = watches(lambda: [RECORD], record=RECORD)
    assert ended["ok"] is False
    assert ended["text"].startswith("nobody drives run r1 any more: process 4711 is no more")


@pytest.mark.parametrize("other", [None, dataclasses.replace(RECORD, run="r2", epoch=2)])
def test_a_run_that_was_given_back_or_opened_over_is_no_run_that_goes_on(other):
    looks = iter([[RECORD]] * 3)
    ended = watches(lambda: next(looks, [other] if other else []), record=other)
    assert ended["ok"] is False
    assert ended["text"].startswith("nobody drives run r1 any more: no backend holds it")


def test_a_run_that_ended_between_two_looks_ends_as_it_did():
    looks = iter([[RECORD]] * 3)
    ended = watches(lambda: next(looks, [dataclasses.replace(RECORD, state="done", revision=2)]))
    assert (ended["ok"], ended["state"]) == (True, "done")


def test_while_a_backend_is_silent_a_run_is_not_called_gone():
    looks = iter([[RECORD]] * 9)
    ended = watches(
        lambda: next(looks, [dataclasses.replace(RECORD, state="done", revision=2)]), {"be2": None}, record=None
    )
    assert (ended["ok"], ended["state"]) == (True, "done")

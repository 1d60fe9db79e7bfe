"""Many clusters are watched at once, until none is upgraded any more."""

import contextlib

import pytest
from salt.exceptions import CommandExecutionError

from tests.functional.minion import own_functions
from tests.unit.answered import RECORD, everywhere, silent, views
from tests.unit.test_journal import entry

OPEN = views(**everywhere({"record": RECORD.to_dict()}))
FAILED = views(**everywhere({"record": {**RECORD.to_dict(), "state": "failed"}}))
FREE = views()
SILENT = {node: silent(node) for node in FREE}


@pytest.fixture(name="watch")
def fixture_watch(shared):
    """Return a function that watches prod and test, with what prod's backends say in turn, and the events."""

    def watch(told, *prod):
        modules, told, prod = own_functions(shared.opts, "_modules", "module"), list(told), list(prod)
        modules.pack["__salt__"].update(
            {
                "chef_backend_progress.listen": contextlib.nullcontext,
                "chef_backend_progress.wait": lambda cluster, bus, seconds: told.pop(0) if told else None,
                "chef_backend_progress.clock": lambda moment: "12:00:00",
                "chef_backend_nodes.views_of": lambda names, only: {
                    "prod": prod.pop(0) if len(prod) > 1 else prod[0],
                    "test": FREE,
                },
                "chef_backend_hold.gone": lambda record: None if record.state == "open" else "the run ended",
            }
        )
        return modules["chef_backend_watch.every"](["prod", "test"], idle=0.3)

    return watch


CLOSE = entry(9, "close", node="prod")


def test_each_event_is_a_line_and_the_end_is_a_table(watch, capsys):
    ended = watch([entry(1, "upgrade", "begin"), entry(2, "upgrade"), CLOSE], OPEN, FREE)
    assert ended["ok"] is True
    assert [row["state"] for row in ended["clusters"]] == ["done", "-"]
    assert capsys.readouterr().err.splitlines() == [
        "prod         12:00:00  be2      upgrade ...",
        "prod         12:00:00  be2      upgrade done",
        "prod         12:00:00  prod     close done",
    ]
    assert "prod" in ended["text"] and "test" in ended["text"]


def test_a_run_that_failed_is_left(watch):
    ended = watch([entry(9, "close", "failed", node="prod")], OPEN, FAILED)
    assert (ended["ok"], ended["clusters"][0]["state"]) == (False, "failed")


def test_backends_that_are_silent_for_a_while_are_no_end(watch):
    ended = watch([entry(1, "open", node="prod"), CLOSE], OPEN, SILENT, FREE)
    assert (ended["ok"], ended["clusters"][0]["state"]) == (True, "done")


@pytest.mark.parametrize("prod", [FREE, FAILED])
def test_where_nothing_is_under_way_there_is_nothing_to_watch(watch, prod):
    with pytest.raises(CommandExecutionError, match="no run is under way, of prod, test"):
        watch([], prod)

"""Every function of ``chef_server``: the very words it calls a command with, and that no shell is between."""

import os
import sys

import pytest

from tests.functional.minion import functions_of

LINE = "chef-server-ctl"

WORDS = [
    # function, positional arguments, named arguments, the words after chef-server-ctl
    ("chef_server.run", ["show-config"], {}, ["show-config"]),
    ("chef_server.run", ["reindex", 5], {}, ["reindex", "5"]),
    ("chef_server.reconfigure", [], {}, ["reconfigure"]),
    ("chef_server.upgrade", [], {}, ["upgrade"]),
    ("chef_server.start", [], {}, ["start"]),
    ("chef_server.stop", [], {}, ["stop"]),
    ("chef_server.status", [], {}, ["status"]),
    ("chef_server.cleanup", [], {}, ["cleanup"]),
    ("chef_server.reindex", [], {}, ["reindex", "-a"]),
    ("chef_server.reindex", ["acme"], {}, ["reindex", "acme"]),
    ("chef_server.maintenance", ["on"], {}, ["maintenance", "on"]),
    ("chef_server.maintenance", [False], {}, ["maintenance", "off"]),
]
OTHERS = {"version", "haproxy", "wait_for_leader", "wait_for_api"}  # no words of ctl's: tested by what they answer


@pytest.mark.parametrize(("function", "args", "kwargs", "words"), WORDS, ids=lambda value: str(value)[:40])
def test_the_words_of_each_function(shared, recorded, function, args, kwargs, words):
    recorded.say(f"{LINE} {words[0]}", "what it prints\n")
    assert shared.call(function, *args, **kwargs) == "what it prints"
    assert recorded.words == [[LINE, *words]]
    assert recorded.calls[0] | {"words": 0} == {"words": 0, "by": os.path.realpath(sys.executable), "licence": None}


def test_every_function_has_its_words_here(shared):
    listed = {row[0] for row in WORDS} | {f"chef_server.{name}" for name in OTHERS}
    assert functions_of(shared.opts, "chef_server") == listed


def test_the_licence_is_accepted_only_when_said(shared, recorded):
    recorded.say(f"{LINE} upgrade", "")
    shared.call("chef_server.upgrade", accept_license=True)
    assert recorded.calls[0]["licence"] == "accept"


@pytest.mark.parametrize(
    ("function", "args", "told"),
    [
        ("chef_server.maintenance", ["perhaps"], "maintenance 'perhaps': expected on or off"),
        ("chef_server.reindex", ["-a -x"], "'-a -x'"),
    ],
)
def test_bad_words_are_refused_before_anything_is_called(shared, recorded, function, args, told):
    assert told in shared.told(function, *args)
    assert recorded.words == []

"""The real runner, and nodes that send escapes: none reaches a terminal, by status, history, watch or report."""

import pytest
import salt.config
import salt.loader

from saltext.chef_backend import salt as door
from saltext.chef_backend import salt_bus
from saltext.chef_backend.journal import Entry
from saltext.chef_backend.run.master import Event
from tests.functional.minion import REPO
from tests.unit.answered import RECORD, answer
from tests.unit.run import fakes

RAW = "\x1b[2J\x1b[1;31mall is well\x07\u202e"
FEIGNED = f"{RAW}\r\n12:00:00  be1      upgrade done"
ENTRY = Entry(2010.0, "prod", "r1", "be2", "upgrade", "failed", 3.0, FEIGNED)


class Client:
    """Salt's client to minions that are root's no more; be3 answers with an error, and escapes in it."""

    def cmd_iter(self, nodes, function, args, **options):
        yield {"jid": "20261128010203000000", "minions": list(nodes)}
        for node in nodes:
            if node == "be3":
                yield {node: {"ret": f"'chef_backend_agent.view' is not available. {RAW}", "retcode": 1}}
            else:
                yield {node: {"ret": self.says(node, function), "retcode": 0}}

    def says(self, node, function):
        told = {
            "chef_backend_agent.every": [{**RECORD.to_dict(), "state": "failed", "step": RAW}],
            "chef_backend_agent.journal": {"entries": [ENTRY.to_dict()], "troubles": [RAW]},
            "chef_server_agent.journal": {"entries": [], "troubles": []},
        }
        view = answer(node, version=f"2.2.0{RAW}", busy=[FEIGNED], errors={"up": RAW})
        return told.get(function, view)


@pytest.fixture(name="runner")
def fixture_runner(tmp_path, monkeypatch):
    """Return the functions of the runner, as Salt loads it."""
    hub = fakes.master(bus=salt_bus.Bus({}, {salt_bus.CLIENT: Client()}), id="hub", frontends=["fe1", "fe2"])
    monkeypatch.setattr(door, "master", lambda jid="", saltenv=None: hub)
    opts = {**salt.config.master_config(None), "cachedir": str(tmp_path), "module_dirs": [str(REPO)]}
    return hub, salt.loader.runner(opts, context={})


def raw(text):
    """What of a text is not printable, but for its lines and tabs."""
    return {char for char in text if not char.isprintable()} - {"\n", "\t"}


@pytest.mark.parametrize("words", [("status",), ("history",), ("history", "r1"), ("report",)])
@pytest.mark.parametrize("text", [True, False])
def test_nothing_raw_is_shown(runner, words, text):
    _, functions = runner
    verb, *more = words
    found = functions[f"chef_backend.{verb}"]("prod", *more, text=text)
    assert "all is well" in str(found)
    assert text is False or "\n12:00:00  be1      upgrade done" not in str(found)
    texts = [found] if isinstance(found, str) else list(leaves(found))
    assert {char for one in texts for char in raw(one)} == set()


def leaves(value):
    """Every text in something, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            for one in pair:
                yield from leaves(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from leaves(one)


def test_nothing_raw_is_watched(runner, monkeypatch, capsys):
    hub, functions = runner
    monkeypatch.setattr(Client, "says", watched(Client.says))
    hub.events.heard = [Event(ENTRY.tag, {"cmd": "_minion_event", "data": ENTRY.to_dict()})]
    functions["chef_backend.watch"]("prod")
    shown = capsys.readouterr().err
    assert "upgrade FAILED" in shown and "all is well" in shown
    assert raw(shown) == set()
    assert not any(line.startswith("12:00:00") for line in shown.splitlines())


def watched(says):
    """A run that is under way at the first look, and ended since."""
    looks = iter(["open", "open", "open", "open"])

    def told(self, node, function):
        if function == "chef_backend_agent.every":
            return [{**RECORD.to_dict(), "state": next(looks, "failed")}]
        return says(self, node, function)

    return told


def test_s1_a_minion_without_the_modules_is_in_error_in_what_status_shows(runner):
    _, functions = runner
    (shown,) = functions["chef_backend.status"]("prod", text=False)["found"]
    assert ("modules", "be3") in [(one["code"], one["node"]) for one in shown["reasons"]]
    assert any("run 'salt be3 saltutil.sync_all'" in line for line in shown["to_do"])

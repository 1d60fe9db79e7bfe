"""The reaction to an event: rendered by Salt's own reactor, it is one call of the runner, whatever the event holds."""

import hashlib
import json

import pytest
import salt.utils.reactor

from tests.functional.orch.runbook import HOSTILE

TAG = "chef_backend/request/upgrade"
ASKED = {"cluster": "prod", "version": "2.3.16", "token": "correct horse battery staple"}
REACTION = ["salt://reactor/chef_backend_upgrade.sls"]


class Reacting:
    """The reactor of a master, up to where it would start a runner."""

    def __init__(self, opts, monkeypatch):
        self.reactor = salt.utils.reactor.Reactor(opts)
        self.wrap = salt.utils.reactor.ReactWrap(opts)
        self.started = []
        monkeypatch.setattr(self.wrap, "runner", lambda fun, **given: self.started.append((fun, given)))
        monkeypatch.setattr(self.wrap, "populate_client_cache", lambda low: None)

    def to(self, tag, data):
        """Return what an event would start, and with what: ``(function, arguments, named arguments)``."""
        self.started.clear()
        for chunk in self.reactor.reactions(tag, data, REACTION):
            assert chunk["state"] == "runner"
            self.wrap.run(chunk)
        return [(fun, given["arg"], given["kwarg"]) for fun, given in self.started]


@pytest.fixture(name="reacting", scope="module")
def fixture_reacting(hub):
    with pytest.MonkeyPatch.context() as monkeypatch:
        reacting = Reacting(hub.opts, monkeypatch)
        yield reacting
        reacting.reactor.minion.destroy()


def test_the_runner_is_asked_once_with_the_tag_and_what_the_event_carries(reacting):
    data = {"post": ["a", {"b": 1.5}], "_stamp": "2026-11-22T12:00:00.000000", "nothing": None}
    assert reacting.to(TAG, data) == [("chef_backend.requested", (), {"tag": TAG, "data": data})]


def test_the_runner_whose_arguments_salt_keeps_never_gets_the_token(reacting):
    request = {"headers": {"X-Auth-Token": "a session"}, "body": json.dumps(ASKED), "post": ASKED}
    hidden = {**ASKED, "token": f"sha256:{hashlib.sha256(ASKED['token'].encode()).hexdigest()}"}
    assert reacting.to(TAG, request) == [("chef_backend.requested", (), {"tag": TAG, "data": {"post": hidden}})]
    assert reacting.to(TAG, ASKED) == [("chef_backend.requested", (), {"tag": TAG, "data": hidden})]


def test_who_knows_only_the_checksum_cannot_ask_with_it(reacting):
    """It stands in the pillar and in the job cache: given as a token it is hashed once more."""
    (first,) = reacting.to(TAG, ASKED)
    (second,) = reacting.to(TAG, first[2]["data"])
    assert second[2]["data"]["token"] != first[2]["data"]["token"]


@pytest.mark.parametrize("data", [{}, [], None, "text", 5, True, {"post": None}, {"post": ["a", {"b": 1.5}]}], ids=repr)
def test_what_is_no_request_is_for_the_runner_to_refuse(data, reacting):
    assert reacting.to(TAG, data) == [("chef_backend.requested", (), {"tag": TAG, "data": data})]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_whatever_the_event_holds_is_never_more_than_an_argument(hostile, reacting):
    for tag, data in (
        (hostile, {"post": ASKED}),
        (TAG, {"post": {**ASKED, "cluster": hostile}}),
        (TAG, hostile),
        (TAG, {hostile: hostile, "post": {hostile: [hostile]}}),
    ):
        ((function, arguments, named),) = reacting.to(tag, data)
        assert (function, arguments, set(named)) == ("chef_backend.requested", (), {"tag", "data"})
        assert named["tag"] == tag
        assert without_tokens(named["data"]) == without_tokens(data)


def without_tokens(data):
    """An event's data, but for its tokens."""
    if not isinstance(data, dict):
        return data
    return {key: without_tokens(value) for key, value in data.items() if key != "token"}

"""An event may start an upgrade only by the letter: its tag, its keys, its token, a known cluster, its target."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saltext.chef_backend.judge import request as requests
from saltext.chef_backend.settings import Reactor

CHECKSUM = hashlib.sha256(b"correct horse battery staple").hexdigest()
TOKEN = f"sha256:{CHECKSUM}"  # as the reaction hands it on
REACTOR = Reactor(("prod", "test"), CHECKSUM)
ASKED = {"cluster": "prod", "version": "2.3.16", "token": TOKEN}
POST = {"headers": {"Host": "hub"}, "body": "", "post": ASKED, "_stamp": "2026-11-23T12:00:00"}


def judge(tag, data, reactor=REACTOR):
    return requests.judge(tag, data, reactor, {"prod": "2.3.16", "test": "3.1.1"}.__getitem__)


@pytest.mark.parametrize(("tag", "data"), [(requests.HOOK, POST), (requests.FIRED, {**ASKED, "_stamp": "now"})])
def test_a_known_cluster_to_its_target_with_the_right_token(tag, data):
    assert judge(tag, data) == requests.Request("prod", "2.3.16")


def asked(**changes):
    return {**POST, "post": {**ASKED, **changes}}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"id": "be1", "cmd": "_minion_event", "tag": requests.HOOK, "data": POST}, "from the minion 'be1'"),
        ({**POST, "id": "be1\nwarning: all is well"}, r"from the minion 'be1\nwarning: all is well'"),
        (asked(pillar={"cluster": "prod"}), "it holds 'cluster', 'pillar', 'token', 'version', expected"),
        (asked(cluster="../../etc"), "cluster '../../etc' is not in chef_backend:reactor:clusters"),
        (asked(cluster="prod; reboot"), "cluster 'prod; reboot' is not in"),
        (asked(cluster="prod\n\nEvil:\n  cmd.run"), r"cluster 'prod\n\nEvil:\n  cmd.run' is not in"),
        (asked(cluster="staging"), "cluster 'staging' is not in"),
        (asked(cluster=["prod"]), "cluster is ['prod'], expected text"),
        (asked(version="3.1.1"), "version '3.1.1' is not the target of prod, which is 2.3.16"),
        (asked(version="2.3.16 "), "version '2.3.16 ' is not the target"),
        (asked(token="guess"), "its token is wrong"),
        (asked(token=CHECKSUM), "its token is wrong"),
        (asked(token="correct horse battery staple"), "its token is wrong"),
        (asked(token="\ud800"), "its token is wrong"),
        (asked(token=None), "token is None, expected text"),
        ({**POST, "post": None}, "it holds no mapping"),
        ({**POST, "post": {}}, "it holds nothing, expected cluster, token, version"),
        ({}, "it holds no mapping"),
        ("prod", "it carries no mapping"),
        (None, "it carries no mapping"),
    ],
)
def test_anything_else_is_refused_in_one_line(data, said):
    refused = judge(requests.HOOK, data)
    assert (refused.cluster, refused.version) == ("", "")
    assert said in refused.refused
    assert refused.refused.isprintable()
    assert TOKEN not in refused.refused


def test_without_leave_in_the_pillar_nothing_is_accepted():
    assert "the pillar allows no events" in judge(requests.HOOK, POST, reactor=None).refused


def test_another_tag():
    assert "its tag is neither" in judge("salt/netapi/hook/other", POST).refused


texts = st.text() | st.sampled_from(["prod", "2.3.16", TOKEN, "cluster", "version", "token", "post", "id"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@given(
    st.sampled_from([requests.HOOK, requests.FIRED]) | st.text(),
    anything | st.builds(lambda a: asked(**a), st.dictionaries(st.sampled_from(requests.KEYS), anything)),
)
def test_no_input_at_all_is_accepted_but_the_right_one(tag, data):
    found = judge(tag, data)
    if found.refused:
        assert (found.cluster, found.version) == ("", "")
        assert found.refused.isprintable()
        return
    said = data["post"] if tag == requests.HOOK else data
    assert (said["cluster"], said["version"], said["token"]) == ("prod", "2.3.16", TOKEN)


def test_the_next_ones_of_a_storm_are_refused_for_a_while():
    assert requests.too_soon(None, 1000.0, 60) is None
    assert requests.too_soon(990.0, 1000.0, 60) == "a request for it was accepted 10 s ago"
    assert requests.too_soon(940.0, 1000.0, 60) is None
    assert requests.too_soon(2000.0, 1000.0, 60) is None, "a clock that was set back blocks nobody for ever"
    assert requests.too_soon(float("nan"), 1000.0, 60) is None

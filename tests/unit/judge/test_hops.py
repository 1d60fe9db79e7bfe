"""Hops: every chain ends at the target, goes no way that is refused, and starts from what the nodes run."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext.chef_backend.judge import way as ways
from saltext.chef_backend.product.version import Version

V = Version.from_text
OLD_INDEX, NEW_INDEX = V("5.4.1"), V("5.6.16")
RELEASES = [
    V(text)
    for text in ("1.1.2", "1.2.5", "1.3.2", "1.4.6", "2.0.1", "2.0.30", "2.1.0", "2.2.0", "2.3.16", "3.0.0", "3.1.1")
]


def stops(*texts):
    return tuple(V(text) for text in texts)


def chosen(begin, *texts, index=NEW_INDEX):
    return [(str(hop.start), str(hop.to), hop.way.name) for hop in ways.chain(V(begin), stops(*texts), index)]


def test_the_documented_chains():
    assert chosen("2.0.30", "2.3.16", "3.1.1", index=OLD_INDEX) == [
        ("2.0.30", "2.3.16", "rolling"),
        ("2.3.16", "3.1.1", "reindex"),
    ]
    assert chosen("1.4.6", "2.3.16", "3.1.1", index=V("2.3.1")) == [
        ("1.4.6", "2.3.16", "downtime"),
        ("2.3.16", "3.1.1", "reindex"),
    ]
    assert chosen("2.2.0", "3.1.1") == [("2.2.0", "3.1.1", "rolling")]


def test_what_lies_behind_is_left_out():
    assert chosen("2.3.16", "2.3.16", "3.1.1") == [("2.3.16", "3.1.1", "rolling")]
    assert chosen("3.1.1", "2.3.16", "3.1.1") == []


def test_never_back():
    (hop,) = ways.chain(V("3.1.1"), stops("2.3.16"))
    assert hop.way.name == "refused" and "no way back" in str(hop)


def test_a_missing_hop_is_named():
    assert ways.refusals(ways.chain(V("2.0.30"), stops("3.1.1"), OLD_INDEX)) == [
        "2.0.30 to 3.1.1: refused (2.0.30 does not go to 3.1.1 directly; go to 2.3.16 first: add it to hops)"
    ]


def test_an_index_whose_creating_version_is_unknown_refuses_the_hop_that_depends_on_it():
    first, second = ways.chain(V("2.1.0"), stops("2.3.16", "3.1.1"), None)
    assert (first.way.name, second.way.name) == ("rolling", "refused")


@settings(max_examples=300, deadline=None)
@given(
    begin=st.sampled_from(RELEASES),
    chosen=st.lists(st.sampled_from(RELEASES), min_size=1, max_size=4, unique=True).map(sorted),
    index=st.sampled_from([None, V("2.3.1"), OLD_INDEX, NEW_INDEX]),
)
def test_a_chain_ends_at_its_target_and_each_hop_begins_where_the_last_ended(begin, chosen, index):
    chain = ways.chain(begin, tuple(chosen), index)
    at = begin
    for hop in chain:
        assert hop.start == at
        at = hop.to
    assert at == chosen[-1]
    if not ways.refusals(chain):
        assert all(hop.start < hop.to or hop.way.name == "reindex" for hop in chain)
        assert all(hop.to.major - hop.start.major <= 1 for hop in chain)
        assert all(hop.way.name in ("rolling", "downtime", "reindex") for hop in chain)


@settings(max_examples=200, deadline=None)
@given(begin=st.sampled_from(RELEASES), target=st.sampled_from(RELEASES), index=st.sampled_from([OLD_INDEX, NEW_INDEX]))
def test_taking_the_hop_that_a_refusal_names_leads_to_the_target(begin, target, index):
    wanted = [target]
    for _ in range(3):
        refused = [hop for hop in ways.chain(begin, tuple(wanted), index) if hop.way.name == "refused"]
        if not refused or refused[0].way.via is None:
            break
        wanted = sorted({*wanted, refused[0].way.via})
    chain = ways.chain(begin, tuple(wanted), index)
    assert not ways.refusals(chain) or all(hop.way.via is None for hop in chain)


class TestStart:
    def test_one_version(self):
        assert ways.start(dict.fromkeys("abc", V("2.2.0")), stops("2.3.16")) == V("2.2.0")

    def test_a_hop_that_ended_half_way(self):
        mixed = {"be1": V("2.2.0"), "be2": V("2.3.16"), "be3": V("2.2.0")}
        assert ways.start(mixed, stops("2.3.16", "3.1.1")) == V("2.2.0")

    @pytest.mark.parametrize(
        ("three", "strange"),
        [
            (("2.1.0", "2.2.0", "2.3.16"), "be2"),
            (("2.0.30", "2.2.0", "2.0.30"), "be2"),
            (("2.2.0", "2.2.0", "3.1.1"), "be3"),
        ],
    )
    def test_other_mixtures_are_refused_in_words(self, three, strange):
        mixed = {f"be{at}": V(text) for at, text in enumerate(three, 1)}
        with pytest.raises(ValueError, match="the backends run different versions") as caught:
            ways.start(mixed, stops("2.3.16", "3.1.1"))
        assert f"bring {strange} to the others' version by hand" in str(caught.value)
        assert str(caught.value).count(three[2]) >= 1

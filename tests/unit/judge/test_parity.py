"""Search parity: what the index does not hold, by organisation and kind, with both numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saltext.chef_backend.judge import parity
from saltext.chef_backend.product.objects import KINDS

NONE = dict.fromkeys(KINDS, 0)


def stored(**organisations):
    """What PostgreSQL holds: each organisation's database is called by its name."""
    return {name: {"database": f"chef_{name}", "counts": NONE | counts} for name, counts in organisations.items()}


def test_both_numbers_are_told_of_each_organisation_and_kind_that_differs():
    found = parity.compare(
        stored(acme={"node": 12, "role": 3}, other={"client": 1}),
        {"chef_acme": {"node": 11, "role": 3}, "chef_other": {"client": 1}},
    )
    assert parity.told(found) == "acme: 11 nodes in the index, 12 in PostgreSQL"
    assert (found.left, str(found)) == (("acme",), "1 of 2 organisations, 15 of 16 objects")


def test_an_organisation_without_documents_is_not_whole_and_one_without_objects_is():
    found = parity.compare(stored(acme={"node": 12}, empty={}), {})
    assert found.left == ("acme",)


def test_more_documents_than_objects_are_told_as_well():
    assert parity.compare(stored(acme={}), {"chef_acme": {"node": 1}}).left == ("acme",)


def test_documents_of_nobody_count_for_nothing():
    assert parity.compare(stored(acme={"node": 1}), {"chef_acme": {"node": 1}, "chef_gone": {"node": 4}}).left == ()


def test_what_a_person_has_looked_at_need_not_be_found():
    """Chef Infra Server has objects that it cannot index: it says so, and goes on."""
    several = stored(acme={"node": 12}, other={"role": 2})
    less = {"chef_acme": {"node": 11}, "chef_other": {"role": 2}}
    found = parity.compare(several, less)
    assert (found.lacks_no_more_than(1), found.lacks_no_more_than(0)) == (True, False)
    assert found.left == ("acme",), "that it was built is another question"
    assert not parity.compare(several, {**less, "chef_other": {"role": 1}}).lacks_no_more_than(1)


def test_documents_of_what_is_no_more_are_never_allowed():
    found = parity.compare(stored(acme={"node": 12, "role": 1}), {"chef_acme": {"node": 11, "role": 2}})
    assert not found.lacks_no_more_than(9)


def test_many_differences_are_told_by_the_first():
    several = {f"org{number}": {"node": 1} for number in range(9)}
    said = parity.told(parity.compare(stored(**several), {})).splitlines()
    assert (len(said), said[-1]) == (parity.SHOWN + 1, "and 4 more")


def test_all_are_built_by_one_command_unless_most_are_whole():
    several = stored(**{f"org{number}": {"node": 1} for number in range(5)})
    whole = {f"chef_org{number}": {"node": 1} for number in range(5)}
    some = {name: whole[name] for name in ("chef_org0", "chef_org1", "chef_org2")}
    assert parity.to_build(parity.compare(several, {})) is None
    assert parity.to_build(parity.compare(several, {"chef_org0": {"node": 1}})) is None
    assert parity.to_build(parity.compare(several, some)) == ("org3", "org4")


COUNTS = st.fixed_dictionaries({kind: st.integers(0, 3) for kind in KINDS})


@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(COUNTS, COUNTS)))
def test_nothing_is_left_exactly_where_both_sides_hold_the_same(organisations):
    both = parity.compare(
        stored(**{name: one for name, (one, _) in organisations.items()}),
        {f"chef_{name}": other for name, (_, other) in organisations.items()},
    )
    assert set(both.left) == {name for name, (one, other) in organisations.items() if one != other}


def held(indexed, stored=120):
    return parity.Parity((), 1, stored, indexed)


def test_how_far_an_index_is_is_told_with_rate_and_time_left():
    seen = [(0.0, held(50)), (60.0, held(0)), (120.0, held(60))]
    assert parity.far(seen) == (
        "the index holds 1 of 1 organisations, 60 of 120 objects; 1 a second, about 1 minutes left"
    )


@pytest.mark.parametrize(
    "seen", [[(0.0, held(50))], [(0.0, held(50)), (60.0, held(10))], [(5.0, held(1)), (5.0, held(2))]]
)
def test_before_it_has_grown_nothing_is_known_of_its_end(seen):
    assert parity.far(seen).endswith("; rate and time left are not known yet")

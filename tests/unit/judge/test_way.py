"""Versions, and the table of ways: never back, never over a major, never along a path that is not documented."""

import contextlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext.chef_backend.judge.way import BRIDGE, Way, asks_for_index, chain, choose_way, is_left_old
from saltext.chef_backend.product.version import Version, of_package, reads_index

OLD = ["0.8.7", "1.1.2", "1.2.5", "1.3.2", "1.4.6", "2.0.1", "2.0.30", "2.1.0"]
RELEASES = [Version.from_text(text) for text in (*OLD, "2.2.0", "2.3.16", "3.0.0", "3.1.1", "4.0.0")]
WAYS = ("rolling", "downtime", "reindex", "none", "refused")
VERSIONS = st.sampled_from(RELEASES) | st.builds(Version, st.integers(0, 5), st.integers(0, 4), st.integers(0, 40))
INDEXES = st.none() | st.builds(Version, st.integers(1, 7), st.integers(0, 9), st.integers(0, 20))


# versions


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("2.3.16-1", "2.3.16"),
        ("2.3.16-1.el8", "2.3.16"),
        ("1:2.3.16-1", "2.3.16"),
        ("0:2.3.16-1.el7", "2.3.16"),
        ("2.3.16", "2.3.16"),
        ("1:2.3.16", "2.3.16"),
        ("", ""),
    ],
)
def test_a_packages_version_holds_a_release(text, release):
    assert of_package(text) == release


@pytest.mark.parametrize(
    "text", ["2.3.16~rc1-1", "2.3.16-rc1-1", "2.3.16+git-1.el8", "2.2.0-1.el8,2.3.16-1.el8", "2.3.16-1,2.3.16-2", "-"]
)
def test_what_is_not_just_a_release_is_not_taken_for_one(text):
    assert of_package(text) != "2.3.16"


@pytest.mark.parametrize("text", ["0.8.7", "2.3.16", "10.0.0", "2.0.30"])
def test_a_version_is_written_as_it_was_read(text):
    assert str(Version.from_text(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2.3",
        "2.3.16.1",
        "v2.3.16",
        "2.3.16-1",
        "2.3.16\n",
        " 2.3.16",
        "2.3.x",
        "2..16",
        "-2.3.16",
        "02.3.16",
        "2.3.016",
    ]
    + ["٢.3.16", "2.3.99999", "3.0.0-rc.1", "latest", None, 2.3, 2, ("2", "3", "16"), b"2.3.16"],
)
def test_what_is_no_version_is_quoted(text):
    with pytest.raises(ValueError, match="is not a version: expected three numbers") as caught:
        Version.from_text(text)
    assert repr(text) in str(caught.value)


def test_versions_are_ordered_by_number_not_by_letter():
    assert sorted(reversed(RELEASES)) == RELEASES
    assert Version(2, 0, 30) > Version(2, 0, 4)
    assert Version(2, 3, 16) <= Version(2, 3, 16) < Version(10, 0, 0)
    with pytest.raises(TypeError):
        assert Version(2, 3, 16) < "2.3.17"


@given(st.text(max_size=12))
def test_any_text_is_a_version_or_a_value_error(text):
    with contextlib.suppress(ValueError):
        assert str(Version.from_text(text)) == text


# the table: (installed, target, version of Elasticsearch that made the index or None, way, via or None)

TABLE = [
    # 1.x to 1.x; 2.0.x to 2.x; 2.x to 2.x; 3.x to 3.x: rolling
    ("1.1.2", "1.4.6", None, "rolling", None),
    ("2.0.1", "2.0.30", None, "rolling", None),
    ("2.0.30", "2.3.16", "5.4.1", "rolling", None),
    ("2.0.30", "2.3.16", None, "refused", None),
    ("2.0.30", "2.3.16", "2.3.1", "downtime", None),  # P10: the matrix against the release notes: the stricter reading
    ("2.0.30", "2.2.0", "2.3.1", "downtime", None),
    ("2.0.1", "2.0.30", "2.3.1", "rolling", None),
    ("2.2.0", "2.3.16", "5.4.1", "rolling", None),
    ("3.0.0", "3.1.1", "6.8.23", "rolling", None),
    # 0.x, 1.x to 2.3.16: full downtime; no other 2.x is documented
    ("0.8.7", "2.3.16", None, "downtime", None),
    ("1.4.6", "2.3.16", "2.3.1", "downtime", None),
    ("1.4.6", "2.2.0", None, "refused", None),
    ("1.4.6", "2.3.20", None, "refused", "2.3.16"),
    # 2.1.0 or later to 3.x: rolling, or a re-index if the index is too old
    ("2.1.0", "3.1.1", None, "refused", None),
    ("2.3.16", "3.1.1", "5.6.16", "rolling", None),
    ("2.3.16", "3.0.0", "5.6.0", "rolling", None),
    ("2.2.0", "3.0.0", "5.4.1", "reindex", None),
    ("2.3.16", "3.1.1", "5.5.3", "reindex", None),  # between the two the documents say nothing: the stricter reading
    ("2.3.16", "3.1.1", "2.3.1", "reindex", None),
    # 2.0.x, 1.x, 0.x to 3.x: not directly
    ("2.0.30", "3.1.1", "5.6.16", "refused", "2.3.16"),
    ("2.0.1", "3.0.0", None, "refused", "2.3.16"),
    ("1.4.6", "3.1.1", None, "refused", "2.3.16"),
    ("0.8.7", "3.1.1", None, "refused", "2.3.16"),
    # newer to older: never
    ("2.3.16", "2.2.0", None, "refused", None),
    ("3.1.1", "2.3.16", None, "refused", None),
    ("4.0.0", "3.1.1", None, "refused", None),
    # nothing is documented
    ("0.8.7", "0.8.8", None, "refused", None),
    ("0.8.7", "1.4.6", None, "refused", None),
    ("3.1.1", "4.0.0", None, "refused", None),
    ("4.0.0", "4.1.0", None, "refused", None),
    # nothing to do
    ("2.3.16", "2.3.16", None, "none", None),
    ("0.8.7", "0.8.7", None, "none", None),
]


@pytest.mark.parametrize(("installed", "target", "index", "way", "via"), TABLE)
def test_the_table_of_ways(installed, target, index, way, via):
    chosen = choose_way(
        Version.from_text(installed), Version.from_text(target), Version.from_text(index) if index else None
    )
    assert (chosen.name, str(chosen.via) if chosen.via else None) == (way, via)
    assert installed in chosen.reason or target in chosen.reason or "0.x" in chosen.reason


def test_a_way_to_3_over_an_unknown_index_is_refused():
    assert choose_way(BRIDGE, Version(3, 1, 1)).reason == (
        "2.3.16 to 3.1.1 depends on the Elasticsearch that created the index (5.4.1 or earlier: re-index), "
        "and which did is not known"
    )


@settings(max_examples=300, deadline=None)
@given(installed=VERSIONS, target=VERSIONS, index=INDEXES)
def test_never_a_downgrade_and_never_over_a_major(installed, target, index):
    chosen = choose_way(installed, target, index)
    assert isinstance(chosen, Way)
    assert chosen.name in WAYS
    assert chosen.reason
    left_old = target.major == 3 and is_left_old(target, index)
    assert (chosen.name == "none") == (installed == target and not left_old)
    if chosen.name in ("rolling", "reindex", "downtime"):
        assert target > installed or (target == installed and left_old)
        assert chosen.via is None
        # the one jump that is documented: 0.x goes where 1.x goes
        assert target.major - max(installed.major, 1) <= 1 or (installed.major, target) == (0, BRIDGE)
        assert target.major <= 3
    if chosen.name == "rolling":
        assert target.major == installed.major or (installed >= Version(2, 1, 0) and target.major == 3)
    if chosen.name == "reindex":
        assert target.major == 3
        assert index < Version(5, 6, 0)
    if chosen.name == "downtime":
        assert target.major == 2
        assert installed.major < 2 or (installed < Version(2, 1, 0) and index < Version(5, 0, 0))


@settings(max_examples=300, deadline=None)
@given(installed=VERSIONS, target=VERSIONS, index=INDEXES)
def test_every_detour_leads_on(installed, target, index):
    """What is refused with a version to take first can go there, from there on, and ends at the target."""
    at, steps = installed, 0
    while (chosen := choose_way(at, target, index)).via:
        assert chosen.name == "refused"
        assert at < chosen.via < target
        if choose_way(at, chosen.via, index).name == "refused":
            assert index is None
            return  # who created the index has to be known
        assert choose_way(at, chosen.via, index).name in ("rolling", "downtime")
        at, steps = chosen.via, steps + 1
        assert steps <= 3
    assert steps == 0 or chosen.name in ("rolling", "reindex") or target.major > 3 or index is None


def test_every_release_from_1_on_reaches_every_newer_one_the_documents_name():
    for installed, target in itertools.combinations(RELEASES, 2):
        if (
            installed.major == 0
            or target.major > 3
            or (installed.major == 1 and target.major == 2 and target != BRIDGE)
        ):
            continue
        chosen = choose_way(installed, target, Version(5, 6, 16))
        assert chosen.name != "refused" or chosen.via == BRIDGE, (installed, target)


@pytest.mark.parametrize(
    ("installed", "target", "asks"),
    [
        ("2.2.0", "3.1.1", True),
        ("1.4.6", "3.1.1", True),
        ("2.2.0", "2.3.16", False),
        ("2.0.30", "2.3.16", True),
        ("2.0.1", "2.0.30", False),
        ("3.0.0", "3.1.1", True),
        ("3.1.1", "3.1.1", True),
        (None, "3.1.1", False),
    ],
)
def test_only_the_ways_from_2_0_and_to_3_depend_on_who_created_the_index(installed, target, asks):
    assert asks_for_index(installed, Version.from_text(target)) is asks


@pytest.mark.parametrize("installed", ["3.0.0", "3.1.1"])
def test_an_old_index_that_already_is_under_3_is_built_again_also_where_nothing_else_is_due(installed):
    target = Version.from_text("3.1.1")
    (hop,) = chain(Version.from_text(installed), (target,), Version.from_text("5.4.1"))
    assert hop.way.name == "reindex"
    assert hop.way.reason == f"the index under {installed} was created by Elasticsearch 5.4.1"
    newer = chain(Version.from_text(installed), (target,), Version.from_text("6.8.23"))
    unknown = chain(Version.from_text(installed), (target,), None)
    assert newer == unknown == (() if installed == "3.1.1" else newer)


@pytest.mark.parametrize(
    ("installed", "created", "readable"),
    [
        ("3.1.1", "6.8.23", True),
        ("3.0.0", "5.6.16", True),
        ("3.0.0", "5.6.0", True),
        ("3.0.0", "5.5.3", False),
        ("3.1.1", "5.4.1", False),
        ("3.1.1", "2.3.1", False),
        ("2.3.16", "5.4.1", True),
        ("2.3.16", "2.3.1", True),
    ],
)
def test_which_release_reads_which_index(installed, created, readable):
    assert reads_index(Version.from_text(installed), Version.from_text(created)) is readable

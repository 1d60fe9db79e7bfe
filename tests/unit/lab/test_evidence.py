"""What the lab's journal is read for: the checks of the demo and of the integration tests rest on these functions."""

import itertools
import math
import re

import pytest

from tests.lab import evidence

CTL = "chef-backend-ctl"
DEB = ("dpkg", "-i", "/var/cache/x.deb")


def journal(*lines):
    """Journal lines from (host, argv, begin, end or None[, status]) and (host, how, time) for a lead."""
    events, ident = [], itertools.count()
    for line in lines:
        if len(line) == 3:
            events.append({"event": "leads", "host": line[0], "how": line[1], "time": line[2]})
            continue
        host, argv, begin, end, *status = line
        both = {"id": str(next(ident)), "host": host, "argv": list(argv)}
        events.append({"event": "begin", "time": begin, "pid": 1, **both})
        if end is not None:
            events.append({"event": "end", "time": end, "status": (status or [0])[0], "duration": end - begin, **both})
    return events


def upgraded(host, at, *options):
    """A node's installation (1 s) and upgrade (3 s), one second between them."""
    return (host, DEB, at, at + 1), (host, (CTL, "upgrade", *options), at + 2, at + 5)


ROLLING = journal(
    ("be1", "start", 1),
    ("be1", (CTL, "cluster-status"), 9, 9.5),
    ("be1", (CTL, "set-cluster-failover", "off"), 10, 10.5),
    *upgraded("be2", 12),
    ("be1", (CTL, "cluster-status", "--json"), 18, 18.5),
    *upgraded("be3", 20),
    ("be1", (CTL, "set-cluster-failover", "on"), 26, 26.5),
    *upgraded("be1", 30, "--failover"),
    ("be3", "hand-over", 33),
    ("be2", (CTL, "set-cluster-failover", "off"), 36, 36.5),
    ("be2", (CTL, "set-cluster-failover", "on"), 37, 37.5),
    ("fe1", ("chef-server-ctl", "reconfigure"), 40, 42),
)


def test_begin_and_end_are_paired_by_id_whatever_their_order():
    calls = evidence.commands(reversed(ROLLING))
    assert calls == evidence.commands(ROLLING)
    assert [str(call) for call in calls[:3]] == ["be1 cluster-status", "be1 set-cluster-failover", "be2 dpkg"]
    assert (calls[1].begin, calls[1].end, calls[1].status, calls[1].seconds) == (10, 10.5, 0, 0.5)


def test_a_killed_command_has_no_end():
    (call,) = evidence.commands(journal(("be2", (CTL, "upgrade"), 1, None)))
    assert (call.end, call.status, call.seconds) == (None, None, 0.0)


@pytest.mark.parametrize("lines", [ROLLING[2:3] * 2, ROLLING[2:3], ROLLING[1:2] * 2])
def test_a_journal_that_is_not_whole_is_refused(lines):
    with pytest.raises(ValueError, match="journal"):
        evidence.commands(lines)


@pytest.mark.parametrize(
    ("argv", "installs"),
    [
        (DEB, True),
        (("rpm", "-U", "/var/cache/x.rpm"), True),
        (("dnf", "-y", "--disablerepo=*", "install", "/var/cache/x.rpm"), True),
        ((CTL, "upgrade"), False),
    ],
)
def test_packages_are_installed_by_the_managers_of_both_families(argv, installs):
    (call,) = evidence.commands(journal(("be2", argv, 1, 2)))
    assert (call.installs, call.changes, call.verb) == (installs, True, argv[0] if installs else "upgrade")


def test_since_and_until_cut_by_begin():
    assert [call.begin for call in evidence.commands(ROLLING, since=30, until=36)] == [30, 32, 36]


@pytest.mark.parametrize(
    ("argv", "changes"),
    [
        ((CTL, "cluster-status", "--json"), False),
        ((CTL, "status", "--simple"), False),
        ((CTL,), False),
        ((CTL, "set-cluster-failover", "on"), True),
        ((CTL, "upgrade"), True),
        ((CTL, "backup"), True),
        ((CTL, "never-heard-of"), True),
        (("chef-server-ctl", "status"), False),
        (("chef-server-ctl", "reconfigure"), True),
        (DEB, True),
        (("rpm", "-Uvh", "x.rpm"), True),
    ],
)
def test_what_changes_and_what_only_looks(argv, changes):
    calls = evidence.commands(journal(("be1", argv, 1, 2)))
    assert bool(evidence.changing(calls)) is changes
    assert bool(evidence.asking(calls)) is not changes


def test_later_nodes_are_untouched_if_nothing_changing_ran_there():
    calls = evidence.commands(journal(*[("be3", (CTL, "status"), 1, 2)], *upgraded("be2", 3)))
    assert evidence.changing(calls, ["be1", "be3"]) == ()
    assert len(evidence.changing(calls, ["be2"])) == 2


def test_a_command_inside_another_of_its_host_counts_once():
    lines = journal(
        ("be1", (CTL, "reconfigure"), 1, 5), ("be1", DEB, 2, 3), ("be2", DEB, 2, 4), ("be1", (CTL, "upgrade"), 4, 6)
    )
    assert evidence.seconds(evidence.outermost(evidence.commands(lines))) == 4 + 2 + 2


def test_spans_reach_from_the_installation_to_the_end_of_upgrade():
    found = evidence.spans(evidence.commands(ROLLING))
    assert [(span.host, span.begin, span.end, span.seconds) for span in found] == [
        ("be2", 12, 17, 4),
        ("be3", 20, 25, 4),
        ("be1", 30, 35, 4),
    ]
    assert evidence.at_once(found) == ()


def test_a_frontends_package_is_no_backend_in_upgrade():
    calls = evidence.commands(journal(("fe1", DEB, 1, 2), *upgraded("be2", 3)))
    assert [span.host for span in evidence.spans(calls, ["be1", "be2", "be3"])] == ["be2"]


def test_two_in_upgrade_at_once_are_found():
    found = evidence.spans(evidence.commands(journal(*upgraded("be2", 1), *upgraded("be3", 5.5))))
    assert evidence.at_once(found) == (("be2", "be3"),)


@pytest.mark.parametrize(
    "first", [("be2", (CTL, "upgrade"), 1, None), ("be2", DEB, 1, 2)], ids=["killed", "installed only"]
)
def test_an_upgrade_that_never_ended_overlaps_all_later_ones(first):
    found = evidence.spans(evidence.commands(journal(first, *upgraded("be3", 50))))
    assert found[0].end == math.inf
    assert evidence.at_once(found) == (("be2", "be3"),)


def test_an_upgrade_tried_again_does_not_overlap_itself():
    lines = journal(("be2", DEB, 1, 2), ("be2", (CTL, "upgrade"), 3, 4, 1), ("be2", (CTL, "upgrade"), 5, 6))
    found = evidence.spans(evidence.commands(lines))
    assert [span.end for span in found] == [4, 6]
    assert evidence.at_once(found) == ()


def test_leader_last_holds_for_the_runbook():
    history = evidence.leads(ROLLING)
    assert evidence.leader_at(history, 10) == "be1"
    assert evidence.leader_at(history, 0.5) is None
    assert [lead.host for lead in evidence.changes_of_leader(history, since=10)] == ["be3"]
    assert evidence.leader_last(evidence.spans(evidence.commands(ROLLING)), history) is None


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "no backend was upgraded"),
        ([("be2", "start", 0), *upgraded("be2", 1), *upgraded("be1", 7)], "be2 led .* be1 was upgraded last"),
        ([("be1", "start", 0), *upgraded("be2", 1), *upgraded("be1", 7)], "expected one hand-over, found: none"),
        (
            [("be1", "start", 0), *upgraded("be2", 1), *upgraded("be1", 7), ("be2", "crash", 9)],
            "found: crash to be2",
        ),
        (
            [
                *[("be1", "start", 0), *upgraded("be2", 1), *upgraded("be1", 7)],
                *[("be2", "hand-over", 8), ("be3", "hand-over", 9)],
            ],
            "found: hand-over to be2, hand-over to be3",
        ),
        (
            [("be1", "start", 0), *upgraded("be2", 1), *upgraded("be1", 7), ("be3", "hand-over", 9)],
            "be3 took over before it was upgraded",
        ),
    ],
)
def test_what_speaks_against_leader_last(lines, told):
    events = journal(*lines)
    found = evidence.leader_last(evidence.spans(evidence.commands(events)), evidence.leads(events))
    assert found is not None
    assert re.search(told, found)


def test_exposure_reaches_from_off_to_on_and_knows_its_parts():
    first, second = evidence.exposures(evidence.commands(ROLLING), until=99)
    assert (first.begin, first.end, first.closed) == (10, 26.5, True)
    assert (second.begin, second.end, second.closed) == (36, 37.5, True)
    assert [(part.what, part.seconds) for part in first.parts if not part.gap] == [
        ("be1 set-cluster-failover", 0.5),
        ("be2 dpkg", 1),
        ("be2 upgrade", 3),
        ("be3 dpkg", 1),
        ("be3 upgrade", 3),
        ("be1 set-cluster-failover", 0.5),
    ]
    gaps = [part for part in first.parts if part.gap]
    assert [part.seconds for part in gaps] == [1.5, 1, 3, 1, 1]
    assert gaps[2].what == "be2 upgrade .. be3 dpkg"
    assert sum(part.seconds for part in first.parts) == first.seconds


def test_failover_that_nobody_switched_on_again_is_exposed_to_the_end():
    calls = evidence.commands(
        journal(
            ("be1", (CTL, "set-cluster-failover", "disabled"), 1, 2),
            ("be1", (CTL, "set-cluster-failover", "off"), 3, 4),
            ("be1", (CTL, "set-cluster-failover", "on"), 5, 6, 1),
        )
    )
    (found,) = evidence.exposures(calls, until=10)
    assert (found.begin, found.end, found.closed) == (1, 10, False)
    assert evidence.failover(calls) is False


def test_the_last_successful_switch_tells_the_state():
    calls = evidence.commands(ROLLING)
    assert evidence.failover(calls) is True
    assert evidence.failover(calls[:2]) is False
    assert evidence.failover(calls[:1]) is None


def test_each_moment_lies_in_one_part_even_where_commands_overlap():
    lines = journal(("be1", DEB, 1, 4), ("be2", DEB, 2, 6), ("be3", DEB, 2, 3), ("be3", (CTL, "upgrade"), 8, None))
    found = evidence.parts(evidence.commands(lines), 0, 10)
    assert [(part.what, part.seconds) for part in found] == [
        ("the begin .. be1 dpkg", 1),
        ("be1 dpkg", 3),
        ("be2 dpkg", 2),
        ("be2 dpkg .. be3 upgrade", 2),
        ("be3 upgrade", 2),
    ]


def test_each_moment_is_counted_at_the_first_layer_that_has_it():
    assert evidence.shares([[(2, 4), (3, 5)], [(0, 3), (6, 20)], [(0, 10)]], 1, 10) == [3, 5, 1]


def elasticsearch(*lines):
    return [{"event": "elasticsearch", "host": host, "status": status, "time": time} for host, status, time in lines]


def posted(*lines):
    names = ("host", "role", "es", "time")
    return [{"event": "posted", "pg": line[1], **dict(zip(names, line, strict=True))} for line in lines]


GREEN = elasticsearch(*((host, "green", 2) for host in ("be1", "be2", "be3")))
WHOLE = GREEN + posted(
    ("be1", "leader", "master", 2), ("be2", "follower", "not_master", 2), ("be3", "follower", "not_master", 2)
)


@pytest.mark.parametrize(
    ("later", "rejoins"),
    [
        ([], (0, 0, 0)),
        (
            elasticsearch(("be1", "yellow", 14), ("be2", "yellow", 17.5), ("be2", "green", 18), ("be1", "green", 19)),
            (2, 0, 0),  # be2's upgrade ends at 17
        ),
        (elasticsearch(("be1", "yellow", 14)), (3, 5, 15)),
        (posted(("be2", "follower", "master", 16), ("be1", "leader", "not_master", 18.5)), (1.5, 0, 0)),
        (posted(("be2", "leader", "not_master", 16)), (3, 5, 15)),
    ],
    ids=["never seen otherwise", "yellow for a while", "yellow for good", "two masters for a while", "two leaders"],
)
def test_a_rejoin_lasts_until_the_cluster_is_whole_and_shown_so(later, rejoins):
    spans = evidence.spans(evidence.commands(ROLLING))
    assert evidence.rejoins(WHOLE + later, spans, 50) == rejoins


def test_without_a_word_of_the_nodes_a_rejoin_is_cut_by_what_follows():
    spans = evidence.spans(evidence.commands(ROLLING))
    assert evidence.rejoins([], spans, 50) == (3, 5, 15)
    assert evidence.rejoins(GREEN, spans, 50) == (3, 5, 15)
    assert evidence.rejoins([], (), 50) == ()

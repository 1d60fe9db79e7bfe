"""The timeline of a run: what it says of a run that went well, and that any journal at all makes one."""

import dataclasses
import json
from html.parser import HTMLParser

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from saltext.chef_backend import journal
from saltext.chef_backend.show import page as pages
from saltext.chef_backend.show import report as reports
from saltext.chef_backend.show import timeline as timelines
from tests.unit.told import OPENED, RUN, command, entry, record, step, upgrade, whole_run


@pytest.fixture(name="whole")
def fixture_whole():
    return timelines.build(record(), whole_run())


def row(timeline, name):
    return next(one for one in timeline.rows if one.name == name)


def test_each_node_has_a_row_with_its_steps(whole):
    assert [one.name for one in whole.rows] == ["be1", "be2", "be3", "fe1", "fe2", "prod"]
    steps = [(span.what, span.begin, span.seconds, span.how) for span in row(whole, "be3").spans]
    assert steps[1:] == [("install", 30, 4, "end"), ("upgrade", 34, 8, "end"), ("rejoin", 42, 6, "end")]


def test_exposure_is_what_lies_between_off_and_on(whole):
    assert [(span.what, span.begin, span.end) for span in whole.failover.spans] == [
        ("on", 0, 10),
        ("off", 10, 49),
        ("on", 49, 95),
    ]
    assert (whole.exposure, whole.still_off) == (39, False)


def test_who_leads_the_hand_over_and_the_backup_are_told(whole):
    assert [(span.what, span.end) for span in whole.leads.spans] == [("be1", 58), ("be2", 95)]
    assert whole.hand_overs == 1
    assert whole.backup == timelines.Backup("be2", "/var/opt/chef-backup/chef-backup-2026-11-22.tgz", 48123904, 12)


def test_an_outage_begins_when_the_write_that_failed_was_tried(whole):
    refused = [span for span in whole.writes.spans if span.what == "refused"]
    assert [(round(span.begin, 3), round(span.end, 3)) for span in refused] == [(55.8, 57.4)]
    assert (whole.longest_outage, whole.total_outage) == (1.6, 1.6)


def test_gates_come_with_value_and_bound_commands_with_status_and_duration(whole):
    assert dataclasses.astuple(whole.gates[0]) == (11, True, "be2", "lag", "1024", "52428800")
    assert len(whole.gates) == 6
    one = whole.commands[0]
    assert (one.node, one.argv, one.status, one.seconds) == ("be2", ("chef-backend-ctl", "backup", "--yes"), 0, 5.8)
    assert len(whole.commands) == 11


def test_without_a_probe_no_outage_is_claimed():
    timeline = timelines.build(record(), [one for one in whole_run() if one.step != "probe"])
    assert (timeline.writes, timeline.longest_outage, timeline.total_outage) == (None, None, None)
    assert "not measured" in reports.text(timeline)


def test_a_probe_whose_writes_were_never_taken_tells_of_no_outage():
    told = entry(1, "fe1", "probe", "begin", error="401 Unauthorized")
    timeline = timelines.build(record(), [told])
    assert [span.what for span in timeline.writes.spans] == ["unknown"]
    assert dict(reports.facts(timeline))["write outage"] == "unknown: the probe got no write through"


def test_a_run_without_an_end_is_under_way_until_what_was_told_last():
    told = [command(5, "be2", "chef-backend-ctl set-cluster-failover off"), entry(6, "be2", "upgrade", "begin")]
    timeline = timelines.build(record(state="open"), [*told, entry(20, "prod", "gate", "begin", comment="waits")])
    assert (timeline.ended, timeline.seconds, timeline.exposure, timeline.still_off) == (False, 20, 15, True)
    assert row(timeline, "be2").spans == (timelines.Span(6, 20, "upgrade", "open"),)
    assert timeline.troubles == ("be2: upgrade began, but its end was not told",)
    assert "it is off still" in reports.text(timeline)


def test_a_clock_that_went_backwards_makes_no_span_end_before_it_begins():
    timeline = timelines.build(
        record(), [entry(50, "be2", "upgrade", "begin"), entry(40, "be2", "upgrade", "end", 9.0)]
    )
    assert all(span.begin <= span.end for one in timeline.rows for span in one.spans)


def test_steps_that_overlap_are_drawn_in_lanes_of_their_own():
    timeline = timelines.build(record(), [*step(10, 40, "be2", "upgrade"), *step(20, 30, "be2", "a new one")])
    drawn = pages.page(timeline)
    assert 'viewBox="0 0 1000 36"' in drawn
    assert "a new one, 10.0 s" in drawn


def test_a_failed_step_and_a_failed_command_are_shown_as_such():
    told = [*upgrade(11, "be2"), command(40, "be3", "chef-backend-ctl upgrade", 3, status=7)]
    timeline = timelines.build(record(state="failed"), [*told, *step(37, 40, "be3", "upgrade", "failed")])
    text = reports.text(timeline)
    assert "upgrade, 3.0 s, failed" in text
    assert "be3  chef-backend-ctl upgrade  status 7, 3 s" in text
    assert 'class="bad"' in pages.page(timeline)


words = st.text(max_size=12) | st.sampled_from(
    [
        "</title><script>alert(1)</script>",
        '" onload="x',
        "upgrade",
        "gate",
        "probe",
        "leads",
        "backup",
        "be1",
        "\x00\ud800",
    ]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
data = st.dictionaries(words, anything, max_size=2) | st.fixed_dictionaries(
    {},
    optional={
        "argv": anything | st.lists(words, min_size=1, max_size=3),
        "status": anything,
        "values": anything | st.lists(st.dictionaries(st.sampled_from(["node", "what", "value", "bound"]), anything)),
        "archive": anything,
        "size": anything,
        "error": anything,
    },
)
STEPS = (
    "open",
    "upgrade",
    "failover off",
    "failover on",
    "command",
    "gate",
    "leads",
    "probe",
    "backup",
    "restore failover",
)
entries = st.lists(
    st.builds(
        journal.Entry,
        time=st.floats(0, 1e11) | st.floats(OPENED - 100, OPENED + 1000),
        cluster=words,
        run=words,
        node=words,
        step=words | st.sampled_from(STEPS),
        how=st.sampled_from(["begin", "end", "failed"]),
        seconds=st.none() | st.floats(0, 1e6),
        comment=st.none() | words,
        data=data,
    ),
    max_size=12,
)
told_records = st.builds(
    record, cluster=words, run=words, target=words, leader=words, state=st.sampled_from(["open", "done", "failed"])
)


@settings(max_examples=300, deadline=None)
@given(told_records, entries)
def test_whatever_was_told_every_span_lies_inside_the_run(told, some):
    timeline = timelines.build(told, some)
    every = [*timeline.rows, timeline.failover, timeline.leads, *([timeline.writes] if timeline.writes else [])]
    for one in every:
        for span in one.spans:
            assert 0 <= span.begin <= span.end <= timeline.seconds + 0.1, one
    assert 0 <= timeline.exposure <= timeline.seconds + 0.1
    assert (timeline.total_outage or 0) >= 0
    assert timeline == timelines.build(told, some[::-1]) or len({one.time for one in some}) < len(some)


class Tags(HTMLParser):
    """Collects which tags and attributes a page has, and what stands where markup could hide."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.classes = set(), set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add((tag, tuple(name for name, _ in attrs)))
        self.classes.update(value for name, value in attrs if name == "class")


ALLOWED = {
    ("html", ("lang",)), ("head", ()), ("meta", ("charset",)), ("meta", ("name", "content")),
    ("meta", ("http-equiv", "content")), ("title", ()), ("style", ()), ("body", ()), ("main", ()), ("h1", ()),
    ("h2", ()), ("h3", ()), ("p", ()), ("code", ()), ("table", ()), ("caption", ()), ("thead", ()), ("tbody", ()),
    ("tr", ()), ("th", ("scope",)), ("td", ()), ("ul", ()), ("ul", ("class",)), ("li", ()), ("span", ()),
    ("span", ("class",)), ("div", ("class", "aria-hidden")),
    ("svg", ("role", "aria-label", "viewbox", "height", "preserveaspectratio")),
    ("rect", ("class", "x", "y", "width", "height")),
}  # fmt: skip
KINDS = {"good", "bad", "busy", "work", "wait", "calm", "other", "axis", "legend"}


@settings(max_examples=300, deadline=None)
@given(told_records, entries, st.lists(words, max_size=2))
def test_no_text_that_was_told_can_become_markup(told, some, troubles):
    page = pages.page(timelines.build(told, some, troubles))
    tags = Tags(page)
    assert tags.tags <= ALLOWED
    assert tags.classes <= KINDS
    page.encode("utf-8")
    assert all(char.isprintable() or char == "\n" for char in page)


@settings(max_examples=150, deadline=None)
@given(told_records, entries)
def test_text_is_plain_and_the_mapping_is_json(told, some):
    timeline = timelines.build(told, some)
    assert all(line.isprintable() for line in reports.text(timeline).split("\n"))
    json.dumps(reports.mapping(timeline), allow_nan=False)


def test_the_page_asks_for_nothing(whole):
    page = pages.page(whole)
    for word in ("http://", "https://", "src=", "href=", "url(", "@import", "<script"):
        assert word not in page
    assert f"<code>{RUN}</code>" in page
    assert "exposure" in page and "39" in page

"""The record of a run: it round-trips, is refused when it is damaged, and tells whether its owner lives."""

import dataclasses
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext.chef_backend import record as records
from saltext.chef_backend.note import Note
from tests.unit.answered import RECORD, run

OWNER = RECORD.owner
REQUIRED = sorted(
    f.name for f in dataclasses.fields(records.Record) if f.default is f.default_factory is dataclasses.MISSING
)


def changed(**fields):
    return RECORD.to_dict() | fields


@pytest.mark.parametrize(("field", "value"), [("state", "suspended"), ("way", "sideways"), ("colour", "red")])
def test_a_record_of_a_newer_version_is_refused_and_says_what_mends_it(field, value):
    """What it means is not known here: it is not taken for ended, nor for a way that is known."""
    with pytest.raises(records.RecordError, match=f"{field} is .* it is of another version of this extension: run"):
        records.Record.from_dict(changed(**{field: value}))


# reading and writing


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        dataclasses.replace(RECORD, state=records.DONE, frontends=(), took={"be2": 61.5}),
        dataclasses.replace(RECORD, members={"be2": {"name": "BE2", "guid": "a" * 32, "address": "10.0.0.2"}}),
        dataclasses.replace(RECORD, turn="be2", step="upgrade be2", failover="off", epoch=3, revision=17),
    ],
)
def test_a_record_round_trips_through_json(record):
    assert records.Record.from_json(json.dumps(record.to_dict())) == record
    assert records.Record.from_dict(record.to_dict()) == record


def test_a_record_is_plain_for_the_bus():
    plain = RECORD.to_dict()
    assert plain["backends"] == ["be1", "be2", "be3"]
    assert plain["owner"] == {
        "jid": "20261123010203000000",
        "master": "hub",
        "boot": "b1",
        "pid": 4711,
        "ticks": 100025,
    }


def test_what_has_a_default_may_be_missing():
    plain = {name: value for name, value in RECORD.to_dict().items() if name in REQUIRED}
    assert records.Record.from_dict(plain) == RECORD


def test_a_change_is_the_next_revision():
    later = RECORD.changed_to(2500.0, step="upgrade be2", turn="be2")
    assert later == dataclasses.replace(RECORD, changed=2500.0, revision=2, step="upgrade be2", turn="be2")
    assert later.word > RECORD.word
    assert dataclasses.replace(RECORD, epoch=2).word > later.word, "a take-over is above every change before it"
    with pytest.raises(records.RecordError, match="not a record: stop is unknown"):
        RECORD.changed_to(2500.0, stop="here")


def test_what_nodes_know_of_themselves_is_not_written_into_the_record():
    known = run(inside=("be2",), finished=("be3",), wish="pause", unheard=3.0)
    assert known.to_dict() == RECORD.to_dict()
    assert known.record == RECORD
    assert known.changed_to(2500.0) == RECORD.changed_to(2500.0)


@pytest.mark.parametrize("text", ["", "{", "not JSON", '{"run": "r1"', "[" * 100_000])
def test_a_torn_file_is_quoted(text):
    with pytest.raises(records.RecordError) as caught:
        records.Record.from_json(text)
    assert repr(text[:80]) in str(caught.value)


@pytest.mark.parametrize("data", [None, [], "r1", 1])
def test_a_record_is_a_mapping(data):
    with pytest.raises(records.RecordError, match=f"a record is a mapping, found {type(data).__name__}"):
        records.Record.from_dict(data)


def test_every_field_that_is_missing_or_unknown_is_named():
    data = changed(colour="red", size=1)
    del data["run"], data["owner"]
    with pytest.raises(records.RecordError) as caught:
        records.Record.from_dict(data)
    assert str(caught.value) == "not a record: owner is missing, run is missing, colour is unknown, size is unknown"


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_field_has_no_default(name):
    data = changed()
    del data[name]
    with pytest.raises(records.RecordError, match=f"not a record: {name} is missing"):
        records.Record.from_dict(data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run", 7),
        ("run", ""),
        ("run", "../../evil"),  # it becomes part of files' names
        ("run", "/etc/evil"),
        ("run", "..\n"),
        ("cluster", None),
        ("state", ["open"]),
        ("failover", True),
        ("step", None),
        ("turn", 2),
        ("backends", "be1"),  # would be read as b, e, 1
        ("backends", [1, 2, 3]),
        ("frontends", None),
        ("took", {"be1": "long"}),
        ("members", ["be1"]),
        ("members", {"be1": {"name": "be1"}}),
        ("members", {"be1": {"name": "be1", "guid": None, "address": "10.0.0.1"}}),
        ("epoch", 0),
        ("epoch", True),
        ("revision", "2"),
        ("down", ["be1"]),
        ("opened", "yesterday"),
        ("changed", None),
        ("changed", math.nan),
        ("changed", math.inf),
        ("changed", 10**400),
        ("lease", True),
        ("lease", math.inf),
        ("lease", -1),
        ("owner", None),
        ("owner", {"jid": "1"}),
        ("owner", dataclasses.asdict(OWNER) | {"pid": "4711"}),
        ("owner", dataclasses.asdict(OWNER) | {"pid": 0}),
        ("owner", dataclasses.asdict(OWNER) | {"ticks": None}),
        ("owner", dataclasses.asdict(OWNER) | {"boot": 7}),
        ("owner", dataclasses.asdict(OWNER) | {"host": "x"}),
    ],
)
def test_a_field_of_the_wrong_type_is_named(name, value):
    with pytest.raises(records.RecordError, match=f"not a record: {name} is "):
        records.Record.from_dict(changed(**{name: value}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from([field.name for field in dataclasses.fields(records.Record)]), value=JSON)
def test_any_value_is_read_so_that_it_can_be_told_and_judged_or_refused(name, value):
    try:
        record = records.Record.from_json(json.dumps(changed(**{name: value})))
    except records.RecordError:
        return
    assert records.Record.from_dict(record.to_dict()) == record
    assert records.held_by(record, 3000.0)
    assert records.highest([record, RECORD]) in (record, RECORD)
    known = records.together({"be1": (record, None, 3.0), "be2": (RECORD, None, None)})
    assert known is not None
    records.owner_is_gone(known, master="other", alive=lambda owner: True)


# whose it is


@pytest.mark.parametrize(
    ("known", "master", "lives", "reason"),
    [
        # on its own master the process is looked at, however long nobody has heard of it
        (run(unheard=9999.0), "hub", True, None),
        (run(unheard=1.0), "hub", False, "process 4711 is no more"),
        # another master goes by what the nodes have heard, each by its own clock
        (run(unheard=60.0), "other", False, None),
        (run(unheard=61.0), "other", False, "silent for 61 s (lease 60 s)"),
        (run(unheard=None), "other", False, None),  # nobody can tell
        (run(unheard=1.0, state=records.FAILED), "hub", True, "the run ended as failed"),
        (run(unheard=1.0, state=records.ABANDONED), "other", True, "the run ended as abandoned"),
    ],
)
def test_an_owner_is_taken_for_alive_until_it_is_known_to_be_gone(known, master, lives, reason):
    assert records.owner_is_gone(known, master=master, alive=lambda owner: lives and owner == OWNER) == reason


def test_a_refusal_says_who_holds_the_cluster():
    record = dataclasses.replace(RECORD, step="upgrade be2")
    assert records.held_by(record, 2600.4) == (
        "run r1 to 2.3.16 holds prod: started by master hub (process 4711), 600 s old, at step 'upgrade be2'"
    )


# what several nodes tell


def told(**nodes):
    """What nodes tell: of each its copy, its note and when it heard; be1, be2 and be3 as in RECORD, if not given."""
    return records.together({node: nodes.get(node, (RECORD, None, 1.0)) for node in RECORD.backends})


def test_the_highest_epoch_and_revision_is_the_truth_whatever_the_clocks_say():
    stale = dataclasses.replace(RECORD, changed=9999.0, failover="on")
    word = dataclasses.replace(RECORD, revision=2, changed=1.0, failover="off")
    assert told(be2=(word, None, 1.0), be1=(stale, None, 0.0)).record == word
    taken = dataclasses.replace(stale, epoch=2, revision=1)
    assert told(be2=(word, None, 1.0), be3=(taken, None, 1.0)).record == taken
    assert records.together({"be1": (None, None, None)}) is None


def test_what_a_node_notes_of_itself_counts_for_that_run_alone():
    notes = {
        "be1": Note("r1", finished=True, wish="pause", wished=1),
        "be2": Note("r1", inside=True),
        "be3": Note("r0", inside=True, finished=True, wish="abort", wished=1, gave_up=1),
    }
    known = told(**{node: (RECORD, note, 5.0) for node, note in notes.items()})
    assert (known.inside, known.finished, known.wish, known.state) == (("be2",), ("be1",), "pause", records.OPEN)


def test_who_was_taken_down_counts_until_the_cluster_was_seen_whole():
    note = Note("r1", down=True)
    down = dataclasses.replace(RECORD, down=True, revision=2)
    assert told(be1=(down, note, 1.0)).taken_down == ("be1",)
    whole = dataclasses.replace(down, down=False, revision=9)
    assert told(be1=(whole, note, 1.0)).taken_down == ()


def test_a_wish_and_a_giving_up_end_with_their_epoch():
    note = Note("r1", wish="abort", wished=1, gave_up=1)
    known = told(be2=(RECORD, note, 1.0))
    assert (known.wish, known.state) == ("abort", records.ABANDONED)
    taken = dataclasses.replace(RECORD, epoch=2)
    known = told(be1=(taken, None, 1.0), be2=(RECORD, note, 1.0))
    assert (known.wish, known.state) == (None, records.OPEN)
    failed = dataclasses.replace(RECORD, state=records.FAILED, revision=2)
    assert told(be1=(failed, None, 1.0), be2=(RECORD, note, 1.0)).state == records.FAILED


def test_one_node_that_has_heard_of_the_owner_lately_is_enough():
    assert told(be1=(RECORD, None, 700.0), be2=(RECORD, None, 3.0), be3=(RECORD, None, None)).unheard == 3.0
    assert told(**{node: (RECORD, None, None) for node in RECORD.backends}).unheard is None


@pytest.mark.parametrize(
    "data", [None, [], {}, {"run": 7}, {"run": "../x"}, {"run": "r1", "inside": "yes"}, {"run": "r1", "wish": "stop"},
             {"run": "r1", "gave_up": True}, {"run": "r1", "colour": "red"}]
)  # fmt: skip
def test_what_is_no_nodes_note_is_refused(data):
    with pytest.raises(records.RecordError, match="not a node's note"):
        Note.from_dict(data)


def test_a_nodes_note_round_trips_through_json():
    note = Note("r1", inside=True, backup="chef-backup.tar.gz", wish="pause", wished=2)
    assert Note.from_json(json.dumps(note.to_dict())) == note
    with pytest.raises(records.RecordError, match=r"not a node's note: '{'"):
        Note.from_json("{")

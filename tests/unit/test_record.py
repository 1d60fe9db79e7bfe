"""The record of a run: it round-trips, is refused when it is damaged, and tells whether its owner lives."""

import dataclasses
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext.chef_backend import record as records
from tests.unit.answered import RECORD

OWNER = RECORD.owner
REQUIRED = sorted(
    f.name for f in dataclasses.fields(records.Record) if f.default is f.default_factory is dataclasses.MISSING
)


def changed(**fields):
    return RECORD.to_dict() | fields


# reading and writing


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        dataclasses.replace(RECORD, state=records.DONE, frontends=(), finished=("be2", "be3", "be1")),
        dataclasses.replace(RECORD, node="be2", step="upgrade be2", failover="off"),
    ],
)
def test_a_record_round_trips_through_json(record):
    assert records.Record.from_json(json.dumps(record.to_dict())) == record
    assert records.Record.from_dict(record.to_dict()) == record


def test_a_record_is_plain_for_the_bus():
    plain = RECORD.to_dict()
    assert plain["backends"] == ["be1", "be2", "be3"]
    assert plain["owner"] == {"jid": "20261123010203000000", "master": "hub", "pid": 4711, "started": 1000.25}


def test_what_has_a_default_may_be_missing():
    plain = {name: value for name, value in RECORD.to_dict().items() if name in REQUIRED}
    assert records.Record.from_dict(plain) == RECORD


def test_a_heartbeat_changes_only_what_it_is_told():
    later = RECORD.at(2500.0, step="upgrade be2", node="be2")
    assert later == dataclasses.replace(RECORD, heartbeat=2500.0, step="upgrade be2", node="be2")
    assert RECORD.heartbeat == 2100.0


def test_what_a_node_took_is_measured_from_its_turn_to_the_next_in_its_own_copy():
    turn = RECORD.amended({"turn": "be2", "heartbeat": 3000.0})
    assert turn.amended({"turn": "be2", "heartbeat": 3004.0}).since == 3000.0, "gates are waited for, too"
    done = dataclasses.replace(turn, finished=("be2",))
    passed = done.amended({"turn": "be3", "heartbeat": 3012.54})
    assert (passed.took, passed.since) == ({"be2": 12.5}, 3012.54)
    assert passed.amended({"turn": None, "heartbeat": 3100.0}).took == {"be2": 12.5}, "be3 has not finished here"
    assert turn.amended({"turn": None, "heartbeat": 3100.0}).took == {}, "nor be2 in the copy of another node"
    other = dataclasses.replace(RECORD, heartbeat=1.0, took={"be3": 7.0})
    assert records.newest([passed, other]).took == {"be2": 12.5, "be3": 7.0}


def test_what_was_not_measured_whole_does_not_count():
    """The run was gone on with: what the node took until then is not known."""
    resumed = dataclasses.replace(RECORD, turn=None, since=None, finished=("be2",))
    assert resumed.amended({"turn": "be3", "heartbeat": 3000.0}).took == {}


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
        ("node", 2),
        ("backends", "be1"),  # would be read as b, e, 1
        ("backends", [1, 2, 3]),
        ("frontends", None),
        ("finished", {"be1": 1}),
        ("opened", "yesterday"),
        ("heartbeat", None),
        ("heartbeat", math.nan),
        ("heartbeat", math.inf),
        ("heartbeat", 10**400),
        ("lease", True),
        ("lease", math.inf),
        ("lease", -1),
        ("owner", None),
        ("owner", {"jid": "1"}),
        ("owner", dataclasses.asdict(OWNER) | {"pid": "4711"}),
        ("owner", dataclasses.asdict(OWNER) | {"pid": 0}),
        ("owner", dataclasses.asdict(OWNER) | {"started": None}),
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
    assert records.newest([record, RECORD]) in (record, RECORD)
    records.owner_is_gone(record, 3000.0, master="other", alive=lambda pid, started: True)


# whose it is


def alive(*living):
    return lambda pid, started: (pid, started) in living


@pytest.mark.parametrize(
    ("record", "now", "master", "living", "reason"),
    [
        # on its own master a process is looked at, however old its last sign of life
        (RECORD, 99999.0, "hub", [(4711, 1000.25)], None),
        (RECORD, 2101.0, "hub", [], "process 4711 is no more"),
        (RECORD, 2101.0, "hub", [(4711, 2050.0)], "process 4711 is no more"),  # the number was given to another one
        # another master sees heartbeats only
        (RECORD, 2160.0, "other", [], None),
        (RECORD, 2161.0, "other", [], "silent for 61 s (lease 60 s)"),
        (RECORD, 1000.0, "other", [], None),  # a clock that is behind
        (
            dataclasses.replace(RECORD, state=records.FAILED),
            2101.0,
            "hub",
            [(4711, 1000.25)],
            "the run ended as failed",
        ),
        (dataclasses.replace(RECORD, state=records.DONE), 2101.0, "other", [], "the run ended as done"),
    ],
)
def test_an_owner_is_taken_for_alive_until_it_is_known_to_be_gone(record, now, master, living, reason):
    assert records.owner_is_gone(record, now, master=master, alive=alive(*living)) == reason


def test_a_refusal_says_who_holds_the_cluster():
    record = RECORD.at(2100.0, step="upgrade be2", node="be2")
    assert records.held_by(record, 2600.4) == (
        "run r1 to 2.3.16 holds prod: started by master hub (process 4711), 600 s old, at step 'upgrade be2' on be2"
    )
    assert records.held_by(RECORD, 2000.0).endswith("0 s old, at step 'open'")


def test_the_newest_copy_counts():
    late = RECORD.at(2300.0)
    assert records.newest([RECORD, late, None, RECORD]) == late
    assert records.newest([None, None]) is None
    assert records.newest([]) is None


def test_what_a_node_notes_in_its_own_copy_counts_from_any_copy():
    late = RECORD.at(2300.0)
    inside = RECORD.at(2200.0, node="be2")
    assert records.newest([late, inside]) == dataclasses.replace(late, node="be2")
    done = RECORD.at(2200.0, finished=("be2",))
    assert records.newest([late, RECORD.at(2100.0, node="be2"), done]) == dataclasses.replace(late, finished=("be2",))


def test_a_copy_of_another_run_counts_for_nothing():
    late = RECORD.at(2300.0)
    other = dataclasses.replace(RECORD.at(2200.0, node="be2", finished=("be3",)), run="r0")
    assert records.newest([other, late]) == late


def test_fields_are_amended_and_checked():
    assert RECORD.amended({"step": "failover off", "heartbeat": 2200.0}) == RECORD.at(2200.0, step="failover off")
    with pytest.raises(records.RecordError, match="not a record: stop is unknown"):
        RECORD.amended({"stop": "here"})


def test_a_run_that_one_backend_gave_up_is_given_up_for_all_until_another_owner_takes_it():
    """The others leave it to the one whose turn it was; by their clocks their copies may be newer."""
    copies = [RECORD.at(2100.5), RECORD.at(2100.0, state=records.ABANDONED)]
    assert records.newest(copies) == RECORD.at(2100.5, state=records.ABANDONED)
    taken = dataclasses.replace(copies[0], owner=dataclasses.replace(RECORD.owner, jid="another"))
    assert records.newest([taken, copies[1]]) == taken
    failed = RECORD.at(2101.0, state=records.FAILED)
    assert records.newest([failed, copies[1]]) == failed

"""What pause, resume and abort answer in every state of a run."""

import dataclasses

import pytest

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import steering
from tests.unit.answered import run

GONE = "process 4711 is no more"


@pytest.mark.parametrize(
    ("record", "gone", "action", "ok", "said"),
    [
        (None, None, steering.NOTHING, False, "no run is open: nothing to pause"),
        (run(), None, steering.WISH, True, "pauses before it touches another node; it is at 'open' now"),
        (run(turn="be2"), None, steering.WISH, True, "pauses before it touches another node"),
        (run(wish="pause"), None, steering.NOTHING, True, "is to pause already"),
        (run(wish="abort"), None, steering.NOTHING, True, "is to abort already"),
        (run(state=records.PAUSED), "the run ended as paused", steering.NOTHING, True, "is paused already"),
        (run(state=records.FAILED), "the run ended as failed", steering.NOTHING, False, "resume goes on with it"),
        (run(), GONE, steering.NOTHING, False, f"is not under way ({GONE})"),
        (run(down=True, taken_down=("be1",)), None, steering.NOTHING, False, "there is no safe point before it is up"),
    ],
)
def test_pause(record, gone, action, ok, said):
    answer = steering.pause(record, gone)
    assert (answer.action, answer.ok) == (action, ok)
    assert said in answer.text
    assert answer.wish == (records.PAUSE if action == steering.WISH else None)


REPLACES = {"way": records.REPLACE, "target": "replace be3"}


@pytest.mark.parametrize(
    ("record", "gone", "action", "ok", "said"),
    [
        (None, None, steering.NOTHING, False, "no run is open: nothing to resume"),
        (run(), None, steering.NOTHING, True, "is under way already, at 'open'"),
        (run(wish="pause"), None, steering.WISH, True, "it was not paused yet"),
        (run(wish="abort"), None, steering.NOTHING, False, "about to be aborted"),
        (run(state=records.PAUSED), "the run ended as paused", steering.START, True, "goes on from 'open'"),
        (run(down=True, taken_down=("be1",), state=records.FAILED), GONE, steering.START, True, "goes on from 'open'"),
        (run(), GONE, steering.START, True, GONE),
        (run(target="3.1.1"), GONE, steering.NOTHING, False, "goes to 3.1.1, the pillar says 2.2.0 -> 2.3.16"),
        (run(**REPLACES), GONE, steering.NOTHING, False, "orch.chef_backend_replace_node goes on with it, confirmed"),
        (run(**REPLACES), None, steering.NOTHING, True, "is under way already"),
        (run(wish="pause", **REPLACES), None, steering.WISH, True, "it was not paused yet"),
    ],
)
def test_resume(record, gone, action, ok, said):
    answer = steering.resume(record, gone, ["2.2.0", "2.3.16"])
    assert (answer.action, answer.ok, answer.wish) == (action, ok, None)
    assert said in answer.text


WAITS = "the maintenance window closes in 5 s, and 60 s are needed"
WAITING = run(state=records.PAUSED, waits=WAITS)


def test_pausing_what_waits_for_its_window_keeps_it_paused():
    answer = steering.pause(WAITING, "the run ended as paused")
    assert (answer.action, answer.ok) == (steering.HOLD, True)
    assert "stays paused until it is resumed" in answer.text


@pytest.mark.parametrize(
    ("record", "gone", "outside", "due", "ended", "action", "ok", "said"),
    [
        (None, None, "no window is open", ["be1"], None, steering.NOTHING, True, "no window is open"),
        (None, None, None, [], None, steering.NOTHING, True, "nothing is due"),
        (None, None, None, ["be2", "be1"], None, steering.START, True, "due: be2, be1"),
        (None, None, None, ["be2"], run(state=records.DONE), steering.START, True, "due: be2"),
        (None, None, None, ["be2"], run(state=records.ABORTED), steering.NOTHING, True, "was aborted"),
        (None, None, None, ["be2"], run(state=records.ABORTED, target="2.0.30"), steering.START, True, "due: be2"),
        (run(), None, None, [], None, steering.NOTHING, True, "under way already, at 'open'"),
        (run(), GONE, None, [], None, steering.NOTHING, False, f"({GONE}): a person looks at it"),
        (run(state=records.FAILED), "x", None, [], None, steering.NOTHING, False, "a person looks at it"),
        (run(state=records.ABANDONED), "x", None, [], None, steering.NOTHING, False, "a person looks at it"),
        (run(state=records.PAUSED), "x", None, [], None, steering.NOTHING, True, "was paused by a person"),
        (WAITING, "x", None, [], None, steering.START, True, "goes on from 'open'"),
        (WAITING, "x", "no window is open", [], None, steering.NOTHING, True, "no window is open"),
        (dataclasses.replace(WAITING, target="3.1.1"), "x", None, [], None, steering.NOTHING, False, "the pillar says"),
    ],
)
def test_scheduled(record, gone, outside, due, ended, action, ok, said):
    answer = steering.scheduled(record, gone, outside, due, ended, ["2.2.0", "2.3.16"])
    assert (answer.action, answer.ok) == (action, ok)
    assert said in answer.text


@pytest.mark.parametrize(
    ("record", "gone", "half_upgraded", "action", "ok", "said"),
    [
        (run(way="replace_node", target="replace be3"), GONE, [], steering.CLOSE, True, "is aborted"),
        (None, None, [], steering.NOTHING, False, "no run is open: nothing to abort"),
        (run(), None, [], steering.WISH, True, "ends before it touches another node"),
        (run(wish="pause"), None, [], steering.WISH, True, "ends before it touches another node"),
        (run(wish="abort"), None, [], steering.NOTHING, True, "is to abort already"),
        (run(turn="be2"), None, [], steering.NOTHING, False, "be2 is inside its upgrade: pause the run instead"),
        (
            run(),
            GONE,
            ["be3"],
            steering.NOTHING,
            False,
            "be3 is inside its upgrade: resume the run, and abort it after",
        ),
        (run(way="reindex"), GONE, [], steering.CLOSE, True, "is aborted"),
        (
            run(way="reindex", finished=("be2",)),
            GONE,
            [],
            steering.NOTHING,
            False,
            "frontends out of service: resume it",
        ),
        (run(way="rolling", finished=("be2",)), GONE, [], steering.CLOSE, True, "is aborted"),
        (run(down=True, taken_down=("be1",)), GONE, [], steering.NOTHING, False, "has the cluster down: resume it"),
        (run(turn="be2"), GONE, [], steering.CLOSE, True, "is aborted"),
        (run(state=records.PAUSED), "the run ended as paused", [], steering.CLOSE, True, "is aborted"),
    ],
)
def test_abort(record, gone, half_upgraded, action, ok, said):
    answer = steering.abort(record, gone, half_upgraded)
    assert (answer.action, answer.ok) == (action, ok)
    assert said in answer.text
    assert answer.wish == (records.ABORT if action == steering.WISH else None)


def test_a_run_goes_on_by_the_orchestration_that_follows_its_way():
    for way in ("rolling", "downtime", "reindex"):
        assert steering.orchestration(run(way=way)) == "orch.chef_backend_upgrade"
    assert steering.orchestration(run(way="frontends")) == "orch.chef_server_upgrade"


def test_abort_twice_says_that_it_is_done_and_a_run_that_reached_its_end_is_not_aborted():
    again = steering.abort(None, None, [], run(state=records.ABORTED))
    assert (again.action, again.ok, again.text) == (steering.NOTHING, True, "run r1 is aborted already")
    assert steering.abort(None, None, [], run(state=records.DONE)).ok is False


def test_i8_a_silent_backend_may_be_upgraded_and_a_reindex_is_not_aborted_beside_it():
    """It alone knows whether it is: its release may not read the old index, which clients would be let in on."""
    answer = steering.abort(run(way="reindex"), GONE, [], silent=["be2"])
    assert (answer.action, answer.ok) == (steering.NOTHING, False)
    assert "be2 cannot be asked: nobody can tell whether run r1 has upgraded it" in answer.text
    assert steering.abort(run(), GONE, [], silent=["be2"]).ok

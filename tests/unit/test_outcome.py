"""The result of a state, and the telling of a step."""

import pytest

from saltext.chef_backend import outcome


def test_what_was_changed_before_a_failure_stays_told():
    with outcome.attempt("it", (OSError,)) as ret:
        ret["changes"]["a"] = {"old": 1, "new": 2}
        raise OSError("the disk is full")
    assert ret == {
        "name": "it",
        "result": False,
        "changes": {"a": {"old": 1, "new": 2}},
        "comment": "the disk is full",
    }


def test_what_is_wrong_with_a_file_is_told_without_a_number():
    with outcome.on_node("it") as ret:
        raise OSError(28, "No space left on device", "/var/lib/salt-chef-backend/note.json")
    assert ret["comment"] == "/var/lib/salt-chef-backend/note.json: No space left on device"


def test_a_failure_after_success_was_noted_is_a_failure():
    with outcome.attempt("it", (OSError,)) as ret:
        outcome.done(ret, "all is well")
        raise OSError("not so")
    assert (ret["result"], ret["comment"]) == (False, "not so")


def test_a_mistake_of_ours_is_not_hidden():
    with pytest.raises(KeyError), outcome.attempt("it", (OSError,)):
        raise KeyError("typo")


def test_test_mode_and_done():
    with outcome.attempt("it", ()) as ret:
        outcome.would(ret, "would change it", "it", "old", "new")
    assert (ret["result"], ret["changes"]) == (None, {"it": {"old": "old", "new": "new"}})
    with outcome.attempt("it", ()) as ret:
        outcome.done(ret, "as it is to be")
    assert (ret["result"], ret["changes"], ret["comment"]) == (True, {}, "as it is to be")


@pytest.mark.parametrize("fails", [False, True])
def test_a_step_is_told_with_its_end_and_its_seconds(fails):
    told, clock = [], iter([100.0, 102.46])
    try:
        with outcome.told("upgrade", lambda *words, **more: told.append((*words, more)), lambda: next(clock)) as data:
            data["size"] = 1
            if fails:
                raise OSError
    except OSError:
        assert fails
    how = "failed" if fails else "end"
    assert told == [("upgrade", "begin", {}), ("upgrade", how, {"seconds": 2.5, "data": {"size": 1}})]


def test_nothing_raw_stands_in_the_result_of_a_state():
    with outcome.on_master("\x1b[2Jname") as ret:
        ret["changes"]["be1\x1b"] = {"old": "\x07", "new": ["\u202e"]}
        raise ValueError("be1: \x1b[31mfailed\n\tfor this")
    assert ret["comment"] == "be1: ?[31mfailed\n\tfor this"
    assert ret["changes"] == {"be1?": {"old": "?", "new": ["?"]}}

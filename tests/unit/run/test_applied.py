"""What states came to, on nodes or in an orchestration, and what failed in them, in words."""

import pytest

from saltext.chef_backend.run import applied


def returned(*states):
    """What ``state.sls`` returns: the states in any order, each with its number."""
    numbered = [(number, {"__run_num__": number, **state}) for number, state in enumerate(states)]
    return {f"s{number}": state for number, state in reversed(numbered)}


def test_states_that_did_well_have_no_troubles_and_say_what_they_did_in_their_order():
    came = applied.read(
        returned(
            {"__id__": "Switch failover off", "result": True, "comment": "off", "changes": {"failover": "off"}},
            {"__id__": "Switch failover on", "result": None, "comment": "would be on", "changes": {}},
        )
    )
    assert came.troubles == ()
    assert came.comments == ("Switch failover off: off", "Switch failover on: would be on")
    assert came.changes == {"Switch failover off": {"failover": "off"}}


@pytest.mark.parametrize("what", [None, "Traceback ...", {}, False, []])
def test_what_is_no_result_is_a_failure(what):
    came = applied.read(what)
    assert (came.changes, came.comments) == ({}, ())
    assert len(came.troubles) == 1
    assert "no states ran" in came.troubles[0]


def test_a_runbook_that_cannot_be_rendered_says_why():
    assert applied.read(["Rendering SLS failed: no leader"]).troubles == ("Rendering SLS failed: no leader",)


def test_the_failed_state_is_named_and_what_only_required_it_is_not():
    came = applied.read(
        returned(
            {"__id__": "This backend runs 2.3.16", "result": False, "comment": "upgrade ended with status 1"},
            {"__id__": "This backend has rejoined", "result": False, "comment": "One or more requisite failed: ..."},
        )
    )
    assert came.troubles == ("This backend runs 2.3.16: upgrade ended with status 1",)


def test_what_a_state_changed_before_it_failed_is_told():
    came = applied.read(returned({"__id__": "installed", "result": False, "comment": "x", "changes": {"v": 1}}))
    assert came.changes == {"installed": {"v": 1}}


def test_states_of_several_nodes_are_told_with_their_node():
    well = applied.read(returned({"__id__": "a", "result": True, "comment": "done", "changes": {"v": 1}}))
    together = applied.together([("be1", well), ("be2", applied.read(None))])
    assert together.changes == {"be1": {"a": {"v": 1}}}
    assert together.comments == ("be1: a: done",)
    assert together.troubles == ("be2: no states ran: None",)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("be2 does not answer", "be2 does not answer"),
        ("be2: no answer came", "be2: no answer came"),
        ("be20 is not seen", "be2: be20 is not seen"),
    ],
)
def test_what_begins_with_its_node_is_told_so_once(said, told):
    assert applied.together([("be2", applied.read([said]))]).troubles == (told,)

"""Unreachable, in error, down: three things, told apart by what came from the minion and what the other nodes show."""

import pytest

from saltext.chef_backend.errors import Refused
from saltext.chef_backend.judge import answers, gates, silence
from saltext.chef_backend.judge.view import View
from tests.unit import printed
from tests.unit.answered import everywhere, views
from tests.unit.judge.advised import advise

WHY = "be2 does not answer within 15 s: is its minion running and reachable?"
SYNC = "be2: modules not in step: 'chef_backend_agent.view' is not available: run 'salt be2 saltutil.sync_all'"
THROWN_AWAY = ("remove-node", "cleanse", "join-cluster", "quorum-loss-recovery", "promote", "force-leader")
ALONE = tuple(printed.Member(name) if name == "be3" else printed.Member(name, role="leader", pg="leader", following="-")
              for name in ("be1", "be3"))  # fmt: skip


def seen(view, **changes):
    """Healthy backends, be2 but for this view."""
    return views(**changes) | {"be2": view}


def unheard():
    return View.of_silence("be2", WHY)


def in_error(node="be2", code="modules"):
    return View.of_silence(node, SYNC.replace("be2", node), code)


def test_s1_unreachable_while_the_others_see_it_at_work():
    reason = silence.of(seen(unheard()), "be2")
    assert reason.code == "silent"
    assert str(reason) == f"{WHY} (be1 sees be2 following, be3 sees be2 following: only its minion is silent)"


def test_down_where_the_others_miss_it_too():
    gone = printed.cluster_status(ALONE)
    reason = silence.of(seen(unheard(), be1={"cluster_status": gone}, be3={"cluster_status": gone}), "be2")
    assert reason.code == "down"
    assert str(reason) == (
        f"{WHY} (be1, be3 see be2 neither leading nor following: its host, or its services, are down)"
    )


def test_silent_where_nobody_tells():
    nothing = {"cluster_status": None}
    reason = silence.of(seen(unheard(), be1=nothing, be3=nothing), "be2")
    assert (reason.code, str(reason)) == ("silent", WHY)


def test_s1_in_error_says_what_mends_it_and_what_the_others_see():
    reason = silence.of(seen(in_error()), "be2")
    assert reason.code == "modules"
    assert str(reason) == f"{SYNC} (be1 sees be2 following, be3 sees be2 following)"


@pytest.mark.parametrize(("view", "code"), [(unheard(), "silent"), (in_error(), "modules")])
def test_s1_gate_verdict_and_table_tell_them_apart(view, code):
    with pytest.raises(Refused) as refused:
        gates.everybody_answers(seen(view))
    assert [(one.code, one.node) for one in refused.value.reasons] == [(code, "be2")]
    assert [one.code for one in answers.verdict(seen(view), 1024).reasons][:1] == [code]
    with pytest.raises(Refused) as refused:
        answers.cluster_of(view)
    assert refused.value.reasons[0].code == code


def test_s1_an_error_is_mended_and_nothing_is_thrown_away():
    (said,) = advise(seen(in_error()))
    assert said == f"{SYNC}. Nothing of be2 is to be removed or recovered for that"


def test_s1_a_leader_whose_minion_is_in_error_is_no_leader_that_is_lost():
    said = advise(views() | {"be1": in_error("be1")})
    assert said == [f"{SYNC.replace('be2', 'be1')}. Nothing of be1 is to be removed or recovered for that"]


def test_s1_while_two_are_in_error_nothing_is_recovered():
    said = advise(seen(in_error()) | {"be3": in_error("be3", "python-version")})
    assert len(said) == 2 and not any(word in line for word in THROWN_AWAY for line in said)


def test_s1_beside_one_in_error_one_that_is_silent_is_no_quorum_that_is_lost():
    lost = {"status": printed.status(down=["etcd"])}
    said = advise(seen(in_error(), be1=lost) | {"be3": View.of_silence("be3", "be3 does not answer")})
    assert said == [
        f"{SYNC}. Nothing of be2 is to be removed or recovered for that",
        "be3 does not answer: look at its host and its minion, when that is mended",
    ]


@pytest.mark.parametrize("code", ["modules", "python-version", "minion-error", "no-product"])
def test_s1_whatever_the_error_is_nothing_is_thrown_away_though_the_others_miss_the_node(code):
    gone = everywhere({"cluster_status": printed.cluster_status(ALONE)})
    said = advise(views(**gone) | {"be2": in_error(code=code)})
    assert said and not any(word in line for word in THROWN_AWAY for line in said if line.startswith("be2"))

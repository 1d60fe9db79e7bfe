"""A waiver holds for one reason of one node in one run; what decides about data can never be waived."""

import dataclasses

import pytest

from saltext.chef_backend.errors import Refused
from saltext.chef_backend.judge import answers, waiver
from tests.unit import printed
from tests.unit.answered import RECORD, views

NODES = ("be1.prod", "be2.prod", "be3.prod", "fe1.prod")
ODD = printed.cluster_status(printed.changed("be2", es="yellow"))


def read(*said):
    return waiver.read(list(said), "2.3.16", NODES)


def test_a_waiver_names_code_node_and_target_and_the_record_keeps_the_first_two():
    assert read("search-word of be2.prod for 2.3.16") == ("search-word of be2.prod",)
    assert waiver.read(None, "2.3.16", NODES) == ()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("search-word of be2.prod for 2.2.0", "this run goes to 2.3.16: take it out of the pillar"),
        ("no-leader of be2.prod for 2.3.16", "no-leader cannot be waived, expected one of disk-unknown"),
        ("half-upgraded of be2.prod for 2.3.16", "half-upgraded cannot be waived"),
        ("everything of be2.prod for 2.3.16", "everything is no reason, expected one of"),
        ("search-word of be9.prod for 2.3.16", "be9.prod is no node of this cluster, expected one of be1.prod"),
        ("search-word of be2.prod", "expected 'CODE of NODE for VERSION'"),
        ("search-word of be2.prod\n for 2.3.16", "expected 'CODE of NODE for VERSION'"),
        (True, "expected 'CODE of NODE for VERSION'"),
        ({"code": "lag"}, "expected 'CODE of NODE for VERSION'"),
    ],
)
def test_what_is_no_waiver_of_this_run_is_refused_with_what_is(said, why):
    with pytest.raises(Refused) as refused:
        read(said)
    assert why in str(refused.value)
    assert [reason.code for reason in refused.value.reasons] == ["waiver"]


def test_something_else_than_a_list_is_refused():
    with pytest.raises(Refused, match="expected a list of 'CODE of NODE for VERSION'"):
        waiver.read("search-word of be2.prod for 2.3.16", "2.3.16", NODES)


def test_a_waiver_for_what_is_not_seen_is_a_mistake():
    waiver.needed(["search-word of be2.prod"], [("search-word", "be2.prod")])
    with pytest.raises(Refused, match=r"'search-word of be3\.prod': there is nothing to waive: take it out"):
        waiver.needed(["search-word of be3.prod"], [("search-word", "be2.prod")])


def test_what_is_waived_for_a_run_is_set_aside_for_that_node_alone():
    seen = views(be1={"cluster_status": ODD}, be2={"cluster_status": ODD}, be3={"cluster_status": ODD})
    assert [reason.code for reason in answers.verdict(seen, 1024).reasons] == ["search-word"]
    found = answers.verdict(seen, 1024, waived=["search-word of be2"])
    assert (found.healthy, [reason.code for reason in found.tolerated]) == (True, ["search-word"])
    assert not answers.verdict(seen, 1024, waived=["search-word of be3"]).healthy


def test_a_runs_record_carries_its_waivers_to_all_who_judge():
    record = dataclasses.replace(RECORD, waived=("search-word of be2",)).to_dict()
    told = {"cluster_status": ODD, "record": record}
    assert answers.verdict(views(be1=told, be2=told, be3=told), 1024).healthy


def test_a_waiver_of_a_node_that_is_an_address_is_for_no_other_address():
    assert waiver.covers(["search-word of 10.0.0.2"], "search-word", "10.0.0.2")
    assert not waiver.covers(["search-word of 10.0.0.2"], "search-word", "10.0.0.3")
    assert not waiver.covers(["search-word of be.a.example.com"], "search-word", "be.b.example.com")

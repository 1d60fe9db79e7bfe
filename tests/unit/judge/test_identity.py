"""Which node of cluster-status is which minion: by its host's names and addresses, and for sure only."""

import dataclasses

import pytest

from saltext.chef_backend.judge import answers, identity, standing
from saltext.chef_backend.judge.identity import Own
from saltext.chef_backend.product.cluster_status import ClusterStatus
from saltext.chef_backend.product.member import Member
from tests.unit import printed
from tests.unit.answered import replicated, views

GRAINS = {
    "fqdn": "db1.example.com",
    "nodename": "db1",
    "ipv4": ["127.0.0.1", "10.0.0.1"],
    "ipv6": ["::1", "fe80::2"],
}


def table(**names):
    """A healthy cluster in which nodes are called so."""
    members = (dataclasses.replace(one, name=names.get(one.name, one.name)) for one in printed.MEMBERS)
    return printed.cluster_status(tuple(members))


def minions(text, before=None, **owns):
    """Who is who in a table, by what each node says of itself, and by the record of a run."""
    return identity.matched(ClusterStatus.from_table(text), owns, before or {})


def says(minion, *addresses, **member):
    """What a node says: its minion's id, its host's addresses, and what its product knows of it."""
    return Own((minion,), addresses, Member(**member))


def guid(name):
    """The GUID of a node of a healthy cluster."""
    return printed.Member(name).guid


def test_a_host_knows_its_names_and_its_addresses_but_loopback():
    own = Own.of_grains("be1", GRAINS)
    assert own == Own(("be1", "db1.example.com", "db1"), ("10.0.0.1",))
    assert Own.of_grains("be1", {}) == Own(("be1",))


@pytest.mark.parametrize(
    ("own", "name"),
    [
        (says("infdev0207"), "INFDEV0207"),  # letter case tells no host from itself
        (says("be1", name="be1.example.com"), "be1.example.com"),
        (says("be1.example.com", name="be1"), "BE1"),
        (says("x", address="10.0.0.1"), "be1.example.com"),
        (says("x", "10.0.0.1"), "be1.example.com"),  # the product does not tell, the host has the address
        (says("x", "10.0.0.2", guid=guid("be1"), name="be2", address="10.0.0.2"), "be1"),  # its GUID decides alone
        (says("x", "10.0.0.1", address="be1.internal"), "db1"),  # a name, and the table shows an address
    ],
)
def test_p9_a_row_is_the_nodes_that_says_so(own, name):
    text = table(be1=name).replace(guid(name), guid("be1"))
    assert minions(text, **{own.names[0]: own}) == {name: own.names[0]}


@pytest.mark.parametrize(
    ("own", "name"),
    [
        (says("be1"), "be1.example.com"),
        (says("be1.example.com"), "be1"),
        (says("x", name="be1"), "be1.example.com"),
        (says("be1", name="db1"), "be1"),  # the product says another name than the minion's id
        (says("be1", "10.0.0.1", address="10.0.0.9"), "n1"),  # and another address than the host's
        (says("be1", "10.0.0.1", guid="f" * 32, name="be1", address="10.0.0.1"), "be1"),  # it is of another cluster
        (says("x", name="be1", address="10.0.0.2"), "be1"),  # what it says is of two rows
    ],
)
def test_p9_likeness_is_no_identity_and_what_contradicts_itself_is_none(own, name):
    assert minions(table(be1=name), **{own.names[0]: own}) == {}


def test_p9_a_run_knows_again_who_cannot_tell():
    before = {"x": Member("old", guid("be1"), "10.9.9.9"), "y": Member("be2", guid("be2"), "10.0.0.2")}
    text = table(be1="NEW")
    text = text.replace(guid("NEW"), guid("be1"))
    assert minions(text, before) == {"NEW": "x", "be2": "y"}, "neither was asked"
    assert minions(text, before, x=says("x"), y=says("y")) == {"NEW": "x", "be2": "y"}, "their services are down"
    assert minions(text, before, x=says("x", guid=guid("be3"))) == {"be3": "x", "be2": "y"}, "its own word goes before"
    assert minions(text, before, x=says("x", address="10.0.0.3")) == {"be2": "y"}, "it says that it is another"


def test_p9_who_has_left_the_pillar_claims_no_row_beside_all_that_are_asked():
    before = {name: Member(name, guid(name), f"10.0.0.{name[-1]}") for name in ("be1", "be2", "be3")}
    owns = {"be1": says("be1", guid=guid("be1")), "be2": says("be2"), "be4": says("be4", guid=guid("be3"))}
    assert minions(table(), before, **owns) == {"be1": "be1", "be2": "be2", "be3": "be4"}


def test_p9_a_name_that_is_nothing_like_the_minions_id_is_known_by_the_hosts_own_name_or_address():
    text = table(be1="db1", be2="node2")
    owns = {"be1": Own.of_grains("be1", GRAINS), "be2": Own(("be2",), ("10.0.0.2",)), "be3": Own(("be3",))}
    assert minions(text, **owns) == {"db1": "be1", "node2": "be2", "be3": "be3"}


@pytest.mark.parametrize(
    "owns",
    [
        {"x": Own(("x",), ("10.0.0.9",))},
        {"x": Own(("x", "be1", "be2"))},  # of two rows
        {"x": Own(("x", "be1"), ("10.0.0.2",))},  # its name stands at another's address
        {"be1": Own(("be1",), ("10.0.0.2",)), "be2": Own(("be2",), ("10.0.0.1",))},  # ids that were swapped
        {"x": Own(("x", "be1")), "y": Own(("y", "be1"))},  # two hosts that are called alike
    ],
)
def test_p9_who_cannot_be_told_for_sure_is_nobody(owns):
    assert minions(table(), **owns) == {}


def test_p9_the_minions_id_goes_before_a_hosts_name_that_was_cloned_with_its_disk():
    own = Own(("be2", "be1"), ("10.0.0.2",))
    assert identity.row_of(ClusterStatus.from_table(table()).nodes, own).name == "be2"
    assert identity.row_of(ClusterStatus.from_table(table()).nodes, Own(("be2", "be1"))).name == "be2"


def test_p9_the_last_row_is_the_silent_minions_where_all_others_are_told():
    text = table(be1="db1")
    others = {name: Own((name,), (f"10.0.0.{name[-1]}",)) for name in ("be2", "be3")}
    assert minions(text, be1=Own(("be1",)), **others) == {"db1": "be1", "be2": "be2", "be3": "be3"}
    assert minions(text, be1=Own(("be1",), ("10.0.0.9",)), **others) == {"be2": "be2", "be3": "be3"}, "it is another"


def test_p9_a_row_that_is_called_as_a_minion_and_is_not_its_own_is_not_taken_for_it():
    told = {name: {"own": {"names": [name], "addresses": [address]}} for name, address in
            (("be1", "10.0.0.2"), ("be2", "10.0.0.1"), ("be3", "10.0.0.3"))}  # fmt: skip
    seen = answers.in_our_words(views(**told))
    assert answers.strangers(seen) == ["be1 at 10.0.0.1", "be2 at 10.0.0.2"]
    reasons = list(map(str, standing.of_cluster("prod", "2.2.0", seen, 1000).reasons))
    assert sum("is not in its own cluster-status" in reason for reason in reasons) == 2
    assert not any("replica" in reason for reason in reasons)


@pytest.mark.parametrize(
    "ids",
    [
        ("be1", "be2", "be3"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.3"),
        ("backend.a.example.com", "backend.b.example.com", "backend.c.example.com"),
        ("BE1.example.com", "be2", "web-77"),
    ],
)
def test_whatever_minions_are_called_each_row_lag_and_leader_is_its_own(ids):
    seen = {
        name: dataclasses.replace(one, node=name, own=Own((name,), (f"10.0.0.{node[-1]}",)))
        for name, (node, one) in zip(ids, views().items(), strict=True)
    }
    seen = answers.in_our_words(seen)
    assert [(row.node, row.address) for row in standing.of_nodes(seen, "2.2.0")] == sorted(
        (name, f"10.0.0.{number}") for number, name in enumerate(ids, 1)
    )
    assert answers.strangers(seen) == []
    assert answers.leader(seen) == ids[0]
    assert set(seen[ids[0]].lag) == set(ids[1:])
    assert answers.verdict(seen, 1000).healthy
    assert answers.product_name(seen, ids[1]) == "be2"


def test_p9_followers_that_postgresql_calls_without_their_domain_are_the_minions():
    names = {node: f"{node}.example.com" for node in printed.NODES}
    full = table(**names).replace(" be1 ", f" {names['be1']} ")
    told = {node: {"cluster_status": full} for node in printed.NODES}
    seen = {names[node]: dataclasses.replace(one, node=names[node]) for node, one in views(**told).items()}
    seen = answers.in_our_words(seen)
    assert set(seen[names["be1"]].lag) == {names["be2"], names["be3"]}
    assert answers.verdict(seen, 1000).healthy


def test_p9_ids_that_are_addresses_do_not_make_sure_what_is_not():
    ids = {"be1": "10.0.0.1", "be2": "10.0.0.2", "be3": "10.0.0.3"}
    at = {"10.0.0.1": "10.0.0.2", "10.0.0.2": "10.0.0.1", "10.0.0.3": "10.0.0.3"}  # two ids were swapped
    told = {node: {"cluster_status": table(**ids)} for node in printed.NODES}
    seen = {
        ids[node]: dataclasses.replace(one, node=ids[node], own=Own((ids[node],), (at[ids[node]],)))
        for node, one in views(**told).items()
    }
    assert answers.strangers(answers.in_our_words(seen)) == ["10.0.0.1 at 10.0.0.1", "10.0.0.2 at 10.0.0.2"]


def test_p9_a_publish_address_may_be_a_name():
    members = tuple(dataclasses.replace(node, ip=f"{node.name}.internal", name=f"n{node.name[-1]}")
                    for node in ClusterStatus.from_table(table()).nodes)  # fmt: skip
    owns = {name: Own((name, f"{name}.internal"), ("192.0.2.1",)) for name in printed.NODES}
    found = identity.matched(ClusterStatus(members), owns, {})
    assert found == {"n1": "be1", "n2": "be2", "n3": "be3"}


def test_p9_all_is_judged_by_our_names_and_told_once():
    upper = table(be1="BE1", be2="BE2", be3="BE3").replace(" be1 ", " BE1 ")
    rows = "\n".join([replicated("walreceiver", address=f"172.16.0.{number}") for number in (2, 3)])
    told = {name: {"cluster_status": upper} for name in printed.NODES}
    told["be1"]["replication"] = rows
    for name in ("be2", "be3"):
        told[name]["own"] = {"names": [name], "addresses": [f"10.0.0.{name[-1]}", f"172.16.0.{name[-1]}"]}
    seen = answers.in_our_words(views(**told))
    assert [node.name for node in seen["be2"].cluster.nodes] == ["be1", "be2", "be3"]
    assert {node.following for node in seen["be2"].cluster.nodes} == {"be1", None}
    assert set(seen["be1"].lag) == {"be2", "be3"}
    assert answers.leader(seen) == "be1"
    stands = standing.of_cluster("prod", "2.2.0", seen, 1000)
    assert (stands.reasons, stands.called) == ((), ("be1 is BE1", "be2 is BE2", "be3 is BE3"))
    assert answers.strangers(seen) == []


def test_p9_a_cluster_whose_names_are_nobodys_says_that_and_nothing_that_follows_from_it():
    strange = {"cluster_status": table(be1="n1", be2="n2", be3="n3")}
    told = {name: strange | {"own": {"names": [name], "addresses": ["192.0.2.1"]}} for name in printed.NODES}
    seen = answers.in_our_words(views(**told))
    assert answers.strangers(seen) == ["n1", "n2", "n3"]
    first = str(standing.of_cluster("prod", "2.2.0", seen, 1000).reasons[0])
    assert (
        "It says the host's names be1, no GUID, the host's addresses 192.0.2.1; nobody's there: n1 (10.0.0.1" in first
    )
    reasons = list(map(str, standing.of_cluster("prod", "2.2.0", seen, 1000).reasons))
    assert len(reasons) == 3
    assert all("is not in its own cluster-status" in reason for reason in reasons)

"""Who is who, where it is not sure: both sides are named, and what to do."""

import dataclasses

import pytest

from saltext.chef_backend.errors import Refused
from saltext.chef_backend.judge import answers, gates, standing, who
from saltext.chef_backend.judge.deadman import ON, decide
from saltext.chef_backend.product.cluster_status import ClusterStatus
from saltext.chef_backend.show import status as shows
from saltext.chef_backend.show.status import Shown
from tests.unit import printed
from tests.unit.answered import RECORD, everywhere, replicated, silent, views

GUIDS = {one.name: one.guid for one in printed.MEMBERS}
MEMBERS = {node: {"name": node, "guid": GUIDS[node], "address": f"10.0.0.{node[-1]}"} for node in printed.NODES}
OPEN = dataclasses.replace(RECORD, members=MEMBERS)
CALLED = {"be1": "INFDEV0207", "be2": "INFDEV0208", "be3": "INFDEV0209"}


def own(node, *addresses, **member):
    """What a node says of itself, as it answers it."""
    return {"own": {"names": [node], "addresses": list(addresses), "member": member}}


def renamed(**changes):
    """What healthy nodes show that the product calls otherwise, and that are of these GUIDs."""
    rows = tuple(dataclasses.replace(one, following=CALLED.get(one.following, "-")) for one in printed.MEMBERS)
    text = printed.cluster_status(rows)
    for name, called in CALLED.items():
        text = text.replace(f"{name}  ", f"{called}  ", 1) if name in text else text
    return {"cluster_status": text} | changes


def reasons(seen):
    return [str(one) for one in standing.of_cluster("prod", "2.2.0", answers.in_our_words(seen), 1000).reasons]


def codes(seen):
    return {one.code for one in standing.of_cluster("prod", "2.2.0", answers.in_our_words(seen), 1000).reasons}


class TestUnclear:
    def test_two_that_claim_one_row_are_named_and_by_what(self):
        told = {"be2": own("be2", "10.0.0.1", name="be1"), "be1": own("be1", "10.0.0.7", guid=GUIDS["be1"])}
        said = "\n".join(reasons(views(**told)))
        row = f"be1 (10.0.0.1, GUID {GUIDS['be1']})"
        assert f"claims the same row of cluster-status as another minion, {row}: " in said
        assert "be1 by its GUID, be2 by its name and its address" in said
        assert "fqdn and publish_address in /etc/chef-backend/chef-backend.rb" in said
        assert "not-itself" in codes(views(**told))

    def test_one_that_claims_none_is_named_with_what_it_says_and_with_the_rows_that_are_left(self):
        other = "f" * 32
        (said,) = reasons(views(be2=own("be2", name="db2", guid=other, address="10.0.0.9")))[:1]
        assert "be2 is not in its own cluster-status" in said
        assert f"It says name db2, GUID {other}, publish address 10.0.0.9; nobody's there: be2 (10.0.0.2, GUID" in said
        assert "correct the backends in the pillar" in said

    def test_a_row_that_nobody_claims_is_named(self):
        fourth = printed.cluster_status((*printed.MEMBERS, printed.Member("be4")))
        said = reasons(views(**everywhere({"cluster_status": fourth})))
        assert any("what no backend claims, be4 (10.0.0.4, GUID" in one for one in said)

    def test_status_says_it_to_people_and_to_programs(self):
        seen = answers.in_our_words(views(be2=own("be2", name="db2", guid="f" * 32)))
        shown = Shown(standing.of_cluster("prod", "2.2.0", seen, 1000))
        assert "It says name db2, GUID ffff" in shows.status_text(shown)
        assert "not-itself" in {one["code"] for one in shown.to_dict()["reasons"]}

    def test_a_silent_minion_is_silent_and_its_row_is_not_called_nobodys(self):
        assert not any("no backend claims" in one for one in reasons(views() | {"be3": silent("be3")}))


class TestTheRecord:
    def test_who_is_who_is_learnt_from_the_table(self):
        told = {node: renamed(**own(node, guid=GUIDS[node])) for node in printed.NODES}
        learnt = answers.learnt(answers.in_our_words(views(**told)))
        assert learnt["be2"] == {"name": "INFDEV0208", "guid": GUIDS["be2"], "address": "10.0.0.2"}
        assert sorted(learnt) == ["be1", "be2", "be3"]

    def test_a_run_knows_again_nodes_that_are_called_otherwise_and_cannot_tell(self):
        """The product's names have changed in the middle, and no node tells anything but its minion's id."""
        rows = "\n".join([replicated("INFDEV0208"), replicated("INFDEV0209")])
        told = {node: renamed(record=OPEN.to_dict(), **own(node)) for node in printed.NODES}
        told["be1"]["replication"] = rows
        seen = answers.in_our_words(views(**told))
        assert answers.verdict(seen, 1000).healthy
        assert answers.leader(seen) == "be1"
        stands = standing.of_cluster("prod", "2.2.0", seen, 1000)
        assert stands.called == ("be1 is INFDEV0207", "be2 is INFDEV0208", "be3 is INFDEV0209")
        without = {node: renamed(**own(node)) for node in printed.NODES}
        assert "not-itself" in codes(views(**without)), "without the record nobody knows"

    def test_a_node_that_no_table_shows_is_called_by_the_record(self):
        members = {**MEMBERS, "be3": {"name": "DB3", "guid": "a" * 32, "address": "10.0.0.8"}}
        record = dataclasses.replace(OPEN, members=members).to_dict()
        two = printed.cluster_status(printed.MEMBERS[:2])
        told = {node: {"cluster_status": two, "record": record} for node in printed.NODES}
        seen = answers.in_our_words(views(**told) | {"be3": silent("be3")})
        assert answers.product_name(seen, "be3") == "DB3"
        row = standing.of_nodes(seen, "2.3.16")[2]
        assert (row.called, row.guid, row.address, row.role) == ("DB3", "a" * 32, "10.0.0.8", "unknown")

    def test_an_aborted_run_says_nothing_of_who_is_who(self):
        record = dataclasses.replace(OPEN, state="aborted").to_dict()
        assert answers.members(views(**everywhere({"record": record}))) == {}


class TestChanged:
    @pytest.mark.parametrize(
        ("now", "said"),
        [
            ({"guid": "f" * 32}, f"now it is GUID {'f' * 32}"),
            ({"name": "be3"}, "now it is be3"),  # nothing tells its GUID, and that name is be3's
            ({"address": "10.0.0.3"}, "now it is publish address 10.0.0.3"),
        ],
    )
    def test_a_node_that_says_another_thing_than_the_record_is_named_with_both_sides(self, now, said):
        told = {node: {"record": OPEN.to_dict(), "cluster_status": None} for node in printed.NODES}
        told["be2"] |= own("be2", **now)
        (reason,) = who.changed(answers.in_our_words(views(**told)))
        assert (reason.code, reason.node) == ("not-the-same", "be2")
        then = f"it was be2, GUID {GUIDS['be2']}, publish address 10.0.0.2; "
        assert then + said in str(reason)

    def test_a_row_that_bears_its_name_and_another_guid_is_another_node(self):
        members = {**MEMBERS, "be2": {**MEMBERS["be2"], "guid": "a" * 32}}
        told = everywhere({"record": dataclasses.replace(OPEN, members=members).to_dict()})
        assert codes(views(**told)) == {"not-the-same"}

    def test_another_name_of_the_same_guid_is_the_same_node(self):
        told = {node: {"record": OPEN.to_dict(), **own(node, name="other", guid=GUIDS[node])} for node in printed.NODES}
        assert reasons(views(**told)) == []

    def test_it_stops_a_run_unless_a_person_waives_it(self):
        members = {**MEMBERS, "be2": {**MEMBERS["be2"], "guid": "a" * 32}}
        seen = answers.in_our_words(
            views(**everywhere({"record": dataclasses.replace(OPEN, members=members).to_dict()}))
        )
        with pytest.raises(Refused, match=r"be2 is another node .*waive 'not-the-same of be2 for VERSION'"):
            gates.same_nodes(seen, [])
        with pytest.raises(Refused, match="be2 is another node"):
            gates.healthy(seen, 1000)
        assert [one.node for one in gates.same_nodes(seen, ["not-the-same of be2"])] == ["be2"]
        assert gates.healthy(seen, 1000, waived=["not-the-same of be2"])


def test_the_dead_mans_switch_knows_a_node_by_the_record_where_the_product_calls_it_otherwise():
    """What a person has waived is waived by minion id; the table here has the product's names."""
    odd = renamed()["cluster_status"].replace("  not_master  INFDEV0207", "  odd         INFDEV0207", 1)
    assert " odd " in odd and ClusterStatus.from_table(odd)
    record = dataclasses.replace(OPEN, failover="off", waived=("search-word of be2",))
    told = {"record": record.to_dict(), "cluster_status": odd, **own("be1")}
    seen = answers.in_our_words({"be1": views(be1=told)["be1"]})
    assert decide(record, seen["be1"]).action == ON

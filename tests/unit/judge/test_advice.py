"""What the documents leave to a person is said with the right names, and a healthy cluster needs nobody."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext.chef_backend.judge import answers
from tests.unit import printed
from tests.unit.answered import RECORD, REPLICATION, everywhere, run, silent, views
from tests.unit.judge.advised import NOBODY_LEADS, advise, in_order, silenced


def test_a_healthy_cluster_needs_nobody():
    assert advise(views()) == []
    assert advise(views(), dataclasses.replace(RECORD, state="paused"), "it ended as paused") == []


def test_while_a_run_is_at_it_or_has_the_cluster_down_it_says_itself_how_it_goes_on():
    assert advise(silenced("be2", "be3"), RECORD, None) == []
    assert advise(silenced("be2"), dataclasses.replace(RECORD, way="downtime", down=("be1",)), "gone") == []


WITHOUT_BE2 = printed.cluster_status(tuple(one for one in printed.MEMBERS if one.name != "be2"))


def test_one_node_is_down():
    (said,) = advise(silenced("be2", **everywhere({"cluster_status": WITHOUT_BE2})))
    assert said.startswith("be2 does not answer: look at its host")
    assert in_order(
        said,
        "'chef-backend-ctl remove-node be2' on be1",
        "'chef-backend-ctl join-cluster 10.0.0.1 -s SECRETS', without --recovery",
        "SECRETS is a copy of be1's /etc/chef-backend/chef-backend-secrets.json",
        "'chef-backend-ctl cleanse'",
        "see that /var/opt/chef-backend is gone",
        "copy back into it what cleanse has saved below /root/chef-backend-cleanse*",
        "'chef-backend-ctl join-cluster 10.0.0.1 --recovery'",
    )


def test_s1_a_silent_minion_is_no_node_that_is_down_while_the_others_show_it_at_work():
    (said,) = advise(silenced("be2"))
    assert said == (
        "be2 does not answer: look at its host and its minion; the others show it at work, so nothing is to be removed"
    )
    assert advise(silenced("be1")) == ["be1 does not answer: look at its host and its minion"], (
        "it leads: no base backup"
    )


def test_nobody_is_told_to_join_a_cluster_of_3_0_0():
    (said,) = advise(silenced("be2", **everywhere({"cluster_status": WITHOUT_BE2, "version": "3.0.0"})))
    assert said.endswith("ask the vendor: nobody joins a cluster that was installed with 3.0.0")


def test_under_a_later_version_than_3_0_0_the_vendor_is_asked_where_the_cluster_was_installed_with_that():
    (said,) = advise(silenced("be2", **everywhere({"cluster_status": WITHOUT_BE2, "version": "3.1.1"})))
    asked = "If the cluster was installed with 3.0.0, ask the vendor instead: nobody joins it. "
    assert in_order(said, asked, "If it is down for good: 'chef-backend-ctl remove-node be2'")
    assert asked not in advise(silenced("be2", **everywhere({"cluster_status": WITHOUT_BE2})))[0]


def test_leaderl_does_not_run():
    down = {"status": printed.status(down=("leaderl",))}
    (said,) = advise(views(be1=down, be3=down))
    assert said.startswith("leaderl does not run on be1, be3: without it a node neither leads nor follows")
    assert "'chef-backend-ctl start leaderl'" in said


def test_where_more_than_leaderl_is_stopped_all_is_started():
    down = {"status": printed.status(down=("leaderl", "etcd", "postgresql", "elasticsearch"))}
    said = advise(views(be3=down))[0]
    assert said == ("leaderl and more is stopped on be3: if nobody is at work there, 'chef-backend-ctl start' on each")


@pytest.mark.parametrize(
    "why", [{"half_upgraded": "x"}, {"unsynced": True}, {"no_start": True}, {"busy": ("upgrade",)}]
)
def test_what_an_advice_has_stopped_no_other_starts(why):
    down = {"status": printed.status(down=("leaderl",))}
    seen = views(be3=down)
    assert any("start leaderl" in line for line in advise(seen))
    seen["be3"] = dataclasses.replace(seen["be3"], **why)
    assert not any(line.startswith("leaderl does not run") for line in advise(seen))


def test_failover_that_a_re_index_needs_off_is_not_switched_on_by_hand():
    seen = views(**everywhere({"cluster_status": printed.OFF}))
    (said,) = advise(seen, run(state="failed", reindex=True, failover="off"), "gone")
    assert "the same command goes on" in said and "set-cluster-failover" not in said


EMPTY = {
    "cluster_status": None,
    "status": None,
    "errors": {
        part: "chef-backend-ctl ended with status 1: cluster not configured" for part in ("cluster_status", "status")
    },
}


def test_a_host_that_answers_and_has_nothing_of_the_cluster_is_one_that_is_down():
    without_be3 = printed.cluster_status(tuple(one for one in printed.MEMBERS if one.name != "be3"))
    seen = views(be1={"cluster_status": without_be3}, be2={"cluster_status": without_be3}, be3=EMPTY)
    said = advise(seen)[0]
    assert said.startswith("be3 answers, and shows neither the cluster nor its own services")
    assert in_order(said, "'chef-backend-ctl remove-node be3' on be1", "orch.chef_backend_replace_node, which does")
    assert not any("neither the cluster" in line for line in advise(views(be3=EMPTY))), "the others see it at work"


def test_i5_a_node_that_is_not_shown_as_its_services_are_down_is_no_stranger():
    half = {"half_upgraded": "run r1 did not finish on this node"}
    seen = views(**{name: {"cluster_status": WITHOUT_BE2} | (half if name == "be2" else {}) for name in printed.NODES})
    (said,) = [line for line in advise(answers.in_our_words(seen)) if "half-upgraded" in line]
    assert said.startswith("be2 is half-upgraded")


def test_p9_who_is_who_is_not_sure_and_nothing_is_advised():
    strange = printed.cluster_status(
        tuple(dataclasses.replace(one, name=f"node{one.name[-1]}") for one in printed.MEMBERS)
    )
    assert advise(silenced("be2", **everywhere({"cluster_status": strange}))) == []


def test_p9_the_products_commands_call_a_node_as_the_product_does():
    members = (
        dataclasses.replace(one, name=one.name.upper(), role="waiting_for_leader", pg="down")
        if one.name == "be2"
        else dataclasses.replace(one, name=one.name.upper())
        for one in printed.MEMBERS
    )
    upper = printed.cluster_status(tuple(members))
    seen = answers.in_our_words(silenced("be2", **everywhere({"cluster_status": upper})))
    (said,) = advise(seen)
    assert "'chef-backend-ctl remove-node BE2' on be1" in said


@pytest.mark.parametrize("record", [None, dataclasses.replace(RECORD, state="failed")])
def test_a_node_that_is_half_upgraded(record):
    seen = views(
        be3={"half_upgraded": "etcd started before 2.3.16 was installed"},
        **everywhere_but("be3", cluster_status=printed.OFF),
    )
    (said,) = advise(seen, record, "gone" if record else None)
    assert said.startswith("be3 is half-upgraded: the upgrade with ")
    assert ("version 2.3.16 in the pillar" if record else "the version that is installed there") in said


def everywhere_but(node, **changes):
    return {other: changes for other in printed.NODES if other != node}


def test_failover_off_without_a_run_and_after_one():
    seen = views(**everywhere({"cluster_status": printed.OFF}))
    (said,) = advise(seen)
    assert said.startswith("failover is off and no run explains it") and "set-cluster-failover on" in said
    (said,) = advise(seen, dataclasses.replace(RECORD, state="failed"), "gone")
    assert "run r1 ended as failed and left it so" in said


def test_what_cannot_be_read_is_left_to_the_verdict():
    assert advise(views(**everywhere({"cluster_status": "broken", "replication": "broken"}))) == []


def test_old_settings_of_elasticsearch_are_named_with_the_upgrade_that_mends_them():
    broken = {"signs": {"elasticsearch": ["old-settings"]}, "status": printed.status(down=["elasticsearch"])}
    before = advise(views(be1=broken))
    assert not any("path.scripts" in line for line in before), "2.x knows these settings: the line is an old one"
    broken["version"] = "3.1.1"
    advice = advise(views(be1=broken))
    assert any(
        "Elasticsearch does not start on be1" in line and "'chef-backend-ctl upgrade' once more" in line
        for line in advice
    )
    reason = next(one for one in answers.verdict(views(be1=broken), 1024).reasons if one.code == "service-down")
    assert reason.advice.startswith("Elasticsearch 6 was given settings of 5")
    assert "look at /var/log/chef-backend/elasticsearch/current there" in reason.advice


THROWS_AWAY = ("remove-node", "cleanse", "force-basebackup", "quorum-loss-recovery", "chef-backend-ctl promote")


ODD = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from([None, "Traceback", printed.status(down=["leaderl"]), printed.status(down=["etcd"])]),
        "cluster_status": st.sampled_from([None, "Traceback", printed.cluster_status(), NOBODY_LEADS]),
        "replication": st.sampled_from([None, "", "Traceback"]),
        "version": st.sampled_from([None, "2.3.16"]),
        "half_upgraded": st.sampled_from([None, "leaderl started before"]),
        "busy": st.just(["chef-backend-ctl upgrade"]),
        "signs": st.just({"postgresql": ["wal-gone"], "elasticsearch": ["old-settings"]}),
        "errors": st.just({"status": "timed out"}),
    },
)


SEEN = st.one_of(st.none(), ODD)  # None: it is silent


@settings(max_examples=400, deadline=None)
@given(
    whole=st.sampled_from(printed.NODES),
    others=st.tuples(SEEN, SEEN),
    replication=st.sampled_from([REPLICATION, "", None]),
)
def test_what_one_whole_node_sees_healthy_is_never_advised_to_be_thrown_away(whole, others, replication):
    changes = dict(zip((node for node in printed.NODES if node != whole), others, strict=True))
    seen = views(**{node: change for node, change in changes.items() if change is not None})
    seen |= {node: silent(node) for node, change in changes.items() if change is None}
    if whole == "be1" and replication != REPLICATION:
        seen |= {"be1": views(be1={"replication": replication})["be1"]}
    said = "\n".join(advise(seen))
    assert [words for words in THROWS_AWAY if words in said] == []


@settings(max_examples=200, deadline=None)
@given(
    names=st.tuples(*[st.sampled_from(["db1", "db2", "be9", "10.0.0.7", "BE1.EXAMPLE.COM"])] * 3),
    odd=st.tuples(SEEN, SEEN, SEEN),
)
def test_a_cluster_whose_names_cannot_be_matched_is_never_advised_to_be_thrown_away(names, odd):
    members = tuple(dataclasses.replace(one, name=name) for one, name in zip(printed.MEMBERS, names, strict=True))
    table = printed.cluster_status(members)
    seen = {}
    for node, change in zip(printed.NODES, odd, strict=True):
        own = {"names": [node], "addresses": ["192.0.2.1"]}
        told = {"own": own, **(change or {}), "cluster_status": table}
        seen |= {node: silent(node) if change is None else views(**{node: told})[node]}
    if all(view.silent for view in seen.values()):
        return
    said = "\n".join(advise(answers.in_our_words(seen)))
    assert [words for words in THROWS_AWAY if words in said] == []

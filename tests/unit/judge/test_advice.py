"""What the documents leave to a person is said with the right names, and a healthy cluster needs nobody."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext.chef_backend.judge import advice, answers, standing
from saltext.chef_backend.show import status as shows
from saltext.chef_backend.show.status import Shown
from tests.unit import printed
from tests.unit.answered import RECORD, REPLICATION, everywhere, replicated, run, silent, views

WAITING = tuple(printed.Member(name, role="waiting_for_leader", pg="down", following="-") for name in printed.NODES)
NOBODY_LEADS = printed.cluster_status(WAITING)
NOBODY_LEADS_OFF = printed.cluster_status(tuple(dataclasses.replace(one, blocked="blocked") for one in WAITING))


def advise(seen, record=None, gone=None):
    return advice.advise(seen, record, gone)


def silenced(*nodes, **changes):
    return views(**changes) | {node: silent(node) for node in nodes}


def test_a_healthy_cluster_needs_nobody():
    assert advise(views()) == []
    assert advise(views(), dataclasses.replace(RECORD, state="paused"), "it ended as paused") == []


def test_while_a_run_is_at_it_or_has_the_cluster_down_it_says_itself_how_it_goes_on():
    assert advise(silenced("be2", "be3"), RECORD, None) == []
    assert advise(silenced("be2"), dataclasses.replace(RECORD, way="downtime", down=("be1",)), "gone") == []


def test_nobody_leads():
    (said,) = advise(views(**everywhere({"cluster_status": NOBODY_LEADS, "replication": ""})))
    assert said.startswith("nobody leads. Wait a minute")
    assert "'chef-backend-ctl promote NODE'" in said and "(eligible: be1, be2, be3)" in said
    assert "'chef-backend-ctl force-leader'" in said


def test_nobody_leads_and_a_run_knows_who_did():
    seen = views(**everywhere({"cluster_status": NOBODY_LEADS, "replication": ""}))
    (said,) = advise(seen, run(leader="be2", failover="off"), "gone")
    assert "'chef-backend-ctl promote be2'" in said and "be2 led when run r1 was opened" in said
    assert in_order(said, "Wait a minute", "copy the file systems", "see that cluster-status stays as it is", "promote")


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({"finished": ("be2",)}, {}),  # it has handed over
        ({"inside": ("be2",)}, {}),
        ({"failover": "on"}, {}),  # another may have been elected since
        ({}, {"unsynced": True}),
        ({}, {"no_start": True}),  # another has led since
    ],
)
def test_who_led_is_not_named_for_promotion_where_another_may_have_newer_data(fields, changes):
    seen = views(**everywhere({"cluster_status": NOBODY_LEADS, "replication": ""}))
    seen["be2"] = dataclasses.replace(seen["be2"], **changes)
    said = advise(seen, run(**{"leader": "be2", "failover": "off", **fields}), "gone")[0]
    assert "'chef-backend-ctl promote NODE'" in said and "be2 led" not in said
    assert ("eligible: be1, be3)" in said) == (changes != {} or fields != {"failover": "on"})


def test_nobody_is_elected_or_promoted_while_failover_is_off():
    seen = views(**everywhere({"cluster_status": NOBODY_LEADS_OFF, "replication": ""}))
    said = advise(seen, run(state="failed", failover="off"), "gone")[0]
    assert in_order(
        said, "nobody leads. Failover is off", "'chef-backend-ctl set-cluster-failover on'", "then wait", "promote"
    )
    seen["be2"] = dataclasses.replace(seen["be2"], half_upgraded="etcd started before")
    said = advise(seen, run(state="failed", leader="be1", failover="off"), "gone")[0]
    assert in_order(
        said,
        "be2 is half-upgraded and must not lead: 'chef-backend-ctl stop leaderl' on be2",
        "'chef-backend-ctl set-cluster-failover on'",
        "wait a minute for an election",
        "'chef-backend-ctl promote be1'",
    )


def test_before_2_0_30_the_record_says_that_failover_is_off():
    silent_of_it = printed.cluster_status(WAITING, columns=tuple(one for one in printed.COLUMNS if one != "Blocked"))
    seen = views(**everywhere({"cluster_status": silent_of_it, "replication": ""}))
    assert advise(seen, run(failover="off"), "gone")[0].startswith("nobody leads. Failover is off")
    assert advise(seen)[0].startswith("nobody leads. Wait a minute")


def test_a_leader_that_has_handed_over_is_not_promoted_again_though_it_is_the_one_that_is_deposed():
    for fields in ({"inside": ("be1",)}, {"finished": ("be1",)}):
        said = advise(views(**deposed("be1")), run(leader="be1", failover="off", **fields), "gone")[0]
        assert "promote be1" not in said and "'chef-backend-ctl promote NODE'" in said
    half = views(**deposed("be1"))
    half["be1"] = dataclasses.replace(half["be1"], half_upgraded="etcd started before")
    assert not any("promote be1" in line for line in advise(half))


def deposed(name):
    """Nobody leads, and this node's PostgreSQL does not start."""
    members = (
        printed.Member(
            node,
            role="deposed_leader" if node == name else "waiting_for_leader",
            following="-",
            pg="down" if node == name else "follower",
            eligible="not_eligible",
        )
        for node in printed.NODES
    )
    return everywhere({"cluster_status": printed.cluster_status(tuple(members)), "replication": ""})


@pytest.mark.parametrize("record", [None, run(leader="be2")])
def test_p5_nobody_leads_and_the_leader_of_before_is_deposed(record):
    (said,) = advise(views(**deposed("be1")), record, record and "gone")
    assert said.startswith("nobody leads, and be1, which led before, is deposed: its PostgreSQL does not start while ")
    assert in_order(
        said,
        "nobody has led since be1",
        "copy the file systems of all nodes first",
        "/var/log/chef-backend/leaderl/current on be1",
        "on be1 'rm /var/opt/chef-backend/leaderl/data/no-start-pgsql'",
        "'chef-backend-ctl restart postgresql'",
        "'chef-backend-ctl promote be1'",
    )


def in_order(said, *words):
    """Whether these words follow one another."""
    for word in words:
        _, found, said = said.partition(word)
        if not found:
            return False
    return True


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


@pytest.mark.parametrize("etcd", ["health: red; healthy nodes: 1/3", "error: could not reach etcd (timed out)"])
def test_p6_two_nodes_are_down_and_new_ones_join_without_recovery(etcd):
    (said,) = advise(silenced("be2", "be3", be1={"status": printed.status(printed.cells(etcd=etcd))}))
    assert said.startswith("be2 and be3 do not answer, and etcd on be1 has no quorum: they are down, or be1 is cut off")
    assert in_order(
        said,
        "Only if both are lost for good, and be1 has the newest data",
        "copy the file systems of all nodes first",
        "'chef-backend-ctl create-cluster --quorum-loss-recovery' on be1",
        "'chef-backend-ctl join-cluster 10.0.0.1 -s SECRETS' on a new node, without --recovery",
        "SECRETS is a copy of be1's /etc/chef-backend/chef-backend-secrets.json",
    )


LOST = {"status": printed.status(printed.cells(etcd="health: red; healthy nodes: 1/3"))}


def test_p6_nobody_is_told_to_make_a_cluster_of_3_0_0_that_nobody_can_join():
    (said,) = advise(silenced("be2", "be3", be1=LOST | {"version": "3.0.0"}))
    assert said.endswith("ask the vendor: nobody joins a cluster that was installed with 3.0.0")
    assert "create-cluster" not in said


@pytest.mark.parametrize(
    ("addresses", "address"),
    [(["192.168.5.4"], "192.168.5.4"), (["172.17.0.1", "192.168.5.4"], "ADDRESS"), ([], "ADDRESS")],
)
def test_p6_the_survivors_address_is_said_if_only_one_can_be_meant(addresses, address):
    own = {"own": {"names": ["be1"], "addresses": addresses}, "cluster_status": None}
    (said,) = advise(silenced("be2", "be3", be1=LOST | own))
    assert f"'chef-backend-ctl join-cluster {address} -s SECRETS'" in said
    where = "ADDRESS is the publish_address in be1's /etc/chef-backend/chef-backend.rb. "
    assert (where in said) == (address == "ADDRESS")


def test_s2_two_silent_minions_are_not_two_nodes_that_are_down():
    (said,) = advise(silenced("be2", "be3"))
    assert said == (
        "be2 and be3 do not answer, but etcd on be1 has a quorum: one of them at least is at work, and its minion is "
        "silent. Look at their minions and hosts; nothing is to be recovered"
    )


@pytest.mark.parametrize(
    "status", ["broken", printed.status(printed.cells(etcd=None)), printed.status(printed.cells(etcd="a: b"))]
)
def test_s2_what_the_third_node_does_not_tell_is_no_reason_to_recover(status):
    (said,) = advise(silenced("be2", "be3", be1={"status": status}))
    assert "be1 does not tell whether etcd has a quorum" in said and "create-cluster" not in said


def test_nobody_answers():
    (said,) = advise(silenced("be1", "be2", "be3"))
    assert "or find out why their minions are silent" in said and "create-cluster" not in said


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


def test_a_way_back_that_is_at_work_is_not_advised_once_more():
    seen = views(be3={"unsynced": True, "busy": ["chef-backend-ctl join-cluster"]})
    assert not any("pgsql-follow" in line for line in advise(seen))


def test_a_sentinel_beside_a_node_that_follows_is_no_reason_to_stop_it():
    assert advise(views(be3={"no_start": True})) == []


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


def test_a_leader_of_before_that_does_not_follow_is_brought_into_line_by_hand_and_no_wal_is_blamed():
    members = tuple(
        dataclasses.replace(one, role="deposed_leader", pg="down", eligible="not_eligible")
        if one.name == "be3"
        else one
        for one in printed.MEMBERS
    )
    seen = late({"replication": REPLICATION.splitlines()[0]}, be3={"no_start": True})
    shown = views(**everywhere({"cluster_status": printed.cluster_status(members)}))
    seen = {node: dataclasses.replace(one, cluster=shown[node].cluster) for node, one in seen.items()}
    (said,) = advise(seen)
    assert said.startswith("be3 led before, and does not follow be1: its PostgreSQL does not start while ")
    assert in_order(
        said,
        "on be3 'chef-backend-ctl stop leaderl'",
        "pgsql-follow 10.0.0.1 --verbose'",
        "'rm -f /var/opt/chef-backend/leaderl/data/no-start-pgsql'",
        "'chef-backend-ctl start leaderl'",
    )


def test_without_a_leader_no_command_is_said_that_needs_its_address():
    seen = views(**everywhere({"cluster_status": NOBODY_LEADS, "replication": "", "unsynced": True}))
    said = [line for line in advise(seen) if line.startswith("the sync of")]
    assert len(said) == 3
    assert all(line.endswith("the way back begins at the leader") and "pgsql-follow" not in line for line in said)


def test_a_sync_that_failed():
    columns = tuple(printed.COLUMNS)
    table = printed.cluster_status(columns=columns)
    rows = table.splitlines()
    rows = [
        f"{rows[0]}  Partially Synced",
        *(f"{row}  {'true' if row.startswith('be3') else 'false'}" for row in rows[1:]),
    ]
    (said,) = advise(views(**everywhere({"cluster_status": "\n".join(rows)})))
    assert_it_is_the_sync(said)


def assert_it_is_the_sync(said):
    assert said.startswith("the sync of be3 failed and left /var/opt/chef-backend/leaderl/data/unsynced there.")
    assert in_order(
        said,
        "on be3 'chef-backend-ctl stop leaderl'",
        "'PSQL_INTERNAL_OK=true chef-backend-ctl pgsql-follow 10.0.0.1 --verbose'",
        "Once that works, 'rm -f /var/opt/chef-backend/leaderl/data/unsynced'",
        "'chef-backend-ctl start leaderl'",
        "WAL segment has already been removed",
        "--force-basebackup --verbose 10.0.0.1'",
        "'rm -f /var/opt/chef-backend/leaderl/data/unsynced'",
        "'chef-backend-ctl start'",
    )


def test_p4_a_sync_that_failed_as_the_node_itself_tells():
    (said,) = advise(views(be3={"unsynced": True}))
    assert_it_is_the_sync(said)
    only_be2 = REPLICATION.splitlines()[0]
    assert advise(views(be1={"replication": only_be2}, be3={"unsynced": True})) == [said], "said once"


def late(be1, **more):
    """Views of a cluster in which PostgreSQL misses followers, as each status says; what some answer besides."""
    misses = {"status": printed.status(printed.cells(postgresql="leader: 1; offline: 0; syncing: 0; synced: 1"))}
    return views(**{node: misses | (be1 if node == "be1" else more.get(node, {})) for node in printed.NODES})


def test_a_follower_whose_wal_is_gone():
    only_be2 = REPLICATION.splitlines()[0]
    (said,) = advise(late({"replication": only_be2}))
    assert said.startswith("be3 does not replicate from be1. If /var/log/chef-backend/postgresql/*/current there says")
    assert (
        "requested WAL segment ... has already been removed" in said and "--force-basebackup --verbose 10.0.0.1" in said
    )


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


def test_p8_followers_that_replicate_by_addresses_nobody_knows_are_left_alone():
    rows = [replicated("walreceiver", address=f"172.16.0.{number}") for number in (2, 3)]
    assert advise(views(be1={"replication": "\n".join(rows)})) == []
    stands = standing.of_cluster("prod", "2.2.0", views(be1={"replication": "\n".join(rows)}), 1000)
    assert (stands.reasons, stands.replicating) == ((), (("172.16.0.2", 0), ("172.16.0.3", 0)))
    text = shows.status_text(Shown(stands))
    assert "replication to 172.16.0.2, which is no node's: 0 bytes behind" in text
    assert advise(late({"replication": "\n".join(rows)})) == [], "each may be one of the two"
    (said, other) = advise(late({"replication": rows[0]}))
    assert "be2 does not replicate" in said and "be3 does not replicate" in other


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


def test_a_wal_segment_that_is_gone_is_said_where_the_log_was_read():
    advice = advise(late({"replication": ""}, be3={"signs": {"postgresql": ["wal-gone"]}}))
    assert any(
        line.startswith("be3 does not replicate from be1. Its log says that what it has does not lead on: a full")
        for line in advice
    )
    assert any(line.startswith("be2 does not replicate from be1. If /var/log/") for line in advice)


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

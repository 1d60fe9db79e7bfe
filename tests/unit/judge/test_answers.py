"""What backends answered, made ready for judging: who leads, what is due, who holds the run, how far followers are."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext.chef_backend.judge import answers
from saltext.chef_backend.note import Note
from tests.unit import printed
from tests.unit.answered import RECORD, everywhere, moved, replicated, silent, view, views

# who leads


@pytest.mark.parametrize("leads", printed.NODES)
def test_the_leader_is_the_one_that_all_see(leads):
    seen = {node: view(node, cluster_status=moved(leads)) for node in printed.NODES}
    assert answers.leader(seen) == leads


def test_a_silent_backend_does_not_hide_the_leader():
    assert answers.leader(views() | {"be3": silent("be3")}) == "be1"


def test_the_leader_is_given_as_minion_id():
    seen = {f"{node}.prod.example.com": view(f"{node}.prod.example.com") for node in printed.NODES}
    assert answers.leader(answers.in_our_words(seen)) == "be1.prod.example.com"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"be2": {"cluster_status": moved("be2")}}, "no single leader: be1; be2"),
        (
            everywhere(
                {"cluster_status": printed.cluster_status(printed.changed("be1", role="follower", pg="follower"))}
            ),
            "no single leader: no leader",
        ),
        (
            everywhere({"cluster_status": printed.cluster_status(printed.changed("be2", pg="leader"))}),
            "no single leader: be1 and be2",
        ),
        (
            everywhere({"cluster_status": None, "errors": {"cluster_status": "no cluster here"}}),
            "no single leader: be1: no cluster here; be2: no cluster here; be3: no cluster here",
        ),
    ],
)
def test_without_a_single_leader_every_view_is_told(changes, told):
    with pytest.raises(ValueError) as caught:
        answers.leader(views(**changes))
    assert str(caught.value) == told


def test_a_leader_that_is_no_minion_is_refused():
    seen = {node: view(node) for node in ("be2", "be3")}
    with pytest.raises(ValueError, match="be1 leads, but none of the minions be2, be3 is that node"):
        answers.leader(seen)


def test_nobody_leads_where_nobody_is():
    with pytest.raises(ValueError, match="no single leader"):
        answers.leader({})


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (silent("be2"), "be2: Minion did not return"),
        (view("be2", cluster_status=None, errors={"cluster_status": "status 1: not configured"}), "be2: status 1: not"),
        (view("be2", cluster_status=""), "be2: no cluster-status"),
        (view("be2", cluster_status="Traceback"), "be2: no header of cluster-status"),
    ],
)
def test_a_cluster_status_that_is_missing_names_the_node(answer, told):
    with pytest.raises(ValueError) as caught:
        answers.cluster_of(answer)
    assert str(caught.value).startswith(told)


# failover


@pytest.mark.parametrize(
    ("shown", "failover"),
    [
        (["not_blocked"] * 3, "on"),
        (["blocked"] * 3, "off"),
        (["blocked", "not_blocked", "blocked"], "mixed"),
        (["-"] * 3, "unknown"),
    ],
)
def test_failover_as_all_show_it(shown, failover):
    members = tuple(
        printed.Member(name, blocked=cell, role="leader" if name == "be1" else "follower")
        for name, cell in zip(printed.NODES, shown, strict=True)
    )
    text = printed.cluster_status(members)
    assert answers.failover({node: view(node, cluster_status=text) for node in printed.NODES}) == failover


def test_failover_that_backends_see_differently_is_mixed():
    off = printed.cluster_status(tuple(printed.Member(name, blocked="blocked") for name in printed.NODES))
    assert answers.failover(views(be2={"cluster_status": off})) == "mixed"


def test_failover_that_nobody_shows_is_unknown():
    assert answers.failover({"be1": silent("be1")}) == "unknown"
    assert answers.failover({}) == "unknown"


# what is due, who works, who holds the run


def test_half_upgraded_nodes_are_due_first_and_nothing_is_due_twice():
    seen = views(be1={"version": "2.3.16"}, be3={"version": "2.3.16", "half_upgraded": "postgresql started before"})
    assert answers.due(seen, "2.3.16") == ["be3", "be2"]
    assert answers.due(views(), "2.2.0") == []
    assert answers.due(views() | {"be2": silent("be2")}, "2.2.0") == ["be2"]


def test_who_is_at_work():
    seen = views(be3={"busy": ["chef-backend-ctl upgrade"]}, be1={"busy": None}) | {"be2": silent("be2")}
    assert answers.busy(seen) == ["be3: chef-backend-ctl upgrade"]


def test_the_highest_word_counts():
    late = dataclasses.replace(RECORD, revision=2, step="upgrade be2")
    seen = views(be1={"record": RECORD.to_dict()}, be2={"record": late.to_dict()})
    assert answers.run(seen).record == late
    assert answers.run(views()) is None


def test_a_node_that_missed_the_end_of_a_run_does_not_bring_it_back():
    seen = views(be1={"ended": "r1"}, be2={"ended": "r1"}, be3={"record": RECORD.to_dict()})
    assert answers.run(seen) is None
    seen = views(be1={"ended": "r0"}, be2={"ended": "r0"}, be3={"record": RECORD.to_dict()})
    assert answers.run(seen).run == "r1"


@pytest.mark.parametrize(
    "answer",
    [{"record": None, "errors": {"record": "cannot be read"}}, {"record": {"run": "r1"}}, {"record": ["r1"]}],
)
def test_a_record_that_cannot_be_read_is_not_a_free_cluster(answer):
    with pytest.raises(ValueError, match=r"^be2: "):
        answers.run(views(be1={"record": RECORD.to_dict()}, be2=answer))


@pytest.mark.parametrize(
    ("status", "synced"),
    [
        (printed.status(), 2),
        (printed.status(printed.cells(postgresql="leader: 1; offline: 0; syncing: 1; synced: 1")), 1),
        (printed.status(printed.cells(postgresql="error: could not reach pgsql leader")), 0),
        (printed.status(printed.cells(postgresql=None)), 0),
        (printed.status(printed.cells(postgresql="synced: two")), 0),
        ("", 0),
        (None, 0),
        ("Traceback", 0),
    ],
)
def test_followers_in_sync(status, synced):
    assert answers.synced_followers(view("be1", status=status)) == synced


def test_a_node_whose_sync_failed_is_not_well():
    assert answers.verdict(views(), 1000).healthy
    (reason,) = answers.verdict(views(be3={"unsynced": True}), 1000).reasons
    assert str(reason).startswith("be3 is partially synced: its sync failed and left leaderl/data/unsynced")


# the verdict


def test_three_healthy_backends():
    assert answers.verdict(views(), 1024).healthy


def test_three_healthy_backends_with_a_domain():
    seen = {f"{node}.example.com": view(f"{node}.example.com") for node in printed.NODES}
    assert answers.verdict(answers.in_our_words(seen), 1024).healthy


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"be1": {"status": None, "errors": {"status": "timed out after 60 s"}}},
            "be1 could not be judged: status: timed",
        ),
        (
            {"be2": {"cluster_status": "garbage"}},
            "be2 could not be judged: cluster_status: no header of cluster-status",
        ),
        ({"be2": {"status": printed.status(down=["etcd"])}}, "be2 has etcd down"),
        ({"be3": {"cluster_status": moved("be3")}}, "the cluster is seen with different leaders"),
        ({"be1": {"replication": replicated("be2")}}, "the cluster shows replication to 1 followers"),
        (
            {"be1": {"replication": "garbage"}},
            "be1 could not be judged: replication: not a follower's replication: 'garbage'",
        ),
        (
            {"be1": {"replication": f"{replicated('be2')}\n{replicated('be3', 1025)}"}},
            "be3 is 1025 bytes behind the leader (limit 1024): wait until it has caught up",
        ),
    ],
)
def test_what_is_not_well_is_a_reason(changes, told):
    verdict = answers.verdict(views(**changes), 1024)
    assert not verdict.healthy
    assert told in "\n".join(map(str, verdict.reasons))


def test_a_silent_backend_is_a_reason():
    verdict = answers.verdict(views() | {"be3": silent("be3")}, 1024)
    assert not verdict.healthy
    (first, *_) = verdict.reasons
    assert (first.code, first.node) == ("silent", "be3")
    seen = "be1 sees be3 following, be2 sees be3 following: only its minion is silent"
    assert str(first) == f"Minion did not return ({seen})"


def test_two_minions_of_one_name_are_not_two_backends():
    seen = {"be1": view("be1"), "be2": view("be2"), "be2.example.com": view("be2.example.com")}
    assert not answers.verdict(seen, 1024).healthy


def test_a_resumed_node_is_excused_but_nobody_else_is():
    down = printed.status(
        printed.cells(
            leaderl="leader: 1; waiting: 0; follower: 1; total: 2",
            etcd="health: yellow; healthy nodes: 2/3",
            postgresql="leader: 1; offline: 1; syncing: 0; synced: 1",
            elasticsearch="state: yellow; nodes online: 2/3",
        ),
        disks=None,
    )
    table = printed.cluster_status(printed.changed("be3", role="", pg="", es=""))
    others = {"status": down, "cluster_status": table}
    seen = views(be1=others | {"replication": replicated("be2")}, be2=others) | {"be3": silent("be3")}
    assert not answers.verdict(seen, 1024).healthy
    resumed = answers.verdict(seen, 1024, "be3")
    assert resumed.healthy, "\n".join(map(str, resumed.reasons))
    assert resumed.tolerated
    assert not answers.verdict(seen, 1024, "be2").healthy


@settings(max_examples=100, deadline=None)
@given(
    node=st.sampled_from(printed.NODES),
    what=st.sampled_from(["cluster_status", "status", "replication"]),
    text=st.text(max_size=40),
    resumed=st.none() | st.sampled_from(printed.NODES),
)
def test_free_text_in_place_of_an_answer_is_never_healthy(node, what, text, resumed):
    """Only a follower may have nothing to say of replication; a resumed node is excused, nobody else."""
    verdict = answers.verdict(views(**{node: {what: text}}), 1024, resumed)
    harmless = what == "replication" and node != "be1" and not text.splitlines()
    leads_and_says_nothing = (node, what) == ("be1", "replication")
    assert verdict.healthy == (harmless or (node == resumed and not leads_and_says_nothing))
    assert verdict.healthy or verdict.reasons


# whose run it is, and since when services run


WORD = dataclasses.replace(RECORD, revision=7, step="failover off")


def owned(**copies):
    told = {node: {"record": copy and copy.to_dict()} for node, copy in copies.items()}
    return answers.owned(views(**told), WORD, 2200.0)


def test_i5_a_run_is_owned_while_a_majority_has_its_word():
    assert owned(be1=WORD, be2=WORD, be3=WORD).record == WORD
    assert owned(be1=WORD, be2=WORD, be3=RECORD).record == WORD, "who missed a word is brought up by the next"
    assert owned(be1=WORD, be2=WORD).record == WORD
    with pytest.raises(ValueError, match="be2 has not got the record; be3 has not got the record"):
        owned(be1=WORD)


def test_a_run_that_one_node_gave_to_another_is_not_owned_any_more():
    taken = dataclasses.replace(RECORD, epoch=2, owner=dataclasses.replace(RECORD.owner, jid="2", master="hub2"))
    with pytest.raises(ValueError, match=r"run r1 to 2\.3\.16 holds prod: started by master hub2"):
        owned(be1=WORD, be2=taken, be3=WORD)


def test_a_run_that_a_node_has_given_up_is_not_owned_any_more():
    note = {"note": Note("r1", gave_up=1).to_dict()}
    seen = views(**{node: {"record": WORD.to_dict()} | (note if node == "be2" else {}) for node in printed.NODES})
    with pytest.raises(ValueError, match="the backends gave it up"):
        answers.owned(seen, WORD, 2200.0)


def test_a_run_that_no_node_knows_is_not_owned():
    with pytest.raises(ValueError, match="be1 has not got the record"):
        owned()
    with pytest.raises(ValueError, match="Minion did not return"):
        answers.owned({node: silent(node) for node in printed.NODES}, WORD, 2200.0)


def test_the_youngest_service_of_all_nodes():
    restarted = printed.status().replace("1d 5h 0m 41s", "0d 0h 0m 4s ")
    assert restarted != printed.status(), "the printed times have changed: change this test, too"
    assert answers.youngest(views(be2={"status": restarted})) == ("be2", "leaderl", 4)
    assert answers.youngest({}) is None
    with pytest.raises(ValueError):
        answers.youngest(views(be2={"status": "Traceback"}))


def test_a_version_that_does_not_show_failover_contradicts_none_that_does():
    columns = tuple(column for column in printed.COLUMNS if column not in ("Blocked", "Eligible"))
    early = {"cluster_status": printed.cluster_status(columns=columns)}
    assert answers.failover(views(be3=early)) == "on"
    assert answers.failover(views(**everywhere(early))) == "unknown"

"""Whether a backend that is down may be replaced, and how far it is: decided from what the other two show."""

import dataclasses

import pytest

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import replace as replacing
from tests.unit import printed
from tests.unit.answered import replicated, run, views

LAG = 52428800
DOWN = {  # what the others see of the cluster while be3 is down
    "leaderl": "leader: 1; waiting: 0; follower: 1; total: 2",
    "etcd": "health: yellow; healthy nodes: 2/3",
    "postgresql": "leader: 1; offline: 1; syncing: 0; synced: 1",
    "elasticsearch": "state: yellow; nodes online: 2/3",
}
GONE = DOWN | {
    "etcd": "health: green; healthy nodes: 2/2",
    "postgresql": "leader: 1; offline: 0; syncing: 0; synced: 1",
    "elasticsearch": "state: yellow; nodes online: 2/2",
}
UNLISTED = tuple(member for member in printed.MEMBERS if member.name != "be3")
MINE = run(way=records.REPLACE, target="replace be3", state=records.FAILED)


def told(cells=None, members=UNLISTED, disks="2/3", **changes):
    """What is changed in the backends' answers while be3 is down; no cluster can be asked on be3 itself."""
    disks = (printed.DISKS[0], f"health: yellow; healthy nodes: {disks}")
    other = {
        "status": printed.status(printed.cells(**(cells or DOWN)), disks=disks),
        "cluster_status": printed.cluster_status(members),
    }
    be3 = {"status": None, "cluster_status": None, "errors": {"status": "chef-backend-ctl status: exit status 1"}}
    answered = {"be1": {**other, "replication": replicated("be2")}, "be2": dict(other), "be3": be3}
    for node, more in changes.items():
        answered[node] |= more
    return answered


def told_removed(**changes):
    return told(GONE, disks="2/2", **changes)


def seen(*args, **changes):
    return views(**told(*args, **changes))


def removed(**changes):
    return views(**told_removed(**changes))


def test_only_a_backend_of_the_cluster_and_only_if_its_name_is_confirmed():
    replacing.confirmed("be3", ["be1", "be2", "be3"], "delete all data of be3")
    with pytest.raises(ValueError, match=r"'be9' is no backend of this cluster, expected one of be1, be2, be3"):
        replacing.confirmed("be9", ["be3", "be2", "be1"], "delete all data of be9")


@pytest.mark.parametrize("said", ["", "yes", True, None, "be3", "delete all data of be2", "Delete all data of be3 "])
def test_anything_but_the_words_is_refused(said):
    with pytest.raises(ValueError, match=r"expected 'delete all data of be3': only then is be3 replaced. Nothing was"):
        replacing.confirmed("be3", ["be1", "be2", "be3"], said)


@pytest.mark.parametrize(
    ("views", "stage"),
    [
        (seen(), replacing.MEMBER),
        (seen(members=printed.changed("be3", role="unknown", pg="unknown", es="")), replacing.MEMBER),
        (removed(), replacing.REMOVED),
        (views(), replacing.BACK),
    ],
)
def test_how_far_it_is(views, stage):
    assert replacing.stage(views, "be3", LAG) == stage
    if stage != replacing.BACK:
        replacing.not_at_work(views, "be3")
        replacing.others_are_well(views, "be3", LAG)


def test_what_cannot_be_told_is_no_stage():
    differ = seen(be2={"status": printed.status(printed.cells(**GONE))})
    with pytest.raises(ValueError, match=r"count different numbers of members \(be1 3, be2 2\): wait"):
        replacing.stage(differ, "be3", LAG)
    for text in (None, "", "no table", printed.status(printed.cells(etcd=None))):
        with pytest.raises(
            ValueError, match=r"be2: (no status|a line before the header of status|its status shows no etcd)"
        ):
            replacing.stage(seen(be2={"status": text}), "be3", LAG)
    for cell in ("health: red; healthy nodes: 1/1", "health: green; healthy nodes: 4/4", "health: green"):
        alone = printed.status(printed.cells(etcd=cell))
        with pytest.raises(ValueError, match=r"be1: etcd has healthy nodes: .*, expected 2/2, 2/3 or 3/3"):
            replacing.stage(seen(be1={"status": alone}, be2={"status": alone}), "be3", LAG)


@pytest.mark.parametrize("shown", [{"role": "follower"}, {"role": "leader"}, {"role": "x", "pg": "follower"}])
def test_a_node_that_is_shown_at_work_is_not_down(shown):
    alive = printed.changed("be3", **{"role": "unknown", "pg": "unknown", **shown})
    with pytest.raises(ValueError, match=r"be3 is not down: be1 shows it as .*'chef-backend-ctl stop' on be3"):
        replacing.not_at_work(seen(members=alive), "be3")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (seen(be1={"replication": ""}), "shows replication to 0 followers"),
        (seen({**DOWN, "postgresql": "leader: 1; offline: 1; syncing: 1; synced: 0"}), "be1, be2 has postgresql with"),
        (seen(be2={"errors": {"status": "no answer"}}), "be2 could not be judged"),
        (seen(be1={"replication": replicated("be2", behind=LAG + 1)}), "be2 is 52428801 bytes behind"),
        (seen(members=tuple(dataclasses.replace(m, blocked="blocked") for m in UNLISTED)), "failover is off"),
    ],
)
def test_unless_the_other_two_have_all_the_data_nothing_is_deleted(broken, said):
    with pytest.raises(ValueError, match=said):
        replacing.others_are_well(broken, "be3", LAG)


def test_the_node_that_leads_is_not_down():
    with pytest.raises(ValueError, match=r"be1 is not down: be2 shows it as leader"):
        replacing.not_at_work(views(), "be1")


def test_the_same_package_is_installed():
    replacing.same_package(seen(), "be3")
    with pytest.raises(ValueError, match=r"be3 has chef-backend 2\.3\.16 installed, the others run 2\.2\.0"):
        replacing.same_package(seen(be3={"version": "2.3.16"}), "be3")
    with pytest.raises(ValueError, match=r"the others run 2.2.0, 2.3.16"):
        replacing.same_package(seen(be1={"version": "2.3.16"}), "be3")
    with pytest.raises(ValueError, match=r"be3: is chef-backend installed"):
        errors = {"version": "is chef-backend installed?"}
        replacing.same_package(seen(be3={"version": None, "errors": errors}), "be3")


def test_nobody_joins_a_cluster_that_was_installed_with_3_0_0():
    replacing.may_be_joined(seen(be3={"version": "3.0.0"}), "be3")
    closed = {node: {"version": "3.0.0"} for node in ("be1", "be2", "be3")}
    with pytest.raises(
        ValueError, match=r"be1 runs chef-backend 3\.0\.0: a node cannot join a cluster that was installed"
    ):
        replacing.may_be_joined(seen(**closed), "be3")


@pytest.mark.parametrize(
    ("version", "said", "refused"),
    [
        ("2.3.16", None, None),
        ("3.1.1", "2.3.16", None),
        ("3.1.1", "3.1.1", None),
        ("3.1.1", "3.0.0", "that the upgrade to 3.1.1 has mended this one is not documented"),
        ("3.1.1", None, "found None, expected the version that the cluster was installed with, 3.1.1 or before"),
        ("3.1.1", "no", "found 'no', expected"),
        ("3.1.1", "3.2.0", "found '3.2.0', expected"),
    ],
)
def test_under_3_x_somebody_says_that_the_cluster_was_not_installed_with_3_0_0(version, said, refused):
    """No file of the product tells it, and a node that cannot join has lost its data by then."""
    there = seen(**{node: {"version": version} for node in ("be1", "be2", "be3")})
    if refused is None:
        replacing.installed_with(there, "be3", said)
        return
    with pytest.raises(ValueError, match=refused):
        replacing.installed_with(there, "be3", said)


def test_it_joins_by_the_leaders_address():
    assert replacing.address_of_leader(removed(), "be3") == "10.0.0.1"
    assert replacing.address_of_leader(removed(be3={"cluster_status": printed.cluster_status()}), "be3") == "10.0.0.1"


FAILED = run(state=records.FAILED)


@pytest.mark.parametrize(
    ("found", "gone", "goes_on"), [(None, None, None), (MINE, "the run ended", MINE), (FAILED, "it ended", None)]
)
def test_its_own_run_is_gone_on_with_and_another_that_left_nothing_is_replaced(found, gone, goes_on):
    assert replacing.resumed(found, gone, "be3", seen()) == goes_on


def test_a_node_that_broke_in_its_upgrade_may_be_replaced_if_nothing_else_is_half_upgraded():
    broken = {"half_upgraded": "older services"}
    assert replacing.resumed(FAILED, "it ended", "be3", seen(be3=broken)) is None
    with pytest.raises(ValueError, match=r"what it has left is not be3's alone: finish it first"):
        replacing.resumed(FAILED, "it ended", "be3", seen(be3=broken, be2=broken))


@pytest.mark.parametrize("state", [records.FAILED, records.ABORTED])
def test_i5_a_node_that_was_lost_in_its_turn_is_replaced_once_somebody_has_switched_failover_on(state):
    """The run's record says off for good: nothing of this extension may know that the node will not come back."""
    left = run(state=state, failover="off", turn="be3", unheard=61.0)
    off = {node: {"cluster_status": printed.OFF} for node in ("be1", "be2")}
    with pytest.raises(ValueError, match="has left failover off: finish it first, by the same command"):
        replacing.resumed(left, "it ended", "be3", seen(**off))
    assert replacing.resumed(left, "it ended", "be3", seen()) is None
    for unheard in (59.0, None):  # the table may show what was before it was switched off
        with pytest.raises(ValueError, match="and run this again after 60 s"):
            replacing.resumed(dataclasses.replace(left, unheard=unheard), "it ended", "be3", seen())


@pytest.mark.parametrize(
    ("changes", "gone", "said"),
    [
        ({}, None, "run r1 to 2.3.16 is under way, at step 'open': wait"),
        ({"way": records.REPLACE, "target": "replace be3"}, None, "is under way"),
        ({"way": "downtime", "down": True}, "it is gone", "finish it first"),
        ({"way": "reindex", "finished": ("be2",)}, "it is gone", "finish it first"),
        ({"way": records.FRONTENDS}, "it is gone", "of the frontends to 2.3.16 is unfinished"),
    ],
)
def test_any_other_run_comes_first(changes, gone, said):
    with pytest.raises(ValueError, match=said):
        replacing.resumed(run(**changes), gone, "be3", seen())

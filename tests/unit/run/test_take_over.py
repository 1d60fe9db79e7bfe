"""Who gets the lock of a run: each take-over is completed or overtaken, and of two at once one wins."""

import dataclasses

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers
from saltext.chef_backend.node import record_file
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import lock
from saltext.chef_backend.run.bus import Answer
from tests.unit import printed
from tests.unit.answered import run
from tests.unit.answered import views as views_of
from tests.unit.run import fakes
from tests.unit.run.backends import FIELDS, Cluster, everywhere


@pytest.fixture(name="cluster")
def fixture_cluster(tmp_path):
    return Cluster(tmp_path)


# take-over


@pytest.mark.parametrize("reached", [("be1",), ("be2",), ("be3",), ("be1", "be3"), ()])
def test_i5_a_take_over_that_did_not_come_to_its_end_is_overtaken_by_the_next(cluster, reached):
    cluster.begin("1")
    hub = cluster.master("2")
    seen = clusters.views(hub, "prod", ["record"])
    found = answers.run(seen)
    cluster.silent = set(printed.NODES) - set(reached)
    if len(reached) < 2:
        with pytest.raises(CommandExecutionError, match="does not answer"):
            lock.begin(hub, seen, found, lease=60, target="2.3.16", **FIELDS)
    else:
        lock.begin(hub, seen, found, lease=60, target="2.3.16", **FIELDS)
    cluster.silent = set()
    cluster.begin("3")  # the same command; that process is gone, too
    assert cluster.copies() == everywhere(("1", "3", 3 if reached else 2, 1))


LEFT = {  # what of an unfinished run only that run can finish, and where
    "left be2 half-upgraded": ({"way": "rolling"}, {"be2": {"half_upgraded": "older services"}}),
    "has the cluster down": ({"way": "downtime", "down": True}, {}),
    "has frontends out of service, and the search index is not whole": (
        {"way": "reindex", "reindex": True, "finished": ("be2",)}, {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("left", LEFT)
def test_i9_another_target_drops_nothing_that_an_unfinished_run_alone_can_finish(left):
    fields, answered = LEFT[left]
    found, seen = run(state=records.FAILED, **fields), views_of(**answered)
    said = rf"run r1 to 2\.3\.16 {left}: finish it first, with version 2\.3\.16 in the pillar"
    with pytest.raises(CommandExecutionError, match=said):
        lock.may_take(fakes.master(), found, "3.1.1", seen)
    assert lock.may_take(fakes.master(), found, "2.3.16", seen) == found, "the same command goes on with it"


def test_another_target_is_opened_over_a_run_that_has_left_nothing():
    found = run(state=records.FAILED, failover="off")
    assert lock.may_take(fakes.master(), found, "3.1.1", views_of()) is None


@pytest.mark.parametrize("reached", [("be1",), ("be1", "be3")])
def test_i5_a_run_that_was_opened_on_some_backends_only_is_taken_over_to_be_aborted(cluster, reached):
    cluster.begin("1")
    opened_on(cluster, "2", "2.3.17", *reached)
    hub = cluster.master("3")
    taken = lock.take_over(hub, clusters.views(hub, "prod", ["record"]), cluster.told(), "abort")
    assert cluster.copies() == everywhere(("2", "3", 3, 1))
    lock.finish(hub, taken.changed_to(1.0, state=records.ABORTED))
    assert cluster.copies() == everywhere(None)


def test_i3_what_a_backend_has_switched_off_by_itself_is_its_runs_word_once_that_is_taken_over(cluster):
    cluster.begin("1")
    found = dataclasses.replace(cluster.told(), switched=True)
    assert found.failover == "on", "the run itself has left it on"
    hub = cluster.master("2")
    lock.take_over(hub, clusters.views(hub, "prod", ["record"]), found, "abort")
    assert cluster.told().failover == "off", "so that whoever ends it switches failover on again"


@pytest.mark.parametrize("reached", ["be1", "be2", "be3"])
def test_i5_a_take_over_that_reached_one_backend_can_be_aborted(cluster, reached):
    cluster.begin("1")
    hub = cluster.master("2")
    seen = clusters.views(hub, "prod", ["record"])
    found = answers.run(seen)
    cluster.silent = set(printed.NODES) - {reached}
    with pytest.raises(CommandExecutionError):
        lock.begin(hub, seen, found, lease=60, target="2.3.16", **FIELDS)
    cluster.silent = set()
    lock.finish(cluster.master(""), cluster.told().changed_to(1.0, state=records.ABORTED))
    assert cluster.copies() == everywhere(None)


def test_i7_who_was_overtaken_on_one_backend_holds_nothing_any_more(cluster):
    hub = cluster.begin("1")
    other = cluster.master("2")
    seen = clusters.views(other, "prod", ["record"])
    found = answers.run(seen)
    cluster.silent = {"be1", "be3"}
    with pytest.raises(CommandExecutionError):
        lock.begin(other, seen, found, lease=60, target="2.3.16", **FIELDS)
    cluster.silent = set()
    with pytest.raises(CommandExecutionError, match="does not hold prod any more"):
        lock.note(hub, "prod", failover="off")
    assert cluster.told().owner.jid == "2"


def test_i7_a_late_word_of_an_owner_before_changes_nothing(cluster):
    hub = cluster.begin("1")
    late = lock.held(hub, "prod").changed_to(1.0, failover="off", step="late")
    cluster.begin("2")
    for host in cluster.hosts.values():
        assert record_file.accept(host, late)[0] is False
        assert record_file.beat(host, "1", 1) is False
    assert cluster.copies() == everywhere(("1", "2", 2, 1))


def test_a_take_over_keeps_what_the_run_is_and_ends_what_was_wished_of_its_owner_before(cluster):
    hub = cluster.begin("1")
    lock.note(hub, "prod", failover="off", step="failover off", turn="be2", took={"be3": 5.0})
    for host in cluster.hosts.values():
        record_file.wish(host, "1", 1, "pause")
    assert cluster.told().wish == "pause"
    cluster.begin("2")
    assert not any(record_file.wish(host, "1", 1, "abort") for host in cluster.hosts.values()), "it comes late"
    taken = cluster.told()
    assert (taken.run, taken.failover, taken.took, taken.opened) == ("1", "off", {"be3": 5.0}, fakes.NOW)
    assert (taken.step, taken.turn, taken.wish) == ("open", None, None)


@pytest.mark.parametrize("target", ["2.3.16", "2.3.17"])
@pytest.mark.parametrize("teller", ["a frontend", "a view in the middle of it"])
def test_i7_a_run_that_was_taken_since_it_was_looked_at_gives_no_way_to_an_epoch_that_was_heard_of(
    cluster, target, teller
):
    cluster.begin("1")
    hub = cluster.master("3")
    seen = clusters.views(hub, "prod", ["record"])
    resumed = lock.may_take(hub, answers.run(seen), target, seen)
    cluster.begin("2")
    if teller == "a frontend":
        hub.bus.does["chef_server_agent.epoch"] = lambda node: 2
    else:
        seen = {node: dataclasses.replace(view, epoch=2) for node, view in seen.items()}
    with pytest.raises(CommandExecutionError, match=r"run 1 to 2.3.16 holds prod.*: wait for its end"):
        lock.begin(hub, seen, resumed, lease=60, target=target, **FIELDS)
    assert cluster.copies() == everywhere(("1", "2", 2, 1))


@pytest.mark.parametrize("missed", ["be1", "be2", "be3"])
@pytest.mark.parametrize("target", ["2.3.16", "2.3.17"])
def test_i5_a_run_goes_on_that_one_backend_has_not_heard_of_beside_a_take_over_that_is_refused(cluster, target, missed):
    """Who looked before, and hears of its epoch, must not leave a higher one on that backend."""
    cluster.begin("1")
    hub = cluster.master("3")
    seen = clusters.views(hub, "prod", ["record"])
    resumed = lock.may_take(hub, answers.run(seen), target, seen)
    cluster.silent = {missed}
    lives = cluster.begin("2")
    cluster.silent = set()
    hub.bus.does["chef_server_agent.epoch"] = lambda node: 2
    with pytest.raises(CommandExecutionError, match=r"holds prod.*: wait for its end"):
        lock.begin(hub, seen, resumed, lease=60, target=target, **FIELDS)
    lock.note(lives, "prod", step="it goes on")
    assert cluster.copies() == everywhere(("1", "2", 2, 2))


def test_i8_where_an_epoch_was_heard_of_that_nobody_shows_a_majority_has_to_tell(cluster):
    cluster.begin("1")
    hub = cluster.master("3")
    seen = clusters.views(hub, "prod", ["record"])
    cluster.begin("2")
    hub.bus.does["chef_server_agent.epoch"] = lambda node: 2
    cluster.silent = {"be1", "be2", "be3"}
    resumed = lock.may_take(hub, answers.run(seen), "2.3.16", seen)
    with pytest.raises(CommandExecutionError, match="be1 does not answer"):
        lock.begin(hub, seen, resumed, lease=60, target="2.3.16", **FIELDS)
    assert cluster.copies() == everywhere(("1", "2", 2, 1))


def test_an_epoch_that_a_frontend_tells_is_gone_beyond(cluster):
    hub = cluster.master("1")
    hub.bus.does["chef_server_agent.epoch"] = lambda node: 7
    cluster.begin("1", master=hub)
    assert cluster.copies() == everywhere(("1", "1", 8, 1))


# two at once


class Between:
    """A bus on which, before its n-th call, another orchestration does all that it does."""

    def __init__(self, bus, count, other):
        self.bus, self.left, self.other = bus, count, other

    def ask(self, nodes, function, *args, **more):
        said = {}
        for node in nodes:
            if self.left == 0:
                self.other()
            self.left -= 1
            said |= self.bus.ask([node], function, *args, **more)
        return said

    def __getattr__(self, name):
        return getattr(self.bus, name)


def at_once(cluster, count, *targets):
    """Two orchestrations have looked; the second takes the cluster before the n-th call by which the first does.

    :returns: who got it, by job id: "1" and "2".
    """
    got = []

    def looks(jid, target):
        hub = cluster.master(jid, alive=lambda owner: owner.jid in ("1", "2"))
        seen = clusters.views(hub, "prod", ["record"])
        return hub, seen, lock.may_take(hub, answers.run(seen), target, seen)

    def takes(hub, seen, resumed, target):
        try:
            lock.begin(hub, seen, resumed, lease=60, target=target, **FIELDS)
        except CommandExecutionError as err:
            assert "holds prod" in str(err), err
        else:
            got.append(hub.jid)

    first, second = (looks(jid, target) for jid, target in zip("12", targets, strict=True))
    between = Between(first[0].bus, count, lambda: takes(*second, targets[1]))
    takes(dataclasses.replace(first[0], bus=between), *first[1:], targets[0])
    return got


@pytest.mark.parametrize("count", range(4))
def test_i6_of_two_new_runs_at_once_one_wins(cluster, count):
    (winner,) = at_once(cluster, count, "2.3.16", "2.3.16")
    assert cluster.copies() == everywhere((winner, winner, 1, 1))


@pytest.mark.parametrize("count", range(4))
def test_i6_of_two_take_overs_at_once_one_wins_and_is_the_owner_that_all_hear_of(cluster, count):
    cluster.begin("0")
    (winner,) = at_once(cluster, count, "2.3.16", "2.3.16")
    assert (cluster.told().run, cluster.told().owner.jid) == ("0", winner)


@pytest.mark.parametrize("count", range(4))
@pytest.mark.parametrize("targets", [("2.3.16", "2.3.17"), ("2.3.17", "2.3.16")])
def test_i6_of_a_take_over_and_a_new_run_at_once_one_wins_at_most(cluster, count, targets):
    cluster.begin("0")
    winners = at_once(cluster, count, *targets)
    assert len(winners) < 2
    assert [cluster.told().owner.jid] == winners or not winners
    cluster.begin("3")
    assert cluster.told().owner.jid == "3"


def test_i6_a_second_run_is_refused_while_the_first_lives(cluster):
    cluster.begin("1")
    with pytest.raises(CommandExecutionError, match=r"run 1 to 2\.3\.16 holds prod: .*: wait for its end"):
        cluster.begin("2", "2.3.17", cluster.master("2", alive=lambda owner: True))


# a new run over one that nobody drives


def opened_on(cluster, jid, target, *reached):
    """An orchestration opens a run over what is there, reaches these nodes, and dies before it gives them back."""
    hub = cluster.master(jid)
    seen = clusters.views(hub, "prod", ["record"])
    hub.bus.does["chef_backend_agent.withdraw"] = lambda node, run, epoch: Answer(False, error="the master is gone")
    accept = hub.bus.does["chef_backend_agent.accept"]
    hub.bus.does["chef_backend_agent.accept"] = lambda node, *args: (
        accept(node, *args) if node in reached else Answer(False, error=f"{node} does not answer")
    )
    with pytest.raises(CommandExecutionError):
        lock.begin(hub, seen, lock.may_take(hub, answers.run(seen), target, seen), lease=60, target=target, **FIELDS)


@pytest.mark.parametrize("reached", [("be1",), ("be1", "be2")])
@pytest.mark.parametrize("target", ["2.3.16", "2.3.17", "3.2.1"])
def test_i5_a_new_run_that_did_not_come_to_all_backends_is_gone_on_with_or_opened_over(cluster, reached, target):
    cluster.begin("1", "2.3.16")
    opened_on(cluster, "2", "2.3.17", *reached)
    assert {copy[0] for copy in cluster.copies().values()} == {"1", "2"}
    cluster.begin("3", target)
    assert cluster.copies() == everywhere(("2" if target == "2.3.17" else "3", "3", 3, 1))


def test_i5_a_run_that_died_before_it_gave_back_what_it_had_taken_is_gone_on_with(cluster):
    opened_on(cluster, "1", "2.3.16", "be1")
    cluster.begin("2")
    assert cluster.copies() == everywhere(("1", "2", 2, 1))

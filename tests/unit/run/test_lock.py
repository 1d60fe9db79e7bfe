"""The lock of a run, between masters and the record files of three backends: who holds it, and who never does."""

import dataclasses
import json

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers
from saltext.chef_backend.node import record_file
from saltext.chef_backend.node import view as views
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.record import Record
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import lock
from saltext.chef_backend.run.bus import Answer
from tests.unit import printed
from tests.unit.answered import run
from tests.unit.answered import views as views_of
from tests.unit.run import fakes

RUN_FILE = "/var/lib/salt-chef-backend/run.json"
FIELDS = {"cluster": "prod", "way": "rolling", "leader": "be1", "failover_found": "on", "frontends": ("fe1",)}


class Cluster:
    """Three backends, each with its own record file, and masters that reach them.

    ``silent``: nodes that do not hear; ``unanswered``: nodes that hear, and whose answers are lost.
    """

    def __init__(self, folder):
        self.clock = fakes.Clock()
        self.hosts = {node: Host(node, {}, root=folder / node, clock=self.clock) for node in printed.NODES}
        self.silent, self.unanswered = set(), set()

    def master(self, jid, **more):
        """A master of which every process but this orchestration's is gone."""
        agent = {
            "view": self.view,
            "accept": self.accept,
            "finish": lambda node, record: record_file.finish(self.hosts[node], Record.from_dict(record)),
            "withdraw": lambda node, run, epoch: record_file.withdraw(self.hosts[node], run, epoch),
            "beat": lambda node, jid, epoch: record_file.beat(self.hosts[node], jid, epoch),
            "wish": lambda node, run, word: record_file.wish(self.hosts[node], run, word),
        }
        does = {f"chef_backend_agent.{name}": self.over_the_bus(function) for name, function in agent.items()}
        return fakes.master(does=does, jid=jid, clock=self.clock, **more)

    def over_the_bus(self, function):
        def call(node, *args):
            if node in self.silent:
                return Answer(False, error=f"{node} does not answer")
            said = function(node, *json.loads(json.dumps(args)))
            return Answer(False, error=f"{node} does not answer") if node in self.unanswered else said

        return call

    def view(self, node, only=None, word=None, table=None):
        return views.view(self.hosts[node], ["record"], word)

    def accept(self, node, record, over=()):
        taken, stands = record_file.accept(self.hosts[node], Record.from_dict(record), over)
        return {"taken": taken, "record": stands.to_dict()}

    def begin(self, jid, target="2.3.16", master=None):
        """An orchestration opens its run, as the opening does; returns its master."""
        hub = master or self.master(jid)
        seen = clusters.views(hub, "prod", ["record"])
        found = answers.run(seen)
        resumed = lock.may_take(hub, found, target, seen)
        lock.begin(hub, seen, resumed, lease=60, target=target, **FIELDS)
        return hub

    def told(self):
        """The run that the backends tell of together; None if none is open or unfinished."""
        return answers.run(clusters.views(self.master(""), "prod", ["record"]))

    def copies(self):
        """What stands on each node: run, owner, epoch and revision."""
        found = {node: record_file.read(host) for node, host in self.hosts.items()}
        return {node: copy and (copy.run, copy.owner.jid, *copy.word) for node, copy in found.items()}


@pytest.fixture(name="cluster")
def fixture_cluster(tmp_path):
    return Cluster(tmp_path)


def everywhere(copy):
    return dict.fromkeys(printed.NODES, copy)


# a run, and its words


def test_a_new_run_stands_on_every_backend(cluster):
    cluster.begin("1")
    assert cluster.copies() == everywhere(("1", "1", 1, 1))


def test_i6_a_new_run_is_not_opened_where_one_backend_is_silent_and_what_was_taken_is_given_back(cluster):
    for node in printed.NODES:
        hub = cluster.master("1")
        seen = clusters.views(hub, "prod", ["record"])
        cluster.silent = {node}
        with pytest.raises(CommandExecutionError, match=f"{node} does not answer"):
            lock.begin(hub, seen, None, lease=60, target="2.3.16", **FIELDS)
        assert cluster.copies() == everywhere(None)
        cluster.silent = set()


def test_i5_a_word_that_one_backend_missed_is_brought_to_it_with_the_next(cluster):
    hub = cluster.begin("1")
    cluster.silent = {"be1"}
    lock.note(hub, "prod", failover="off", step="failover off")
    assert cluster.copies()["be1"] == ("1", "1", 1, 1)
    cluster.silent = set()
    assert (cluster.told().failover, cluster.told().step) == ("off", "failover off")
    lock.say(hub, "prod", ["record"])
    assert cluster.copies() == everywhere(("1", "1", 1, 2))


def test_i8_a_beat_never_makes_a_stale_copy_the_newest(cluster):
    hub = cluster.begin("1")
    cluster.silent = {"be1"}
    lock.note(hub, "prod", failover="off", step="failover off")
    cluster.silent = set()
    for node in ("be2", "be3", "be1"):
        cluster.clock.sleep(1)
        assert record_file.beat(cluster.hosts[node], "1", 1) is True
    assert (cluster.told().failover, cluster.told().step) == ("off", "failover off")


def test_a_word_that_a_majority_has_not_got_is_no_word(cluster):
    hub = cluster.begin("1")
    cluster.silent = {"be1", "be3"}
    with pytest.raises(CommandExecutionError, match="be1 does not answer; be3 does not answer"):
        lock.note(hub, "prod", failover="off")
    cluster.silent = set()
    assert cluster.told().failover == "off", "it may have been acted upon"
    assert lock.note(hub, "prod", step="next").word == (1, 3), "and is never said again with other contents"


def test_a_backend_that_has_lost_its_disk_gets_the_record_with_the_next_word(cluster):
    hub = cluster.begin("1")
    cluster.hosts["be3"].path(RUN_FILE).unlink()
    lock.note(hub, "prod", step="next")
    assert cluster.copies() == everywhere(("1", "1", 1, 2))


def test_how_long_turns_lasted_comes_with_the_next_word(cluster):
    hub = cluster.begin("1")
    lock.measured(hub, "be2", 71.46)
    assert cluster.told().took == {}
    lock.note(hub, "prod", step="next")
    lock.measured(hub, "be3", 60.0)
    lock.note(hub, "prod", step="next")
    assert cluster.told().took == {"be2": 71.5, "be3": 60.0}


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
        record_file.wish(host, "1", "pause")
    assert cluster.told().wish == "pause"
    cluster.begin("2")
    taken = cluster.told()
    assert (taken.run, taken.failover, taken.took, taken.opened) == ("1", "off", {"be3": 5.0}, fakes.NOW)
    assert (taken.step, taken.turn, taken.wish) == ("open", None, None)


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


# the end


@pytest.mark.parametrize("missed", printed.NODES)
def test_i5_a_run_that_ended_on_a_majority_has_ended_and_the_third_learns_of_it(cluster, missed):
    hub = cluster.begin("1")
    cluster.begin("2")  # its epoch is the second
    cluster.silent = {missed}
    lock.finish(hub, cluster.told().changed_to(1.0, state=records.DONE))
    cluster.silent = set()
    assert cluster.copies()[missed] == ("1", "2", 2, 1)
    assert cluster.told() is None
    cluster.begin("3", "3.2.1")
    assert cluster.copies() == everywhere(("3", "3", 3, 1))


def test_an_end_that_reached_one_backend_is_told_as_not_done_and_is_the_end_all_the_same(cluster):
    hub = cluster.begin("1")
    cluster.silent = {"be2", "be3"}
    with pytest.raises(CommandExecutionError, match=r"be2 does not answer\nbe3 does not answer"):
        lock.finish(hub, cluster.told().changed_to(1.0, state=records.DONE))
    cluster.silent = set()
    assert cluster.told() is None
    cluster.begin("2")
    assert {copy[:2] for copy in cluster.copies().values()} == {("2", "2")}


def test_i7_a_late_word_does_not_bring_back_a_run_that_has_ended(cluster):
    hub = cluster.begin("1")
    late = lock.held(hub, "prod").changed_to(1.0, step="late")
    lock.finish(hub, late.changed_to(2.0, state=records.DONE))
    for host in cluster.hosts.values():
        assert record_file.accept(host, late)[0] is False
        assert views.view(host, ["record"], late.to_dict())["record"] is None
    assert cluster.copies() == everywhere(None)
    with pytest.raises(CommandExecutionError, match="has not got the record"):
        lock.note(hub, "prod", step="late")


def test_nobody_ends_a_run_over_a_later_word_of_it(cluster):
    hub = cluster.begin("1")
    before = cluster.told()
    lock.note(hub, "prod", step="next")
    with pytest.raises(CommandExecutionError, match="is held by another run"):
        lock.finish(cluster.master(""), before.changed_to(1.0, state=records.ABORTED))
    assert cluster.told().step == "next"


# given up


def test_i7_a_run_that_one_backend_has_given_up_is_not_its_owners_any_more(cluster):
    hub = cluster.begin("1")
    assert record_file.give_up(cluster.hosts["be2"], "1", 1) is True
    with pytest.raises(CommandExecutionError, match="the backends gave it up and look after failover themselves"):
        lock.note(hub, "prod", failover="off")
    assert cluster.told().state == records.ABANDONED
    assert cluster.copies()["be2"] == ("1", "1", 1, 1), "it hears no word of that owner"
    cluster.begin("2")
    assert cluster.told().state == records.OPEN
    assert cluster.copies() == everywhere(("1", "2", 2, 1))


# what cannot be read


@pytest.mark.parametrize("name", ["run.json", "note.json"])
def test_i8_what_cannot_be_read_on_one_backend_is_one_clear_message_and_changes_nothing(cluster, name):
    cluster.begin("1")
    path = cluster.hosts["be2"].path(f"/var/lib/salt-chef-backend/{name}")
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"^be2: .*'{': .*move ") as refused:
        cluster.begin("2")
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)
    assert [cluster.view(node)["record"]["owner"]["jid"] for node in ("be1", "be3")] == ["1", "1"]
    path.unlink()
    cluster.begin("2")
    assert cluster.copies() == everywhere(("1", "2", 2, 1)), "once it is moved away the same command goes on"


# who is alive


def test_unheard_is_told_by_each_backends_own_clock_since_its_boot(cluster):
    cluster.begin("1")
    cluster.clock.sleep(61)
    other = cluster.master("2", id="hub2")
    assert lock.gone(other, cluster.told()) == "silent for 61 s (lease 60 s)"
    assert record_file.beat(cluster.hosts["be3"], "1", 1) is True
    assert lock.gone(other, cluster.told()) is None, "one that has heard of it is enough"


def test_a_heartbeat_of_an_owner_that_was_overtaken_keeps_no_run_alive(cluster):
    cluster.begin("1")
    hub = cluster.master("2", id="hub2")
    seen = clusters.views(hub, "prod", ["record"])
    found = answers.run(seen)
    cluster.silent = {"be1"}
    lock.begin(hub, seen, found, lease=60, target="2.3.16", **FIELDS)
    cluster.silent = set()
    cluster.clock.sleep(61)
    assert record_file.beat(cluster.hosts["be1"], "1", 1) is True, "it has not heard of the take-over"
    assert lock.gone(cluster.master("3"), cluster.told()) == "silent for 61 s (lease 60 s)"

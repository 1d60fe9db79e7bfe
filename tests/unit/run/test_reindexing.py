"""The steps around a re-index: done where the index is to be built again, and nowhere else."""

import dataclasses

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.product.objects import KINDS
from saltext.chef_backend.run import lock, reindexing, ways
from saltext.chef_backend.run.bus import Answer
from tests.unit import printed
from tests.unit.answered import RECORD, run
from tests.unit.run import fakes

REINDEX = run(way="reindex", target="3.1.1", reindex=True)
NEW = {"source": "salt://chef-backend_3.1.1-1_amd64.deb", "sha256": "a" * 64}


def told(version, silent=(), guessed=()):
    """What each backend's Elasticsearch answers when it is asked who made the index; some answer nothing."""

    def answer(node):
        said = {"created": version, "mapped": node not in guessed}
        return Answer(False, error="connection refused", failed="ERROR: connection refused") if node in silent else said

    return answer


def counted(database, nodes):
    """What is stored, or indexed, of an organisation whose database is called so."""
    return {"database": database, "counts": dict.fromkeys(KINDS, 0) | {"node": nodes}}


STORED = {"acme": counted("chef_a", 5), "other": counted("chef_b", 7)}
WHOLE = {"chef_a": {"node": 5}, "chef_b": {"node": 7}}


OLD = told("2.3.1")


def hub(record, index=OLD, clients=None, indexed=({}, WHOLE), **more):
    """A master; ``indexed``: what a frontend finds, before and after it has built what it is told to."""
    found = list(indexed)

    def apply(node, sls, pillar, queue, test):
        if "reindexed" in sls:
            for work in master.clock.work:  # a minute has passed
                work()
            found.pop(0)
            master.kept["given"] = pillar
        return {"s": {"__id__": sls, "result": True, "comment": "", "changes": {}}}

    does = {
        "state.sls": apply,
        ways.LOOK_AT_INDEX: index,
        reindexing.STORED: lambda node: STORED,
        reindexing.INDEXED: lambda node: found[0],
        reindexing.SEARCHED: lambda node, organisation: 5,
        "chef_server_agent.refuses": lambda node, api: clients,
    }
    given = {"version": "3.1.1", "package": NEW, "reindex_organisation": "acme"}
    master = fakes.master(record=record, jid=RECORD.owner.jid, does=does, **given, **more)
    return master


def ordered(master):
    return [node for node, *_ in master.bus.asked("state.sls")]


@pytest.mark.parametrize(
    ("step", "nodes"),
    [
        (reindexing.stopped, list(printed.NODES)),
        (reindexing.deleted, list(printed.NODES)),
        (reindexing.started, list(printed.NODES)),
        (reindexing.readable, list(printed.NODES)),
        (reindexing.reconfigured, ["fe1"]),
    ],
)
def test_a_step_is_of_all_backends_or_of_one_frontend_and_only_where_the_index_is_old(step, nodes):
    master = hub(REINDEX)
    assert (step(master, "a step", "prod")["comment"], ordered(master)) == (f"on {', '.join(nodes)}", nodes)
    other = hub(dataclasses.replace(REINDEX, reindex=False))
    assert (step(other, "a step", "prod")["comment"], ordered(other)) == ("nothing is due", [])


@pytest.mark.parametrize("step", [reindexing.stopped, reindexing.deleted])
@pytest.mark.parametrize(
    ("silent", "emptied"),
    [
        ((), ()),  # each tells of a new index
        (("be1",), ("be1",)),  # it is just starting
        (printed.NODES, printed.NODES),  # no frontend has made a new index yet
    ],
)
def test_an_index_that_is_new_already_is_not_deleted_once_more(step, silent, emptied):
    master = hub(dataclasses.replace(REINDEX, emptied=emptied), index=told("6.8.23", silent))
    assert (step(master, "a step", "prod")["comment"], ordered(master)) == ("no old index is left", [])


@pytest.mark.parametrize("step", [reindexing.stopped, reindexing.deleted])
@pytest.mark.parametrize(
    ("index", "emptied"),
    [
        (told("6.8.23", ("be1",)), ("be2", "be3")),  # its own old files keep be1's from starting
        (told("6.8.23", ("be1",)), ()),
        (told("6.8.23", guessed=printed.NODES), printed.NODES),  # a document came before a frontend was reconfigured
        (told("2.3.1", ("be1", "be2")), printed.NODES),  # the one that was not stopped has given its own away again
        (told("2.3.1", printed.NODES), ()),
    ],
)
def test_i5_an_old_index_on_one_backend_is_deleted_on_all_although_the_leaders_can_be_read(step, index, emptied):
    master = hub(dataclasses.replace(REINDEX, emptied=emptied), index=index)
    step(master, "a step", "prod")
    assert ordered(master) == list(printed.NODES)


def test_the_leader_of_before_is_waited_for_when_failover_is_off_again():
    master = hub(dataclasses.replace(REINDEX, inside=("be1",), finished=("be2", "be3")))
    assert reindexing.rejoined(master, "back", "prod")["comment"] == "be1 is back in the cluster"
    assert [(node, sls) for node, sls, *_ in master.bus.asked("state.sls")] == [("be1", "orch.node.rejoined")]
    back = hub(dataclasses.replace(REINDEX, finished=printed.NODES))
    assert reindexing.rejoined(back, "back", "prod")["comment"] == "every backend is back in the cluster"
    assert ordered(back) == []


@pytest.mark.parametrize(("took", "then"), [({"be1": 60.0, "be2": 80.0}, {"be1": 100.0, "be2": 80.0}), ({}, {})])
def test_the_old_leaders_turn_is_measured_until_it_is_back_or_not_at_all(took, then):
    """Else what is planned next would reckon with a turn that ends with the hand-over."""
    master = hub(dataclasses.replace(REINDEX, inside=("be1",), finished=("be2", "be3"), took=took))
    at_once = master.bus.does["state.sls"]

    def in_forty_seconds(*words, **more):
        master.clock.sleep(40)
        return at_once(*words, **more)

    master.bus.does["state.sls"] = in_forty_seconds
    assert reindexing.rejoined(master, "back", "prod")["result"] is True
    assert lock.held(master, "prod").took == then


def test_i8_a_silent_backend_is_not_back():
    master = hub(dataclasses.replace(REINDEX, finished=printed.NODES), silent=("be1",))
    done = reindexing.rejoined(master, "back", "prod")
    assert (done["result"], ordered(master)) == (False, [])


@pytest.mark.parametrize("old", ["be1", "be3"])  # the first is the one that is ordered to switch
def test_i3_the_turn_stays_the_old_leaders_until_it_is_back(old):
    """Else the dead man's switch would take failover on for safe beside a node that is half-upgraded."""
    others = tuple(node for node in printed.NODES if node != old)
    between = dataclasses.replace(REINDEX, inside=(old,), finished=others, turn=old, wish="pause")
    master = hub(between)
    master.bus.does["chef_backend_agent.ensure_failover"] = lambda node, to, *more: {"before": "on", "after": to}
    assert reindexing.failover_off(master, "off", "prod")["result"] is True, "and a wish waits until then"
    assert (lock.held(master, "prod").failover, lock.held(master, "prod").turn) == ("off", old)
    assert reindexing.rejoined(master, "back", "prod")["result"] is True
    assert lock.held(master, "prod").turn is None


def test_i5_elasticsearch_is_started_on_all_although_no_old_index_is_left():
    """One of them may not have come up before the run died."""
    master = hub(REINDEX, index=told("6.8.23"))
    nodes = list(printed.NODES)
    assert (reindexing.started(master, "start", "prod")["comment"], ordered(master)) == (
        f"on {', '.join(nodes)}",
        nodes,
    )


@pytest.mark.parametrize(("reindex", "switched"), [(True, [("off",), ("on",)]), (False, [])])
def test_failover_is_off_from_the_hand_over_until_a_frontend_knows_the_new_index(reindex, switched):
    """leaderl moves the lead where the leader's Elasticsearch fails (chef-server.md)."""
    master = hub(dataclasses.replace(REINDEX, reindex=reindex))
    master.bus.does["chef_backend_agent.ensure_failover"] = lambda node, to, bound, before: {"before": before}
    steps = reindexing.failover_off, reindexing.failover_on
    assert [step(master, "failover", "prod")["result"] for step in steps] == [True, True]
    asked = [(to,) for _, to, *_ in master.bus.asked("chef_backend_agent.ensure_failover")]
    assert asked == switched


@pytest.mark.parametrize(
    ("step", "sls", "said"),
    [
        (
            reindexing.filled_one,
            "orch.node.reindexed_one",
            "1 of 1 organisations, 5 of 5 objects; a search for the nodes of acme finds 5",
        ),
        (reindexing.filled, "orch.node.reindexed_all", "2 of 2 organisations, 12 of 12 objects"),
    ],
)
def test_what_the_index_does_not_hold_is_built_and_both_sides_are_counted_afterwards(step, sls, said):
    master = hub(REINDEX)
    assert step(master, "fill", "prod")["comment"] == f"on fe1: the index holds {said}"
    assert [(node, one) for node, one, *_ in master.bus.asked("state.sls")] == [("fe1", f"orch.node.kept_out,{sls}")]
    other = hub(dataclasses.replace(REINDEX, reindex=False))
    assert (step(other, "fill", "prod")["comment"], ordered(other)) == ("nothing is due", [])


@pytest.mark.parametrize("step", [reindexing.filled_one, reindexing.filled])
def test_what_the_index_holds_is_not_built_again(step):
    master = hub(REINDEX, indexed=(WHOLE,))
    assert step(master, "fill", "prod")["result"] is True
    assert ordered(master) == []


@pytest.mark.parametrize("left", [{}, {"chef_a": {"node": 5}}, WHOLE | {"chef_b": {"node": 6}}])
def test_i9_an_index_that_is_not_whole_afterwards_fails_the_step_with_both_numbers(left):
    master = hub(REINDEX, indexed=({}, left))
    done = reindexing.filled(master, "fill", "prod")
    assert done["result"] is False
    held = left.get("chef_b", {}).get("node", 0)
    assert f"other: {held} nodes in the index, 7 in PostgreSQL" in done["comment"]


def test_a_run_that_goes_on_builds_the_organisations_that_are_not_whole():
    several = {f"org{number}": counted(f"chef_{number}", 1) for number in range(5)}
    whole = {f"chef_{number}": {"node": 1} for number in range(5)}
    master = hub(REINDEX, indexed=({name: whole[name] for name in list(whole)[:4]}, whole))
    master.bus.does[reindexing.STORED] = lambda node: several
    assert reindexing.filled(master, "fill", "prod")["result"] is True
    assert master.kept["given"]["organisations"] == ("org4",)


def test_what_may_be_missing_is_built_all_the_same_and_allowed_only_afterwards():
    """An index that lacks few may be one that was never filled."""
    less = WHOLE | {"chef_b": {"node": 6}}
    master = hub(REINDEX, indexed=({}, less), reindex_missing=12)
    assert reindexing.filled(master, "fill", "prod")["result"] is True
    assert ordered(master) == ["fe1"]
    master = hub(REINDEX, indexed=({}, {}), reindex_missing=11)
    assert reindexing.filled(master, "fill", "prod")["result"] is False


def test_i5_what_may_be_missing_is_not_built_again_in_an_index_it_was_sent_to():
    """The frontend knows which index it has sent what to; what lacks more is built whatever it knows."""
    less = WHOLE | {"chef_b": {"node": 6}}
    master = hub(REINDEX, indexed=(less, less), reindex_missing=1)
    assert reindexing.filled(master, "fill", "prod")["result"] is True
    assert master.kept["given"]["anew"] is False
    master = hub(REINDEX, indexed=({}, WHOLE), reindex_missing=1)
    assert reindexing.filled(master, "fill", "prod")["result"] is True
    assert master.kept["given"]["anew"] is True


@pytest.mark.parametrize("step", [reindexing.failover_off, reindexing.stopped, reindexing.deleted])
def test_i8_a_backend_that_does_not_answer_has_no_index_deleted_and_no_failover_switched(step):
    """Nothing is known of its index: silence is not an Elasticsearch that refuses an old one."""

    def index(node):
        return Answer(False, error="be3 does not answer") if node == "be3" else told("6.8.23")(node)

    master = hub(dataclasses.replace(REINDEX, emptied=("be1", "be2")), index=index)
    done = step(master, "a step", "prod")
    assert (done["result"], done["comment"], ordered(master)) == (False, "be3 does not answer", [])
    assert master.bus.asked("chef_backend_agent.ensure_failover") == []


def test_where_every_backend_has_the_new_index_failover_stays_as_it_is():
    master = hub(REINDEX, index=told("6.8.23"))
    assert reindexing.failover_off(master, "off", "prod")["comment"] == "every backend has the new index"


@pytest.mark.parametrize("side", [reindexing.STORED, reindexing.INDEXED])
def test_what_cannot_be_counted_is_not_whole(side):
    master = hub(REINDEX)
    master.bus.does[side] = lambda node: Answer(False, error=f"{node}: it does not tell")
    done = reindexing.filled(master, "fill", "prod")
    assert (done["result"], ordered(master)) == (False, [])
    assert "it does not tell" in done["comment"]


def test_an_organisation_that_does_not_exist_is_named_with_those_that_do():
    master = hub(REINDEX)
    master.bus.does[reindexing.STORED] = lambda node: {"other": STORED["other"]}
    with pytest.raises(
        CommandExecutionError, match=r"prod:reindex_organisation: be1 knows no organisation 'acme'.*other"
    ):
        reindexing.organisation_is_there(master, "prod", "be1")


def test_without_a_frontend_the_index_is_not_taken_for_filled():
    master = hub(REINDEX, frontends=[])
    assert reindexing.filled(master, "fill", "prod")["result"] is False
    assert ordered(master) == []


def test_i9_elasticsearch_is_not_stopped_while_a_frontend_lets_clients_in():
    """Somebody has reconfigured it since it was taken out of service, which ends its maintenance mode."""
    master = hub(REINDEX, clients="http://192.0.2.7:80/organizations/salt-chef-backend/nodes: 401")
    done = reindexing.stopped(master, "stop Elasticsearch", "prod")
    assert (done["result"], ordered(master)) == (False, [])
    assert "fe1 does not refuse its clients: http://192.0.2.7:80/organizations" in done["comment"]


def test_while_the_index_is_built_it_is_told_how_far_it_is():
    master = hub(REINDEX)
    assert reindexing.filled(master, "fill", "prod")["result"] is True
    said = [entry.comment for entry in master.told.kept if entry.step == "gate" and entry.node == "fe1"]
    assert said == ["the index holds 0 of 2 organisations, 0 of 12 objects; rate and time left are not known yet"]
    assert master.clock.work == [], "nobody looks any more"


def test_after_the_first_organisation_a_search_as_the_documents_have_it_is_tried():
    master = hub(REINDEX)
    assert reindexing.filled_one(master, "one", "prod")["comment"].endswith("; a search for the nodes of acme finds 5")
    master = hub(REINDEX)
    master.bus.does[reindexing.SEARCHED] = lambda node, organisation: 0
    done = reindexing.filled_one(master, "one", "prod")
    assert done["result"] is False
    assert "fe1: a search for the nodes of acme finds none, and the index holds 5" in done["comment"]

"""The steps around a re-index: done where the index is to be built again, and nowhere else."""

import dataclasses

import pytest

from saltext.chef_backend.run import reindexing, ways
from saltext.chef_backend.run.bus import Answer
from tests.unit import printed
from tests.unit.answered import RECORD, run
from tests.unit.run import fakes

REINDEX = run(way="reindex", target="3.1.1", reindex=True)
NEW = {"source": "salt://chef-backend_3.1.1-1_amd64.deb", "sha256": "a" * 64}


def told(version, silent=()):
    """What each backend's Elasticsearch answers when it is asked who created the index; some answer nothing."""
    return lambda node: Answer(False, error="connection refused") if node in silent else version


OLD = told("2.3.1")


def hub(record, index=OLD, clients=None, **more):
    def apply(node, sls, pillar, queue, test):
        return {"s": {"__id__": sls, "result": True, "comment": "", "changes": {}}}

    does = {
        "state.sls": apply,
        ways.ASK_INDEX: index,
        "chef_server_agent.refuses": lambda node, api: clients,
    }
    return fakes.master(record=record, jid=RECORD.owner.jid, does=does, version="3.1.1", package=NEW, **more)


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
        (reindexing.filled_one, ["fe1"]),
        (reindexing.filled, ["fe1"]),
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
        (told("2.3.1", ("be1", "be2")), printed.NODES),  # the one that was not stopped has given its own away again
        (told("2.3.1", printed.NODES), ()),
    ],
)
def test_i5_an_old_index_on_one_backend_is_deleted_on_all_although_the_leaders_can_be_read(step, index, emptied):
    master = hub(dataclasses.replace(REINDEX, emptied=emptied), index=index)
    step(master, "a step", "prod")
    assert ordered(master) == list(printed.NODES)


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

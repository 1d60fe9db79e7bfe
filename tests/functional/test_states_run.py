"""A run is opened on the master, with what healthy backends answer: what it does about the one that died before."""

import dataclasses

import pytest

from tests.functional.minion import own_functions
from tests.functional.pillars import cluster_with
from tests.unit import printed
from tests.unit.answered import RECORD, views

OFF = printed.cluster_status(tuple(dataclasses.replace(one, blocked="blocked") for one in printed.MEMBERS))
DIED = dataclasses.replace(RECORD, failover="off", frontends=("fe1", "fe2"))


class Master:
    """The functions that the state asks, each noting that it was called.

    :param found: the record on the backends, on which failover is off.
    :param be2: what this follower answers besides.
    """

    def __init__(self, opts, found, be2=()):
        answer = {"record": found.to_dict() if found else None, "cluster_status": OFF}
        seen = views(be1=answer, be2={**answer, **dict(be2)}, be3=answer)
        self.calls = []
        self.states = own_functions({**opts, "test": False}, "_states", "states")
        self.states.pack["__orchestration_jid__"] = "2"
        self.states.pack["__salt__"].update(
            {
                "chef_backend_nodes.cluster": cluster_with(),
                "chef_backend_nodes.frontends": lambda cluster: ["fe1", "fe2"],
                "chef_backend_nodes.views": lambda cluster, *only: seen,
                "chef_backend_way.index_created": lambda cluster, seen: None,
                "chef_backend_nodes.ask_all": lambda nodes, function, **_: dict.fromkeys(nodes, "14.16.19"),
                "chef_backend_step.until_holds": lambda check, bound: check(),
                "chef_backend_hold.may_take": lambda found, target, views: found,
                "chef_backend_hold.begin": lambda jid, views, found, resumed, **fields: resumed,
                **{
                    name: self.noted(name, answer)
                    for name, answer in {
                        "chef_server_frontends.await_rest": True,
                        "chef_backend_control.restore_failover": {"failover": {"old": "off", "new": "on"}},
                        "chef_backend_hold.note": None,
                        "chef_backend_step.keep": None,
                        "chef_backend_progress.tell": None,
                    }.items()
                },
            }
        )

    def noted(self, name, answer):
        def call(*args, **_):
            self.calls.append(name.rpartition(".")[2])
            return answer

        return call

    def opens(self):
        return self.states["chef_backend_run.opened"]("Open the run", "prod", "rolling")


def test_failover_that_a_dead_run_left_off_is_switched_on_at_once(shared):
    """What it was off for may be done: then no later step would switch it on before it is needed."""
    master = Master(shared.opts, DIED)
    done = master.opens()
    assert done["result"] is True, done["comment"]
    assert done["changes"]["failover"] == {"old": "off", "new": "on"}
    assert master.calls == ["await_rest", "restore_failover", "note", "tell"]


def test_beside_a_node_that_is_half_upgraded_it_stays_off(shared):
    half_upgraded = {"version": DIED.target, "half_upgraded": "run r1 did not finish on this node"}
    master = Master(shared.opts, dataclasses.replace(DIED, node="be2"), half_upgraded)
    done = master.opens()
    assert done["result"] is True, done["comment"]
    assert master.calls == ["await_rest", "keep", "tell"]


@pytest.mark.parametrize("found", [None, RECORD])
def test_failover_that_nobody_explains_is_left_alone_and_refused(shared, found):
    master = Master(shared.opts, found)
    done = master.opens()
    assert done["result"] is False
    assert "failover is off and no unfinished run of this target explains it" in done["comment"]
    assert "restore_failover" not in master.calls

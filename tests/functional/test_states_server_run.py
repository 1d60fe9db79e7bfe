"""The hooks of the site's load balancer and the gates before a frontend, on the master, with recorded answers."""

import pytest

from tests.functional.minion import own_functions
from tests.functional.pillars import cluster_with, example

SERVER = example()["chef_backend"]["clusters"]["prod"]["server"]


class Master:
    """The functions that the states ask, each noting that it was called; ``fails``: what raises or returns False."""

    def __init__(self, opts, **server):
        self.settings = cluster_with(server=SERVER | server)("prod")
        self.calls, self.returns = [], {}
        self.states = own_functions({**opts, "test": False}, "_states", "states")
        self.states.pack["__salt__"].update(
            {
                "chef_backend_nodes.cluster": lambda cluster: self.settings,
                "chef_backend_nodes.ask_all": self.ask_all,
                "balancer.drain": lambda node: self.called("drain", node),
                "balancer.undrain": lambda node: self.called("undrain", node),
            }
        )

    def ask_all(self, nodes, function, **_options):
        return {node: self.called(function, node) for node in nodes}

    def called(self, what, node):
        self.calls.append((what, node))
        return self.returns.get(what)

    def hook(self, hook, *frontends):
        return self.states["chef_server_run.hook"](hook, "prod", hook=hook, frontends=list(frontends))


@pytest.fixture(name="master")
def fixture_master(shared):
    """Return a master whose pillar names both hooks."""
    return Master(shared.opts)


def test_one_frontend_after_another_notes_that_it_is_drained_before_it_is(master):
    done = master.hook("drain", "fe1", "fe2")
    assert done["result"] is True, done["comment"]
    noted = "chef_server_upgrade.drain"
    assert master.calls == [(noted, "fe1"), ("drain", "fe1"), (noted, "fe2"), ("drain", "fe2")]


def test_a_frontend_forgets_that_it_is_drained_when_it_gets_its_clients(master):
    done = master.hook("undrain", "fe1")
    assert done["result"] is True, done["comment"]
    assert master.calls == [("undrain", "fe1"), ("chef_server_upgrade.undrain", "fe1")]


def test_an_undrain_that_fails_is_not_forgotten(master):
    master.returns["undrain"] = False
    done = master.hook("undrain", "fe1", "fe2")
    assert (done["result"], done["comment"]) == (False, "balancer.undrain returned False for fe1")
    assert master.calls == [("undrain", "fe1")]


def test_without_hooks_a_note_of_a_run_before_is_forgotten(shared):
    master = Master(shared.opts, drain=None, undrain=None)
    assert master.hook("drain", "fe1")["result"] is True
    assert master.hook("undrain", "fe1")["result"] is True
    assert master.calls == [("chef_server_upgrade.undrain", "fe1")]


def test_a_hook_that_the_master_does_not_have(master):
    del master.states.pack["__salt__"]["balancer.undrain"]
    done = master.hook("undrain", "fe1")
    assert done["result"] is False
    assert "the master has no function balancer.undrain: sync it, or correct the pillar" in done["comment"]

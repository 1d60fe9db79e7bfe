"""What the operator is shown before an upgrade: what cannot be read is one message, or left out; never a traceback."""

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import overview, ways
from tests.unit.run import fakes

ODD = "5.6.16+odd"
INDEX = {ways.ASK_INDEX: lambda node: ODD, ways.LOOK_AT_INDEX: lambda node: {"created": ODD, "mapped": True}}


def test_a_frontend_of_an_odd_version_is_planned_without_how_it_leaves():
    master = fakes.master(
        does={"chef_server.version": lambda node: "12.17.5+20180512" if node == "fe1" else "14.16.19"}
    )
    shown = overview.plan(master, "prod")
    assert shown["way"] == "rolling"
    assert ["fe1", "chef-server-ctl reconfigure"] in shown["commands"]


def test_an_index_of_an_odd_version_is_one_message_and_nobody_tells_that_it_can_be_read():
    master = fakes.master(
        does=INDEX, version="3.1.1", package={"source": "salt://chef-backend_3.1.1-1_amd64.deb", "sha256": "a" * 64}
    )
    views = clusters.views(master, "prod")
    with pytest.raises(CommandExecutionError, match="the way depends on who created the index: be1: "):
        ways.index_created(master, "prod", views)
    assert ways.readers(master, "prod", views) == {"be1": None, "be2": None, "be3": None}


def test_an_address_that_nobody_named_refuses_the_plan_as_it_would_the_run():
    master = fakes.master(does={"chef_server.version": lambda node: "14.16.19"})
    assert overview.plan(master, "prod")["ok"] is True
    master.bus.does["chef_backend_agent.connected"] = lambda node: ["198.51.100.9"]
    shown = overview.plan(master, "prod")
    assert shown["ok"] is False
    assert "be1: 198.51.100.9 is connected to PostgreSQL" in shown["text"]

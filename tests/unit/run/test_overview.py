"""What the operator is shown before an upgrade: what cannot be read is one message, or left out; never a traceback."""

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import opening, overview, ways
from saltext.chef_backend.run.bus import Answer
from tests.unit import printed
from tests.unit.answered import run
from tests.unit.run import fakes


def made_by(version):
    """What backends answer of an index that this Elasticsearch has created."""
    return {
        ways.ASK_INDEX: lambda node: version,
        ways.LOOK_AT_INDEX: lambda node: {"created": version, "mapped": True},
        "chef_server.version": lambda node: "14.16.19",
    }


INDEX = made_by("5.6.16+odd")


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


def test_p10_an_index_of_before_2_0_leads_2_0_30_to_2_3_16_with_downtime_and_not_by_the_rolling_way():
    """The matrix names downtime for it, the release notes rolling: the stricter reading."""

    def master(created):
        return fakes.master({node: {"version": "2.0.30"} for node in printed.NODES}, does=made_by(created))

    shown = overview.plan(master("2.3.1"), "prod")
    assert shown["way"] == "downtime"
    assert "as the index was created by Elasticsearch 2.3.1" in shown["reason"]
    assert ["be1", "chef-backend-ctl down-for-upgrade"] in shown["commands"]
    assert overview.plan(master("5.4.1"), "prod")["way"] == "rolling"
    refused = opening.opened(master("2.3.1"), "open", "prod", way="rolling")
    assert refused["result"] is False
    assert "the way is downtime" in refused["comment"], refused["comment"]


def test_an_address_that_nobody_named_refuses_the_plan_as_it_would_the_run():
    master = fakes.master(does={"chef_server.version": lambda node: "14.16.19"})
    assert overview.plan(master, "prod")["ok"] is True
    master.bus.does["chef_backend_agent.connected"] = lambda node: ["198.51.100.9"]
    shown = overview.plan(master, "prod")
    assert shown["ok"] is False
    assert "be1: 198.51.100.9 is connected to PostgreSQL" in shown["text"]


def test_s17_a_frontend_that_does_not_tell_its_version_refuses_the_plan_as_it_would_the_run():
    said = "fe2: modules not in step: 'chef_server.version' is not available: run 'salt fe2 saltutil.sync_all'"
    told = {"fe1": "14.16.19", "fe2": Answer(False, error=said, failed="...")}
    does = {"chef_server.version": told.get}
    shown = overview.plan(fakes.master(does=does), "prod")
    assert (shown["ok"], shown["refusals"][0]["text"]) == (False, said)
    waived = run(state="failed", frontends=("fe1", "fe2"), waived=("frontend-unknown of fe2",))
    assert said not in overview.plan(fakes.master(does=does, record=waived), "prod")["text"]


@pytest.mark.parametrize(
    "odd", [{"node": "be3"}, "be3", None, ["be3"], {"node": "be3", "errors": {}, "own": {"name": 1}}]
)
def test_s1_an_answer_in_another_versions_words_is_an_error_and_no_traceback(odd):
    master = fakes.master()
    view = master.bus.does["chef_backend_agent.view"]
    master.bus.does["chef_backend_agent.view"] = lambda node, *args: odd if node == "be3" else view(node, *args)
    (first, *_) = overview.status(master, "prod")["reasons"]
    assert (first["code"], first["node"]) == ("modules", "be3")
    assert "run 'salt be3 saltutil.sync_all'" in first["text"]

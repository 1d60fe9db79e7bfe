"""The runbook that chooses the way: one step a hop, in the order of the pillar, and never more than names from it."""

import pytest

from tests.functional.runbook import HOSTILE, Answers, render, same

UPGRADE = "orch.chef_backend_upgrade"


@pytest.fixture(name="upgrade")
def fixture_upgrade(runbook):
    """Return a function that renders the runbook for a pillar with these versions on the way."""

    def rendered(*stops, cluster="prod"):
        return runbook(UPGRADE, {"cluster": cluster}, stops=stops)

    return rendered


@pytest.mark.parametrize("stops", [["2.3.16"], ["2.3.16", "3.1.1"], ["2.1.0", "2.3.16", "3.1.1"]])
def test_the_way_is_chosen_and_then_each_hop_requires_the_one_before(upgrade, stops):
    book = upgrade(*stops)
    assert book.ids == ["Choose the way", *(f"Upgrade to {version}" for version in stops)]
    assert book.chain("Choose the way") == book.ids
    assert [step["version"] for step in book.steps.values() if step["fun"] == "hop"] == stops
    assert {step["failhard"] for step in book.steps.values()} == {False}


def test_a_wrong_pillar_is_the_first_steps_to_refuse(upgrade):
    assert upgrade().ids == ["Choose the way"]


@pytest.mark.parametrize("cluster", HOSTILE)
def test_a_clusters_name_is_never_more_than_a_name(upgrade, cluster):
    book = upgrade("2.3.16", "3.1.1", cluster=cluster)
    assert book.ids == ["Choose the way", "Upgrade to 2.3.16", "Upgrade to 3.1.1"]
    assert all(same(step["cluster"], cluster) for step in book.steps.values())


def test_nothing_but_the_pillar_is_asked_before_the_first_step(shared):
    answers = Answers(stops=["2.3.16"])
    render(shared.opts, UPGRADE, {"cluster": "prod"}, answers)
    assert answers.asked == [("stops", "prod")]


def test_stops_of_the_pillar(master_minion):
    package = {"source": "salt://chef/chef-backend_2.3.16-1_amd64.deb", "sha256": "skip-verification"}
    hops = [{"version": "2.3.16", "package": package}]
    assert master_minion(version="3.1.1", hops=hops)("chef_backend_nodes.stops", "prod") == ["2.3.16", "3.1.1"]
    assert master_minion()("chef_backend_nodes.stops", "prod") == ["2.3.16"]
    assert master_minion(version="newest")("chef_backend_nodes.stops", "prod") == []
    assert master_minion()("chef_backend_nodes.stops", "none") == []

"""What the product calls its nodes is a setting of its own: neither Salt's ids nor the hosts' names."""

import pytest

from tests.integration.lab_people import sql
from tests.integration.operator import NEW, assert_finished

CALLED = {
    "in upper case, with a domain": {"be1": "BE1.EXAMPLE.COM", "be2": "BE2.EXAMPLE.COM", "be3": "BE3.EXAMPLE.COM"},
    "nothing like the hosts": {"be1": "INFDEV0207", "be2": "INFDEV0208", "be3": "INFDEV0209"},
}


@pytest.mark.campaign
@pytest.mark.parametrize("called", CALLED.values(), ids=CALLED)
def test_p9_a_cluster_whose_nodes_have_other_names_is_upgraded(operator, called):
    for node in operator.lab.backends:
        operator.orders_fault(node, {"called": called})
    operator.wants(NEW, backup=True)
    shown = operator.lab.salt_run("chef_backend.status", "prod")
    assert shown.returncode == 0, shown.stdout
    assert f"in cluster-status be1 is {called['be1']}, be2 is {called['be2']}" in shown.stdout
    assert_finished(operator, operator.upgrades())
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"]


@pytest.mark.campaign
def test_p8_followers_that_do_not_say_their_names_are_told_by_their_addresses(operator):
    for node in operator.lab.backends:
        operator.orders_fault(node, {"nameless": True})
    called = "select distinct application_name from pg_stat_replication"
    operator.waits_for(lambda: sql(operator.lab, "be1", called) == [("walreceiver",)], 60)
    operator.wants(NEW, backup=False)
    operator.waits_for(lambda: operator.lab.salt_run("chef_backend.status", "prod").returncode == 0, 60)
    shown = operator.lab.salt_run("chef_backend.status", "prod")
    assert "what the documents advise" not in shown.stdout and "no node's" not in shown.stdout, shown.stdout
    assert_finished(operator, operator.upgrades())


@pytest.mark.campaign
def test_an_address_that_the_pillar_does_not_name_stops_a_run_before_it_begins(operator):
    """Step 7 of the procedure would be done for fe1 alone, and fe2 would go on with the settings of before."""
    operator.wants(NEW, backup=False, frontends=["fe1"])
    refused = operator.upgrades()
    assert refused.returncode == 1
    address = operator.lab.address("fe2")
    assert f"{address} is connected to PostgreSQL, and neither a backend nor a frontend" in refused.stdout
    assert operator.changing_commands() == []
    operator.wants(NEW, backup=False, frontends=["fe1"], known_clients=[address])
    assert_finished(operator, operator.upgrades())

"""What the product calls its nodes is a setting of its own: neither Salt's ids nor the hosts' names."""

import pytest

from tests.integration.lab_people import sql
from tests.integration.operator import NEW, assert_finished, assert_untouched

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
    members = operator.record("be1", "last-run.json")["members"]
    told = {node: (one["name"], one["address"]) for node, one in members.items()}
    assert told == {node: (called[node], operator.lab.address(node)) for node in operator.lab.backends}
    assert len({one["guid"] for one in members.values()} - {""}) == 3


@pytest.mark.campaign
def test_p8_followers_that_do_not_say_their_names_are_told_by_their_addresses(operator):
    for node in operator.lab.backends:
        operator.orders_fault(node, {"nameless": True})
    called = "select distinct application_name from pg_stat_replication"
    operator.waits_for(lambda: sql(operator.lab, "be1", called) == [("walreceiver",)])
    operator.wants(NEW, backup=False)
    operator.waits_for(lambda: operator.lab.salt_run("chef_backend.status", "prod").returncode == 0)
    shown = operator.lab.salt_run("chef_backend.status", "prod")
    assert "what the documents advise" not in shown.stdout and "no node's" not in shown.stdout, shown.stdout
    assert_finished(operator, operator.upgrades())


def have_second_addresses(lab):
    """Backends speak to each other from addresses that they do not publish; no minion has heard of these yet."""
    for node in lab.backends:
        lab.exec(node, "ip", "address", "add", f"{second_address(lab, node)}/24", "dev", "eth0")
        for other in set(lab.backends) - {node}:
            lab.exec(node, "ip", "route", "add", lab.address(other), "dev", "eth0", "src", second_address(lab, node))


def second_address(lab, node):
    return f"172.16.0.{lab.address(node).rpartition('.')[2]}"


@pytest.mark.campaign
def test_p8_replication_that_comes_from_other_addresses_is_well_and_its_lag_is_told_by_row(operator):
    lab = operator.lab
    for node in lab.backends:
        operator.orders_fault(node, {"nameless": True})
    have_second_addresses(lab)
    lab.exec("be1", "chef-backend-ctl", "restart", "postgresql")
    peers = "select distinct application_name, host(client_addr) from pg_stat_replication order by 2"
    seconds = [("walreceiver", second_address(lab, node)) for node in ("be2", "be3")]
    operator.waits_for(lambda: not lab.unhealthy() and sql(lab, "be1", peers) == seconds)
    operator.wants(NEW, backup=False)
    shown = lab.salt_run("chef_backend.status", "prod").stdout
    assert "cluster prod: healthy" in shown and "what the documents advise" not in shown, shown
    for _, address in seconds:
        assert f"replication to {address}, which is no node's: " in shown, shown
    operator.forgets_the_past()
    refused = operator.upgrades()
    assert_untouched(operator, refused, f"{seconds[0][1]}, {seconds[1][1]} is connected to PostgreSQL")
    lab.salt("*", "saltutil.refresh_grains")
    operator.waits_for(lambda: "no node's" not in lab.salt_run("chef_backend.status", "prod").stdout)
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

"""The ways that orch.chef_backend_upgrade chooses: hops, the re-index of an old index, and what if it dies there."""

import os
import signal

import pytest

from tests.integration.lab_people import sql
from tests.integration.operator import NEW, Operator, assert_nothing_left_to_do, assert_untouched, sha256
from tests.lab import index
from tests.lab.clients.chef_api import ChefApi
from tests.lab.clients.crowd import API_KEY, API_USER, Crowd
from tests.lab.common import PATIENCE

LAST = "3.1.1"
NAMES = {f"web{number}" for number in range(1, 13)}


def creates_nodes(operator):
    """Twelve nodes, created through a frontend's API, and some of another organisation: searched for afterwards."""
    sql(operator.lab, "fe1", index.another("acme"), database="opscode_chef")
    key = (operator.lab.root("fe1") / API_KEY).read_text()
    api = ChefApi(f"http://{operator.lab.address('fe1')}", API_USER, key)
    for name in sorted(NAMES):
        api.create_node(name)


def hop(operator, version):
    package = operator.lab.package(version)
    return {"version": version, "package": {"source": f"salt://packages/{package.name}", "sha256": sha256(package)}}


def assert_all_found(operator):
    """A search through each frontend finds every node."""
    for frontend in operator.lab.frontends:
        assert index.search(operator.lab, frontend) >= {*NAMES, "node1"}, frontend


@pytest.mark.campaign
def test_two_hops_the_second_fails_before_it_begins_and_is_gone_on_with(house):
    """2.0.30 to 2.3.16 to 3.1.1: the index is of 2.0.30's Elasticsearch, 5.4.1, so the second hop builds it again."""
    operator = Operator(house.fresh(backends="2.0.30"), way="upgrade")
    creates_nodes(operator)
    first, wrong = hop(operator, NEW), {**hop(operator, LAST)["package"], "sha256": "0" * 64}
    operator.wants(LAST, hops=[first], package=wrong, reindex_organisation="default", backup=False)
    plan = operator.lab.salt_run("chef_backend.plan", "prod")
    assert "hop 1: 2.0.30 to 2.3.16: rolling" in plan.stdout, plan.stdout
    assert "hop 2: 2.3.16 to 3.1.1: reindex" in plan.stdout

    run = operator.upgrades()
    assert run.returncode != 0
    assert "expected 0000" in run.stdout, run.stdout
    assert set(operator.versions().values()) == {NEW}
    assert operator.lab.unhealthy() is None
    assert operator.shown_failover() == "on"
    assert operator.commands("chef-server-ctl maintenance on") == [], "nothing of the second hop was begun"

    operator.wants(LAST, hops=[first], reindex_organisation="default", backup=False)
    operator.forgets_the_past()
    run = operator.upgrades()
    assert run.returncode == 0, run.stdout + run.stderr
    assert set(operator.versions().values()) == {LAST}
    assert operator.lab.unhealthy() is None
    assert sorted(operator.hosts_upgrading()) == ["be1", "be2", "be3"], "each once: the first hop is not made again"
    assert_all_found(operator)

    assert_nothing_left_to_do(operator)


@pytest.mark.campaign
def test_kill_9_inside_the_second_hop_then_the_same_command(house):
    operator = Operator(house.fresh(backends="2.0.30"), way="upgrade")
    creates_nodes(operator)
    operator.wants(LAST, hops=[hop(operator, NEW)], reindex_organisation="default", backup=False)
    run = operator.starts_upgrading()
    operator.waits_for(lambda: len(operator.hosts_upgrading()) == 4)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    run = operator.upgrades()
    assert run.returncode == 0, run.stdout + run.stderr
    assert set(operator.versions().values()) == {LAST}
    hosts = operator.hosts_upgrading()
    assert sorted(hosts[:3]) == sorted(hosts[3:]) == ["be1", "be2", "be3"], "nothing is done twice"
    assert operator.shown_failover() == "on"
    assert_all_found(operator)


@pytest.mark.campaign
def test_refused_before_anything_changes(house):
    operator = Operator(house.fresh(backends="2.0.30"), way="upgrade")

    def refused(*words):
        assert_untouched(operator, operator.upgrades(), *words)

    operator.wants(LAST, reindex_organisation="default")
    refused("2.0.30 does not go to 3.1.1 directly", "go to 2.3.16 first: add it to hops")
    operator.wants(LAST, hops=[{"version": NEW}])
    refused("chef_backend:clusters:prod:hops:0:package")
    operator.wants(LAST, hops=[hop(operator, LAST)])
    refused("expected versions that rise")
    operator.wants(LAST, hops=[hop(operator, NEW)], frontend_least_version="15.0.0", reindex_organisation="default")
    refused("fe1 runs 14.16.19", "orch.chef_server_upgrade")
    operator.wants(LAST, hops=[hop(operator, NEW)], reindex_organisation="default", backup=False)
    said = operator.upgrades("test=True")
    assert "would go on: 2.3.16 to 3.1.1: reindex" in said.stdout, said.stdout
    assert [str(one) for one in operator.changing_commands()] == []
    operator.lab.exec("be1", "chef-backend-ctl", "stop", "elasticsearch")
    operator.forgets_the_past()
    operator.wants(LAST, hops=[hop(operator, NEW)], reindex_organisation="default")
    refused("the way depends on who created the index")


@pytest.mark.campaign
def test_from_1_4_6_with_downtime_and_then_a_re_index_by_one_command(house):
    operator = Operator(house.fresh(backends="1.4.6"), way="upgrade")
    creates_nodes(operator)
    operator.wants(LAST, hops=[hop(operator, NEW)], reindex_organisation="default", backup=False)
    run = operator.upgrades()
    assert run.returncode == 0, run.stdout + run.stderr
    assert set(operator.versions().values()) == {LAST}
    assert operator.lab.unhealthy() is None
    assert [one.host for one in operator.commands("chef-backend-ctl down-for-upgrade")] == ["be1", "be2", "be3"]
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"] * 2, "each hop a whole run of its way"
    assert_all_found(operator)


@pytest.fixture
def old_index(house):
    """An operator at a 2.3.16 cluster whose index Elasticsearch 5.4.1 created, who wants 3.1.1."""
    lab = house.fresh(backends=NEW)
    index.make_old(lab)
    lab.wait_healthy()
    operator = Operator(lab, way="reindex")
    operator.wants(LAST, reindex_organisation="default", backup=False)
    creates_nodes(operator)
    return operator


def test_elasticsearch_is_stopped_everywhere_before_a_file_is_deleted_and_clients_are_refused_meanwhile(old_index):
    operator = old_index
    said = operator.upgrades("test=True")
    assert "Delete the index files on every backend" in said.stdout and "Result: False" not in said.stdout, said.stdout
    assert [str(one) for one in operator.changing_commands()] == []

    plan = operator.plans()
    operator.forgets_the_past()
    with Crowd(operator.lab) as crowd:
        run = operator.upgrades()
        assert run.returncode == 0, run.stdout + run.stderr
        _, clients = crowd.stop()
    assert operator.did() == plan
    stops = operator.commands("chef-backend-ctl stop elasticsearch")
    starts = operator.commands("chef-backend-ctl start elasticsearch")
    assert sorted(one.host for one in stops) == sorted(one.host for one in starts) == ["be1", "be2", "be3"]
    assert max(one.end for one in stops) < min(one.begin for one in starts)
    assert [one.argv[2] for one in operator.commands("chef-server-ctl reindex")] == ["default", "-a"]
    out = operator.commands("chef-server-ctl maintenance on")
    back = operator.commands("chef-server-ctl maintenance off")
    assert [one.host for one in out] == [one.host for one in back] == ["fe1", "fe2"]
    assert out[-1].end < operator.commands("chef-backend-ctl upgrade")[0].begin
    assert operator.commands("chef-server-ctl reindex")[-1].end < back[0].begin
    # the firewall keeps clients from fe1 whatever else lets them in; its reconfigure does on fe2, with the index whole
    _, lets_in = operator.commands("chef-server-ctl reconfigure")
    assert (lets_in.host, lets_in.begin > back[0].begin) == ("fe2", True)
    assert {index.creator(operator.lab, node) for node in operator.lab.backends} == {"6.8.23"}
    assert operator.takeovers()[0]["how"] == "hand-over"
    off = [one.begin for one in operator.commands("chef-backend-ctl set-cluster-failover off")]
    on = [one.begin for one in operator.commands("chef-backend-ctl set-cluster-failover on")]
    first, _ = operator.commands("chef-server-ctl reconfigure")
    assert off[-1] < min(one.begin for one in stops) < first.end < on[-1]
    assert [taken["host"] for taken in operator.takeovers() if taken["time"] > off[-1]] == [], (
        "no lead moves afterwards"
    )
    assert_all_found(operator)
    for tally, on, until in zip(clients, out, [back[0].begin, lets_in.begin], strict=True):
        assert [answer.key for answer in tally.lost] == [], tally.writer
        let_in = tally.let_in(on.end, until)
        assert let_in == (), f"{len(let_in)} answers that are no refusal, the first of {let_in[0]}"


@pytest.mark.campaign
def test_failover_goes_off_before_the_leader_of_before_is_waited_for(old_index):
    """While it is on and no Elasticsearch works, leaderl moves the lead; a node may take long to be back."""
    operator = old_index
    run = operator.starts_upgrading()
    operator.waits_for(operator.takeovers)
    (other,) = {"be2", "be3"} - {operator.takeovers()[0]["host"]}
    operator.lab.exec(other, "chef-backend-ctl", "stop", "leaderl")  # so nobody sees be1 in a wholly healthy cluster
    operator.waits_for(lambda: len(operator.commands("chef-backend-ctl set-cluster-failover off")) == 2)
    operator.lab.exec(other, "chef-backend-ctl", "start", "leaderl")
    said, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, said
    assert operator.lab.unhealthy() is None
    assert_all_found(operator)


@pytest.mark.campaign
def test_i9_frontends_without_maintenance_mode_refuse_all_clients_meanwhile(house):
    """Before 14.6.32 they are stopped; what reconfigure starts again the firewall keeps clients from."""
    lab = house.fresh(backends=NEW, server="14.4.4")
    index.make_old(lab)
    lab.wait_healthy()
    operator = Operator(lab, way="reindex")
    operator.wants(LAST, reindex_organisation="default", backup=False)
    creates_nodes(operator)
    with Crowd(lab) as crowd:
        run = operator.upgrades()
        assert run.returncode == 0, run.stdout + run.stderr
        _, clients = crowd.stop()
    out = operator.commands("chef-server-ctl stop")
    assert [one.host for one in out] == ["fe1", "fe2"]
    assert operator.commands("chef-server-ctl maintenance on") == []
    assert_all_found(operator)
    whole = operator.commands("chef-server-ctl reindex")[-1].end
    for tally, stopped in zip(clients, out, strict=True):
        assert [answer.key for answer in tally.lost] == [], tally.writer
        let_in = tally.let_in(stopped.end, whole)
        assert let_in == (), f"{len(let_in)} answers that are no refusal, the first of {let_in[0]}"


@pytest.mark.campaign
def test_p2_a_reindex_that_fails_for_one_organisation_names_it_and_goes_on_with_it_alone(old_index):
    """It ends with status 0, and says so on standard error alone."""
    operator = old_index
    sql(operator.lab, "fe1", index.another("zeta"), database="opscode_chef")
    operator.orders_fault("fe1", {"fails_to_reindex": {"organisation": "acme", "times": 2}})
    run = operator.upgrades()
    assert run.returncode != 0
    assert "fe1: chef-server-ctl reindex -a ended with status 0, and has failed for acme" in run.stdout, run.stdout
    assert "failed for acme," not in run.stdout, "and nobody else"
    operator.forgets_the_past()
    again = operator.upgrades()
    assert again.returncode == 0, again.stdout + again.stderr
    assert [one.argv[2] for one in operator.commands("chef-server-ctl reindex")] == ["acme"]
    assert operator.hosts_upgrading() == []
    assert_all_found(operator)


@pytest.mark.campaign
def test_an_old_index_that_is_under_3_x_already_is_built_again(house):
    """Documented: it is to be deleted and filled again there, too."""
    lab = house.fresh(backends=LAST)
    operator = Operator(lab, way="upgrade")
    for node in lab.backends:
        operator.orders_fault(node, {"reads_old_index": True})
    index.make_old(lab)
    lab.wait_healthy()
    operator.wants(LAST, reindex_organisation="default", backup=False)
    creates_nodes(operator)
    plan = lab.salt_run("chef_backend.plan", "prod")
    assert "way: reindex (the index under 3.1.1 was created by Elasticsearch 5.4.1)" in plan.stdout, plan.stdout
    operator.forgets_the_past()
    run = operator.upgrades()
    assert run.returncode == 0, run.stdout + run.stderr
    assert {index.creator(lab, node) for node in lab.backends} == {"6.8.23"}
    assert operator.hosts_upgrading() == []
    assert operator.shown_failover() == "on"
    assert_all_found(operator)
    assert_nothing_left_to_do(operator)


@pytest.mark.campaign
def test_p10_an_index_of_before_2_0_leads_2_0_30_to_2_3_16_with_downtime(house):
    """The matrix names downtime for it, the release notes rolling: the stricter reading."""
    lab = house.fresh(backends="2.0.30")
    index.make_old(lab, "2.3.1")
    lab.wait_healthy()
    operator = Operator(lab)
    operator.wants(NEW, backup=False)
    plan = lab.salt_run("chef_backend.plan", "prod")
    assert "way: downtime" in plan.stdout, plan.stdout
    assert "as the index was created by Elasticsearch 2.3.1" in plan.stdout
    assert_untouched(operator, operator.upgrades(), "the way is downtime, not rolling", "orch.chef_backend_downtime")


@pytest.mark.campaign
def test_kill_9_with_the_index_deleted_and_not_filled_then_the_same_command(old_index):
    operator = old_index
    operator.orders_fault("fe1", {"reindex": {"hang": 30, "times": 1}})
    run = operator.starts_upgrading()
    operator.waits_for(lambda: operator.commands("chef-server-ctl reindex"))
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    run = operator.upgrades()
    assert run.returncode == 0, run.stdout + run.stderr
    assert_all_found(operator)
    assert sorted(operator.hosts_upgrading()) == ["be1", "be2", "be3"]


@pytest.mark.campaign
def test_a_backend_fails_between_its_upgrade_and_the_new_index_then_the_same_command(old_index):
    operator = old_index
    bounds = {"ask": 10, "gate": 15, "rejoin": 40, "upgrade": 120, "api": 30, "elasticsearch": 20}
    operator.wants(LAST, reindex_organisation="default", backup=False, timeouts=bounds)
    operator.orders_fault("be3", {"stop": {"exit": 1, "output": "runsv not running", "times": 1}})
    run = operator.upgrades()
    assert run.returncode != 0
    assert "runsv not running" in run.stdout and "be3" in run.stdout, run.stdout
    assert operator.commands("chef-backend-ctl start elasticsearch") == [], "no index was begun beside an old one"
    assert operator.shown_failover() == "off", "leaderl would move the lead: Elasticsearch refuses the old index"
    assert "STAYS OFF" in run.stdout and "leaderl would move the lead" in run.stdout, run.stdout
    assert "stays so until then" in run.stdout
    run = operator.upgrades()
    assert run.returncode == 0, run.stdout + run.stderr
    assert_all_found(operator)

"""What a plan says: way, hops, order, refusals, and every command in its order, as nodes are ordered to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext.chef_backend import pillar as pillars
from saltext.chef_backend.judge import answers
from saltext.chef_backend.judge import plan as plans
from saltext.chef_backend.judge import way as ways
from saltext.chef_backend.product.maintenance import MAINTENANCE, STOPPED
from saltext.chef_backend.product.version import Version
from tests.unit import printed
from tests.unit.answered import everywhere, moved, silent, view, views
from tests.unit.pillars import LEAST, PACKAGE, pillar

INSTALL = "install /var/cache/salt-chef-backend/chef-backend_2.3.16-1_amd64.deb"
FRONTENDS = plans.Frontends([["fe1"], ["fe2"]], {"fe1": MAINTENANCE, "fe2": STOPPED})


def plan(seen, target="2.3.16", index=None, frontends=FRONTENDS, **more):
    pillared = pillar(LEAST | {"version": target, "frontends": ["fe1", "fe2"], "reindex_organisation": "acme"} | more)
    cluster = pillars.cluster_from_pillar(pillared, "prod")
    reasons = answers.verdict(seen, cluster.gates.max_lag_bytes).reasons
    return plans.plan(seen, cluster, reasons, index and Version.from_text(index), frontends)


def commands(planned):
    return [f"{step.node}: {step}" for step in planned.commands]


def test_the_rolling_way_takes_followers_first_and_the_leader_last():
    planned = plan(views())
    assert planned.way == "rolling"
    assert planned.reason == "2.2.0 to 2.3.16 stays within 2.x"
    assert planned.order == ("be2", "be3", "be1")
    assert planned.refusals == ()
    assert commands(planned) == [
        "be2: chef-backend-ctl backup --timeout 600",
        "be1: chef-backend-ctl set-cluster-failover off",
        f"be2: {INSTALL}",
        "be2: chef-backend-ctl upgrade",
        f"be3: {INSTALL}",
        "be3: chef-backend-ctl upgrade",
        "be1: chef-backend-ctl set-cluster-failover on",
        f"be1: {INSTALL}",
        "be1: chef-backend-ctl upgrade --failover",
        "be1: chef-backend-ctl set-cluster-failover off",
        "be1: chef-backend-ctl set-cluster-failover on",
        "fe1: chef-server-ctl reconfigure",
        "fe2: chef-server-ctl reconfigure",
    ]


def test_without_frontends_the_last_step_of_the_procedure_is_said_to_be_left():
    assert plan(views()).left == ()
    alone = plan(views(), frontends=plans.Frontends())
    assert alone.left == (plans.NO_FRONTENDS,)
    assert "'chef-server-ctl reconfigure' on each of them" in plans.NO_FRONTENDS
    assert plan(views(), "2.2.0", frontends=plans.Frontends()).left == (), "nothing is due"


def test_who_leads_now_is_last_whoever_it_is():
    seen = views(**everywhere({"cluster_status": moved("be2")}))
    assert plan(seen).order == ("be1", "be3", "be2")


def test_what_is_upgraded_is_not_planned_again():
    planned = plan(views(be2={"version": "2.3.16"}, be3={"version": "2.3.16"}))
    assert planned.order == ("be1",)
    assert commands(planned)[:2] == ["be2: chef-backend-ctl backup --timeout 600", f"be1: {INSTALL}"]
    assert planned.way == "rolling"


def test_nothing_is_planned_on_a_cluster_that_is_upgraded():
    planned = plan(views(**everywhere({"version": "2.3.16"})))
    assert (planned.way, planned.order, planned.commands) == ("none", (), ())


@pytest.mark.parametrize(
    ("seen", "target", "refusal"),
    [
        (views(), "2.0.30", "2.2.0 to 2.0.30: refused (2.2.0 is newer than 2.0.30: there is no way back"),
        (views(), "4.0.0", "2.2.0 to 4.0.0: refused (no way to 4.0.0 is documented"),
        (
            views(**everywhere({"version": "2.0.30"})),
            "3.1.1",
            "2.0.30 to 3.1.1: refused (2.0.30 does not go to 3.1.1 directly; go to 2.3.16 first: add it to hops",
        ),
        (
            views(be2={"version": "1.4.6"}),
            "2.3.16",
            "the backends run different versions (be1 2.2.0, be2 1.4.6, be3 2.2.0)",
        ),
        (views(be2={"version": "3.0.0-rc.1"}), "3.1.1", "be2: '3.0.0-rc.1' is not a version"),
        (views() | {"be3": silent("be3")}, "2.3.16", "be3: its version is unknown"),
        (views(be2={"status": printed.status(down=["etcd"])}), "2.3.16", "be2 has etcd down"),
    ],
)
def test_what_an_upgrade_would_refuse_is_told_before(seen, target, refusal):
    assert any(str(told).startswith(refusal) for told in plan(seen, target).refusals)


@pytest.mark.parametrize("version", [None, "latest"])
def test_unknown_is_never_nothing_to_do(version):
    planned = plan(views(**everywhere({"version": version})))
    assert planned.way == "refused"
    planned = plan(views(**everywhere({"version": "2.3.16"}) | {"be2": {"version": version}}))
    assert planned.way == "refused"


@pytest.mark.parametrize(("installed", "target"), [("2.0.30", "3.1.1"), ("2.2.0", "2.0.30")])
def test_no_commands_are_shown_for_a_way_that_is_refused(installed, target):
    planned = plan(views(**everywhere({"version": installed})), target)
    assert (planned.way, planned.commands) == ("refused", ())


def test_the_way_with_downtime_takes_the_leader_down_first_and_upgrades_it_last():
    planned = plan(views(**everywhere({"version": "1.4.6", "cluster_status": moved("be2")})))
    assert planned.way == "downtime"
    assert commands(planned) == [
        "be1: chef-backend-ctl backup --timeout 600",
        f"be1: {INSTALL}",
        f"be2: {INSTALL}",
        f"be3: {INSTALL}",
        "fe1: chef-server-ctl maintenance on",
        "fe2: chef-server-ctl stop",
        "be2: chef-backend-ctl down-for-upgrade",
        "be1: chef-backend-ctl down-for-upgrade",
        "be3: chef-backend-ctl down-for-upgrade",
        "be1: chef-backend-ctl upgrade",
        "be3: chef-backend-ctl upgrade",
        "be2: chef-backend-ctl upgrade",
        "fe1: chef-server-ctl reconfigure",
        "fe1: chef-server-ctl maintenance off",
        "fe1: chef-server-ctl start",
        "fe2: chef-server-ctl reconfigure",
        "fe2: chef-server-ctl start",
    ]


def test_several_hops_are_told_with_their_ways_and_the_commands_of_the_first():
    seen = views(**everywhere({"version": "2.0.30"}))
    first = {"version": "2.3.16", "package": PACKAGE | {"source": "/first.deb"}}
    planned = plan(seen, "3.1.1", index="5.4.1", hops=[first])
    assert (planned.way, planned.refusals) == ("rolling", ())
    assert "be2: install /var/cache/salt-chef-backend/first.deb" in commands(planned)
    assert planned.hops[0].startswith("2.0.30 to 2.3.16: rolling")
    assert planned.hops[1].startswith("2.3.16 to 3.1.1: reindex (the index was created by Elasticsearch 5.4.1")


def test_a_reindex_stops_elasticsearch_everywhere_before_it_starts_anywhere_and_fills_from_one_frontend():
    planned = plan(views(), "3.1.1", index="5.4.1")
    assert planned.way == "reindex"
    assert commands(planned)[1:3] == ["fe1: chef-server-ctl maintenance on", "fe2: chef-server-ctl stop"]
    assert commands(planned)[-16:] == [
        "be1: chef-backend-ctl upgrade --failover",
        "be1: chef-backend-ctl set-cluster-failover off",
        "be1: chef-backend-ctl stop elasticsearch",
        "be2: chef-backend-ctl stop elasticsearch",
        "be3: chef-backend-ctl stop elasticsearch",
        "be1: chef-backend-ctl start elasticsearch",
        "be2: chef-backend-ctl start elasticsearch",
        "be3: chef-backend-ctl start elasticsearch",
        "fe1: chef-server-ctl reconfigure",
        "be1: chef-backend-ctl set-cluster-failover on",
        "fe1: chef-server-ctl reindex acme",
        "fe1: chef-server-ctl reindex -a",
        "fe1: chef-server-ctl maintenance off",
        "fe1: chef-server-ctl start",
        "fe2: chef-server-ctl reconfigure",
        "fe2: chef-server-ctl start",
    ]


INSTALLED = st.sampled_from(["1.4.6", "2.0.30", "2.2.0", "2.3.16", "3.1.1", None])


@settings(max_examples=80, deadline=None)
@given(
    installed=st.tuples(INSTALLED, INSTALLED, INSTALLED),
    target=st.sampled_from(["1.4.6", "2.2.0", "2.3.16", "3.1.1"]),
    leads=st.sampled_from(printed.NODES),
)
def test_failover_is_on_at_the_end_the_leader_is_last_and_no_refused_way_is_called_a_way(installed, target, leads):
    answer = {"cluster_status": moved(leads)}
    seen = {node: view(node, version=version, **answer) for node, version in zip(printed.NODES, installed, strict=True)}
    planned = plan(seen, target)
    switches = [str(step) for step in planned.commands if "set-cluster-failover" in step.words]
    assert switches == ["chef-backend-ctl set-cluster-failover off", "chef-backend-ctl set-cluster-failover on"] * (
        len(switches) // 2
    )
    assert leads not in planned.order[:-1]
    assert set(planned.order) == {node for node in printed.NODES if seen[node].version != target}
    upgraded = [step.node for step in planned.commands if step.words[:2] == ("chef-backend-ctl", "upgrade")]
    assert upgraded == ([] if planned.way == "refused" else list(planned.order))
    goal = Version.from_text(target)
    chosen = {ways.choose_way(Version.from_text(v), goal).name for v in installed if v} - {"none"}
    if len(chosen) > 1 or "refused" in chosen or len(set(installed) - {target}) > 1:
        assert planned.way == "refused"
        assert planned.refusals
    if None in installed:
        assert planned.refusals


def test_of_several_hops_the_order_is_that_of_the_first():
    seen = views(be1={"version": "2.2.0"}, be2={"version": "2.3.16"}, be3={"version": "2.3.16"})
    hops = [{"version": "2.3.16", "package": PACKAGE}]
    planned = plan(seen, target="3.1.1", index="5.6.16", hops=hops)
    assert planned.order == ("be1",)
    assert [
        node for node in ("be1", "be2", "be3") if any(s.node == node for s in planned.commands if "upgrade" in str(s))
    ] == ["be1"]


def test_a_half_upgraded_follower_comes_first_as_in_the_run():
    seen = views(be3={"version": "2.3.16", "half_upgraded": "run r1 did not finish on this node"})
    assert plan(seen).order == ("be3", "be2", "be1")

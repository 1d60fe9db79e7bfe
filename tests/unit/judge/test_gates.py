"""The gates of a run (I6): each holds on a healthy cluster, and otherwise says node, value, bound and what to do."""

import dataclasses

import pytest

from saltext.chef_backend import pillar as pillars
from saltext.chef_backend.errors import NotYet
from saltext.chef_backend.judge import gates
from saltext.chef_backend.product.version import Version
from tests.unit import printed
from tests.unit.answered import everywhere, moved, run, silent, views

NEW = Version.from_text("2.3.16")
RUN = run()
DONE = {"version": "2.3.16"}


def test_a_healthy_cluster_passes():
    seen = views()
    gates.everybody_answers(seen)
    gates.healthy(seen, 1024)
    gates.nobody_at_work(seen)
    gates.right_way(seen, NEW, None, "rolling")
    gates.turn_of(seen, "2.3.16", "be2", "follower")
    gates.turn_of(views(be2=DONE, be3=DONE), "2.3.16", "be1", "leader")
    gates.settled(seen, 10)
    gates.upgraded(views(**everywhere(DONE)), "2.3.16")
    gates.looked_after(seen, 60)
    gates.may_come_on(seen, RUN, 1024)
    assert gates.failover_found(seen, None) == "on"


def refused(gate, *args, said):
    with pytest.raises(ValueError) as caught:
        gate(*args)
    assert said in str(caught.value)


def test_what_does_not_hold_is_refused_in_words():
    refused(gates.everybody_answers, views() | {"be3": silent("be3")}, said="Minion did not return")
    down = views(be2={"status": printed.status(down=["etcd"])})
    refused(gates.healthy, down, 1024, said="be2 has etcd down (expected running)")
    refused(gates.healthy, views(), 1, said="be3 is 96 bytes behind the leader (limit 1): wait until it has caught up")
    busy = views(be3={"busy": ["chef-backend-ctl backup"]})
    refused(gates.nobody_at_work, busy, said="be3: chef-backend-ctl backup: wait until that has ended")
    young = views(be2={"status": printed.status().replace("1d 5h 0m 41s", "0d 0h 0m 4s ")})
    refused(gates.settled, young, 10, said="leaderl on be2 has been up for 4 s only (settle time 10 s)")
    with pytest.raises(NotYet) as caught:
        gates.settled(young, 10)
    assert caught.value.left == 6


@pytest.mark.parametrize(("seconds", "ago"), [(61.0, "for 61 s"), (None, "ever")])
def test_i3_a_dead_mans_switch_that_does_not_look_any_more_is_named(seconds, ago):
    said = f"the dead man's switch of be3 has not looked {ago} (lease 60 s)"
    refused(gates.looked_after, views(be2={"unlooked": 59.0}, be3={"unlooked": seconds}), 60, said=said)


def test_i3_whether_a_silent_node_or_one_that_cannot_tell_is_looked_after_is_not_known():
    refused(gates.looked_after, {**views(), "be2": silent("be2")}, 60, said="Minion did not return")
    cannot = views(be3={"unlooked": None, "errors": {"unlooked": "looked: not JSON"}})
    refused(gates.looked_after, cannot, 60, said="be3: whether its dead man's switch looks: looked: not JSON")


def test_an_elasticsearch_that_refuses_its_index_need_not_settle_before_it_has_a_new_one():
    looping = printed.status().replace("1d 5h 4m 41s", "0d 0h 0m 0s ")
    seen = views(be3={"status": looping})
    refused(gates.settled, seen, 10, said="elasticsearch on be3 has been up for 0 s only (settle time 10 s)")
    gates.settled(seen, 10, search=False)


def test_a_half_upgraded_node_is_tolerated_where_it_is_resumed():
    gates.healthy(views(be2={"status": printed.status(down=["etcd"])}), 1024, "be2")


def test_another_way_is_named():
    refused(
        gates.right_way, views(**everywhere({"version": "1.4.6"})), NEW, None, "rolling", said="the way is downtime"
    )
    refused(gates.right_way, views(**everywhere({"version": "3.1.1"})), NEW, None, "rolling", said="refused")
    old = views(**everywhere({"version": "1.4.6"}))
    refused(gates.right_way, old, NEW, None, "rolling", said="use orch.chef_backend_downtime")


def test_a_cluster_of_three_different_versions_is_refused():
    three = views(be1={"version": "2.1.0"}, be3={"version": "2.3.16"})
    refused(gates.right_way, three, NEW, None, "rolling", said="be1 2.1.0, be2 2.2.0, be3 2.3.16")
    gates.right_way(views(be2=DONE), NEW, None, "rolling")


def test_a_run_is_resumed_on_its_own_way():
    down = run(way="downtime")
    gates.same_way(down, "downtime")
    refused(gates.same_way, down, "rolling", said="go on with orch.chef_backend_downtime, not with rolling")


def test_backends_and_frontends_are_not_upgraded_over_an_unfinished_run_of_the_other():
    frontends = run(way="frontends", target="15.10.12", state="failed")
    gates.same_kind(None, "frontends")
    gates.same_kind(frontends, "frontends")
    gates.same_kind(RUN, "downtime")
    said = "run r1 of the frontends to 15.10.12 is unfinished (failed): go on with it, or end it by"
    refused(gates.same_kind, frontends, "rolling", said=said)
    refused(gates.same_kind, RUN, "frontends", said="run r1 of the backends to 2.3.16 is unfinished (open)")


def test_what_the_gates_have_measured_stands_in_the_report():
    lag2, lag3, youngest = gates.measured(views(), windowed())
    assert lag2 == gates.Measured("be2", "behind the leader", "0 bytes", "at most 52428800 bytes")
    assert (lag3.node, lag3.value) == ("be3", "96 bytes")
    assert youngest.what.endswith(", the youngest, up for") and youngest.bound == "at least 10 s"


SATURDAY_3_O_CLOCK = 1795834800  # 2026-11-28 03:00 UTC
MONDAY = SATURDAY_3_O_CLOCK + 2 * 86400


def windowed(*windows, **settings):
    """A cluster that is upgraded on Saturdays from 2 to 5."""
    windows = windows or (pillars.Window(("sat",), "02:00", "05:00", "UTC"),)
    package = pillars.Package("/x.deb", "0")
    return pillars.Cluster("prod", ("be1", "be2", "be3"), NEW, package, window=windows, **settings)


def test_i6_nothing_starts_outside_its_window():
    gates.in_window(windowed(), SATURDAY_3_O_CLOCK, None, [])
    said = "no maintenance window is open; the next opens Sat 2026-12-05 02:00 UTC"
    refused(gates.in_window, windowed(), MONDAY, None, [], said=said)
    refused(gates.in_window, windowed(), MONDAY, RUN, [], said=said)
    gates.in_window(dataclasses.replace(windowed(), window=()), MONDAY, None, [])


def test_what_must_not_stay_as_it_is_goes_on_outside_its_window():
    off = run(failover="off")
    down = run(way="downtime", down=True)
    clients_are_out = run(way="reindex", finished=("be2",))
    gates.in_window(windowed(), MONDAY, RUN, ["be2"])
    for record in (off, down, clients_are_out):
        gates.in_window(windowed(), MONDAY, record, [])


def test_a_node_is_not_begun_if_what_it_is_taken_to_last_does_not_fit():
    """Saturday at 3: two hours are left."""

    def fits(seen=None, record=RUN, **settings):
        gates.fits_window(windowed(**settings), SATURDAY_3_O_CLOCK, record, seen or views())

    fits()
    fits(estimate_seconds=7200)
    said = "closes in 7200 s, and 7201 s are needed; the next opens Sat 2026-12-05 02:00 UTC"
    refused(lambda: fits(estimate_seconds=7201), said=said)
    measured = run(took={"be2": 60.0})
    fits(record=measured, estimate_seconds=7201)
    refused(fits, views(be1={"earlier": {"be3": 8000.0}}), measured, said="8000 s are needed")


@pytest.mark.parametrize("way", ["downtime", "reindex"])
def test_where_clients_are_refused_until_all_are_upgraded_all_must_fit(way):
    """Saturday at 3: two hours are left."""
    record = run(way=way)
    gates.fits_window(windowed(estimate_seconds=2400), SATURDAY_3_O_CLOCK, record, views())
    too_long = windowed(estimate_seconds=2401)
    said = "closes in 7200 s, and 7203 s are needed"
    refused(gates.fits_window, too_long, SATURDAY_3_O_CLOCK, record, views(), said=said)


def test_several_hops_are_refused_by_a_way_alone():
    plain = pillars.Cluster("prod", ("be1", "be2", "be3"), NEW, pillars.Package("/x.deb", "0"))
    gates.one_hop(plain)
    hops = (pillars.Hop(Version(2, 2, 0), plain.package),)
    said = "2.2.0 -> 2.3.16 is more than one hop: use orch.chef_backend_upgrade"
    refused(gates.one_hop, dataclasses.replace(plain, hops=hops), said=said)
    gates.one_hop(pillars.at_hop(dataclasses.replace(plain, hops=hops), "2.2.0"))
    refused(pillars.at_hop, plain, "3.1.1", said="no hop to '3.1.1', expected one of 2.3.16")


def test_a_reindex_needs_a_frontend_and_an_organisation_to_begin_with():
    plain = pillars.Cluster("prod", ("be1", "be2", "be3"), NEW, pillars.Package("/x.deb", "0"))
    gates.reindex_is_prepared("rolling", plain, [])
    refused(gates.reindex_is_prepared, "reindex", plain, [], said="clusters:prod:frontends: found none")
    refused(
        gates.reindex_is_prepared, "reindex", plain, ["fe1"], said="clusters:prod:reindex_organisation: found nothing"
    )
    gates.reindex_is_prepared("reindex", dataclasses.replace(plain, reindex_organisation="acme"), ["fe1"])


def test_a_frontend_older_than_the_site_allows_is_refused():
    settings = pillars.Cluster("prod", ("be1", "be2", "be3"), NEW, pillars.Package("/x.deb", "0"))
    gates.frontends_new_enough({"fe1": "12.17.5"}, settings)
    strict = dataclasses.replace(settings, frontend_least_version=Version(14, 0, 0))
    gates.frontends_new_enough({"fe1": "14.0.0"}, strict)
    said = "fe1 runs 12.17.5, and 2.3.16 needs 14.0.0 on the frontends"
    refused(gates.frontends_new_enough, {"fe1": "12.17.5", "fe2": "14.0.0"}, strict, said=said)


@pytest.mark.parametrize(
    ("target", "least"), [(Version(2, 0, 1), "12.16.2"), (NEW, "12.16.2"), (Version(3, 0, 0), "13.2.0")]
)
def test_a_frontend_that_does_not_know_the_targets_elasticsearch_is_refused_whatever_the_site_says(target, least):
    settings = pillars.Cluster("prod", ("be1", "be2", "be3"), target, pillars.Package("/x.deb", "0"))
    lax = dataclasses.replace(settings, frontend_least_version=Version(11, 0, 0))
    gates.frontends_new_enough({"fe1": least}, lax)
    said = f"fe1 runs 12.15.8, and {target} needs {least} on the frontends"
    refused(gates.frontends_new_enough, {"fe1": "12.15.8"}, lax, said=said)


@pytest.mark.parametrize("strange", ["192.0.2.9", "2001:db8::9", "fe80::9"])
def test_whoever_is_connected_is_named_or_known(strange):
    settings = pillars.Cluster("prod", ("be1", "be2", "be3"), NEW, pillars.Package("/x.deb", "0"))
    named = ["127.0.0.1", "::1", "10.0.0.1", "2001:db8:0:0::1"]
    gates.nobody_unnamed(settings, "be1", ["10.0.0.1", "2001:db8::1"], named)
    with pytest.raises(ValueError, match=f"be1: {strange} is connected to PostgreSQL, and neither a backend"):
        gates.nobody_unnamed(settings, "be1", ["10.0.0.1", strange], named)
    for known in (strange, "0.0.0.0/0" if "." in strange else "::/0"):
        knows = dataclasses.replace(settings, known_clients=(known,))
        gates.nobody_unnamed(knows, "be1", ["10.0.0.1", strange], named)


def test_i2_a_leader_comes_last_and_nobody_is_taken_for_what_it_is_not():
    refused(gates.turn_of, views(), "2.3.16", "be1", "follower", said="be1 is not the follower: be1 leads now")
    lead_moved = views(**everywhere({"cluster_status": moved("be2")}))
    refused(gates.turn_of, lead_moved, "2.3.16", "be1", "leader", said="be1 is not the leader: be2 leads now")
    refused(gates.turn_of, views(be2=DONE), "2.3.16", "be1", "leader", said="last, but be3 is still due")
    gates.turn_of(views(), "2.3.16", "be1", "leader", False)


def test_i3_failover_found_off_needs_a_run_that_explains_it():
    seen = views(**everywhere({"cluster_status": printed.OFF}))
    refused(gates.failover_found, seen, None, said="set-cluster-failover on")
    refused(gates.failover_found, seen, RUN, said="failover is off and no unfinished run explains it")
    assert gates.failover_found(seen, run(failover="off")) == "off"
    # a backend has switched it off, for the lead would not have stayed anywhere; else somebody else has
    reindex = run(way="reindex", reindex=True)
    assert gates.failover_found(seen, dataclasses.replace(reindex, switched=True)) == "off"
    refused(gates.failover_found, seen, reindex, said="failover is off and no unfinished run explains it")
    rows = (dataclasses.replace(one, es="down", blocked="yes") for one in printed.MEMBERS)
    nowhere = views(**everywhere({"cluster_status": printed.cluster_status(tuple(rows))}))
    assert gates.failover_found(nowhere, reindex) == "off"
    refused(gates.upgraded, views(be1=DONE), "2.3.16", said="be2, be3 does not run 2.3.16 yet")


def test_i3_failover_is_off_for_a_follower_and_on_for_the_hand_over():
    on, off = views(), views(**everywhere({"cluster_status": printed.OFF}))
    gates.failover_is(on, "on")
    gates.failover_is(off, "off")
    refused(gates.failover_is, on, "off", said="failover is on, expected off: find out who else switches it")
    refused(gates.failover_is, off, "on", said="failover is off, expected on")
    mixed = views(be2={"cluster_status": printed.OFF})
    refused(gates.failover_is, mixed, "off", said="failover is mixed")
    columns = tuple(column for column in printed.COLUMNS if column not in ("Blocked", "Eligible"))
    early = views(**everywhere({"cluster_status": printed.cluster_status(columns=columns)}))
    gates.failover_is(early, "off")
    gates.failover_is(early, "on")


def test_i4_failover_without_a_follower_in_sync_would_lose_writes():
    alone = printed.status(printed.cells(postgresql="leader: 1; offline: 0; syncing: 2; synced: 0"))
    refused(gates.may_come_on, views(be1={"status": alone}), RUN, 1024, said="synced: 0")

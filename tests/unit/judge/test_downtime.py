"""The way with full downtime: the leader of record goes down first and comes up last, whatever died in between."""

import dataclasses
import itertools

import pytest

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import answers, downtime
from tests.unit import printed
from tests.unit.answered import RECORD, everywhere, moved, run, silent, views

ALL = ["leaderl", "epmd", "etcd", "postgresql", "elasticsearch"]
DOWN = {"status": printed.status(down=ALL), "cluster_status": None, "version": "2.3.16"}
NEW = {"version": "2.3.16"}
RUN = run(way="downtime", leader="be2")


def at(taken_down=(), **fields):
    return dataclasses.replace(RUN, down=bool(taken_down), taken_down=taken_down, **fields)


def seen(**changes):
    """Views of a cluster in which be2 leads, as the record says."""
    return views(**{node: {"cluster_status": moved("be2")} | changes.get(node, {}) for node in printed.NODES})


class TestOrder:
    def test_the_leader_goes_down_first_and_comes_up_last(self):
        assert downtime.to_take_down(seen(), RUN, "be2") == ["be2", "be1", "be3"]
        assert downtime.to_upgrade(seen(), RUN, "be2") == ["be1", "be3", "be2"]

    def test_before_a_run_is_open_it_is_the_same(self):
        assert downtime.to_take_down(seen(), None, "be1") == ["be1", "be2", "be3"]
        assert downtime.to_upgrade(seen(), None, "be1") == ["be2", "be3", "be1"]

    def test_what_is_down_is_not_taken_down_twice(self):
        assert downtime.to_take_down(seen(be2=DOWN), at(taken_down=("be2",)), "be2") == ["be1", "be3"]

    def test_a_node_that_was_switched_off_and_on_goes_down_once_more(self):
        assert downtime.to_take_down(seen(be1=DOWN, be3=DOWN), at(taken_down=("be2", "be1", "be3")), "be2") == ["be2"]

    def test_a_node_that_runs_and_whose_upgrade_did_not_come_to_its_end_goes_down_once_more(self):
        """Without its mark of being down the product's upgrade would find a member of a cluster that has no quorum."""
        record = at(taken_down=("be2", "be1", "be3"), inside=("be1",))
        assert downtime.to_take_down(seen(be2=DOWN, be3=DOWN), record, "be2") == ["be1"]
        assert downtime.to_upgrade(seen(be2=DOWN, be3=DOWN), record, "be2") == ["be1", "be3", "be2"]

    def test_a_node_that_died_inside_its_upgrade_and_is_down_goes_on_with_it(self):
        record = at(taken_down=("be2", "be1", "be3"), inside=("be1",))
        assert downtime.to_take_down(seen(be1=DOWN, be2=DOWN, be3=DOWN), record, "be2") == []

    def test_what_is_upgraded_is_left_alone(self):
        record = at(taken_down=("be2", "be1", "be3"), finished=("be1",))
        assert downtime.to_take_down(seen(be2=DOWN, be3=DOWN), record, "be2") == []
        assert downtime.to_upgrade(seen(be2=DOWN, be3=DOWN), record, "be2") == ["be3", "be2"]

    def test_a_status_that_cannot_be_read_is_not_down(self):
        with pytest.raises(ValueError, match="be2: "):
            downtime.to_take_down(seen(be2={"status": "rubbish"}), at(taken_down=("be2",)), "be2")

    def test_install_where_it_is_not_installed(self):
        assert downtime.to_install(seen(be3=NEW), "2.3.16") == ["be1", "be2"]

    @pytest.mark.parametrize("count", range(4))
    def test_from_any_point_the_rest_follows(self, count):
        """However far the downs came, going on leads to all three down, each once, the leader first."""
        gone = ("be2", "be1", "be3")[:count]
        here = seen(**{node: DOWN for node in gone})
        assert (*gone, *downtime.to_take_down(here, at(taken_down=gone), "be2")) == ("be2", "be1", "be3")


class TestGates:
    def test_the_first_must_lead(self):
        downtime.may_go_first(seen(), "be2")
        with pytest.raises(ValueError, match=r"be1 was to go down first, but be2 leads now\. Nothing was taken down"):
            downtime.may_go_first(seen(), "be1")

    def test_i5_who_led_stands_on_every_backend_before_the_first_goes_down(self):
        noted = everywhere({"record": RUN.to_dict()})
        downtime.leader_is_known(views(**noted), "be2")
        with pytest.raises(ValueError, match="be1, be3 has not noted that be2 leads"):
            downtime.leader_is_known(views(be2={"record": RUN.to_dict()}), "be2")
        with pytest.raises(ValueError, match="be1 has not noted"):
            downtime.leader_is_known(views(**noted | {"be1": {"record": RECORD.to_dict()}}), "be2")

    def test_followers_go_after_the_leader(self):
        with pytest.raises(ValueError, match=r"be2 led and is not down \(leaderl, .* runs\): it goes down first"):
            downtime.may_go_next(seen(), at(taken_down=("be1",)), "be3")
        downtime.may_go_next(seen(be2=DOWN), at(taken_down=("be2",)), "be1")
        downtime.may_go_next(seen(), at(taken_down=("be2",)), "be2")

    def test_i5_a_leader_that_this_run_has_upgraded_need_not_go_down_again(self):
        """One that was down came up by itself, led, and handed the lead over to it."""
        record = at(taken_down=("be2", "be1", "be3"), finished=("be1",), leader="be1")
        here = seen(be2={**NEW, "leads": False}, be1=NEW, be3=DOWN)
        assert downtime.to_take_down(here, record, "be1") == ["be2"]
        downtime.may_go_next(here, record, "be2")
        with pytest.raises(ValueError, match="be2 does not tell whether it leads"):
            downtime.may_go_next(seen(be2=NEW, be1=NEW, be3=DOWN), record, "be2")
        downtime.may_come_up(seen(be2=DOWN, be1=NEW, be3=DOWN), record, "2.3.16", "be2")
        assert downtime.to_upgrade(here, record, "be1") == ["be2", "be3"]

    def test_i2_who_leads_while_the_cluster_is_taken_down_is_its_leader(self):
        """The lead moved while its leader went down: the newest data is elsewhere."""
        down = at(taken_down=("be1",), leader="be1")
        leads = {"be2": dataclasses.replace(seen()["be2"], leads=True)}
        assert downtime.leads_now({**seen(be1=DOWN), **leads}, down) == "be2"
        assert downtime.leads_now(seen(be1=DOWN), down) is None
        assert downtime.leads_now({**seen(be1=DOWN), **leads}, at(leader="be1")) is None, "nobody goes down yet"
        assert downtime.leads_now(leads, at(taken_down=("be1",), leader="be2")) is None

    def test_nobody_comes_up_before_all_are_down(self):
        record = at(taken_down=("be2", "be1", "be3"))
        downtime.may_come_up(seen(be1=DOWN, be2=DOWN, be3=DOWN), record, "2.3.16", "be1")
        with pytest.raises(ValueError, match=r"be3 is not down \(leaderl, .* the upgrade needs the whole cluster down"):
            downtime.may_come_up(seen(be1=DOWN, be2=DOWN, be3=NEW), record, "2.3.16", "be1")
        downtime.may_come_up(
            seen(be1=DOWN, be2=DOWN, be3=NEW), at(taken_down=record.taken_down, finished=("be3",)), "2.3.16", "be1"
        )

    def test_nobody_comes_up_before_all_have_the_package(self):
        old = {**DOWN, "version": "1.4.6"}
        with pytest.raises(ValueError, match=r"be3 has not got 2\.3\.16 installed yet"):
            downtime.may_come_up(seen(be1=DOWN, be2=DOWN, be3=old), RUN, "2.3.16", "be1")

    def test_the_leader_comes_up_last(self):
        record = at(taken_down=("be2", "be1", "be3"), finished=("be1",))
        with pytest.raises(ValueError, match="be2 led, it comes up last, but be3 is not upgraded yet"):
            downtime.may_come_up(seen(be1=NEW, be2=DOWN, be3=DOWN), record, "2.3.16", "be2")
        done = at(taken_down=record.taken_down, finished=("be1", "be3"))
        downtime.may_come_up(seen(be1=NEW, be2=DOWN, be3=NEW), done, "2.3.16", "be2")

    def test_in_no_order_is_the_leader_up_before_a_follower(self):
        """Whatever is tried: what the gates let through ends with the leader of record."""
        for order in itertools.permutations(printed.NODES):
            here, record = dict.fromkeys(printed.NODES, DOWN), at(taken_down=("be2", "be1", "be3"))
            came = []
            for node in order:
                try:
                    downtime.may_come_up(seen(**here), record, "2.3.16", node)
                except ValueError:
                    break
                came.append(node)
                here, record = here | {node: NEW}, at(taken_down=record.taken_down, finished=tuple(came))
            assert "be2" not in came or (came[-1] == "be2" and len(came) == 3)


class TestAdvice:
    def test_nothing_is_said_of_a_cluster_that_is_not_down(self):
        assert downtime.advice(seen(), None) == ""
        assert downtime.advice(seen(), RUN) == ""

    def test_the_same_command_goes_on(self):
        said = downtime.advice(seen(be2=DOWN, be1=DOWN), at(taken_down=("be2", "be1")))
        assert said == "run r1 has the cluster down (be1, be2): the same command goes on from there"

    def test_a_node_that_is_silent_is_named(self):
        said = downtime.advice(seen() | {"be3": silent("be3")}, at(taken_down=("be2", "be1", "be3")))
        assert "has the cluster down, and be3: Minion did not return: look there" in said

    def test_no_leader_after_the_last_upgrade_names_the_documented_way_out_and_runs_it_not(self):
        none = printed.cluster_status(tuple(printed.Member(node, role="waiting_for_leader") for node in printed.NODES))
        up = everywhere({"cluster_status": none, **NEW})
        said = downtime.advice(views(**up), at(taken_down=("be2", "be1", "be3"), finished=("be1", "be3")))
        assert "'chef-backend-ctl promote be2'" in said and "'chef-backend-ctl force-leader' on be2" in said
        assert "of which nothing was done" in said

    def test_up_and_led_but_not_verified(self):
        said = downtime.advice(seen(), at(taken_down=("be2", "be1", "be3"), finished=("be1", "be3", "be2")))
        assert said == "run r1 is not verified yet: the same command goes on from there"


class TestRecord:
    def test_while_the_cluster_is_down_the_record_says_who_led(self):
        record = {"record": at(taken_down=("be2",)).to_dict()}
        assert answers.leader_of_record(seen(be1=record)) == "be2"
        assert answers.leader_of_record(views(**everywhere({"cluster_status": None}) | {"be1": record})) == "be2"
        assert answers.leader_of_record(views(be1={"record": RUN.to_dict()})) == "be1"

    def test_clients_are_let_in_again_only_if_no_backend_was_touched(self):
        assert records.frontends_may_serve(RUN)
        assert records.frontends_may_serve(at(inside=("be1",))), "installed, and every service runs as before"
        assert not records.frontends_may_serve(at(taken_down=("be2",)))
        assert not records.frontends_may_serve(at(finished=("be1",)))
        assert not records.frontends_may_serve(run(inside=("be1",)))

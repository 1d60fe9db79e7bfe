"""A run is opened: what it does about the one that died before, and what it refuses."""

import dataclasses

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.product.backend_settings import FOLLOWERS
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import lock, opening, ways
from saltext.chef_backend.run.bus import Answer
from tests.unit import printed
from tests.unit.answered import everywhere, run
from tests.unit.run import fakes

DIED = run(failover="off", frontends=("fe1", "fe2"))


def hub(found, **be2):
    """A master whose backends show failover off, and hold this record; ``be2``: what this follower answers besides."""
    told = everywhere({"cluster_status": printed.OFF})
    does = {
        "chef_server.version": lambda node: "14.16.19",
        "chef_server_agent.busy": lambda node: [],
        "test.ping": lambda node: True,
        "chef_backend_agent.ensure_failover": lambda node, to, bound, before=None: {"before": "off", "after": to},
    }
    return fakes.master({**told, "be2": told["be2"] | be2}, record=found, jid="2", does=does)


def opens(master):
    return opening.opened(master, "Open the run", "prod", "rolling")


def test_failover_that_a_dead_run_left_off_is_switched_on_at_once():
    """What it was off for may be done: then no later step would switch it on before it is needed."""
    master = hub(DIED)
    done = opens(master)
    assert done["result"] is True, done["comment"]
    assert done["changes"]["failover"] == {"old": "off", "new": "on"}
    assert master.bus.asked("chef_backend_agent.ensure_failover") == [("be1", "on", 60, "off")]
    held = fakes.backends(master).record
    assert (held.run, held.owner.jid, held.failover) == (DIED.run, "2", "on")
    assert held.word == (2, 2), "a new owner, who has said one word more"


def test_beside_a_node_that_is_half_upgraded_it_stays_off():
    half_upgraded = "run r1 did not finish on this node"
    master = hub(dataclasses.replace(DIED, inside=("be2",)), version=DIED.target, half_upgraded=half_upgraded)
    done = opens(master)
    assert done["result"] is True, done["comment"]
    assert master.bus.asked("chef_backend_agent.ensure_failover") == []
    assert fakes.backends(master).record.failover == "off"


@pytest.mark.parametrize("found", [None, run()])
def test_failover_that_nobody_explains_is_left_alone_and_refused(found):
    master = hub(found)
    done = opens(master)
    assert done["result"] is False
    assert "failover is off and no unfinished run explains it" in done["comment"]
    assert master.bus.asked("chef_backend_agent.ensure_failover") == []
    assert master.bus.asked("chef_backend_agent.accept") == []


def test_i6_a_run_that_somebody_else_has_taken_over_while_a_node_was_at_work_is_left_to_them():
    """Two masters may wait for the same command to end; the one that comes second is refused."""
    master = hub(DIED)
    held = fakes.backends(master)
    alive = dataclasses.replace(DIED.owner, jid="3", master="hub2")
    at_work = everywhere({"busy": ["chef-backend-ctl upgrade"]})
    held.told = (at_work, at_work, *held.told)

    sleep = master.clock.sleep

    def while_it_waits(seconds):
        held.record = dataclasses.replace(held.record, owner=alive, epoch=2)
        sleep(seconds)

    master.clock.sleep = while_it_waits
    done = opens(master)
    assert done["result"] is False
    assert "run r1 to 2.3.16 holds prod: started by master hub2" in done["comment"]
    assert (held.record.owner.jid, master.bus.asked("chef_backend_agent.accept")) == ("3", [])


def test_i5_a_run_that_was_to_take_the_cluster_down_and_took_no_node_down_is_up():
    """The lead had moved: its node refused. The same command goes on from there, with who leads now."""
    found = run(way="downtime", target="2.3.16", down=True, leader="be3", frontends=("fe1", "fe2"))
    told = everywhere({"version": "1.4.6"})
    does = {
        "chef_server.version": lambda node: "14.16.19",
        "chef_server_agent.busy": lambda node: [],
        "chef_backend.index_created": lambda node: "2.3.1",
        "test.ping": lambda node: True,
    }
    master = fakes.master(told, record=found, jid="2", does=does)
    done = opening.opened(master, "Open the run", "prod", "downtime")
    assert done["result"] is True, done["comment"]
    assert "be1 leads now" in done["comment"]
    assert fakes.backends(master).record.down is False


def test_i3_a_new_run_that_cannot_arm_keeps_the_record_by_which_failover_comes_on_again():
    """It was opened over a run that died with failover off, whose record it has replaced."""
    master = hub(dataclasses.replace(DIED, target="2.3.15"))

    def arm(node, seconds):
        raise CommandExecutionError(f"{node} does not answer")

    master.bus.does["chef_backend_agent.arm"] = arm
    done = opens(master)
    assert done["result"] is False and "does not answer" in done["comment"]
    held = fakes.backends(master).record
    assert (held.run, held.failover) == ("2", "off")
    assert lock.held(master, "prod") is not None, "close ends it as a run that has failed"


def test_i8_the_backends_are_looked_at_when_the_frontends_are_at_rest_and_not_before():
    """A late order of the run that died may begin while frontends are waited for."""
    master = hub(DIED)
    assert opens(master)["result"] is True
    calls = [(node, name) for node, name, *_ in master.bus.calls]
    rest = max(number for number, (_, name) in enumerate(calls) if name == "chef_server_agent.busy")
    accepted = next(number for number, (_, name) in enumerate(calls) if name == "chef_backend_agent.accept")
    assert {node for node, name in calls[rest:accepted] if name == "chef_backend_agent.view"} == {"be1", "be2", "be3"}


def test_i8_one_that_has_fallen_silent_meanwhile_is_not_taken_for_being_at_rest():
    master = hub(DIED)
    view = master.bus.does["chef_backend_agent.view"]

    def falls_silent(node, *args, **kwargs):
        if node == "be2" and master.bus.asked("chef_server_agent.busy"):
            raise CommandExecutionError("be2 does not answer")
        return view(node, *args, **kwargs)

    master.bus.does["chef_backend_agent.view"] = falls_silent
    done = opens(master)
    assert done["result"] is False and "be2 does not answer" in done["comment"]
    assert master.bus.asked("chef_backend_agent.accept") == []


def test_i5_a_reindex_that_goes_on_waits_for_a_moment_at_which_somebody_leads():
    """Where none can read the old index leaderl moves the lead again and again; a look may fall in between."""
    found = run(way="reindex", reindex=True, target="2.3.16", frontends=("fe1", "fe2"))
    none = everywhere(
        {"cluster_status": printed.cluster_status(printed.changed("be1", role="deposed_leader", pg="down"))}
    )
    does = {
        "chef_server.version": lambda node: "14.16.19",
        "chef_server_agent.busy": lambda node: [],
        "chef_server_agent.may_keep_out": lambda node: True,
        "test.ping": lambda node: True,
    }
    master = fakes.master({}, {}, none, none, {}, record=found, jid="2", does=does, reindex_organisation="acme")
    done = opening.opened(master, "Open the run", "prod", "reindex")
    assert done["result"] is True, done["comment"]
    assert fakes.backends(master).looks["be1"] >= 5


def test_an_address_that_nobody_named_is_connected_and_nothing_is_opened():
    """A frontend that is not in the pillar would not be reconfigured, and would serve while the backends are down."""
    master = fakes.master(jid="2", does={"chef_server.version": lambda node: "14.16.19"})
    master.bus.does["chef_backend_agent.connected"] = lambda node: [*fakes.CLIENTS, "198.51.100.9"]
    done = opens(master)
    assert (done["result"], master.bus.asked("chef_backend_agent.accept")) == (False, [])
    assert done["comment"].startswith("be1: 198.51.100.9 is connected to PostgreSQL, and neither a backend nor")
    assert master.bus.asked("chef_backend_agent.connected") == [("be1",)], "the leader alone"


def test_a_run_that_is_gone_on_with_waits_for_no_address_to_be_named():
    master = hub(DIED)
    master.bus.does["chef_backend_agent.connected"] = lambda node: ["198.51.100.9"]
    assert opens(master)["result"] is True


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"be3": {**fakes.WELL, "clock": fakes.NOW + 3600}}, "the clocks of be1 and be3 are 3600.0 s apart or more"),
        (
            {"be2": {**fakes.WELL, "clock": fakes.NOW, "settings": {FOLLOWERS: "2"}}},
            "be2: /etc/chef-backend/chef-backend.rb: leaderl.",
        ),
        ({"be2": Answer(False, error="be2: it cannot be read")}, "be2: it cannot be read"),
    ],
)
def test_what_a_new_run_stands_on_refuses_it_and_not_one_that_goes_on(told, said):
    def ground(node):
        return told.get(node, {**fakes.WELL, "clock": fakes.NOW})

    master = fakes.master(jid="2", does={"chef_server.version": lambda node: "14.16.19"})
    master.bus.does["chef_backend_agent.ground"] = ground
    done = opens(master)
    assert (done["result"], master.bus.asked("chef_backend_agent.accept")) == (False, [])
    assert said in done["comment"]
    resumed = hub(DIED)
    resumed.bus.does["chef_backend_agent.ground"] = ground
    assert opens(resumed)["result"] is True


def test_an_address_that_the_pillar_knows_is_no_reason():
    master = fakes.master(
        jid="2", does={"chef_server.version": lambda node: "14.16.19"}, known_clients=["198.51.100.0/24"]
    )
    master.bus.does["chef_backend_agent.connected"] = lambda node: [*fakes.CLIENTS, "198.51.100.9"]
    assert opens(master)["result"] is True


def test_i7_a_run_is_above_what_a_frontend_has_heard_of_although_the_backends_were_put_back():
    master = fakes.master(jid="2", does={"chef_server.version": lambda node: "14.16.19"})
    master.bus.does["chef_server_agent.epoch"] = lambda node: 6 if node == "fe2" else 0
    assert opens(master)["result"] is True
    assert fakes.backends(master).record.epoch == 7


ODD = printed.cluster_status(printed.changed("be2", es="yellow"))


def waives(*said, told=None, does=None, **more):
    """A master whose command waives something."""
    does = {"chef_server.version": lambda node: "14.16.19", **(does or {})}
    master = fakes.master(told or {}, jid="2", does=does, **more)
    return dataclasses.replace(master, pillar={**master.pillar, "waive": list(said)})


def test_what_is_waived_does_not_stop_the_run_and_stands_in_its_record():
    odd = {node: {"cluster_status": ODD} for node in printed.NODES}
    assert opens(waives(told=odd))["reasons"][0]["code"] == "search-word"
    master = waives("search-word of be2 for 2.3.16", told=odd)
    done = opens(master)
    assert done["result"] is True, done["comment"]
    assert done["comment"].endswith("; waived: search-word of be2")
    assert fakes.backends(master).record.waived == ("search-word of be2",)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("search-word of be2 for 2.3.16", "there is nothing to waive: take it out of the pillar"),
        ("search-word of be2 for 2.2.0", "this run goes to 2.3.16: take it out of the pillar"),
        ("no-leader of be2 for 2.3.16", "no-leader cannot be waived"),
    ],
)
def test_a_waiver_that_is_none_opens_nothing(said, why):
    master = waives(said)
    done = opens(master)
    assert (done["result"], master.bus.asked("chef_backend_agent.accept")) == (False, [])
    assert why in done["comment"]


def test_a_disk_that_tells_nothing_may_be_waived():
    silent = {**fakes.WELL, "clock": fakes.NOW, "fsync": None, "errors": {"fsync": "no answer"}}
    does = {"chef_backend_agent.ground": lambda node: silent if node == "be3" else {**fakes.WELL, "clock": fakes.NOW}}
    assert opens(waives(does=does))["reasons"][0]["code"] == "slow-disk-unknown"
    assert opens(waives("slow-disk-unknown of be3 for 2.3.16", does=does))["result"] is True


def test_a_frontend_that_is_waived_is_left_out_of_the_run():
    does = {"chef_server.version": silent_fe2}
    assert opens(waives(does=does))["reasons"][0]["code"] == "frontend-unknown"
    master = waives("frontend-unknown of fe2 for 2.3.16", does=does, known_clients=["10.0.0.5"])
    done = opens(master)
    assert done["result"] is True, done["comment"]
    assert fakes.backends(master).record.frontends == ("fe1",)
    assert clusters.frontends(master, "prod") == ["fe1"]


def test_i9_a_frontend_whose_clients_have_to_be_refused_cannot_be_left_out():
    master = waives("frontend-unknown of fe2 for 2.3.16", does={"chef_server.version": silent_fe2})
    done = opening.opened(master, "Open the run", "prod", "downtime")
    assert "fe2 cannot be left out of the way downtime: its clients would have to be refused" in done["comment"]


def test_an_old_index_that_already_is_under_3_is_built_again_although_no_backend_is_due():
    new = {"version": "3.1.1", "package": {"source": "salt://chef-backend_3.1.1-1_amd64.deb", "sha256": "a" * 64}}
    does = {
        "chef_server.version": lambda node: "14.16.19",
        "chef_server_agent.may_keep_out": lambda node: True,
        ways.ASK_INDEX: lambda node: "5.4.1",
        "chef_backend_agent.stored": lambda node: {"acme": {}},
    }
    told = {node: {"version": "3.1.1"} for node in printed.NODES}
    master = fakes.master(told, jid="2", does=does, reindex_organisation="acme", **new)
    done = opening.opened(master, "Open the run", "prod", "reindex")
    assert done["result"] is True, done["comment"]
    assert fakes.backends(master).record.reindex is True


def silent_fe2(node):
    return Answer(False, error="fe2 does not answer") if node == "fe2" else "14.16.19"


def test_s17_a_frontend_without_the_modules_is_named_with_what_mends_it():
    said = "fe2: modules not in step: 'chef_server.version' is not available: run 'salt fe2 saltutil.sync_all'"
    told = {"fe1": "14.16.19", "fe2": Answer(False, error=said, failed="...")}
    done = opens(fakes.master(jid="2", does={"chef_server.version": told.get}))
    assert (done["result"], done["comment"]) == (False, said)
    assert [(one["code"], one["node"]) for one in done["reasons"]] == [("frontend-unknown", "fe2")]


@pytest.mark.parametrize("target", ["2.3.16", "2.3.15"])
def test_i9_a_frontend_that_left_the_pillar_while_it_was_out_of_service_is_let_in_by_the_next_run_or_named(target):
    """Also by a run to another target, which takes over what this one has left."""
    way = "rolling" if target == "2.3.16" else "downtime"
    left = run(way=way, state="failed", target=target, frontends=("fe1", "fe7", "fe8", "fe9"))
    master = hub(left)
    fakes.backends(master).told = ({},)
    broken = Answer(False, error="fe7: there is no Chef Infra Server here", failed="no product")
    does = {"fe7": broken, "fe8": True, "fe9": Answer(False, error="fe9 does not answer")}
    master.bus.does["chef_server_agent.out"] = lambda node: does[node]
    done = opens(master)
    assert done["result"] is True, done["comment"]
    assert "; fe7 has left the pillar and answers with an error: look whether it serves" in done["comment"]
    assert "; fe9 has left the pillar and does not answer: look whether it serves" in done["comment"]
    assert fakes.backends(master).record.frontends == ("fe1", "fe2", "fe8")


def test_i9_a_waived_frontend_that_answers_again_is_not_left_out():
    """It was silent when the waiver was written, and is back when the command runs."""
    master = waives("frontend-unknown of fe2 for 2.3.16")
    assert "there is nothing to waive" in opens(master)["comment"]
    resumed = run(failover="off", frontends=("fe1", "fe2"), waived=("frontend-unknown of fe2",))
    master = hub(resumed)
    done = opens(master)
    assert done["result"] is True, done["comment"]
    assert fakes.backends(master).record.frontends == ("fe1", "fe2")
    assert clusters.frontends(master, "prod") == ["fe1", "fe2"]


def test_a_waiver_of_a_run_that_was_aborted_does_not_hold_for_the_next():
    aborted = run(state="aborted", waived=("search-word of be2",))
    odd = {node: {"cluster_status": ODD} for node in printed.NODES}
    master = fakes.master(odd, record=aborted, jid="2", does={"chef_server.version": lambda node: "14.16.19"})
    assert opens(master)["reasons"][0]["code"] == "search-word"


def test_a_waiver_names_one_frontend_and_no_other_of_the_same_short_name():
    does = {"chef_server.version": lambda node: Answer(False, error=f"{node} does not answer")}
    names = ["fe1.eu.example.com", "fe1.us.example.com"]
    master = waives("frontend-unknown of fe1.eu.example.com for 2.3.16", does=does, frontends=names, probe=None)
    done = opens(master)
    assert "reasons" in done, done["comment"]
    assert [one["node"] for one in done["reasons"]] == ["fe1.us.example.com"]


def test_an_agent_of_another_version_is_named_with_what_mends_it():
    does = {"chef_backend_agent.ground": lambda node: {"clock": fakes.NOW, "settings": {}}}
    done = opens(waives(does=does))
    assert done["result"] is False
    assert "be1: it runs another version of this extension: run saltutil.sync_all there" in done["comment"]


# who is who

MEMBERS = {one.name: {"name": one.name, "guid": one.guid, "address": one.ip} for one in printed.MEMBERS}


def test_p9_who_is_who_is_learnt_once_and_stands_in_the_record():
    master = waives()
    assert opens(master)["result"] is True
    assert fakes.backends(master).record.members == MEMBERS


def again(told, **record):
    """A master whose backends hold this run that died, and whose frontends are at rest."""
    does = {
        "chef_server.version": lambda node: "14.16.19",
        "chef_server_agent.busy": lambda node: [],
        "test.ping": lambda node: True,
    }
    return fakes.master(told, record=run(**{"frontends": ("fe1", "fe2"), **record}), jid="2", does=does)


def test_p9_a_run_that_goes_on_keeps_who_is_who_of_nodes_that_are_not_shown():
    """The cluster is down: nobody can tell now."""
    down = everywhere({"cluster_status": None, "errors": {"cluster_status": "cluster not configured"}})
    master = again(down, way="downtime", down=True, taken_down=printed.NODES, members=MEMBERS)
    done = opening.opened(master, "Open the run", "prod", "downtime")
    assert done["result"] is True, done["comment"]
    assert fakes.backends(master).record.members == MEMBERS


def test_p9_a_node_that_is_another_one_than_when_the_run_began_stops_it_until_a_person_says_that_it_was_replaced():
    """Then the record learns it anew, and the run goes on."""
    before = {**MEMBERS, "be2": {**MEMBERS["be2"], "guid": "a" * 32}}
    refused = opens(again({}, members=before))
    assert [(one["code"], one["node"]) for one in refused["reasons"]] == [("not-the-same", "be2")]
    master = again({}, members=before)
    master = dataclasses.replace(master, pillar={**master.pillar, "waive": ["not-the-same of be2 for 2.3.16"]})
    done = opens(master)
    assert done["result"] is True, done["comment"]
    assert fakes.backends(master).record.members == MEMBERS

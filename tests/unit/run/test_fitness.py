"""Check, plan and open ask the same: whether the Salt of the master and of every node is fit to drive a run."""

import dataclasses

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.errors import Refused
from saltext.chef_backend.judge import complaint
from saltext.chef_backend.judge.view import SILENT
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import fitness, opening, overview, replacing, server
from saltext.chef_backend.run.bus import Answer
from tests import fit
from tests.unit import answered
from tests.unit.run import fakes

ASK = "chef_backend_environment.environment"
OLD = {"digest": "d2", "extension": "0.0.9"}
SAID = "fe2: its modules are of version 0.0.9, expected those of hub (0.1.0): run 'salt fe2 saltutil.sync_all'"
MISSING = f"'{ASK}' is not available."


def master(*views, **told):
    """Return a master whose nodes tell something else of their Salt, by node; an Answer stands for itself.

    :param views: what is changed in the backends' answers.
    :param told: besides, fields of ``Master``.
    """
    nodes = {name: told.pop(name) for name in list(told) if name in fakes.ADDRESSES}

    def environment(node, saltenv, fire):
        said = nodes.get(node, {})
        return said if isinstance(said, Answer) else fit.environment(fakes.NOW, **said)

    return fakes.master(*views, does={ASK: environment, "chef_server.version": lambda node: "14.16.19"}, **told)


def hub(**changes):
    return {"environment": lambda: dataclasses.replace(fit.HUB, **changes)}


def opened(hub):
    return opening.opened(hub, "open", "prod", "rolling")


def test_a_fit_salt_is_said_to_be_fit_and_each_scheduler_is_seen_to_run():
    fired, asked = {}, master()
    asked.bus.does[ASK] = lambda node, saltenv, fire: fired.update({node: fire}) or fit.environment(fakes.NOW)
    shown = overview.check(asked, "prod")
    assert shown["ok"] is True
    assert shown["text"].splitlines()[-1] == "fit: this Salt may drive a run of prod"
    assert [row["node"] for row in shown["nodes"]] == ["hub", "be1", "be2", "be3", "fe1", "fe2"]
    assert fired == {"be1": True, "be2": True, "be3": True, "fe1": False, "fe2": False}


@pytest.mark.parametrize("ask", [overview.check, overview.plan])
def test_s17_a_node_of_another_version_is_named_with_the_command_that_mends_it(ask):
    shown = ask(master(fe2=OLD), "prod")
    assert shown["ok"] is False
    assert SAID in shown["text"]


def test_modules_of_two_versions_open_no_run():
    asked = master(fe2=OLD)
    found = opened(asked)
    assert found["result"] is False
    assert found["comment"] == SAID
    assert fakes.backends(asked).record is None


def test_s1_a_node_that_answers_an_error_is_not_silent():
    with pytest.raises(Refused) as refused:
        told = complaint.read("be3", MISSING)
        asked = master(be3=Answer(False, error=str(told), failed=MISSING, code=told.code))
        fitness.holds(asked, clusters.settings(asked, "prod"), ["be1", "be2", "be3"], [])
    assert [(one.code, one.node) for one in refused.value.reasons] == [("modules", "be3")]
    assert f"be3: modules not in step: {MISSING.rstrip('.')}" in str(refused.value)
    assert str(refused.value).endswith("run 'salt be3 saltutil.sync_all'")


def test_i6_a_backend_that_is_silent_now_is_refused_though_it_has_answered_before():
    asked = master(be3=Answer(False, error="be3 does not answer within 15 s"))
    with pytest.raises(Refused, match="be3 does not answer within 15 s"):
        fitness.holds(asked, clusters.settings(asked, "prod"), ["be1", "be2", "be3"], [])


def test_a_silent_frontend_is_judged_by_who_needs_it_and_named_by_check():
    asked = master(fe2=Answer(False, error="fe2 does not answer within 15 s"))
    fitness.holds(asked, clusters.settings(asked, "prod"), ["be1", "be2", "be3"], ["fe1", "fe2"])
    shown = overview.check(asked, "prod")
    assert [(one["code"], one["node"]) for one in shown["reasons"]] == [("silent", "fe2")]
    assert shown["text"].splitlines()[-1] == "first to do: fe2 does not answer within 15 s"


def test_a_node_behind_a_syndic_is_refused_in_words():
    asked = master()
    asked.bus.no_key = {"be3"}
    found = opened(asked)
    assert found["result"] is False
    assert found["comment"].startswith("be3: hub has accepted no key of it, and may reach it through a syndic at most")
    assert fakes.backends(asked).record is None
    assert [one["code"] for one in overview.check(asked, "prod")["reasons"]] == ["no-key"]


def test_s3_a_user_who_may_not_is_refused_before_anybody_is_asked():
    asked = master(**hub(user="alice", daemon="salt"))
    found = opened(asked)
    assert found["result"] is False
    assert "this runs as alice" in found["comment"]
    assert ASK not in [function for _, function, *_ in asked.bus.calls]
    assert fakes.backends(asked).record is None
    assert overview.check(asked, "prod")["took"] is None


def test_i5_a_frontends_salt_does_not_keep_half_upgraded_backends_from_being_finished():
    broken = {"pillar": ["Rendering SLS 'x' failed"]}
    half = {"be2": {"half_upgraded": "run r1 did not finish on this node"}}
    asked = master(half, fe2=broken, record=answered.run(inside=("be2",)), jid="20261128010203000000")
    found = opened(asked)
    assert "pillar cannot be rendered" not in found["comment"]
    assert ASK not in [function for node, function, *_ in asked.bus.calls if node == "fe2"]


def test_half_of_the_runbooks_opens_no_run():
    found = opened(master(**hub(runbooks=fit.HUB.runbooks[:9])))
    assert found["result"] is False
    assert "hub: the file server has not got orch/node/" in found["comment"]


def test_no_room_opens_no_run_unless_somebody_waives_it():
    changes = {"free": {"/opt": 1}}
    found = opened(master(be2=changes))
    assert found["result"] is False
    assert found["comment"] == "be2: /opt has 0 MiB free (expected 1200 MiB): make room there"
    asked = master(be2=changes, jid="20261128010203000000")
    waiver = {"waive": ["space of be2 for 2.3.16"]}
    asked = dataclasses.replace(asked, pillar={**asked.pillar, **waiver})
    found = opened(asked)
    assert found["result"] is True, found["comment"]


@pytest.mark.parametrize("code", ["modules", "python-version", "no-product", "minion-error"])
def test_s10_what_keeps_a_node_from_telling_is_a_reason_of_its_own(code):
    shown = overview.check(master(be3=Answer(False, error="be3: why", failed=MISSING, code=code)), "prod")
    assert [(one["code"], one["text"]) for one in shown["reasons"]] == [(code, "be3: why")]


def test_an_answer_that_cannot_be_read_is_of_another_version():
    shown = overview.check(master(be3=Answer(True, {"extension": "9.9"})), "prod")
    (reason,) = shown["reasons"]
    assert reason["code"] == "modules"
    assert "be3: modules not in step: its answer cannot be read" in reason["text"]
    assert reason["text"].endswith("run 'salt be3 saltutil.sync_all'")


def test_s4_modules_are_synced_from_the_environment_that_the_operator_names():
    asked = master(be3=Answer(True, {"extension": "9.9"}), saltenv="prod", **hub(saltenv="prod"))
    (reason,) = (one for one in overview.check(asked, "prod")["reasons"] if one["node"] == "be3")
    assert reason["text"].endswith("run 'salt be3 saltutil.sync_all saltenv=prod'")
    asked.bus.does[clusters.VIEW] = lambda node, *_: {"node": node}
    assert clusters.views(asked, "prod")["be3"].errors[SILENT].endswith("saltutil.sync_all saltenv=prod'")


def test_a_frontend_that_is_left_out_is_not_asked():
    asked = master(fe2=OLD)
    settings = clusters.settings(asked, "prod")
    fitness.holds(asked, settings, ["be1", "be2", "be3"], ["fe1", "fe2"], ["frontend-unknown of fe2"])
    assert "fe2" not in [node for node, function, *_ in asked.bus.calls if function == ASK]


def test_the_frontends_own_upgrade_and_a_replacement_ask_the_same():
    asked = master(
        be3=OLD,
        server={"version": "15.10.12", "package": {"source": "salt://s.deb", "sha256": "a" * 64}},
        version="2.2.0",
    )
    for found in (
        server.opened(asked, "open", "prod"),
        replacing.opened(asked, "open", "prod", "be3", "/root/s.json", "delete all data of be3"),
    ):
        assert found["result"] is False
        assert "run 'salt be3 saltutil.sync_all'" in found["comment"]


def test_a_cluster_that_is_in_no_pillar_is_one_message():
    with pytest.raises(CommandExecutionError, match="cluster 'nope' is not in chef_backend:clusters"):
        overview.check(master(), "nope")

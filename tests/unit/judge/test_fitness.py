"""Whether a Salt is fit to drive a run: each thing that is not is one sentence, and names the command that mends it."""

import dataclasses

import pytest

from saltext.chef_backend import FILES
from saltext.chef_backend.judge import fitness, kinds
from tests import fit
from tests.functional.minion import REPO

NOW = 2100.0
LACKS = "orch/chef_backend_rolling.sls"
SYNC = "run 'salt be3 saltutil.sync_all'"


def node(**changes):
    """Return a node that is fit, some of its answer changed."""
    found = fitness.Node.of_answer(fit.environment(NOW, **changes))
    assert found is not None
    return found


def hub(**changes):
    return dataclasses.replace(fit.HUB, **changes)


def without(path):
    return tuple(one for one in fit.HUB.runbooks if one != path)


def test_a_fit_salt_has_no_reasons():
    assert fitness.of_hub(fit.HUB) == []
    assert fitness.of_node("be3", node(), fit.HUB, backend=True) == []
    assert fitness.room({"be3": node()}, 300 << 20, backup=True) == []
    assert fitness.in_time(fit.HUB, 0.2) == []
    assert fitness.without_key(["be3"], ["be1", "be3"], fit.HUB) == []
    assert fitness.notes(fit.HUB, {"be3": node()}) == []


OF_HUB = [
    ({"salt": "3005.1"}, "salt-version", "hub: Salt 3005.1, expected 3006 to 3008"),
    ({"salt": "3009.0"}, "salt-version", "hub: Salt 3009.0, expected 3006 to 3008"),
    ({"salt": ""}, "salt-version", "hub: Salt of an unknown version"),
    ({"python": (3, 9, 18)}, "python-version", "hub: its Salt runs on Python 3.9.18, expected 3.10 or later"),
    ({"user": "alice", "typed_by": "alice", "daemon": "salt"}, "user", "Type it as salt: sudo -u salt salt-run"),
    ({"unwritable": ("/var/cache/salt/master",)}, "unwritable", "chown -R root /var/cache/salt/master"),
    ({"runbooks": without(LACKS)}, "runbooks", f"hub: the file server has not got {LACKS} in environment base"),
    ({"runbooks": (), "saltenv": "prod"}, "runbooks", "and 30 more in environment prod"),
    ({"served": "d2"}, "modules", "run 'salt-run saltutil.sync_all'"),
    ({"served": "d2", "saltenv": "prod"}, "modules", "run 'salt-run saltutil.sync_all saltenv=prod'"),
    ({"stale_pillar": True}, "pillar-old", "It has the new one now: type the command again"),
]


@pytest.mark.parametrize(("changes", "code", "said"), OF_HUB)
def test_what_of_the_master_is_not_fit_is_told_with_what_mends_it(changes, code, said):
    (reason,) = fitness.of_hub(hub(**changes))
    assert reason.code == code
    assert said in str(reason)
    assert str(reason).startswith("hub: ")


OF_NODE = [
    ({"digest": "d2", "extension": "0.0.9"}, "modules", f"of version 0.0.9, expected those of hub (0.1.0): {SYNC}"),
    (
        {"digest": "d2"},
        "modules",
        f"modules are of another state of 0.1.0, expected those of hub (0.1.0): {SYNC}",
    ),
    ({"digest": "d2", "pip": "0.1.0"}, "modules", "there pip has installed 0.1.0"),
    ({"salt": "3004.2"}, "salt-version", "be3: Salt 3004.2, expected 3006 to 3008"),
    ({"python": [3, 9, 2]}, "python-version", "be3: its Salt runs on Python 3.9.2, expected 3.10 or later"),
    ({"user": "salt"}, "user", "be3: its minion runs as salt, expected root"),
    ({"runbooks": ["orch/node/down.sls"]}, "runbooks", "is not served orch/node/backed_up.sls, "),
    ({"runbooks": None, "errors": {"runbooks": "Timed out"}}, "runbooks", "be3: its file server: Timed out"),
    ({"pillar": ["Rendering SLS 'x' failed"]}, "pillar", "be3: its pillar cannot be rendered, and no state"),
    ({"pillar": None, "errors": {"pillar": "Timed out"}}, "pillar", "without: Timed out"),
    ({"cleaned": ["dev", "qa"]}, "taken-away", "from dev, qa alone, and this is of base. Have base in the top file"),
    ({"scheduler": False}, "scheduler", "be3: its minion's scheduler is disabled: the dead man's switch would never"),
    (
        {"fires": None, "errors": {"fires": "be3: it is armed, and not run"}},
        "scheduler",
        "be3: it is armed, and not run",
    ),
    ({"unwritable": ["/var/lib/salt-chef-backend"]}, "unwritable", "be3: /var/lib/salt-chef-backend cannot be written"),
]


@pytest.mark.parametrize(("changes", "code", "said"), OF_NODE)
def test_what_of_a_node_is_not_fit_is_told_with_what_mends_it(changes, code, said):
    (reason,) = fitness.of_node("be3", node(**changes), fit.HUB, backend=True)
    assert (reason.code, reason.node) == (code, "be3")
    assert said in str(reason)


def test_what_is_served_counts_before_what_the_master_has_synced():
    assert fitness.of_node("be3", node(digest="d2"), hub(served="d2"), backend=True) == []


def test_s6_a_frontend_needs_no_scheduler():
    assert fitness.of_node("fe1", node(scheduler=False), fit.HUB, backend=False) == []


def test_an_answer_of_another_version_is_none():
    assert fitness.Node.of_answer({"extension": "9.9"}) is None
    assert fitness.Node.of_answer(True) is None


@pytest.mark.parametrize(
    ("free", "package", "backup", "found"),
    [
        ({}, 300 << 20, True, []),
        ({"/opt": 1000 << 20}, 300 << 20, False, ["be3: /opt has 1000 MiB free (expected 1200 MiB): make room there"]),
        ({"/opt": 1000 << 20}, None, False, []),  # what is not known here refuses nothing
        (
            {"/var/opt/chef-backup": 10 << 20},
            None,
            True,
            ["be3: /var/opt/chef-backup has 10 MiB free"],
        ),
        ({"/var/opt/chef-backup": 10 << 20}, None, False, []),
    ],
)
def test_there_is_room_for_the_package_and_for_the_backup(free, package, backup, found):
    plenty = fit.environment(NOW)["free"]
    reasons = fitness.room({"be3": node(free=plenty | free)}, package, backup)
    assert [one.code for one in reasons] == ["space"] * len(found)
    for reason, said in zip(reasons, found, strict=True):
        assert str(reason).startswith(said)


@pytest.mark.parametrize("part", ["unwritable", "free", "data", "cleaned"])
def test_i8_what_cannot_be_told_is_not_the_good_case(part):
    odd = node(**{part: None, "errors": {part: "Stale file handle"}})
    reasons = [*fitness.of_node("be3", odd, fit.HUB, backend=True), *fitness.room({"be3": odd}, 300 << 20, backup=True)]
    assert len(reasons) == 1
    assert str(reasons[0]).startswith("be3: ") and str(reasons[0]).endswith("cannot be told: Stale file handle")


def test_the_doors_that_are_hashed_are_those_of_the_tree():
    there = {kind: tuple(sorted(path.name for path in (REPO / f"_{kind}").glob("*.py"))) for kind in FILES}
    assert there == FILES


def test_a_busy_node_must_not_be_taken_for_a_silent_one():
    (reason,) = fitness.in_time(hub(gather_job_timeout=5), 3.1)
    assert reason.code == "slow-answers"
    assert "took 3.1 s to answer, and gather_job_timeout is 5 s" in str(reason)


def test_what_is_good_to_know_refuses_nothing():
    told = fitness.notes(hub(pillar_cache=True, pip="0.2.0"), {"be3": node(pip="0.2.0"), "be1": node()})
    assert told[0].startswith("pillar_cache is on: check and plan renew it")
    assert told[1].startswith("installed by pip on hub, be3: ")


def test_every_reason_is_of_a_kind_that_is_known():
    told = [case[1] for case in (*OF_HUB, *OF_NODE)]
    assert set(told) | {"slow-answers"} <= set(kinds.KINDS)
    assert {code for code in told if kinds.KINDS[code].waivable} == {"salt-version", "taken-away"}


def test_the_runbooks_are_those_of_the_tree():
    there = sorted(str(path.relative_to(REPO)) for path in (REPO / "orch").rglob("*.sls"))
    assert sorted(fit.HUB.runbooks) == there

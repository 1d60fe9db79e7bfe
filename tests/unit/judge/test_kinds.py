"""Reasons have a stable code; of many the one that explains the others is told first, and what all show stands once."""

import ast
import re
from pathlib import Path

import pytest

from saltext.chef_backend.errors import InVain, Refused, reasons_of
from saltext.chef_backend.judge import answers, gates, kinds, standing
from saltext.chef_backend.judge.kinds import CRITICAL, ERROR, KINDS, PASSES
from saltext.chef_backend.reason import Reason
from saltext.chef_backend.show import status as shows
from saltext.chef_backend.show.status import Shown
from tests.unit import printed
from tests.unit.answered import silent, views

PACKAGE = Path(__file__).resolve().parents[3] / "_utils/saltext/chef_backend"
RAISED = ("Reason", "Refused", "InVain", "NotYet")
FULL = "/var/opt/chef-backend: 12 MB free"


def codes_of(call):
    """The code of a reason or a refusal that is made somewhere, as far as it is written there."""
    name = getattr(call.func, "id", "")
    at = {"Reason": 0, "NotYet": 2}.get(name, 1)
    if len(call.args) > at:
        yield from (node.value for node in ast.walk(call.args[at]) if isinstance(node, ast.Constant))


def made():
    """Every code that any module gives a reason."""
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in RAISED:
                yield from codes_of(node)
            if isinstance(node, ast.Assign) and "code" in ast.unparse(node.targets[0]):
                value = node.value.elts[0] if isinstance(node.value, ast.Tuple) else node.value
                for one in (value.body, value.orelse) if isinstance(value, ast.IfExp) else ():
                    yield getattr(one, "value", "")


def everything_broken():
    """Three nodes of which each shows nearly everything that can be wrong, for one full disk."""
    disks = (FULL, "health: red; healthy nodes: 0/3")
    broken = printed.status(down=["postgresql", "elasticsearch", "leaderl"], disks=disks)
    table = printed.cluster_status(
        tuple(
            printed.Member(f"be{n}", "waiting_for_leader", "down", "unknown", "-", eligible="not_eligible")
            for n in (1, 2, 3)
        )
    )
    return views(**{f"be{n}": {"status": broken, "cluster_status": table, "replication": ""} for n in (1, 2, 3)})


def test_every_code_that_is_given_is_known_and_every_one_that_is_known_is_given():
    given = {code for code in made() if code}
    assert given == set(KINDS)


def test_codes_are_words_and_kinds_say_what_they_mean():
    for kind in KINDS.values():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)
        assert kind.severity in (CRITICAL, ERROR, PASSES)
        assert kind.means and not kind.means.endswith(".")


@pytest.mark.parametrize(
    "code", ["no-leader", "silent", "unsynced", "lag", "half-upgraded", "not-replicating", "at-work", "service-down"]
)
def test_who_leads_one_at_a_time_sync_lag_and_half_upgraded_can_never_be_waived(code):
    assert not KINDS[code].waivable


def test_with_everything_broken_on_three_nodes_the_one_reason_that_explains_the_others_is_first():
    stands = standing.of_cluster("prod", "2.2.0", everything_broken(), 1024)
    assert stands.reasons[0].code == "disk"
    lines = [line for line in shows.status_text(Shown(stands)).splitlines() if line.startswith("  ")]
    assert lines[0].startswith(f"  - be1, be2, be3 has disks {FULL}")
    assert lines[1] == "    seen with it:"
    assert len(lines) < 20 < len(stands.reasons)
    with pytest.raises(Refused) as refused:
        gates.healthy(everything_broken(), 1024)
    assert str(refused.value).startswith("be1, be2, be3 has disks")


def test_of_services_the_one_that_the_others_need_is_first():
    reasons = answers.verdict(
        views(be2={"status": printed.status(down=["leaderl", "postgresql", "etcd"])}), 1024
    ).reasons
    down = [reason.service for reason in reasons if reason.code == "service-down"]
    assert down == ["etcd", "leaderl", "postgresql"]


def test_a_silent_backend_explains_what_the_others_miss():
    reasons = answers.verdict(views() | {"be3": silent("be3")}, 1024).reasons
    assert (reasons[0].code, reasons[0].node) == ("silent", "be3")


def test_a_reason_is_told_as_fields_and_begins_with_its_node():
    reason = Reason("lag", "be2", "is", "900 bytes behind the leader", "limit 512", "wait")
    assert kinds.fields(reason) == {
        "code": "lag",
        "severity": PASSES,
        "node": "be2",
        "value": "900 bytes behind the leader",
        "bound": "limit 512",
        "advice": "wait",
        "text": "be2 is 900 bytes behind the leader (limit 512): wait",
    }


def test_reasons_that_are_fields_already_stand_once_each_in_the_order_of_reasons_and_unknown_codes_last():
    lag, silence = Reason("lag", "be2", "is", "900 bytes behind"), Reason("silent", "be3", "does not answer")
    later = {"code": "of-a-later-version", "text": "be1 is odd"}
    told = [later, *map(kinds.fields, (lag, silence, lag))]
    assert kinds.fields_ordered(told) == [kinds.fields(silence), kinds.fields(lag), later]
    assert kinds.fields_ordered([]) == []


def test_an_error_that_was_made_of_a_refusal_keeps_its_reasons():
    first = InVain("pause was asked for", "wished")
    try:
        raise RuntimeError("looked for 5 s") from first
    except RuntimeError as err:
        assert [reason.code for reason in reasons_of(err)] == ["wished"]
    assert reasons_of(ValueError("no code")) == ()

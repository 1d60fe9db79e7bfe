"""Which minions a target of the pillar means: what comes from whoever has a key is looked at before it is used."""

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend import salt_bus
from saltext.chef_backend.run import cluster
from tests.unit.run import fakes

KEPT = ("G@roles:chef-frontend and *.prod", "fe* or I@role:chef", "( P@os:Deb.* )", "S@10.0.0.0/24", "J@role:chef.*")


@pytest.mark.parametrize("strange", ["fe3\nEvil:\n  test.nop", "fe 3", "../fe3", "{{ fe3 }}"])
def test_s12_a_minion_whose_id_is_none_is_refused_by_name(strange, monkeypatch):
    master = fakes.master(frontends="fe*")
    monkeypatch.setattr(master.bus, "matching", lambda _target: ["fe1", strange])
    with pytest.raises(CommandExecutionError) as refused:
        cluster.frontends(master, "prod")
    assert "'fe*' matches minions whose ids are none for this extension: " in str(refused.value)
    assert repr(strange) in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("target", KEPT)
def test_s8_a_target_by_what_the_master_does_not_keep_is_told_as_that(target):
    with pytest.raises(CommandExecutionError, match=r"does not keep \(minion_data_cache: False\): name the nodes by"):
        salt_bus.Bus({"minion_data_cache": False}, {}).matching(target)


@pytest.mark.parametrize("target", ["fe* and not fe3", "L@fe1,fe2", "E@fe[12]", "N@frontends", "WiG@m*"])
def test_s8_a_target_by_ids_needs_no_cache(target, monkeypatch):
    class Keys:
        def __init__(self, _opts):
            pass

        def check_minions(self, asked, kind):
            return {"minions": ["fe1"]} if (asked, kind) == (target, "compound") else {}

    monkeypatch.setattr("salt.utils.minions.CkMinions", Keys)
    assert salt_bus.Bus({"minion_data_cache": False}, {}).matching(target) == ["fe1"]

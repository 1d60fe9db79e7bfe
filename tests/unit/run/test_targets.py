"""Which minions a target of the pillar means: what comes from whoever has a key is looked at before it is used."""

import pytest
from salt.config import master_config
from salt.exceptions import CommandExecutionError

from saltext.chef_backend import salt_bus
from saltext.chef_backend.run import cluster
from tests.unit.run import fakes

COMPOUND = (
    "G@roles:chef-frontend",
    "fe* or I@role:chef",
    "S@10.0.0.0/24",
    "N@frontends",
    "fe* and not fe3",
    "L@fe1,fe2",
)


@pytest.mark.parametrize("strange", ["fe3\nEvil:\n  test.nop", "fe 3", "../fe3", "{{ fe3 }}"])
def test_s12_a_minion_whose_id_is_none_is_refused_by_name(strange, monkeypatch):
    master = fakes.master(frontends="fe*")
    monkeypatch.setattr(master.bus, "matching", lambda _target: ["fe1", strange])
    with pytest.raises(CommandExecutionError) as refused:
        cluster.frontends(master, "prod")
    assert "'fe*' matches minions whose ids are none for this extension: " in str(refused.value)
    assert repr(strange) in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("target", COMPOUND)
def test_s8_a_compound_target_is_refused_where_the_master_keeps_no_data_of_minions(target):
    with pytest.raises(CommandExecutionError, match=r"keeps no data .*\(minion_data_cache: False\): name the nodes by"):
        salt_bus.Bus({"minion_data_cache": False}, {}).matching(target)


@pytest.fixture(params=[True, False], ids=["with data of minions", "without"])
def bus(request, tmp_path):
    """A master that has accepted three keys."""
    (tmp_path / "pki/minions").mkdir(parents=True)
    for node in ("be1", "be2", "fe1"):
        (tmp_path / "pki/minions" / node).write_text("a key")
    opts = master_config(None)
    opts.update(pki_dir=str(tmp_path / "pki"), cachedir=str(tmp_path / "cache"), minion_data_cache=request.param)
    return salt_bus.Bus(opts, {})


@pytest.mark.parametrize(("target", "matched"), [("be*", ["be1", "be2"]), ("fe1", ["fe1"]), ("fe[2-9]", [])])
def test_s8_a_pattern_of_minion_ids_needs_no_data_of_minions(bus, target, matched):
    assert sorted(bus.matching(target)) == matched


def test_of_a_list_those_match_whose_keys_are_accepted_here(bus):
    assert sorted(bus.accepted(["be1", "be2", "be3"])) == ["be1", "be2"]

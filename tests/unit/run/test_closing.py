"""A run is closed: failover is ordered on where the run has switched it off, and nothing unknown is taken for well."""

import dataclasses

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend import record as records
from saltext.chef_backend.run import closing, lock
from tests.unit import printed
from tests.unit.answered import RECORD
from tests.unit.run import fakes

OFF = dataclasses.replace(RECORD, failover="off")
FAILED = {"a_|-upgraded": {"result": False, "changes": {}, "__id__": "Upgrade the first follower"}}
SWITCH = "chef_backend_agent.ensure_failover"


def hub(record, *told, **does):
    does = {SWITCH: lambda node, to, bound, before=None: {"before": before, "after": to}} | does
    return fakes.master(*told, record=record, jid=RECORD.owner.jid, does=does)


def closes(master, running=FAILED):
    return closing.closed(master, "Close the run", "prod", running)


@pytest.mark.parametrize("running", [{}, FAILED])
def test_i3_what_the_run_has_switched_off_is_ordered_on_although_the_table_shows_it_on(running):
    """Nodes post what the table shows every ten seconds: it may show what was before the run switched."""
    master = hub(OFF)
    done = closes(master, running)
    assert (done["result"], done["changes"]) == (True, {"failover": {"old": "off", "new": "on"}})
    assert master.bus.asked(SWITCH) == [("be1", "on", 60, "off")]


def test_failover_that_the_run_has_not_switched_is_looked_at_only():
    master = hub(RECORD)
    assert closes(master)["comment"].startswith("run r1 failed at 'Upgrade the first follower'; failover is on; ")
    assert master.bus.asked(SWITCH) == []


def test_where_no_backend_answers_nothing_is_taken_for_closed():
    done = closes(hub(OFF, dict.fromkeys(printed.NODES)), {})
    assert done["result"] is False
    assert all(f"{node} does not answer" in done["comment"] for node in printed.NODES)


def test_a_run_whose_switch_could_not_be_armed_is_noted_as_failed():
    """Its records lie on the backends already: left as open, they would be taken for a run that is alive."""

    def arm(node, seconds):
        raise CommandExecutionError(f"{node}: its scheduler is off")

    master = hub(None, **{"chef_backend_agent.arm": arm})
    views = dict.fromkeys(printed.NODES)
    fields = {"way": "rolling", "target": "2.3.16", "leader": "be1", "failover_found": "on", "cluster": "prod"}
    with pytest.raises(CommandExecutionError, match="its scheduler is off"):
        lock.begin(master, views, None, None, lease=60, frontends=(), **fields)
    opened = {"a_|-b_|-c_|-opened": {"result": False, "changes": {}, "__id__": "Open the run"}}
    assert closes(master, opened)["result"] is True
    assert fakes.backends(master).record.state == records.FAILED


def test_a_node_that_could_not_be_freed_is_named():
    def finish(node, jid, record):
        raise CommandExecutionError(f"{node}: no space left on device")

    done = closes(hub(RECORD, **{"chef_backend_agent.finish": finish}), {})
    assert done["result"] is False
    assert "be2: no space left on device" in done["comment"]


@pytest.mark.parametrize("way", ["rolling", records.FRONTENDS, records.REPLACE])
def test_frontends_that_were_never_taken_out_are_left_alone(way):
    assert not records.frontends_may_serve(dataclasses.replace(RECORD, way=way))

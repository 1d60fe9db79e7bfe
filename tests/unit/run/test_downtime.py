"""The way with downtime: what must hold before a node goes down, and before anything is installed."""

import dataclasses

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.run import downtime
from tests.unit.answered import RECORD
from tests.unit.run import fakes

DOWNTIME = dataclasses.replace(RECORD, way="downtime", frontends=("fe1",))
# fakes.NOW is half past midnight of a Thursday, UTC
ENDS_SOON = [{"days": ["thu"], "start": "00:00", "end": "00:40", "timezone": "UTC"}]


def hub(**more):
    return fakes.master(record=DOWNTIME, jid=RECORD.owner.jid, **more)


def test_i9_a_frontend_that_cannot_tell_whether_it_refuses_clients_keeps_every_backend_up():
    def refuses(node, api):
        raise CommandExecutionError(f"{node}: Permission denied")

    master = hub(does={"chef_server_agent.refuses": refuses})
    done = downtime.taken_down(master, "Take the leader down", "prod", "first")
    assert done["result"] is False
    assert "fe1: Permission denied" in done["comment"]
    assert master.bus.asked("state.sls") == []


def test_a_window_that_is_too_short_holds_the_run_before_anything_is_installed():
    master = hub(window=ENDS_SOON, estimate_seconds=1800)
    done = downtime.installed(master, "Install the package", "prod")
    assert done["result"] is False
    assert "window" in done["comment"]
    assert master.bus.asked("state.sls") == []
    assert "window" in fakes.backends(master).record.waits

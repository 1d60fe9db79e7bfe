"""The way with downtime: what must hold before a node goes down, and before anything is installed."""

import dataclasses

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.judge import fence
from saltext.chef_backend.run import downtime
from tests.unit import printed
from tests.unit.answered import RECORD, run
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


def test_i8_no_order_to_go_down_is_given_anew_beside_a_backend_that_does_not_answer_any_more():
    """The leader is down; the order of the next has waited too long behind other states, and be3 was lost meanwhile."""
    down = {"be1": {"status": printed.status(down=printed.SERVICES), "leads": None}}
    left = run(way="downtime", down=True, leader="be1", taken_down=("be1",))
    master = fakes.master(down, record=left, jid=left.owner.jid)
    backends = fakes.backends(master)

    def too_late(node, sls, pillar, queue, test):
        backends.told = [down | {"be3": None}]
        return {"s": {"__id__": sls, "__run_num__": 0, "result": False, "comment": fence.TOO_OLD, "changes": {}}}

    master.bus.does["state.sls"] = too_late
    done = downtime.taken_down(master, "Take the second down", "prod", "second")
    assert (done["result"], master.bus.asked("state.sls")) == (False, [("be2", "orch.node.down")])
    assert "be3 does not answer" in done["comment"]


def test_a_window_that_is_too_short_holds_the_run_before_anything_is_installed():
    master = hub(window=ENDS_SOON, estimate_seconds=1800)
    done = downtime.installed(master, "Install the package", "prod")
    assert done["result"] is False
    assert "window" in done["comment"]
    assert master.bus.asked("state.sls") == []
    assert "window" in fakes.backends(master).record.waits

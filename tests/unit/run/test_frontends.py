"""What a run that died left at work on a frontend: the run that goes on waits for its end, and not for the silent."""

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.run import frontends
from tests.unit.run import fakes

BUSY = ["chef-server-ctl reconfigure (for 3 s)"]


def hub(*rounds, silent=None):
    """A master whose frontends tell, round by round, what is at work on them: a mapping; the last one for ever."""
    looks = {"fe1": list(rounds), "fe2": list(rounds)}

    def busy(node):
        return (looks[node].pop(0) if len(looks[node]) > 1 else looks[node][0]).get(node, [])

    def ping(node):
        if node == silent:
            raise CommandExecutionError(f"{node} does not answer")
        return True

    return fakes.master(does={"chef_server_agent.busy": busy, "test.ping": ping})


def await_rest(master, timeout=5):
    frontends.await_rest(master, "prod", ["fe1", "fe2"], timeout)


def test_what_a_dead_run_began_ends_first():
    master = hub({"fe1": BUSY}, {"fe1": BUSY}, {})
    await_rest(master)
    assert len(master.bus.asked("chef_server_agent.busy")) == 2 * 3


def test_it_is_told_which_frontend_is_still_at_work():
    said = (
        r"fe2: chef-server-ctl reconfigure \(for 3 s\): what the run before began is at work: wait until it has ended"
    )
    with pytest.raises(CommandExecutionError, match=said):
        await_rest(hub({"fe2": BUSY}))


def test_a_frontend_that_does_not_answer_at_all_is_not_waited_for():
    master = hub({}, silent="fe1")
    with pytest.raises(CommandExecutionError, match="fe1 does not answer"):
        await_rest(master)
    assert master.clock.now() == fakes.NOW

"""What a run that died left at work on a frontend: the run that goes on waits for its end, and not for the silent."""

import types

import pytest
from salt.exceptions import CommandExecutionError

from tests.functional.minion import own_functions


@pytest.fixture(name="await_rest")
def fixture_await_rest(shared):
    """Return a function that takes what the frontends answer, one mapping a round, and waits for their rest."""
    modules = own_functions(shared.opts, "_modules", "module")

    def wait(*rounds, timeout=5):
        asked = iter(rounds)

        def ask_all(nodes, function, *args, **_):
            assert (nodes, function, args) == (["fe1", "fe2"], "saltutil.is_running", ("state.*",))
            said = next(asked)
            if isinstance(said, Exception):
                raise said
            return {node: said.get(node, []) for node in nodes}

        settings = types.SimpleNamespace(timeouts=types.SimpleNamespace(ask=1))
        modules.pack["__salt__"].update(
            {
                "chef_backend_nodes.cluster": lambda cluster: settings,
                "chef_backend_nodes.ask_all": ask_all,
                "chef_backend_progress.tell": lambda *_, **__: None,
                "chef_backend_step.until_holds": modules["chef_backend_step.until_holds"],
            }
        )
        modules["chef_server_frontends.await_rest"]("prod", ["fe1", "fe2"], timeout)
        return list(asked)

    return wait


def test_a_state_of_a_dead_run_ends_first(await_rest):
    busy = {"fe1": [{"fun": "state.sls", "jid": "1"}]}
    assert await_rest(busy, busy, {}, "not asked for any more") == ["not asked for any more"]


def test_it_is_told_which_frontend_is_still_at_work(await_rest):
    busy = {"fe2": [{"fun": "state.sls", "jid": "1"}]}
    with pytest.raises(CommandExecutionError, match="fe2: a state of the run before is at work"):
        await_rest(busy, busy, timeout=0)


def test_a_frontend_that_does_not_answer_at_all_is_not_waited_for(await_rest):
    with pytest.raises(CommandExecutionError, match="fe1 does not answer"):
        await_rest(CommandExecutionError("fe1 does not answer"))

"""What the tests of the runbooks share: Salt as it compiles and runs them, on a master and on a node."""

import functools

import pytest

from tests.functional.orch.runbook import Runbook


@pytest.fixture(name="runbook", scope="session")
def fixture_runbook(hub):
    """Return a function that compiles a way as its master does, without a pillar, and finds nothing wrong with it."""

    @functools.cache
    def compiled(way):
        book = Runbook(hub.functions, hub.states, f"orch.{way}")
        assert book.problems == []
        return book

    return compiled


@pytest.fixture(name="part")
def fixture_part(shared):
    """Return a function that compiles a node's part as a node does, with this pillar."""
    return lambda name, pillar: Runbook(shared.modules, shared.compiler.states, f"orch.node.{name}", pillar)

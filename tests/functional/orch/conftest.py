"""What the tests of the runbooks share: Salt as it compiles and runs them, on a master and on a node."""

import functools
from collections.abc import Callable
from typing import Any

import pytest

from tests.functional.hub import Hub
from tests.functional.minion import Minion
from tests.functional.orch.runbook import Runbook


@pytest.fixture(name="runbook", scope="session")
def fixture_runbook(hub: Hub) -> Callable[[str], Runbook]:
    """Return a function that compiles a way as its master does, without a pillar, and finds nothing wrong with it."""

    @functools.cache
    def compiled(way: str) -> Runbook:
        book = Runbook(hub.functions, hub.states, f"orch.{way}")
        assert book.problems == []
        return book

    return compiled


@pytest.fixture(name="part")
def fixture_part(shared: Minion) -> Callable[[str, dict[str, Any]], Runbook]:
    """Return a function that compiles a node's part as a node does, with this pillar."""
    return lambda name, pillar: Runbook(shared.modules, shared.compiler.states, f"orch.node.{name}", pillar)

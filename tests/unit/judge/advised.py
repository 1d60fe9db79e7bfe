"""What is advised of which views, for the tests of it."""

from collections.abc import Mapping
from typing import Any

from saltext.chef_backend.judge import advice
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.record import Run
from tests.unit import printed
from tests.unit.answered import silent, views

WAITING = tuple(printed.Member(name, role="waiting_for_leader", pg="down", following="-") for name in printed.NODES)
NOBODY_LEADS = printed.cluster_status(WAITING)


def advise(seen: Views, record: Run | None = None, gone: str | None = None) -> list[str]:
    """What is advised of these views, and of the run that they hold."""
    return advice.advise(seen, record, gone)


def silenced(*nodes: str, **changes: Mapping[str, Any]) -> dict[str, View]:
    """Views of which these nodes' are missing: from them nothing came."""
    return views(**changes) | {node: silent(node) for node in nodes}


def in_order(said: str, *words: str) -> bool:
    """Whether these words follow one another."""
    for word in words:
        _, found, said = said.partition(word)
        if not found:
            return False
    return True


def late(be1: Mapping[str, Any], **more: Mapping[str, Any]) -> dict[str, View]:
    """Views of a cluster in which PostgreSQL misses followers, as each status says; what some answer besides."""
    misses = {"status": printed.status(printed.cells(postgresql="leader: 1; offline: 0; syncing: 0; synced: 1"))}
    return views(**{node: {**misses, **(be1 if node == "be1" else more.get(node, {}))} for node in printed.NODES})

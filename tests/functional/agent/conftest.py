"""Which processes are this node's."""

import psutil
import pytest


@pytest.fixture(autouse=True)
def fixture_own_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a node see those processes alone that the test has started: a laboratory may run on the same machine."""
    monkeypatch.setattr(psutil, "process_iter", lambda *_: iter(psutil.Process().children(recursive=True)))

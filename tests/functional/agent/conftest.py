"""Which processes are this node's."""

import psutil
import pytest

from saltext.chef_backend.node import supervisor


@pytest.fixture(autouse=True)
def fixture_own_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a node know those command lines alone that the test has started: a laboratory may run here as well."""
    real = supervisor.command_line

    def command_line(pid: int) -> str:
        ours = {child.pid for child in psutil.Process().children(recursive=True)}
        return real(pid) if pid in ours or supervisor.is_marked(pid) else ""

    monkeypatch.setattr(supervisor, "command_line", command_line)

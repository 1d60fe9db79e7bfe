"""Commands as real processes: what they do, and which of them are there."""

import contextlib
import dataclasses
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from saltext.chef_backend.node import supervisor
from tests.functional.agent.conftest import fixture_own_processes  # noqa: F401
from tests.functional.minion import Minion
from tests.functional.recorded import Recorded

WITHIN = 20  # seconds


def until(holds: Callable[[], object], what: str) -> None:
    """Wait until something holds."""
    bound = time.monotonic() + WITHIN
    while not holds():
        assert time.monotonic() < bound, f"not within {WITHIN} s: {what}"
        time.sleep(0.01)


@dataclasses.dataclass
class Upgrade:
    """A ``chef-backend-ctl`` as the product's: a wrapper that waits for a working child of another name."""

    folder: Path
    program: Path

    def is_written(self, works: str = "", then: str = "wait $!; status=$?; echo done; exit $status") -> None:
        """Have the wrapper start a child, which works until :meth:`goes_on`.

        :param works: shell words of the child, after its work.
        :param then: what the wrapper does.
        """
        work = f"until [ -e {self.folder}/go ]; do sleep 0.02; done; {works}"
        self.program.write_text(
            f"#!/bin/bash\n{{ echo $$; echo $PPID; }} > {self.folder}/wrapper; echo once >> {self.folder}/times\n"
            f"echo stopping\nbash -c 'exec -a pg_upgrade bash -c \"echo \\$\\$ > {self.folder}/child; {work}\"' &\n"
            f"{then}\n",
            encoding="utf-8",
        )
        self.program.chmod(0o755)

    def goes_on(self) -> None:
        """Let the child end its work."""
        (self.folder / "go").touch()

    @property
    def times(self) -> int:
        """How often it was started."""
        path = self.folder / "times"
        return len(path.read_text().split()) if path.exists() else 0

    @property
    def child(self) -> int:
        """The pid of the child that works, as soon as it does."""
        return self._pid("child", 0)

    @property
    def wrapper(self) -> int:
        """The pid of ctl itself."""
        return self._pid("wrapper", 0)

    @property
    def supervisor(self) -> int:
        """The pid of what has started it."""
        return self._pid("wrapper", 1)

    def _pid(self, name: str, number: int) -> int:
        path = self.folder / name
        until(lambda: path.exists() and len(path.read_text().split()) > number, f"{name} has begun")
        return int(path.read_text().split()[number])


@pytest.fixture(name="upgrade")
def fixture_upgrade(recorded: Recorded, minion: Minion, tmp_path: Path) -> Iterator[Upgrade]:
    """Return a ``chef-backend-ctl`` that works until it is let go; what it has started is ended after the test."""
    program = recorded.bin / "chef-backend-ctl"
    program.unlink()
    upgrade = Upgrade(tmp_path, program)
    upgrade.is_written()
    yield upgrade
    upgrade.goes_on()
    for pid in supervisor.pids():
        words = supervisor.command_line(pid)
        if str(tmp_path) in words or (supervisor.__file__ in words and str(minion.root) in words):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(name="caller")
def fixture_caller(minion: Minion) -> Iterator[Callable[[], int]]:
    """Return a function that has a process of its own order ``upgrade``, as a job of a minion does; and its pid."""
    pids = list[int]()

    def begin() -> int:
        pid = os.fork()
        if not pid:
            try:
                minion.call("chef_backend.upgrade", timeout=600)
            finally:
                os._exit(0)
        pids.append(pid)
        return pid

    yield begin
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):  # the test has ended it
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

"""A simulated host's processes, behind the door by which the extension starts, asks and awaits them."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from saltext.chef_backend.node.processes import Work
from saltext.chef_backend.product.command import Done
from tests.simulation.engine import Process
from tests.simulation.product.ctl import Call, Calls, Failed, typed

ASKING = 0.4  # seconds that a command which only reads takes
QUERY = 0.05  # of a question to PostgreSQL, or to the package manager


class Product(Protocol):
    """What is installed on a host."""

    def read(self, argv: Sequence[str]) -> str:
        """What a command that only reads prints. Raises Failed."""

    def work(self, argv: Sequence[str], env: Mapping[str, str]) -> Callable[[Call], None]:
        """What a command that changes something does. Raises Failed."""

    def query(self, question: str) -> str:
        """What PostgreSQL answers. Raises Failed."""

    def wall(self, text: str) -> str:
        """What nftables prints, and does. Raises Failed."""

    def held(self, package: str) -> str:
        """Which version the package manager holds; empty where an installation was cut off."""

    def unpack(self, package: str, version: str) -> None:
        """Half an installation: the new files are there, and nothing is whole."""

    def configure(self, package: str, version: str) -> None:
        """The other half."""

    def began(self, pid: int) -> float | None:
        """When a service's process began, seconds since the night's begin; None if there is none."""


class HostProcesses:
    """Those of one host, and all that were started there."""

    def __init__(self, product: Product, calls: Calls) -> None:
        self.product, self.calls = product, calls
        self._started: dict[str, Call] = {}  # by the folder that names it
        self.unasked = ""  # how whatever only reads ends for now: it "fails" or "hangs"; empty: as it should

    def of(self, process: Process) -> "Processes":
        """Return the door, as a process of this host has it."""
        return Processes(self, process)

    # what only reads

    def answer(self, words: Sequence[str]) -> tuple[float, Callable[[], str]]:
        """Return how long a command takes that only reads, and what then prints its answer."""
        match tuple(words):
            case ("tar", *_):
                return QUERY, lambda: _listed(words[-1])
            case ("tail", *_):
                return QUERY, lambda: "nothing that is known"
            case ("nft", text):
                return QUERY, lambda: self.product.wall(text)
            case ("runuser", *_):
                return QUERY, lambda: self.product.query(words[-1])
            case ("dpkg", "-I", path):
                return QUERY, lambda: _inside(path)
            case ("dpkg-query", *_, package):
                return QUERY, lambda: self._known(package)
        return ASKING, lambda: self.product.read(words)

    def _known(self, package: str) -> str:
        version = self.product.held(package)
        return f"install ok installed {version}-1" if version else "install ok half-configured 0-1"

    # what changes something

    def work(self, words: Sequence[str], env: Mapping[str, str]) -> Callable[[Call], None]:
        """Return what a command does. Raises Failed."""
        if words[0] == "dpkg":
            return lambda call: self._install(call, words[-1])
        return self.product.work(words, env)

    def _install(self, call: Call, path: str) -> None:
        inside = package(path)
        call.step("unpacks", 3.0)
        self.product.unpack(inside["name"], inside["version"])
        call.step("has unpacked", 2.0)
        self.product.configure(inside["name"], inside["version"])

    def start(self, words: Sequence[str], folder: str, env: Mapping[str, str], by: Process) -> None:
        """Start a command apart from its caller."""
        try:
            work = self.work(words, env)
        except Failed as err:
            work = _fails(err)
        self._started[folder] = self.calls.start(words, work, by)

    def look(self, folder: str) -> Work:
        """Tell what is known of a command."""
        call = self._started.get(folder)
        if call is None:
            return Work(None, False)
        place = self.calls.place
        ended = None if call.ended is None or call.boot != place.boot else call.ended - place.booted
        return Work(call.status, call.works, ended)

    def call(self, folder: str) -> Call | None:
        """The command of that name, or None."""
        return self._started.get(folder)


class Processes:
    """The door, for one job."""

    def __init__(self, host: HostProcesses, process: Process) -> None:
        self._host, self._process = host, process

    def run(self, words: Sequence[str], timeout: float, env: Mapping[str, str] | None = None) -> Done:
        seconds, answer = self._host.answer(words)
        if self._host.unasked == "hangs":
            seconds = timeout + 1
        elif self._host.unasked and words[0] != "tar":  # whose failure is its answer
            answer = _refuses
        self._process.place.engine.sleep(min(seconds, timeout))
        if seconds > timeout:
            return Done(None, "", "")
        try:
            return Done(0, answer(), "")
        except Failed as err:
            return Done(err.status, "", str(err))

    def start(
        self,
        words: Sequence[str],
        folder: Path,
        env: Mapping[str, str] | None = None,
        keep: bool = True,
        until: float | None = None,
    ) -> None:
        engine = self._process.place.engine
        engine.point("start", typed(self._process.place, words))
        if until is not None and engine.now - self._process.place.booted > until:
            raise OSError(5, "it could not be started: it is too late for it", words[0])
        self._host.start(words, str(folder), env or {}, self._process)
        engine.point("started", typed(self._process.place, words))

    def look(self, folder: Path) -> Work:
        return self._host.look(str(folder))

    def wait(self, folder: Path, seconds: float) -> Work:
        call = self._host.call(str(folder))
        if call is not None:
            self._host.calls.await_end(call, seconds)
        return self.look(folder)

    def output(self, folder: Path) -> tuple[str, str]:
        call = self._host.call(str(folder))
        return ("", "") if call is None else ("\n".join(call.out), "\n".join(call.err))

    def matching(self, pattern: str) -> list[str]:
        return [call.line for call in self._host.calls.at_work() if call.typed and re.search(pattern, call.line)]

    def began(self, pid: int) -> float | None:
        began = self._host.product.began(pid)
        return None if began is None else began - self._process.place.booted


def package(path: str) -> dict[str, str]:
    """What a package's file holds. Raises Failed if it is none."""
    try:
        with open(path, encoding="utf-8") as file:
            found: dict[str, str] = json.load(file)
    except (OSError, ValueError):
        raise Failed(f"{path} is no package", 2) from None
    return found


def _inside(path: str) -> str:
    found = package(path)
    return f" Package: {found['name']}\n Version: {found['version']}-1\n Architecture: amd64"


def _listed(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            whole = file.read() == "whole"
    except OSError as err:
        raise Failed(str(err), 2) from None
    if not whole:
        raise Failed("unexpected end of file", 2)
    return "configuration/\npostgresql/PG_VERSION"


def _refuses() -> str:
    raise Failed("cannot be asked, as fate has ordered")


def _fails(error: Failed) -> Callable[[Call], None]:
    def work(call: Call) -> None:
        raise error

    return work

"""The door through which a run reaches nodes; a simulation puts its own in its place."""

import dataclasses
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Protocol

from salt.exceptions import CommandExecutionError


@dataclasses.dataclass(frozen=True)
class Answer:
    """What one minion said: a value, or why there is none.

    It has none if nothing came from the minion, or an error; the error's text says what mends it.
    """

    ok: bool
    value: Any = None  # nothing where it is not ok
    error: str = ""
    failed: Any = None  # what a call that failed returned all the same: which of its states did what
    code: str = "silent"  # of the reason why there is no value, one of judge.kinds
    jid: str = ""  # of the job by which it was asked

    @property
    def silent(self) -> bool:
        """Whether nothing came from the minion at all."""
        return not self.ok and self.failed is None


class Bus(Protocol):
    """What a run asks of nodes, and orders them to do."""

    def ask(
        self,
        nodes: Sequence[str],
        function: str,
        *args: Any,
        timeout: float,
        kwargs: Mapping[str, Any] | None = None,
        heard: MutableMapping[str, Answer] | None = None,
    ) -> dict[str, Answer]:
        """Ask minions side by side, and return what each of them said; a silent one says so.

        :param function: name of an execution module's function.
        :param timeout: seconds within which a minion has to say that it is at it.
        :param heard: gets what each says as it comes, for whoever is interrupted while others are waited for.
        :returns: one entry for each node.
        :raises CommandExecutionError: the master itself cannot be asked.
        """

    def send(self, nodes: Sequence[str], function: str, *args: Any) -> None:
        """Have minions do something that nobody waits for. Raises CommandExecutionError, OSError."""

    def matching(self, target: str) -> list[str]:
        """Return the ids of the minions that a compound target matches, by the master's own keys and caches."""

    def accepted(self, nodes: Sequence[str]) -> list[str]:
        """Return those of some minion ids whose keys this very master has accepted."""

    def own(self) -> "Bus":
        """Return a bus for another thread: Salt's clients are not made to be shared."""


def ask_all(bus: Bus, nodes: Sequence[str], function: str, *args: Any, timeout: float) -> dict[str, Any]:
    """Ask minions, each of which must answer, and without an error; return what each returned.

    :raises CommandExecutionError: what went wrong on each node on which something did, one a line.
    """
    return values_of(bus.ask(nodes, function, *args, timeout=timeout))


def values_of(said: Mapping[str, Answer]) -> dict[str, Any]:
    """Return what each node returned. Raises CommandExecutionError: what went wrong, one line a node."""
    troubles = [answer.error for answer in said.values() if not answer.ok]
    if troubles:
        raise CommandExecutionError("\n".join(troubles))
    return {node: answer.value for node, answer in said.items()}

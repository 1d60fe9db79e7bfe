"""The commands of the product: which of them only read, and what is said of one that failed."""

from collections.abc import Mapping, Sequence
from typing import Any

# subcommands of chef-backend-ctl and chef-server-ctl that only read
READING = ("cluster-status", "help", "service-list", "show-config", "status", "tail", "test", "version")


def changes(argv: Sequence[str]) -> bool:
    """Whether a command of the product changes something."""
    return len(argv) > 1 and argv[1] not in READING


LAST_LINES = 15
WANTS_A_PERSON = 4  # documented exit status of a command that is not confirmed


def failure(node: str, argv: Sequence[str], done: Mapping[str, Any], timeout: float, hide: bool = False) -> str:
    """Return the sentence for a person.

    :param node: where it ran.
    :param argv: list of its words.
    :param done: mapping with ``retcode``, ``stdout`` and ``stderr``, as of Salt's ``cmd.run_all``.
    :param timeout: its bound in seconds; Salt tells of a passed one on stdout and by status 1.
    :param hide: leave the output out, it may hold a secret.
    :returns: text; its lines after the first are the command's own.
    """
    if f"Timed out after {timeout} second" in done["stdout"]:
        ended = f"did not end within {timeout} s, its result is unknown"
    elif done["retcode"] == WANTS_A_PERSON:
        ended = f"ended with status {WANTS_A_PERSON}: it wants to be confirmed by a person"
    else:
        ended = f"ended with status {done['retcode']}"
    output = "" if hide else "\n".join(filter(None, (done["stdout"].strip(), done["stderr"].strip())))
    lines = "".join(f"\n  {line}" for line in output.splitlines()[-LAST_LINES:])
    return f"{node}: {' '.join(argv)} {ended}{':' if lines else ''}{lines}"

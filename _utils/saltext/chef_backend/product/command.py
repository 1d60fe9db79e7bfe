"""The commands of the product: the one table of those that a run gives, and what is said of one that failed.

A plan prints them, the nodes run them: both take the words from here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

BACKEND, SERVER = "chef-backend-ctl", "chef-server-ctl"
Words = tuple[str, ...]  # of a command, its program first

DOWN_FOR_UPGRADE: Words = (BACKEND, "down-for-upgrade")
STOP_SEARCH: Words = (BACKEND, "stop", "elasticsearch")
START_SEARCH: Words = (BACKEND, "start", "elasticsearch")
RECONFIGURE: Words = (SERVER, "reconfigure")
SERVER_UPGRADE: Words = (SERVER, "upgrade")
SERVER_STOP: Words = (SERVER, "stop")
SERVER_START: Words = (SERVER, "start")
SERVER_CLEANUP: Words = (SERVER, "cleanup")
CLEANSE: Words = (BACKEND, "cleanse", "--yes")

STAGING = "/var/cache/salt-chef-backend"  # root's alone

# subcommands of both programs that only read
READING = ("cluster-status", "help", "service-list", "show-config", "status", "tail", "test", "version")
LAST_LINES = 15
WANTS_A_PERSON = 4  # documented exit status of a command that is not confirmed


def switch_failover(to: str) -> Words:
    """Return the command that switches failover of the whole cluster ``on`` or ``off``."""
    return (BACKEND, "set-cluster-failover", to)


def upgrade(handover: bool = False) -> Words:
    """Return the command that upgrades a backend; with ``handover`` it hands the lead over first."""
    return (BACKEND, "upgrade", *(["--failover"] if handover else []))


def backup(timeout: int, force: bool = False) -> Words:
    """Return the command that takes a backup, with its own bound in seconds; ``force``: also on the leader."""
    return (BACKEND, "backup", *(["--force"] if force else []), "--timeout", str(timeout))


def staged(source: str) -> str:
    """Return where a package waits on a node to be installed, from where it comes: an absolute path."""
    return f"{STAGING}/{source.rpartition('/')[2]}"


def install(path: str) -> Words:
    """Return how the installation of a package is told; Salt calls the package manager of the node's family."""
    return ("install", path)


def maintenance(to: str) -> Words:
    """Return the command that switches a frontend's maintenance mode ``on`` or ``off``."""
    return (SERVER, "maintenance", to)


def reindex(organisation: str | None) -> Words:
    """Return the command that builds the search index of one organisation again, or of all."""
    return (SERVER, "reindex", organisation or "-a")


def remove_node(name: str) -> Words:
    """Return the command by which a cluster forgets a node."""
    return (BACKEND, "remove-node", name, "-y")


def join_cluster(peer: str, secrets: str | None = None, *options: str) -> Words:
    """Return the command by which a node joins the cluster of a peer.

    :param peer: address of a member.
    :param secrets: path of the cluster's secrets on the node.
    """
    return (BACKEND, "join-cluster", peer, *(["-s", secrets] if secrets else []), *options)


def changes(argv: Sequence[str]) -> bool:
    """Whether a command of the product changes something."""
    return len(argv) > 1 and argv[1] not in READING


def failure(node: str, argv: Sequence[str], done: Mapping[str, Any], timeout: float, hide: bool = False) -> str:
    """Return the sentence for a person about a command that failed.

    :param node: where it ran.
    :param argv: its words.
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

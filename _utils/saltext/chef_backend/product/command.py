"""The commands of the product: the one table of those that a run gives, and what is said of one that failed.

A plan prints them, the nodes run them: both take the words from here.
"""

import dataclasses
from collections.abc import Sequence

from saltext.chef_backend.product import masking, signatures

BACKEND, SERVER = "chef-backend-ctl", "chef-server-ctl"
Words = tuple[str, ...]  # of a command, its program first

DOWN_FOR_UPGRADE: Words = (BACKEND, "down-for-upgrade")
STOP_SEARCH: Words = (BACKEND, "stop", "elasticsearch")
START_SEARCH: Words = (BACKEND, "start", "elasticsearch")
RECONFIGURE: Words = (SERVER, "reconfigure")
CHECK_CONFIG: Words = (SERVER, "check-config")
SERVER_UPGRADE: Words = (SERVER, "upgrade")
SERVER_STOP: Words = (SERVER, "stop")
SERVER_START: Words = (SERVER, "start")
SERVER_BACKUP: Words = (SERVER, "backup", "--config-only", "--yes")
SERVER_CLEANUP: Words = (SERVER, "cleanup")
CLEANSE: Words = (BACKEND, "cleanse", "--yes")

KNIFE = "/opt/opscode/bin/knife"
STAGING = "/var/cache/salt-chef-backend"  # root's alone

# subcommands of both programs that only read
READING = (
    *("check-config", "cluster-status", "gather-logs", "gen-sample-backend-config", "help", "service-list"),
    *("show-config", "status", "tail", "test", "version"),
)
LAST_LINES = 15
WANTS_A_PERSON = 4  # documented exit status of a command that is not confirmed


@dataclasses.dataclass(frozen=True)
class Done:
    """What a command came to, or has until its bound has passed."""

    status: int | None  # its exit status, negative for the signal that ended it; None: its bound has passed
    stdout: str
    stderr: str


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
    return f"{STAGING}/{source.partition('?')[0].rpartition('/')[2]}"


def install(path: str) -> Words:
    """Return how the installation of a package is told; Salt calls the package manager of the node's family."""
    return ("install", path)


def maintenance(to: str) -> Words:
    """Return the command that switches a frontend's maintenance mode ``on`` or ``off``."""
    return (SERVER, "maintenance", to)


def reindex(organisation: str | None) -> Words:
    """Return the command that builds the search index of one organisation again, or of all."""
    return (SERVER, "reindex", organisation or "-a")


def search_nodes(organisation: str) -> Words:
    """Return the documented search for the nodes of an organisation, on a frontend, after its index was built again."""
    url = f"https://127.0.0.1:443/organizations/{organisation}"
    return (KNIFE, "search", "node", "*:*", "-i", "-c", "/etc/opscode/pivotal.rb", "--server-url", url)


def remove_node(name: str) -> Words:
    """Return the command by which a cluster forgets a node."""
    return (BACKEND, "remove-node", name, "-y")


def join_cluster(peer: str, secrets: str | None = None, *options: str) -> Words:
    """Return the command by which a node joins the cluster of a peer.

    :param peer: address of a member.
    :param secrets: path of the cluster's secrets on the node.
    """
    return (BACKEND, "join-cluster", peer, *(["-s", secrets] if secrets else []), *options)


def hides_secrets(arguments: Sequence[str]) -> str | None:
    """Return the function that is for a subcommand which prints secrets, and hides them; None for any other.

    :param arguments: subcommand and its arguments.
    """
    return {"gen-server-config": "gen_server_config", "show-config": "show_config"}.get(next(iter(arguments), ""))


def changes(argv: Sequence[str]) -> bool:
    """Whether a command of the product changes something."""
    return len(argv) > 1 and argv[1] not in READING


def shown(argv: Sequence[str]) -> str:
    """Return the words of a command for a person, without secrets."""
    return " ".join(masking.mask_words(argv))


def failure(node: str, argv: Sequence[str], done: Done, timeout: float, hide: bool = False, late: bool = False) -> str:
    """Return the sentence for a person about a command that failed.

    :param node: where it ran.
    :param argv: its words.
    :param done: what it came to.
    :param timeout: its bound in seconds.
    :param hide: leave the output out, it may hold a secret.
    :param late: nobody waited for it when it ended.
    :returns: text; its lines after the first say what is known of that, then come the command's own, the last ones,
        without secrets.
    """
    if done.status is None:
        ended = f"did not end within {timeout} s, and was ended with all its children"
    elif done.status < 0:
        ended = f"was ended by signal {-done.status}"
    elif done.status == WANTS_A_PERSON:
        ended = f"ended with status {WANTS_A_PERSON}: it wants to be confirmed by a person"
    else:
        ended = f"ended with status {done.status}"
    ended += ", while nobody waited for it" if late else ""
    return _with_last_lines(f"{node}: {shown(argv)} {ended}", None if hide else done)


def still_at_work(node: str, argv: Sequence[str], done: Done, timeout: float) -> str:
    """Return the sentence about a command that goes on although its bound has passed; as :func:`failure`."""
    said = f"did not end within {timeout} s, and is still at work: it goes on, and the same command waits for it again"
    return _with_last_lines(f"{node}: {shown(argv)} {said}", done)


def refused(node: str, argv: Sequence[str], other: Sequence[str], seconds: float, done: Done) -> str:
    """Return the sentence about a command that is not begun beside another one.

    :param argv: its words.
    :param other: the words of the one that is at work.
    :param seconds: for how long that is at work.
    :param done: what that has printed.
    """
    said = f"is at work for {seconds:.0f} s: {shown(argv)} was not begun beside it: wait until it has ended"
    return _with_last_lines(f"{node}: {shown(other)} {said}", done)


def unknown_end(node: str, argv: Sequence[str], done: Done) -> str:
    """Return the sentence about a command that has ended, but nobody noted how; as :func:`failure`."""
    said = "has ended, and how is not known: what was to note it was killed, or its disk is full"
    return _with_last_lines(f"{node}: {shown(argv)} {said}", done)


def _with_last_lines(sentence: str, done: Done | None) -> str:
    # masked before it is cut: a key has many lines
    output = [masking.mask(text).strip() for text in (done.stdout, done.stderr)] if done else []
    text = "\n".join(filter(None, output))
    known = "".join(f"\n  {one}" for one in signatures.known(text))  # first: it may stand far above the last lines
    lines = "".join(f"\n  {line}" for line in text.splitlines()[-LAST_LINES:])
    return f"{sentence}{':' if lines else ''}{known}{lines}"

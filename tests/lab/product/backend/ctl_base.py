"""What all subcommands share: how they are described, their options, their ways to fail, waiting."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from . import node, paths, services
from .cluster import Cluster
from .etcd import Conflict, Etcd, Unavailable

Options = argparse.Namespace
Argument = tuple[tuple[str, ...], dict[str, Any]]  # as for argparse.add_argument


MEMBERS = paths.DATA / "leaderl" / "data" / "members.json"  # synthetic: the addresses that etcd told last


class CommandFailed(Exception):
    """The command ends with this message on stderr and `status`."""

    def __init__(self, message: str, status: int = 1):
        super().__init__(message)
        self.status = status


class Interrupted(Exception):
    """Not confirmed: the command ends with status 4 (S13)."""


@dataclass(frozen=True)
class Command:
    """A subcommand: what it does, its options as argparse takes them, whether it asks for the licence."""

    run: Callable[[Options], int | None]
    summary: str
    arguments: tuple[Argument, ...] = ()
    licensed: bool = False


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CommandFailed(f"{message}\n{self.format_usage().strip()}")


def option(*flags: str, **settings: Any) -> Argument:
    """One argument of a command."""
    return flags, settings


def parse_options(command: Command, arguments: list[str]) -> Options:
    """The options of a command line; every command takes the four common ones. Raises CommandFailed."""
    parser = _Parser(prog="chef-backend-ctl", description=command.summary, allow_abbrev=False)
    for flags, settings in command.arguments:
        parser.add_argument(*flags, **settings)
    parser.add_argument("-q", "--quiet", action="store_true")
    parser.add_argument("-V", "--verbose", action="store_true")
    parser.add_argument("-y", "--yes", action="store_true")
    parser.add_argument("--accept-license", action="store_true")
    return parser.parse_args(arguments)


def confirm(options: Options, warning: str) -> None:
    """Ask for approval unless --yes was given; raises Interrupted when it is not to be had."""
    if options.yes:
        return
    print(warning)
    if not sys.stdin or not sys.stdin.isatty():
        raise Interrupted(
            "To run this command non-interactively, you must pass in the parameter --yes"
            " to force it to continue.\n"
            "Canceling operation"
        )
    print("Are you sure you wish to proceed? Type 'proceed' to continue, anything else to cancel.", flush=True)
    if sys.stdin.readline().strip() != "proceed":
        raise Interrupted("Canceling operation")


def progress(options: Options, done: str) -> None:
    """A finished step, marked as in S12."""
    if not options.quiet:
        print(f"\N{CHECK MARK} {done}", flush=True)


def cluster(seconds: float = 2) -> Cluster:
    """The cluster as this node's etcd knows it; the other members are asked when that one does not answer."""
    return Cluster(Etcd(("127.0.0.1", *other_members()), seconds))


def other_members() -> list[str]:
    """Addresses of the other members of etcd: as its own tells them, or told them last."""
    me = node.identity()
    try:
        members = Etcd(timeout=1).members()
    except (Unavailable, Conflict):
        known = json.loads(MEMBERS.read_text()) if MEMBERS.exists() else None
        hosts = set(known) if known else _hosts(json.loads(services.INITIAL.read_text()).values())
    else:
        hosts = _hosts(url for member in members for url in member["clientURLs"])
        node.write_atomically(MEMBERS, json.dumps(sorted(hosts)))
    return sorted(hosts - {me.ip})


def _hosts(urls: Iterable[str]) -> set[str]:
    return {url.split("//")[1].split(":")[0] for url in urls}


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until `holds()`; raises CommandFailed naming `what` when `seconds` have passed."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise CommandFailed(f"Timed out after {seconds:.0f} seconds waiting for {what}.")
        time.sleep(0.1)

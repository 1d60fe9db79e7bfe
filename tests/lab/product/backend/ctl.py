"""What chef-backend-ctl does: finds the subcommand, keeps the journal, turns errors into messages and statuses."""

from __future__ import annotations

import os
import sys

from . import (
    ctl_cluster,
    ctl_failover,
    ctl_membership,
    ctl_services,
    ctl_upgrade,
    ctl_various,
    faults,
    journal,
    paths,
)
from .ctl_base import CommandFailed, Interrupted, Options, parse_options
from .etcd import Conflict, Unavailable
from .machine import this_machine
from .node import NotConfigured

COMMANDS = {
    **ctl_cluster.COMMANDS,
    **ctl_failover.COMMANDS,
    **ctl_membership.COMMANDS,
    **ctl_services.COMMANDS,
    **ctl_upgrade.COMMANDS,
    **ctl_various.COMMANDS,
}


def main(argv: list[str] | None = None) -> int:
    """Run one command line; returns the exit status."""
    return journal.kept(this_machine().name, "chef-backend-ctl", run, sys.argv[1:] if argv is None else argv)


def run(argv: list[str]) -> int:
    """Without the journal."""
    faults.start()
    if os.geteuid() != 0:
        # synthetic wording; that it needs root is documented
        print("chef-backend-ctl must be run as root.", file=sys.stderr)
        return 1
    name = argv[0] if argv else "help"
    if name in ("help", "-h", "--help"):
        print(help_text())
        return 0
    command = COMMANDS.get(name)
    if command is None:
        return _unknown(name)
    ordered = faults.take(name)
    if ordered is not None:
        return ordered
    try:
        options = parse_options(command, argv[1:])
        if command.licensed and not _license_accepted(options):
            return 1
        return command.run(options) or 0
    except Interrupted as refusal:
        print(refusal)
        return 4
    except CommandFailed as failure:
        print(failure, file=sys.stderr)
        return failure.status
    except (NotConfigured, Unavailable, Conflict, TimeoutError, ValueError, RuntimeError, OSError) as error:
        # S13: the product's frame for every exception
        print("An unexpected error occurred:", file=sys.stderr)
        print(f"   {error}", file=sys.stderr)
        print("For more information run the command with the --verbose flag.", file=sys.stderr)
        return 1


def help_text() -> str:
    """The list of subcommands (its wording is synthetic)."""
    lines = ["usage: chef-backend-ctl COMMAND [OPTIONS]", ""]
    return "\n".join(lines + [f"  {name:24}{COMMANDS[name].summary}" for name in sorted(COMMANDS)])


def _unknown(name: str) -> int:
    near = [known for known in sorted(COMMANDS) if known[:3] == name[:3]]
    print(f"Unknown command: {name}", file=sys.stderr)
    print("Did you mean:", file=sys.stderr)
    for known in near or sorted(COMMANDS):
        print(f"  {known}", file=sys.stderr)
    return 1


def _license_accepted(options: Options) -> bool:
    if paths.LICENSE.exists():
        return True
    if options.accept_license:
        paths.LICENSE.parent.mkdir(parents=True, exist_ok=True)
        paths.LICENSE.touch()
        return True
    print("To use this software, you must agree to the terms of the software license agreement.")
    print("Please view and accept the software license agreement, or pass --accept-license.")
    return False

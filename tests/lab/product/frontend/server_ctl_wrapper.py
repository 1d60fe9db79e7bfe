"""chef-server-ctl, the wrapper."""

from __future__ import annotations

import sys

from .wrapper import wrapped

WORKER = "/opt/opscode/embedded/bin/chef-client"


def main() -> int:
    """Run the command line of this process; returns the exit status."""
    return wrapped(WORKER, _at_once, sys.argv[1:])


def _at_once(argv: list[str]) -> int:
    from . import server_ctl  # all that works is loaded where it works

    return server_ctl.main(argv)

"""chef-backend-ctl, the wrapper."""

from __future__ import annotations

import sys

from .wrapper import wrapped

WORKER = "/opt/chef-backend/embedded/bin/chef-client"


def main() -> int:
    """Run the command line of this process; returns the exit status."""
    return wrapped(WORKER, _at_once, sys.argv[1:])


def _at_once(argv: list[str]) -> int:
    from . import ctl  # all that works is loaded where it works

    return ctl.main(argv)

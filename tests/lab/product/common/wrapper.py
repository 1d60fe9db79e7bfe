"""What a ctl itself is: a wrapper. A program of another name does what changes something, and the wrapper waits for it.

So is the product's: ctl starts the embedded chef-client, and that one pg_upgrade and others. Whoever kills the wrapper
has not ended the work; that is what the journal tells of, too. The names and words are synthetic.
"""

from __future__ import annotations

import os
from collections.abc import Callable

READING = ("cluster-status", "help", "service-list", "show-config", "status", "tail", "test", "version")


def wrapped(worker: str, at_once: Callable[[list[str]], int], argv: list[str]) -> int:
    """Have a command line worked on; return its exit status.

    worker: path of the program that does so; at_once: does it in this process, for what only reads.
    """
    if not argv or argv[0] in READING or argv[0].startswith("-"):
        return at_once(argv)
    child = os.fork()
    if not child:
        os.execv(worker, [worker, *argv])
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status if status >= 0 else 128 - status

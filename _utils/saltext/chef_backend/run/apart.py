"""A function of the site's, called in a process of its own: one that hangs is ended there.

Not in a thread, which nobody can end: what it does would come late, after the run had failed, or into the next one. And
on 3006 a client of Salt's that ends with its thread takes the modules from under the main one.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

GONE_WITHIN = 1.0  # seconds for a process that has ended, or was killed, to be gone


def call(work: Callable[[], object], seconds: float) -> str | None:
    """Do some work in a process of its own; it is ended at its bound, and with the process that wants it.

    What it changes in memory stays there.

    :param seconds: bound.
    :returns: what went wrong, to follow the work's name; None if nothing.
    """
    says, tells = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_be, args=(work, tells))
    process.start()
    tells.close()
    over = False
    try:
        over = says.poll(seconds)
        told: str | None = says.recv() if over else f"did not return within {seconds:g} s, and was ended"
        return told
    except EOFError:
        process.join(GONE_WITHIN)
        return f"ended without a word, with status {process.exitcode}"
    finally:
        if not over:  # its bound has passed, or a signal came
            _end(process)
        process.join(GONE_WITHIN)
        says.close()


def trouble(work: Callable[[], object]) -> str | None:
    """Do some work; return what went wrong, to follow the work's name; None if nothing."""
    try:
        return "returned False" if work() is False else None
    except (Exception, SystemExit) as err:
        return f"failed: {type(err).__name__}: {err}"


def _be(work: Callable[[], object], tells: Connection) -> None:
    """Be the process that does the work."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # how they are heard is the run's
        signal.signal(number, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    told = trouble(work)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    tells.send(told)
    os._exit(0)  # what is open here is the run's, and not to be closed in its order


def _end_with_parent() -> None:
    """End when the process has ended that wants the work: what came later could undo what the next run does."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.killpg(os.getpid(), signal.SIGKILL)


def _end(process: BaseProcess) -> None:
    """End a process with what it has started, unless that has left its session."""
    if process.pid is not None:
        with contextlib.suppress(ProcessLookupError):  # it has no session of its own yet
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()

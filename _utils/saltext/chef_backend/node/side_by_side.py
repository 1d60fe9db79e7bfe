"""Ask several things of a node at once: each call of ctl starts a Ruby program, which takes a second and more."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Pool:
    """Calls that run side by side, each in a copy of the caller's context, where Salt keeps what a loader packed."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads

    def submit(self, call: Callable[..., Any], *args: Any) -> "Future[Any]":
        """Begin a call."""
        return self._threads.submit(contextvars.copy_context().run, call, *args)


@contextlib.contextmanager
def pool() -> Iterator[Pool]:
    """Return a pool; at its end every call has ended."""
    with ThreadPoolExecutor() as threads:
        yield Pool(threads)

"""Small files that a node must keep across a power loss: written whole or not at all, by root alone."""

import contextlib
import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path


def read(path: Path) -> str | None:
    """Return what is noted in a file, without white space around it; None if it is not there. Raises OSError."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def write(path: Path, text: str | bytes, mode: int = 0o600) -> None:
    """Replace a file at once: a node that dies here holds the old one or the new one.

    The new one is made under a name that nobody can have prepared, and never through a link.

    :param mode: permission bits of the file, if the umask allows them.
    :raises OSError: it cannot be written; then nothing is left of it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name itself must survive a power loss
    finally:
        os.close(folder)


def remove(path: Path) -> bool:
    """Remove a file. Returns True if it was there."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


@contextlib.contextmanager
def guarded(folder: Path, within: float = 60) -> Iterator[None]:
    """Hold a folder's lock: two jobs of a minion may be here at once.

    :param within: bound in seconds; who holds it is about to let go of it, unless it is stopped.
    :raises OSError: it is held for longer.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(folder / ".guard", "a", encoding="utf-8") as guard:
        _lock(guard.fileno(), folder, time.monotonic() + within)
        yield


def _lock(descriptor: int, folder: Path, until: float) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise BlockingIOError(errno.EAGAIN, "another job of this minion holds it", str(folder)) from None
            time.sleep(0.01)

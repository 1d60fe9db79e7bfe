"""A file in a folder of another user: root neither reads nor writes it through a name that this user has prepared."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

LARGEST = 1 << 20  # bytes


def read(path: Path) -> str:
    """Return the text of a file that is one by itself: no link to another one, and not endless.

    :raises OSError: it is not there, or is none.
    :raises ValueError: its bytes are no text.
    """
    with _folder(path) as folder:
        descriptor = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            # who may write a folder may also rename into it what root alone reads
            theirs = found.st_uid == os.fstat(folder).st_uid or found.st_mode & stat.S_IROTH
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size > LARGEST or not theirs:
                said = "expected a file of the folder's owner, of one name and of less than 1 MiB"
                raise OSError(errno.EPERM, said, str(path))
            return file.read(LARGEST).decode()


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace a file at once, as the user's whose folder it lies in; the folder is made if it is not there.

    :param mode: permission bits, if the umask allows them.
    :raises OSError: its folder is a link, or it cannot be written; then nothing is left of it.
    """
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _folder(path) as folder:
        fresh = f".{path.name}.{secrets.token_hex(8)}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode, dir_fd=folder)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                owner = os.fstat(folder)
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            os.replace(fresh, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh, dir_fd=folder)
            raise
        os.fsync(folder)


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[int]:
    """Open a file's folder itself: what its name means may change, what is open does not."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)

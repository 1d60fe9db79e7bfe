"""The small files of a host, in memory: what the extension notes there, and the products' manifests. They stay.

Other files of a host lie below a folder of this machine; they are few, and asked for seldom.
"""

import errno
import fnmatch
import os
import posixpath
from pathlib import Path

from saltext.chef_backend.node.host import OWN

HELD = (f"{OWN.lstrip('/')}/", "opt/")  # where they are


class Disk:
    """What one host keeps."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root = name, root
        self.texts: dict[str, str] = {}
        self.folders: set[str] = set()
        self.full = False  # nothing more can be written; what is there can be read, and removed
        self._paths: dict[str, DiskPath] = {}

    def __truediv__(self, relative: str) -> "DiskPath | Path":
        known = self._paths.get(relative)
        if known is not None:
            return known
        if relative.startswith(HELD) or relative == HELD[0][:-1]:
            found = self._paths[relative] = DiskPath(self, relative)
            return found
        return self.root / relative


class DiskPath(os.PathLike[str]):
    """One of these files, or a folder of them: as much of a ``Path`` as is asked of it."""

    __slots__ = ("at", "disk", "name")

    def __init__(self, disk: Disk, at: str) -> None:
        self.disk, self.at = disk, at
        self.name = posixpath.basename(at)

    def __deepcopy__(self, _: object) -> "DiskPath":
        return self

    def __fspath__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return f"/{self.disk.name}/{self.at}"

    def __truediv__(self, name: str) -> "DiskPath":
        return DiskPath(self.disk, f"{self.at}/{name}")

    def __hash__(self) -> int:
        return hash((self.disk.name, self.at))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DiskPath) and (self.disk, self.at) == (other.disk, other.at)

    def __lt__(self, other: "DiskPath") -> bool:
        return self.at < other.at

    @property
    def parent(self) -> "DiskPath":
        return DiskPath(self.disk, posixpath.dirname(self.at))

    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        try:
            return self.disk.texts[self.at]
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory", str(self)) from None

    def write_text(self, text: str, encoding: str = "utf-8") -> None:
        self._has_room()
        self.disk.texts[self.at] = text

    def touch(self, mode: int = 0o600) -> None:
        if self.parent.at not in self.disk.folders:
            raise FileNotFoundError(2, "No such file or directory", str(self))
        self._has_room()
        self.disk.texts.setdefault(self.at, "")

    def exists(self) -> bool:
        return self.at in self.disk.texts or self.at in self.disk.folders

    def unlink(self) -> None:
        if self.disk.texts.pop(self.at, None) is None:
            raise FileNotFoundError(2, "No such file or directory", str(self))

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        if self.at in self.disk.folders and not exist_ok:
            raise FileExistsError(17, "File exists", str(self))
        if self.at not in self.disk.folders:
            self._has_room()
        self.disk.folders.add(self.at)

    def glob(self, pattern: str) -> "list[DiskPath]":
        begin = f"{self.at}/"
        there = [at for at in (*self.disk.texts, *self.disk.folders) if at.startswith(begin)]
        names = {at[len(begin) :] for at in there}
        return [self / name for name in sorted(names) if "/" not in name and fnmatch.fnmatchcase(name, pattern)]

    def _has_room(self) -> None:
        if self.disk.full and self.at.startswith(HELD[0]):  # the product lies on another one
            raise OSError(errno.ENOSPC, "No space left on device", str(self))

    def remove_tree(self) -> None:
        """Remove a folder with all that is in it."""
        begin = f"{self.at}/"
        for at in [at for at in self.disk.texts if at.startswith(begin)]:
            del self.disk.texts[at]
        self.disk.folders = {at for at in self.disk.folders if at != self.at and not at.startswith(begin)}

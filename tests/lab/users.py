"""Users of the hub besides root, e.g. the one that the packages' salt-master runs as; they vanish with the world."""

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.lab.common import CHECKOUT, RUN, LabError, command

NUMBER = 4321  # of the user and of the group


def add(name: str) -> None:
    """Have the hub know a user, who may read the checkout and run its interpreter; nothing if it does.

    Salt's client wants to read every folder above the master's cache, not to pass through it alone.

    Raises LabError if the checkout itself is closed to others.
    """
    if f"\n{name}:" in Path("/etc/passwd").read_text():
        return
    home = RUN / "home" / name
    home.mkdir(parents=True)
    for file, line in (("passwd", f"{name}:x:{NUMBER}:{NUMBER}::{home}:/bin/sh"), ("group", f"{name}:x:{NUMBER}:")):
        with open(f"/etc/{file}", "a") as known:
            known.write(f"{line}\n")
    give(name, [home])
    for place in (CHECKOUT, Path(sys.prefix), Path(sys.base_prefix)):
        for folder in place.parents:
            os.chmod(folder, os.stat(folder).st_mode | 0o055)  # of the hub's own root: the machine's stays as it is
        if os.stat(place).st_mode & 0o005 != 0o005:
            raise LabError(f"{place} is closed to users other than root: chmod o+rx {place}")


def give(name: str, folders: Iterable[Path]) -> None:
    """Make a user the owner of folders and all that is in them."""
    for folder in folders:
        if folder.exists():
            command("chown", "--recursive", "--no-dereference", f"{name}:{name}", folder)


def argv_as(name: str, argv: Iterable[str]) -> list[str]:
    """A command as a user types it, with nothing that root has."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise LabError("there is no setpriv here: it is of the package util-linux")
    identity = (f"--reuid={name}", f"--regid={name}", "--init-groups", "--inh-caps=-all", "--bounding-set=-all")
    return [setpriv, *identity, "env", f"HOME={RUN / 'home' / name}", f"USER={name}", *argv]

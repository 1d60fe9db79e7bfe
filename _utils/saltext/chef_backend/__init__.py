"""Upgrades of Chef Backend clusters as Salt orchestrations: the extension itself, one ordinary package.

It is found in three places, always by the same name: below ``_utils`` of a tree, where an editable install points to;
below ``utils`` of Salt's ``extension_modules``, where ``saltutil.sync_all`` puts it; in site-packages, from a wheel.
Salt's loader reads the *doors* beside it (``_modules``, ``_states``, ...): thin files that attach themselves to this
package before they import anything of it.
"""

from __future__ import annotations  # this file is read by a Python that is too old for the others, and says so

import hashlib
import importlib
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

__version__ = "0.2.0"

PYTHON = (3, 10)  # of Salt 3006's onedir
NEEDS_PYTHON = "this extension needs Python 3.10 or later"
DOORS = ("grains", "modules", "runners", "states")  # the kinds of Salt's loader that this extension has
# The doors that nodes load, by kind; a unit test holds this against the tree. A site may have others of its own beside.
FILES = {
    "grains": ("chef_backend.py",),
    "modules": (
        "chef_backend.py",
        "chef_backend_agent.py",
        "chef_backend_environment.py",
        "chef_backend_membership.py",
        "chef_backend_probe.py",
        "chef_backend_services.py",
        "chef_server.py",
        "chef_server_agent.py",
    ),
    "states": (
        "chef_backend.py",
        "chef_backend_cluster.py",
        "chef_backend_downtime.py",
        "chef_backend_fleet.py",
        "chef_backend_index.py",
        "chef_backend_reindex.py",
        "chef_backend_replace.py",
        "chef_backend_run.py",
        "chef_backend_way.py",
        "chef_server.py",
        "chef_server_index.py",
        "chef_server_run.py",
        "chef_server_upgrade.py",
    ),
}
PACKAGE = "package"
HERE = Path(__file__).resolve().parent


def attach(door: str) -> None:
    """Have a door use this package as it lies on the disk now, and no other copy of it.

    Salt renews its own modules when a newer tree has been synced. What they import stays in Python's memory, in a
    minion's main process for ever, and every job inherits it. So modules that are older than their files are forgotten
    here, and read anew by the imports that follow in the door.

    :param door: ``__file__`` of the door.
    :raises ImportError: Python is too old, or found another copy of this package first, of another version.
    """
    if sys.version_info < PYTHON:
        raise ImportError(
            f"{NEEDS_PYTHON}, and Salt runs on {platform.python_version()} here: install Salt's own onedir packages"
        )
    own = _package_of(Path(door).resolve())
    if own != HERE and (own is None or _contents(own) != _contents(HERE)):
        raise ImportError(
            f"{door} belongs to {own or 'no package'}, but {HERE} (version {__version__}) is found before it: this "
            "extension is installed by pip and synced by Salt, in two versions. Remove one of them"
        )
    if _stamps(HERE) != _LOADED:
        for name in [name for name in sys.modules if name == __name__ or name.startswith(f"{__name__}.")]:
            del sys.modules[name]
        importlib.invalidate_caches()


def loader_dirs() -> dict[str, list[str]]:
    """Return the folders of the doors for Salt's loader, by kind; the entry point of what pip has installed."""
    return {kind: [str(_home(kind))] for kind in DOORS}


def file_root() -> str:
    """Return the folder to add to the master's ``file_roots``: it holds ``orch/``, the runbooks."""
    return str(HERE if (HERE / "orch").is_dir() else _tree())


def digest() -> str:
    """Return one hash of this package and the doors of nodes beside it, as they lie on the disk now."""
    own = {f"{PACKAGE}/{name}": _sha256(content) for name, content in _contents(HERE).items()}
    doors = {f"{kind}/{name}": _home(kind) / name for kind, names in FILES.items() for name in names}
    return digest_of(own | {name: _sha256(path.read_bytes()) for name, path in doors.items() if path.exists()})


def digest_of(files: Mapping[str, str]) -> str:
    """Return the one hash of several files.

    :param files: the SHA-256 of each, by its name: ``package/...`` of this package, ``modules/...`` and so on of doors.
    """
    return _sha256("\n".join(f"{name} {files[name]}" for name in sorted(files)).encode())


def _home(kind: str) -> Path:
    """The folder of the doors of a kind: around the package in a wheel, else beside it, in a tree or synced."""
    homes = (HERE / kind, _tree() / f"_{kind}", _tree() / kind)
    return next((home for home in homes if home.is_dir()), homes[1])


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _tree() -> Path:
    """The tree that this package lies in, below ``_utils``, or below ``utils`` where Salt has synced it."""
    return HERE.parents[2]


def _package_of(door: Path) -> Path | None:
    """Where the package of a door lies: around it in a wheel, beside it in a tree and in what Salt has synced."""
    beside = door.parent.parent
    places = (beside, beside / "_utils/saltext/chef_backend", beside / "utils/saltext/chef_backend")
    return next((place for place in places if (place / "__init__.py").exists()), None)


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """When each file of the package was written, and its size."""
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*.py")}


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.py") if _is_ours(path, folder)}


def _is_ours(path: Path, folder: Path) -> bool:
    """Whether a file is the package's: in a wheel the doors and the runbooks lie in the same folder."""
    return path.relative_to(folder).parts[0] not in (*DOORS, "orch", "reactor")


_LOADED = _stamps(HERE)

"""Upgrades of Chef Backend clusters as Salt orchestrations: the extension itself, one ordinary package.

It is found in three places, always by the same name: below ``_utils`` of a tree, where an editable install points to;
below ``utils`` of Salt's ``extension_modules``, where ``saltutil.sync_all`` puts it; in site-packages, from a wheel.
Salt's loader reads the *doors* beside it (``_modules``, ``_states``, ...): thin files that attach themselves to this
package before they import anything of it.
"""

import importlib
import sys
from pathlib import Path

__version__ = "0.1.0"

DOORS = ("grains", "modules", "runners", "states")  # the kinds of Salt's loader that this extension has
HERE = Path(__file__).resolve().parent


def attach(door: str) -> None:
    """Have a door use this package as it lies on the disk now, and no other copy of it.

    Salt renews its own modules when a newer tree has been synced. What they import stays in Python's memory, in a
    minion's main process for ever, and every job inherits it. So modules that are older than their files are forgotten
    here, and read anew by the imports that follow in the door.

    :param door: ``__file__`` of the door.
    :raises ImportError: Python found another copy of this package first, and it is of another version.
    """
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
    return {kind: [str(HERE / kind if (HERE / kind).is_dir() else _tree() / f"_{kind}")] for kind in DOORS}


def file_root() -> str:
    """Return the folder to add to the master's ``file_roots``: it holds ``orch/``, the runbooks."""
    return str(HERE if (HERE / "orch").is_dir() else _tree())


def _tree() -> Path:
    """The tree that this package lies in, below ``_utils``."""
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

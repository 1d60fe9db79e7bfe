"""The entry point by which Salt's loader finds this extension once it is pip-installed.

The same modules live in the tree's `_modules`, `_states`, ... (where `saltutil.sync_all` wants them) and, in a wheel,
in this package's `modules`, `states`, ... An editable install sees the first, an ordinary one the second.
"""

from pathlib import Path

__version__ = "0.1.0"

KINDS = ("grains", "modules", "runners", "states", "utils")

_HERE = Path(__file__).resolve().parent
_TREE = _HERE.parent.parent


def _dir(kind):
    packaged = _HERE / kind
    return str(packaged if packaged.is_dir() else _TREE / f"_{kind}")


def loader_dirs():
    """Return the folders for Salt's loader: a mapping of module kind to a list of paths."""
    return {kind: [_dir(kind)] for kind in KINDS}


def file_root():
    """Return the folder to add to the master's `file_roots`, as text: it holds `orch/`, the runbooks."""
    return str(_HERE if (_HERE / "orch").is_dir() else _TREE)


# `from saltext.chef_backend import chef_backend_parse`: the helpers are reached under the same name in both layouts.
__path__.append(_dir("utils"))

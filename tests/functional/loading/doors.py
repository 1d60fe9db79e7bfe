"""The doors of this tree, read from their text: what they are to give to Salt."""

import ast
import dataclasses
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tests.functional.minion import REPO

KINDS = {"_modules": "module", "_states": "states", "_runners": "runner"}  # and Salt's loader's name for them


@dataclasses.dataclass(frozen=True)
class Door:
    """One file that Salt's loader reads."""

    kind: str
    file: str
    name: str  # as which Salt knows it
    functions: dict[str, ast.FunctionDef]  # by the names that Salt knows them by, such as ``chef_backend.run``


def _read(path: Path) -> Door:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    said: dict[str, Any] = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("__virtualname__", "__func_alias__")
    }
    name, alias = said.get("__virtualname__", path.stem), said.get("__func_alias__", {})
    functions = {
        f"{name}.{alias.get(node.name, node.name)}": node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    return Door(path.parent.name, path.stem, name, functions)


DOORS = [_read(path) for kind in KINDS for path in sorted((REPO / kind).glob("*.py"))]


def functions(kind: str, names: Collection[str] | None = None) -> dict[str, ast.FunctionDef]:
    """Return the functions of all doors of a kind, by the names that Salt knows them by.

    :param names: only of these doors, by the names that Salt knows them by.
    """
    doors = [door for door in DOORS if door.kind == kind and (names is None or door.name in names)]
    return {name: node for door in doors for name, node in door.functions.items()}

"""The doors, as Sphinx is to see them, and links from these pages to what lies beside them in the tree.

Autodoc imports a door by the name that it has once pip has installed it, ``saltext.chef_backend.modules.chef_backend``:
so do the extensions of Salt's community. A reader types Salt's name, ``chef_backend.status``: it is shown by that.
"""

import importlib
import re
import sys
import types
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

import saltext.chef_backend

PACKAGE = saltext.chef_backend.__name__
TREE = Path(saltext.chef_backend.file_root())
OUTSIDE = re.compile(r"\]\(((?:\.\./)+(?:README|CONTRIBUTING|CHANGELOG|tests/[a-z/]+README)\.md)(?:#[a-z-]+)?\)")


def setup(app: Sphinx) -> dict[str, bool]:
    """Let the doors be imported, and have their functions shown by the names that Salt gives them."""
    for kind in saltext.chef_backend.DOORS:
        folder = types.ModuleType(f"{PACKAGE}.{kind}")
        folder.__path__ = [str(TREE / f"_{kind}")]
        sys.modules[folder.__name__] = folder
    app.connect("source-read", link_files)
    app.connect("doctree-read", name_as_salt_does)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def link_files(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Take a link to a page outside of this folder for one to a file: it has no page here, but has to be there."""
    source[0] = OUTSIDE.sub(r"](path:\1)", source[0])


def name_as_salt_does(_app: Sphinx, document: nodes.document) -> None:
    """Show each function of a door as it is called: by the door's virtual name and the function's own."""
    for signature in document.findall(addnodes.desc_signature):
        door = signature.get("module") or ""
        if not door.startswith(f"{PACKAGE}."):
            continue
        module: Any = importlib.import_module(door)
        virtual = getattr(module, "__virtualname__", door.rpartition(".")[2])
        alias = getattr(module, "__func_alias__", {})
        for node in signature.findall(addnodes.desc_addname):
            node.children = [nodes.Text(f"{virtual}.")]
        for node in signature.findall(addnodes.desc_name):
            node.children = [nodes.Text(alias.get(node.astext(), node.astext()))]

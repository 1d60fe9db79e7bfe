"""The tree as a Salt extension: what is packaged, and its version. How it is found: tests/functional/loading."""

import re
from pathlib import Path

import pytest
import tomllib

from saltext import chef_backend

CHECKOUT = Path(__file__).resolve().parents[2]
KINDS = ("grains", "modules", "runners", "states")
PACKAGE = Path("_utils/saltext/chef_backend")


@pytest.fixture(name="pyproject", scope="module")
def fixture_pyproject():
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_folder_that_salt_reads_is_a_package(pyproject):
    named = pyproject["tool"]["setuptools"]["package-dir"]
    listed = set(pyproject["tool"]["setuptools"]["packages"])
    wanted = {f"saltext.chef_backend.{kind}": f"_{kind}" for kind in KINDS}
    wanted |= {
        f"saltext.chef_backend.{folder}".replace("/", "."): folder for folder in ("orch", "orch/node", "reactor")
    }
    for path in (CHECKOUT / PACKAGE).rglob("__init__.py"):
        room = path.parent.relative_to(CHECKOUT / PACKAGE)
        wanted[".".join(("saltext.chef_backend", *room.parts))] = str(PACKAGE / room)
    assert named == wanted
    assert listed == set(named)
    folders = {
        path.parent.relative_to(CHECKOUT) for name in ("orch", "reactor") for path in CHECKOUT.glob(f"{name}/**/*.sls")
    }
    assert {str(folder) for folder in folders} == {"orch", "orch/node", "reactor"}
    assert {str(path.parent) for path in CHECKOUT.glob("_*/*.py") if path.parent.name[1:] not in KINDS} == set()
    without = {path.parent for path in (CHECKOUT / PACKAGE).rglob("*.py") if not (path.parent / "__init__.py").exists()}
    assert without == set(), "a room is a package"


def test_the_version_stands_in_one_place(pyproject):
    assert "version" not in pyproject["project"]
    assert pyproject["project"]["dynamic"] == ["version"]
    assert pyproject["tool"]["setuptools"]["dynamic"] == {"version": {"attr": "saltext.chef_backend.__version__"}}
    assert "version" not in pyproject["tool"]["towncrier"]
    files = [CHECKOUT / name for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md", "Makefile")]
    files += [path for folder in ("_utils", "docs", "tools") for path in (CHECKOUT / folder).rglob("*.*")]
    version = re.compile(rf"(?<![\d.]){re.escape(chef_backend.__version__)}(?![\d.])".encode())
    said = [path for path in files if path.suffix in (".md", ".py", ".toml", "") and version.search(path.read_bytes())]
    assert said == [CHECKOUT / PACKAGE / "__init__.py"]


def test_the_package_below_saltext_leaves_room_for_others():
    """A namespace: another extension of Salt may be installed beside it."""
    assert not (CHECKOUT / "_utils/saltext/__init__.py").exists()


def test_s10_an_older_python_is_told_which_one_is_needed_before_anything_else_is_imported(monkeypatch):
    monkeypatch.setattr("sys.version_info", (3, 9, 18))
    with pytest.raises(ImportError, match=r"this extension needs Python 3\.10 or later, and Salt runs on"):
        chef_backend.attach(chef_backend.__file__)

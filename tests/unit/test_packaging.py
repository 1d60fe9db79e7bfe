"""The tree as a Salt extension: everything is packaged. What Salt finds of it: tests/functional/loading."""

import configparser
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
KINDS = ("grains", "modules", "runners", "states")
PACKAGE = Path("_utils/saltext/chef_backend")


@pytest.fixture(name="setup_cfg", scope="module")
def fixture_setup_cfg():
    parser = configparser.ConfigParser()
    parser.read(CHECKOUT / "setup.cfg")
    return parser


def test_every_folder_that_salt_reads_is_a_package(setup_cfg):
    named = dict(line.split(" = ") for line in setup_cfg["options"]["package_dir"].strip().splitlines())
    listed = set(setup_cfg["options"]["packages"].split())
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


def test_no_file_of_the_tree_is_missing_in_the_wheel(wheel):
    tree = wheel.parents[1]  # which it was built from
    laid = {PACKAGE: "", Path("orch"): "orch/", Path("reactor"): "reactor/"}
    laid |= {Path(f"_{kind}"): f"{kind}/" for kind in KINDS}
    wanted = {
        f"saltext/chef_backend/{place}{path.relative_to(tree / folder)}": path.read_bytes()
        for folder, place in laid.items()
        for path in (tree / folder).rglob("*.*")
        if path.suffix in (".py", ".sls")
    }
    with zipfile.ZipFile(wheel) as packed:
        found = {name: packed.read(name) for name in packed.namelist() if ".dist-info/" not in name}
    assert sorted(found) == sorted(wanted), "nor is there anything else"
    assert found == wanted


def test_the_package_below_saltext_leaves_room_for_others(wheel):
    """A namespace: another extension of Salt may be installed beside it."""
    with zipfile.ZipFile(wheel) as packed:
        assert "saltext/__init__.py" not in packed.namelist()
    assert not (CHECKOUT / "_utils/saltext/__init__.py").exists()

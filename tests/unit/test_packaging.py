"""The tree as a Salt extension: everything is packaged, and Salt's loader finds it after a real `pip install`."""

import configparser
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
KINDS = ("grains", "modules", "runners", "states")
PACKAGE = Path("_utils/saltext/chef_backend")

# Run in a process of its own: asks Salt's loader, as a minion and a master do, what it finds, and loads one of each.
ASK_THE_LOADER = """
import json, site, sys
site.addsitedir(sys.argv[1])
import salt.config, salt.loader
opts = salt.config.minion_config(None)
opts.update(root_dir=sys.argv[2], cachedir=sys.argv[2], extension_modules=sys.argv[2], pillar={})
opts["grains"] = {"id": "be1", "kernel": "Linux", "os": "Debian", "os_family": "Debian"}
loaders = {
    "modules": salt.loader.minion_mods(opts),
    "states": salt.loader.states(opts, {}, {}, None),
    "runners": salt.loader.runner(opts),
    "grains": salt.loader.grain_funcs(opts),
}
loads = {"modules": "chef_backend.run", "states": "chef_backend.upgraded", "runners": "chef_backend.status"}
from saltext import chef_backend
from saltext.chef_backend.judge import health
print(json.dumps({
    "found": {
        kind: {name: paths[0] for name, paths in loader.file_mapping.items()} for kind, loader in loaders.items()
    },
    "not_loaded": [name for kind, name in loads.items() if name not in loaders[kind]],
    "file_root": chef_backend.file_root(),
    "package": health.__file__,
}))
"""


@pytest.fixture(name="setup_cfg", scope="module")
def fixture_setup_cfg():
    parser = configparser.ConfigParser()
    parser.read(CHECKOUT / "setup.cfg")
    return parser


def _installed(tmp_path, *how):
    """pip-install a copy of the tree into a folder of its own; return (folder, copy)."""
    copy, target, root = tmp_path / "tree", tmp_path / "site", tmp_path / "root"
    root.mkdir()
    skip = shutil.ignore_patterns(".*", "__pycache__", "tests", "build", "*.egg-info")
    shutil.copytree(CHECKOUT, copy, ignore=skip)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(target), *how, str(copy)], check=True, timeout=120)
    return target, copy


def _asked(tmp_path, target):
    argv = [sys.executable, "-c", ASK_THE_LOADER, str(target), str(tmp_path / "root")]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_folder_that_salt_reads_is_a_package(setup_cfg):
    named = dict(line.split(" = ") for line in setup_cfg["options"]["package_dir"].strip().splitlines())
    listed = set(setup_cfg["options"]["packages"].split())
    wanted = {f"saltext.chef_backend.{kind}": f"_{kind}" for kind in KINDS}
    for path in (CHECKOUT / PACKAGE).rglob("__init__.py"):
        room = path.parent.relative_to(CHECKOUT / PACKAGE)
        wanted[".".join(("saltext.chef_backend", *room.parts))] = str(PACKAGE / room)
    runbooks = [path.parent for path in (CHECKOUT / "orch").rglob("*.sls")]
    for folder in sorted({path.relative_to(CHECKOUT) for path in runbooks}):
        wanted[".".join(("saltext.chef_backend", *folder.parts))] = str(folder)
    assert wanted.items() <= named.items()
    assert listed == set(named)
    assert {str(path.parent) for path in CHECKOUT.glob("_*/*.py") if path.parent.name[1:] not in KINDS} == set()
    without = {path.parent for path in (CHECKOUT / PACKAGE).rglob("*.py") if not (path.parent / "__init__.py").exists()}
    assert without == set(), "a room is a package"


@pytest.mark.parametrize("how", [(), ("-e",)], ids=["wheel", "editable"])
def test_salts_loader_finds_what_pip_installed(tmp_path, how):
    target, copy = _installed(tmp_path, *how)
    answer = _asked(tmp_path, target)
    home = copy if how else target
    for kind, found in answer["found"].items():
        ours = {path.stem for path in (CHECKOUT / f"_{kind}").glob("*.py")}
        assert ours == {name for name, path in found.items() if Path(path).is_relative_to(home)}, kind
    assert answer["not_loaded"] == []
    assert Path(answer["package"]).is_relative_to(home)
    runbooks = {path.name for path in copy.glob("orch/*.sls")}
    assert runbooks and runbooks == {path.name for path in Path(answer["file_root"]).glob("orch/*.sls")}


def test_no_file_of_the_tree_is_missing_in_the_wheel(tmp_path):
    target, copy = _installed(tmp_path)
    packaged = target / "saltext" / "chef_backend"
    laid = {PACKAGE: packaged, Path("orch"): packaged / "orch", Path("reactor"): packaged / "reactor"}
    laid |= {Path(f"_{kind}"): packaged / kind for kind in KINDS}
    missing = [
        str(path.relative_to(copy))
        for folder, place in laid.items()
        for path in (copy / folder).rglob("*.*")
        if path.suffix in (".py", ".sls") and not (place / path.relative_to(copy / folder)).is_file()
    ]
    assert missing == []

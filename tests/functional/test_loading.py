"""Salt's loader finds every module, state, runner and grain, both ways the tree is installed without pip."""

import ast
import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.functional.minion import GRAINS, REPO, own_functions

KINDS = {"_modules": "modules", "_states": "states", "_runners": "runners", "_grains": "grains", "_utils": "utils"}
LOAD = """
import json, sys

import salt.config, salt.loader

conf, found = json.loads(sys.argv[1]), {}
opts = salt.config.minion_config(None)
opts.update(conf)
utils = salt.loader.utils(opts)
modules = salt.loader.minion_mods(opts, utils=utils)
loaders = {
    "modules": modules,
    "states": salt.loader.states(opts, modules, utils, salt.loader.serializers(opts)),
    "runners": salt.loader.runner(opts, utils=utils),
}
for kind, loader in loaders.items():
    ours = conf["ours"][kind]
    for module in ours:
        loader._load_module(module)
    found[kind] = {name: loader[name].__doc__ for name in list(loader._dict) if name.partition(".")[0] in ours}
found["missing"] = {kind: {k: str(v) for k, v in loader.missing_modules.items()} for kind, loader in loaders.items()}
opts["grains"] = {}
found["grains"] = salt.loader.grain_funcs(opts)["chef_backend.chef_backend"]()
print(json.dumps(found))
"""


def public_functions(kind):
    """Return the names that a kind's files give to Salt, read from their text: ``module.function``."""
    names = set()
    for path in sorted((REPO / kind).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        here = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        calls = [n for n in tree.body if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call)]
        here |= {n.targets[0].id for n in calls if getattr(n.value.func, "id", "") == "_verb"}
        names |= {f"{path.stem}.{name.rstrip('_')}" for name in here if not name.startswith("_")}
    return names


@pytest.fixture(name="loaded", scope="module", params=["module_dirs", "synced"])
def fixture_loaded(request, tmp_path_factory):
    """Return what a fresh Python, without this package, finds: names and docs by kind."""
    root = tmp_path_factory.mktemp(request.param)
    synced = root / "extension_modules"
    conf = {
        "root_dir": str(root),
        "cachedir": str(root / "cache"),
        "extension_modules": str(synced),
        "file_client": "local",
        "grains": {**GRAINS, "id": "be1"},
        "ours": {kind: sorted(p.stem for p in (REPO / folder).glob("*.py")) for folder, kind in KINDS.items()},
    }
    if request.param == "module_dirs":
        conf["module_dirs"] = [str(REPO)]
    else:
        for folder, kind in KINDS.items():  # as saltutil.sync_all lays them out
            shutil.copytree(REPO / folder, synced / kind, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOAD, json.dumps(conf)], capture_output=True, text=True, cwd=root, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("folder", ["_modules", "_states", "_runners"])
def test_every_public_function_is_there_and_nothing_else(loaded, folder):
    assert set(loaded[KINDS[folder]]) == public_functions(folder)
    ours = {path.stem for path in (REPO / folder).glob("*.py")}
    assert ours & set(loaded["missing"][KINDS[folder]]) == set(), "__virtual__ refused"


@pytest.mark.parametrize("folder", ["_modules", "_runners"])
def test_every_function_shows_how_it_is_called(loaded, folder):
    for name, doc in loaded[KINDS[folder]].items():
        example = re.search(r"CLI Example:\n\n\s+\.\. code-block:: bash\n\n((?:\s+salt.*\n)+)", doc or "")
        assert example, f"{name} has no CLI Example"
        assert f" {name}" in example[1], f"{name}: its example calls something else"


def test_every_state_is_described(loaded):
    for name, doc in loaded["states"].items():
        assert doc and doc.splitlines()[0].endswith((".", ",")), name


def test_grains_load_with_no_helper_of_ours(loaded):
    assert set(loaded["grains"]) <= {"chef_backend"}


def test_grains_hold_what_does_not_move(backend):
    grains = own_functions(backend.opts, "_grains", "grains")["chef_backend.chef_backend"]
    assert grains() == {"chef_backend": {"version": "2.3.16", "member": False}}
    backend.write("/etc/chef-backend/chef-backend-running.json", "{}")
    assert grains() == {"chef_backend": {"version": "2.3.16", "member": True}}
    for text in ("", "[]", "{}", "null", "\x00"):
        backend.write("/opt/chef-backend/version-manifest.json", text)
        assert grains() == {}

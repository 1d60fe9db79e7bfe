"""A node or a master that has this extension one way or another; run by test_installed.py in a Python of its own.

It is given a verb and what is asked, as JSON, and prints what it found, as JSON. Of this checkout it has nothing but
what it is told: `salt` and `sites` are folders for sys.path, the latter as pip has filled them; `root` is where it
writes, and below which the files of the product lie; `tree` is where Salt syncs the extension from, if it does.
"""

import json
import site
import sys
from pathlib import Path
from typing import Any

VERB, ASKED = sys.argv[1], json.loads(sys.argv[2])
sys.path[:0] = ASKED["salt"]
for folder in ASKED["sites"]:
    site.addsitedir(folder)

import salt.config  # noqa: E402
import salt.loader  # noqa: E402
import salt.minion  # noqa: E402
import salt.version  # noqa: E402

ROOT = Path(ASKED["root"])
JID = "20261122120000000000"
GRAINS = {"kernel": "Linux", "os": "Debian", "os_family": "Debian"}


def options(opts: dict[str, Any], name: str) -> dict[str, Any]:
    opts.update(
        id=name,
        root_dir=str(ROOT),
        cachedir=str(ROOT / "cache"),
        pki_dir=str(ROOT / "pki"),
        sock_dir=str(ROOT / "sock"),
        extension_modules=str(ROOT / "extmods"),
        file_client="local",
        file_roots={"base": [ASKED["tree"]] if ASKED["tree"] else []},
        pillar_roots={"base": []},
        pillar={},
        grains={**GRAINS, "id": name},
        enable_fqdns_grains=False,
        enable_gpu_grains=False,
    )
    return opts


def loaders(opts: dict[str, Any]) -> dict[str, Any]:
    """Load all anew, as a minion does that was told to refresh its modules, and a runner each time."""
    utils = salt.loader.utils(opts)
    modules = salt.loader.minion_mods(opts, utils=utils, context={})
    states = salt.loader.states(opts, modules, utils, salt.loader.serializers(opts))
    return {"modules": modules, "states": states, "runners": salt.loader.runner(opts, utils=utils, context={})}


def sync(opts: dict[str, Any], kind: str, **how: Any) -> None:
    if ASKED["tree"]:
        loaders(opts)[kind]["saltutil.sync_all"](**how)


def package(room: str = "") -> Any:
    return sys.modules.get(f"saltext.chef_backend{room}")


def move_root(opts: dict[str, Any], folder: str) -> None:
    """Have the package look for the files of the product below a folder of ours; a door has to be loaded for that."""
    loaders(opts)["modules"]._load_module("chef_backend")
    if package(".node.host"):
        package(".node.host").ROOT = ROOT / folder


def offered(found: dict[str, Any]) -> dict[str, Any]:
    """Load our doors, and nothing else; return what they give to Salt, and what they say that give nothing."""
    functions, missing = {}, {}
    for kind, loader in found.items():
        doors = [
            door for door in ASKED["doors"][kind] if door in loader.file_mapping
        ]  # runners are not synced to nodes
        for door in doors:
            loader._load_module(door)
        functions[kind] = sorted(name for name in loader._dict if name.startswith("chef_"))
        missing[kind] = {door: str(loader.missing_modules[door]) for door in doors if door in loader.missing_modules}
    return {"functions": functions, "missing": missing}


def node() -> dict[str, Any]:
    """What a backend has, and what it does when it is asked."""
    opts = options(salt.config.minion_config(None), "be1")
    sync(opts, "modules", refresh=False)
    move_root(opts, "node")
    found = loaders(opts)
    told, modules = offered(found), found["modules"]
    if "chef_backend.version" not in modules:
        return {**told, "said": modules.missing_fun_string("chef_backend.version")}
    (state,) = modules["state.single"]("chef_backend_cluster.emptied", name="x", test=True).values()
    return {
        **told,
        "version": modules["chef_backend.version"](),
        "state": {key: state[key] for key in ("result", "comment", "changes")},
        "grains": "chef_backend.chef_backend" in salt.loader.grain_funcs(opts),
    }


def master() -> dict[str, Any]:
    """What a master has, and what it does when it is asked something without a pillar."""
    opts = options(salt.config.master_config(None), "hub_master")
    sync(opts, "runners")
    move_root(opts, "nothing")
    found = loaders(opts)
    told, runners = offered(found), found["runners"]
    if "chef_backend.status" not in runners:
        return {**told, "said": runners.missing_fun_string("chef_backend.status")}
    if not ASKED["tree"]:
        opts["file_roots"] = {"base": [package().file_root()]}
    functions = salt.minion.MasterMinion(opts).functions
    steps = functions["state.sls"]("orch.chef_backend_rolling", orchestration_jid=JID)
    return {
        **told,
        "status": runners["chef_backend.status"](),
        "runbook": {step["__id__"]: [step["result"], step["comment"]] for step in steps.values()},
    }


def renewed() -> dict[str, Any]:
    """What a node answers at first, and after each of some changes, all of them in this one process."""
    opts, answers = options(salt.config.minion_config(None), "be1"), []
    for file, text in [(None, None), *ASKED["changes"]]:
        if file:
            with open(file, "a", encoding="utf-8") as changed:
                changed.write(text)
        sync(opts, "modules", refresh=False)
        move_root(opts, "node")
        modules = loaders(opts)["modules"]
        (state,) = modules["state.single"]("chef_backend_cluster.emptied", name="x", test=True).values()
        answers.append([modules["chef_backend.version"](), state["comment"]])
    return {"answers": answers}


done = {"node": node, "master": master, "renewed": renewed}[VERB]()
print(json.dumps({**done, "salt": salt.version.__version__, "package": package() and package().__file__}))

"""The extension as it is installed: synced by Salt, or by pip from whatever; with both Salts that are here.

Each is tried in a Python process of its own, which knows nothing of this checkout but what the installation brings.
"""

import concurrent.futures
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import built
from tests.functional.loading.doors import DOORS, functions
from tests.functional.loading.test_doors import EVERYWHERE, NEITHER, NO_BACKEND, NO_FRONTEND, NO_MASTER, REASONS, names

CHILD = Path(__file__).with_name("child.py")
LTS = built.REPO / ".cache" / "salt-3006"
SALTS = {"3008": [], "3006": [str(LTS)]}  # and the folder in which it is, if that is not the tests' own
HOWS = ("synced", "wheel", "sdist", "editable")
KINDS = {"modules": "_modules", "states": "_states", "runners": "_runners"}
PACKAGE = "saltext/chef_backend"
STAMP = '{"manifest_format": 2, "software": {}, "build_version": "2.3.16"}'
TWO_VERSIONS = "this extension is installed by pip and synced by Salt, in two versions. Remove one of them"

# what is appended to files of the package one after another, and what the same process answers then
CHANGES = [
    ("product/manifest.py", "def parse_manifest(text):\n    return Manifest('of a new manifest.py')\n"),
    ("outcome.py", "def would(ret, *_):\n    return {**ret, 'result': None, 'comment': 'of a new outcome.py'}\n"),
]
ANSWERS = [
    ["2.3.16", "would delete all data of be1"],
    ["of a new manifest.py", "would delete all data of be1"],
    ["of a new manifest.py", "of a new outcome.py"],
]


class Installations:
    """The ways to install it, made once, and processes in which one or two of them are."""

    def __init__(self, folder, dist):
        self.folder, self.roots = folder, iter(folder / f"root{number}" for number in range(1000))
        self.synced = built.copy_tree(folder / "synced")
        self.other = built.copy_tree(folder / "other")
        with open(self.other / "_utils" / PACKAGE / "__init__.py", "a", encoding="utf-8") as file:
            file.write('__version__ = "0.0.9"\n')
        self.edited = built.copy_tree(folder / "edited")
        self.wheel = built.install(folder / "wheel", dist.wheel)
        self.sdist = built.install(folder / "sdist", dist.sdist)
        self.editable = built.install(folder / "editable", "--editable", self.edited)
        self.hows = {
            "synced": {"tree": self.synced},
            "wheel": {"site": self.wheel},
            "sdist": {"site": self.sdist},
            "editable": {"site": self.editable},
        }

    def package(self, how, root):
        """Return where the package has to come from."""
        homes = {"wheel": self.wheel, "sdist": self.sdist, "editable": self.edited / "_utils"}
        homes["synced"] = Path(root) / "extmods/utils"
        return str(homes[how] / PACKAGE / "__init__.py")

    def changing(self, how):
        """Return a copy of an installation, and the changes of its files."""
        copy = shutil.copytree(self.hows[how].get("tree") or self.hows[how]["site"], next(self.roots))
        home = copy / "_utils" if how == "synced" else copy
        changes = [(str(home / PACKAGE / file), text) for file, text in CHANGES]
        return {"tree" if how == "synced" else "site": copy, "changes": changes}

    def ask(self, verb, salt, tree=None, site=None, changes=()):
        """Run a process of a kind; return what it found, and its root.

        :param salt: one of SALTS.
        :param tree: what Salt syncs the extension from.
        :param site: the folder that pip has installed it into.
        """
        root = next(self.roots)
        (root / "node/opt/chef-backend").mkdir(parents=True)
        (root / "node/opt/chef-backend/version-manifest.json").write_text(STAMP, encoding="utf-8")
        (root / "node/var/opt/chef-backend/etcd").mkdir(parents=True)
        (root / "node/var/opt/chef-backend/etcd/data").touch()
        asked = {
            "salt": SALTS[salt],
            "sites": [str(site)] if site else [],
            "root": str(root),
            "tree": str(tree) if tree else None,
            "doors": {kind: [door.file for door in DOORS if door.kind == folder] for kind, folder in KINDS.items()},
            "changes": changes,
        }
        argv = [sys.executable, "-I", CHILD, verb, json.dumps(asked)]
        done = subprocess.run(argv, cwd=root, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return {**json.loads(done.stdout.splitlines()[-1]), "root": str(root)}


@pytest.fixture(name="installations", scope="module")
def fixture_installations(tmp_path_factory, dist):
    if not (LTS / "salt" / "version.py").exists():
        pytest.fail(
            f"Salt's LTS release is not in {LTS}: run `make venv`, which installs it (requirements/salt-lts.txt)"
        )
    return Installations(tmp_path_factory.mktemp("installed"), dist)


@pytest.fixture(name="found", scope="module")
def fixture_found(installations):
    """Return a function that gives what a process found; two of them run at a time."""
    here, asked = installations, {}
    for salt in SALTS:
        for verb in ("node", "master"):
            asked |= {(verb, how, salt): (verb, salt, {**here.hows[how]}) for how in HOWS}
            asked[verb, "two versions", salt] = (verb, salt, {"site": here.wheel, "tree": here.other})
        asked["node", "twice the same", salt] = ("node", salt, {"site": here.wheel, "tree": here.synced})
        asked |= {("renewed", how, salt): ("renewed", salt, here.changing(how)) for how in ("synced", "wheel")}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        made = {key: pool.submit(here.ask, verb, salt, **how) for key, (verb, salt, how) in asked.items()}
    return lambda *key: made[key].result()


def given(*reasons):
    """Return what those doors give to Salt that would say one of these where they cannot work."""
    return {kind: set(functions(folder, names(folder, reasons))) for kind, folder in KINDS.items()}


def functions_of(process):
    """Return what a process had of us, by kind."""
    return {kind: set(names) for kind, names in process["functions"].items()}


def said(*reasons, without=()):
    """Return what the doors say that say one of these; ``without`` kinds that are not there."""
    return {
        kind: {door: reason for door, reason in REASONS[folder].items() if reason in reasons and kind not in without}
        for kind, folder in KINDS.items()
    }


@pytest.mark.parametrize("salt", SALTS)
@pytest.mark.parametrize("how", HOWS)
class TestEveryWay:
    def test_a_backends_module_a_state_and_the_grains_work(self, how, salt, found):
        node = found("node", how, salt)
        assert node["salt"].startswith(salt)
        assert node["version"] == "2.3.16"
        data = {"data": {"old": ["/var/opt/chef-backend/etcd"], "new": []}}
        assert node["state"] == {"result": None, "comment": "would delete all data of be1", "changes": data}
        assert node["grains"] is True

    def test_a_masters_runner_says_what_is_missing_in_its_pillar_and_ends_with_status_1(self, how, salt, found):
        status = found("master", how, salt)["status"]
        assert (sorted(status), status["retcode"]) == (["error", "retcode"], 1)
        assert status["error"].startswith("chef_backend: not found in the master's own pillar, expected a mapping")

    def test_a_masters_runbook_runs_its_steps(self, how, salt, found):
        runbook = found("master", how, salt)["runbook"]
        assert len(runbook) == 12
        assert runbook["Open the rolling run"][0] is False
        assert "chef_backend: not found in the master's own pillar" in runbook["Open the rolling run"][1]
        assert runbook["Close the rolling run"] == [True, "no run was opened: nothing to close"]

    def test_a_backend_has_what_the_doors_for_it_define_and_nothing_else(self, how, salt, found):
        node = found("node", how, salt)
        assert functions_of(node) == given(NO_BACKEND, NEITHER, EVERYWHERE)
        assert node["missing"] == said(NO_FRONTEND, NO_MASTER, without=[] if how != "synced" else ["runners"])

    def test_a_master_has_what_the_doors_for_it_define_and_nothing_else(self, how, salt, found):
        master = found("master", how, salt)
        assert functions_of(master) == given(NO_MASTER, EVERYWHERE)
        assert master["missing"] == said(NO_BACKEND, NO_FRONTEND, NEITHER)

    def test_the_package_comes_from_where_it_was_installed(self, how, salt, found, installations):
        for verb in ("node", "master"):
            process = found(verb, how, salt)
            assert process["package"] == installations.package(how, process["root"])


@pytest.mark.parametrize("salt", SALTS)
@pytest.mark.parametrize("how", ["synced", "wheel"])
def test_a_changed_file_of_the_package_is_used_by_the_running_process_when_its_modules_are_refreshed(how, salt, found):
    assert found("renewed", how, salt)["answers"] == ANSWERS


@pytest.mark.parametrize("salt", SALTS)
@pytest.mark.parametrize("verb", ["node", "master"])
def test_a_wheel_beside_a_synced_tree_of_another_version_is_said_and_not_mixed(verb, salt, found):
    process = found(verb, "two versions", salt)
    assert TWO_VERSIONS in process["said"]
    assert functions_of(process) == given()
    for kind in ("modules", "states"):
        assert set(process["missing"][kind]) == set(REASONS[KINDS[kind]])
        assert [text for text in process["missing"][kind].values() if TWO_VERSIONS not in text] == []


@pytest.mark.parametrize("salt", SALTS)
def test_a_wheel_beside_a_synced_tree_of_the_very_same_content_works(salt, found, installations):
    node = found("node", "twice the same", salt)
    assert (node["version"], node["state"]["comment"]) == ("2.3.16", "would delete all data of be1")
    assert functions_of(node) == given(NO_BACKEND, NEITHER, EVERYWHERE)
    assert node["package"] == installations.package("wheel", node["root"])

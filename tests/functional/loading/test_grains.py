"""The grains: what does not move, found by a file that stands for itself."""

import ast
import subprocess
import sys

import pytest
import salt.loader

from saltext.chef_backend.node import backend as backends
from tests.functional.minion import REPO

FILE = REPO / "_grains" / "chef_backend.py"


@pytest.fixture(name="grains")
def fixture_grains(backend, monkeypatch):
    """Return the function that Salt's loader finds, on a node whose files lie below a folder."""
    found = salt.loader.grain_funcs(backend.opts)["chef_backend.chef_backend"]
    there = found.func.__globals__
    assert there["__file__"] == str(FILE)
    for name in ("MANIFEST", "RUNNING"):
        monkeypatch.setitem(there, name, str(backend.path(there[name])))
    return found


def test_they_import_nothing_of_ours():
    """A helper that a grains module imports stays stale in the minion until it restarts."""
    tree = ast.parse(FILE.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert imported <= sys.stdlib_module_names


def test_they_load_where_nothing_of_this_extension_can_be_imported():
    code = f"import runpy, sys; grains = runpy.run_path({str(FILE)!r}); print(sorted(grains['chef_backend']()))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_they_hold_the_version_and_whether_this_is_a_member(grains, backend):
    assert grains() == {"chef_backend": {"version": "2.3.16", "member": False}}
    backend.write("/etc/chef-backend/chef-backend-running.json", "{}")
    assert grains() == {"chef_backend": {"version": "2.3.16", "member": True}}


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "\x00", '{"build_version": '])
def test_a_manifest_that_cannot_be_read_is_no_grain(grains, backend, text):
    backend.write("/opt/chef-backend/version-manifest.json", text)
    assert grains() == {}


def test_where_nothing_is_installed_there_is_no_grain(grains, backend):
    backend.path("/opt/chef-backend/version-manifest.json").unlink()
    assert grains() == {}


def test_they_tell_what_the_module_tells(grains, backend):
    assert grains()["chef_backend"]["version"] == backend.call("chef_backend.version")
    assert backends.MANIFEST == "/opt/chef-backend/version-manifest.json"

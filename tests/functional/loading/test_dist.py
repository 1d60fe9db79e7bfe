"""What `make dist` builds: all of the tree, alike whoever builds it; pip installs it where nothing else is."""

import configparser
import email
import json
import subprocess
import tarfile
import time
import venv
import zipfile
from pathlib import Path

import pytest

from saltext.chef_backend import __version__
from tests import built
from tests.functional.loading.conftest import UNCOMMITTED
from tools import dist as tool

NAME = f"saltext_chef_backend-{__version__}"
PACKAGE = Path("_utils/saltext/chef_backend")
LAID = {PACKAGE: "", Path("orch"): "orch/", Path("reactor"): "reactor/"}  # where a folder lies in the wheel
LAID |= {Path(f"_{kind}"): f"{kind}/" for kind in ("grains", "modules", "runners", "states")}
SYNCED = (*LAID, Path("docs"), Path("pillar"))
BESIDE = {"CHANGELOG.md", "LICENSE", "MANIFEST.in", "README.md", "pyproject.toml"}
MADE = {"PKG-INFO", "setup.cfg"}  # by setuptools
ASKED = """
import importlib.metadata, json, pathlib
(entry,) = importlib.metadata.entry_points(group="salt.loader")
package = importlib.import_module(entry.module)
root = pathlib.Path(package.file_root())
print(json.dumps({
    "entry": entry.name,
    "version": [package.__version__, importlib.metadata.version("saltext.chef-backend")],
    "doors": {kind: len(list(pathlib.Path(folder).glob("chef_*.py"))) for kind, (folder,) in entry.load()().items()},
    "runbook": (root / "orch/chef_backend_rolling.sls").exists(),
}))
"""


def committed(dist, *folders):
    """Return what was committed below some folders, by path."""
    words = ["git", "ls-tree", "-r", "--name-only", "HEAD", *map(str, folders)]
    names = subprocess.run(words, cwd=dist.repository, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name: (dist.repository / name).read_bytes() for name in names}


@pytest.fixture(name="epoch", scope="module")
def fixture_epoch(dist):
    words = ["git", "log", "-1", "--format=%ct"]
    return int(subprocess.run(words, cwd=dist.repository, capture_output=True, text=True, check=True).stdout)


@pytest.fixture(name="metadata", scope="module")
def fixture_metadata(dist):
    with zipfile.ZipFile(dist.wheel) as packed:
        return email.message_from_bytes(packed.read(f"{NAME}.dist-info/METADATA"))


def test_both_are_called_as_the_version_says(dist):
    assert dist.sdist.name == f"{NAME}.tar.gz"
    assert dist.wheel.name == f"{NAME}-py3-none-any.whl"


def test_nothing_is_left_outside_of_the_cache_and_nothing_but_both_in_it(dist):
    words = ["git", "status", "--porcelain", "--ignored"]
    status = subprocess.run(words, cwd=dist.repository, capture_output=True, text=True, check=True).stdout
    assert status.splitlines() == [f"?? {UNCOMMITTED}", "!! .cache/"]
    assert {path.name for path in (dist.repository / ".cache").iterdir()} == {"build", "dist"}
    assert {path for path in (dist.repository / ".cache/dist").iterdir()} == {dist.sdist, dist.wheel}


def test_what_is_not_committed_is_not_released_and_that_is_said(dist):
    assert "what was changed since is not in it" in dist.said
    with tarfile.open(dist.sdist) as packed:
        assert f"{NAME}/{UNCOMMITTED}" not in packed.getnames()


def test_an_index_would_take_both(dist):
    checked = [line for line in dist.said.splitlines() if line.startswith("Checking")]
    assert [("PASSED" in line, "WARN" in line) for line in checked] == [(True, False)] * 2


def test_the_sdist_holds_the_tree_that_is_synced_and_nothing_else(dist):
    with tarfile.open(dist.sdist) as packed:
        found = {entry.name.removeprefix(f"{NAME}/"): packed.extractfile(entry).read() for entry in packed}
    found = {name: content for name, content in found.items() if name not in MADE and ".egg-info/" not in name}
    wanted = committed(dist, *SYNCED, *BESIDE)
    assert sorted(found) == sorted(wanted)
    assert found == wanted


def test_no_file_of_the_tree_is_missing_in_the_wheel(dist):
    wanted = {
        f"saltext/chef_backend/{place}{Path(name).relative_to(folder)}": content
        for folder, place in LAID.items()
        for name, content in committed(dist, folder).items()
    }
    with zipfile.ZipFile(dist.wheel) as packed:
        found = {name: packed.read(name) for name in packed.namelist() if ".dist-info/" not in name}
    assert sorted(found) == sorted(wanted), "nor is there anything else"
    assert found == wanted


def test_the_package_below_saltext_leaves_room_for_others(dist):
    with zipfile.ZipFile(dist.wheel) as packed:
        assert "saltext/__init__.py" not in packed.namelist()


def test_nothing_in_them_tells_when_where_and_by_whom_they_were_built(dist, epoch):
    with tarfile.open(dist.sdist) as packed:
        entries = list(packed)
    told = {(entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname, entry.mode) for entry in entries}
    assert told == {(epoch, 0, 0, "", "", 0o644)}
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)
    assert int.from_bytes(dist.sdist.read_bytes()[4:8], "little") == epoch, "gzip has a time of its own"
    with zipfile.ZipFile(dist.wheel) as packed:
        told = {(entry.date_time, entry.external_attr >> 16 & 0o777) for entry in packed.infolist()}
    even = epoch - epoch % 2  # a zip counts every second second
    assert {mode for _, mode in told} <= {0o644, 0o664}
    assert {moment for moment, _ in told} == {time.gmtime(even)[:6]}


def test_two_builds_that_differ_are_refused_and_named(tmp_path, monkeypatch, capsys):
    def build(_tree, into, _epoch):
        into.mkdir(parents=True)
        (into / "some.tar.gz").write_text("the same", encoding="utf-8")
        (into / "some.whl").write_text(into.name, encoding="utf-8")
        return into / "some.tar.gz", into / "some.whl"

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tool, "_git", lambda *words: "1764300000" if words[0] == "log" else "")
    monkeypatch.setattr(tool, "_export", lambda folder: folder)
    monkeypatch.setattr(tool, "build", build)
    assert tool.main() == 1
    assert "not the same: some.whl." in capsys.readouterr().err
    assert not (tmp_path / ".cache/dist").exists()


def test_it_says_of_itself_what_other_extensions_of_salt_say(metadata, dist):
    assert metadata["Name"] == "saltext.chef-backend"
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert metadata["Requires-Python"] == ">=3.10"
    assert "salt-extension" in metadata["Keywords"].split(",")
    assert metadata["Requires-Dist"] is None, "Salt is there already, and must not be replaced"
    assert [name for name in metadata.get_all("Classifier") if name.startswith("License")] == []
    points = configparser.ConfigParser()
    with zipfile.ZipFile(dist.wheel) as packed:
        points.read_string(packed.read(f"{NAME}.dist-info/entry_points.txt").decode())
    assert dict(points["salt.loader"]) == {"saltext.chef-backend": "saltext.chef_backend:loader_dirs"}


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_pip_installs_it_where_there_is_nothing_else_and_takes_all_away_again(kind, dist, tmp_path):
    venv.create(tmp_path / "fresh", with_pip=True, symlinks=True)
    python = tmp_path / "fresh/bin/python"

    def run(*words, env=None):
        done = subprocess.run([python, *words], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(*built.PIP, "install", *built.ALONE, getattr(dist, kind), env=built.ENV)
    found = json.loads(run("-I", "-c", ASKED))
    assert found["entry"] == "saltext.chef-backend"
    assert found["version"] == [__version__, __version__]
    assert min(found["doors"].values()) > 0 and sorted(found["doors"]) == ["grains", "modules", "runners", "states"]
    assert found["runbook"]
    run(*built.PIP, "uninstall", "--yes", "saltext.chef-backend")
    left = [path for path in (tmp_path / "fresh").rglob("*") if "saltext" in str(path.relative_to(tmp_path))]
    assert [path for path in left if path.is_file()] == []

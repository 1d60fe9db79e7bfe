"""The changelog grows by fragments: each is one file, and a release puts them all at its head."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tomllib

from saltext.chef_backend import __version__

CHECKOUT = Path(__file__).resolve().parents[2]
TYPES = {
    kind["directory"]: kind["name"]
    for kind in tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]["type"]
}
LINES = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()


def test_the_newest_release_text_is_of_the_version_that_the_package_has():
    newest = next(line for line in LINES if line.startswith("## "))
    assert re.fullmatch(rf"## {re.escape(__version__)} \(\d{{4}}-\d\d-\d\d\)", newest)


def test_every_fragment_has_a_type_and_says_something():
    fragments = {path for path in (CHECKOUT / "changelog").iterdir() if path.name != "README.md"}
    name = re.compile(rf"\+[\w-]+\.({'|'.join(TYPES)})\.md")
    assert [path.name for path in fragments if not name.fullmatch(path.name)] == []
    assert [path.name for path in fragments if not path.read_text(encoding="utf-8").strip()] == []


def test_the_page_explains_each_type():
    page = (CHECKOUT / "changelog/README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(TYPES)


@pytest.fixture(name="released", scope="module")
def fixture_released(tmp_path_factory):
    """Release a tree with two fragments, as CONTRIBUTING says; return what is left in it."""
    tree = tmp_path_factory.mktemp("released")
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(CHECKOUT / name, tree)
    package = tree / "_utils/saltext/chef_backend"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "7.8.9"\n', encoding="utf-8")
    (tree / "changelog").mkdir()
    shutil.copy(CHECKOUT / "changelog/README.md", tree / "changelog")
    (tree / "changelog/+late.fixed.md").write_text("A late leader is *late*.\n", encoding="utf-8")
    (tree / "changelog/+word.added.md").write_text("A new word,\nin two lines.\n", encoding="utf-8")
    words = [sys.executable, "-m", "towncrier", "build", "--yes", "--date", "2027-01-02"]
    done = subprocess.run(words, cwd=tree, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return tree


def test_a_release_puts_its_fragments_before_what_was_there(released):
    lines = (released / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    assert lines[-len(LINES) + 1 :] == LINES[1:], "what was there stays as it was"
    new = [line for line in lines[: -len(LINES) + 1] if line]
    assert new == [
        "# Changelog",
        "## 7.8.9 (2027-01-02)",
        "### Fixed",
        "- A late leader is *late*.",
        "### Added",
        "- A new word,",
        "  in two lines.",
    ]


def test_a_release_takes_the_fragments_away(released):
    assert [path.name for path in (released / "changelog").iterdir()] == ["README.md"]

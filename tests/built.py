"""What is released of this tree, and copies of the tree to build and to sync."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
CACHE = REPO / ".cache"
PIP = ["-m", "pip", "--disable-pip-version-check", "--quiet"]
ALONE = ["--no-deps", "--no-index", "--no-build-isolation"]  # without the network
ENV = {**os.environ, "PYTHONPATH": str(CACHE / "build")}  # what a build needs, from tools/venv.sh
IGNORED = (REPO / ".gitignore").read_text(encoding="utf-8").replace("/", "").split()  # what is made here
GIT = ["git", "-c", "user.name=tests", "-c", "user.email=tests@localhost", "-c", "commit.gpgsign=false"]


@dataclass(frozen=True)
class Dist:
    """What `make dist` made of a repository, and what it printed."""

    repository: Path
    said: str

    @property
    def sdist(self) -> Path:
        """The one sdist in its .cache/dist."""
        (sdist,) = (self.repository / ".cache/dist").glob("*.tar.gz")
        return sdist

    @property
    def wheel(self) -> Path:
        """The one wheel in its .cache/dist."""
        (wheel,) = (self.repository / ".cache/dist").glob("*.whl")
        return wheel


def copy_tree(folder: Path) -> Path:
    """Copy what is packaged of this tree, and how; returns the folder."""
    skip = shutil.ignore_patterns(".*", "__pycache__", "tests", "docs", "build", "*.egg-info")
    shutil.copytree(REPO, folder, ignore=skip)
    return folder


def make_dist(repository: Path, uncommitted: str) -> Dist:
    """Commit this tree, as it lies here, in a new repository, and build what is released of it there.

    :param uncommitted: a file that is not committed.
    """
    shutil.copytree(REPO, repository, ignore=shutil.ignore_patterns(".git", *IGNORED))
    (repository / ".cache").mkdir()
    (repository / ".cache/build").symlink_to(CACHE / "build")
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "All"]):
        subprocess.run([*GIT, *words], cwd=repository, check=True, timeout=60)
    (repository / uncommitted).touch()
    words = [sys.executable, "tools/dist.py"]
    done = subprocess.run(
        words, cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout
    return Dist(repository, done.stdout)


def install(site: Path, *what: str | Path) -> Path:
    """Have pip install something into a folder of its own; returns the folder."""
    subprocess.run([sys.executable, *PIP, "install", *ALONE, "--target", site, *what], env=ENV, check=True, timeout=300)
    return site

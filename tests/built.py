"""The wheel of this tree, and a copy of the tree to build it from."""

import shutil
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
ALONE = ["--no-deps", "--no-index", "--no-build-isolation"]  # without the network


def copy_tree(folder: Path) -> Path:
    """Copy what is packaged of this tree, and how; returns the folder."""
    skip = shutil.ignore_patterns(".*", "__pycache__", "tests", "docs", "build", "*.egg-info")
    shutil.copytree(REPO, folder, ignore=skip)
    return folder


def build(folder: Path) -> Path:
    """Build the wheel in a folder, which must not be there yet; returns its path."""
    copy_tree(folder)
    subprocess.run([*PIP, "wheel", *ALONE, "--wheel-dir", folder / "dist", folder], check=True, timeout=120)
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


def install(site: Path, *what: str | Path) -> Path:
    """Have pip install something into a folder of its own; returns the folder."""
    subprocess.run([*PIP, "install", *ALONE, "--target", site, *what], check=True, timeout=120)
    return site

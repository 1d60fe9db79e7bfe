"""Build what is released, sdist and wheel of the last commit, in .cache/dist: whoever builds it gets the same bytes.

Usage: python tools/dist.py

Both are built twice, each time from a new export of the commit, and compared; twine then looks at them as an index
would. The wheel is built from the sdist, so that an sdist in which something is missing fails here. Nothing is written
outside of .cache, and no network is needed.
"""

import concurrent.futures
import filecmp
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

CACHE = Path(".cache")
TOOLS = CACHE / "build"  # setuptools, and a newer `packaging` than Salt's, for it and for twine; from tools/venv.sh
UMASK = 0o022  # the modes of files stand in a wheel


def main() -> int:
    """Build, compare and check; return the exit status."""
    epoch = int(_git("log", "-1", "--format=%ct"))
    if _git("status", "--porcelain"):
        print("dist: the last commit is built; what was changed since is not in it (git status)", file=sys.stderr)
    work, dist = CACHE / "dist-work", CACHE / "dist"
    for folder in (work, dist):
        shutil.rmtree(folder, ignore_errors=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda name: build(_export(work / name / "tree"), work / name, epoch), ("one", "two"))
    different = [one.name for one, two in zip(first, second, strict=True) if not filecmp.cmp(one, two, shallow=False)]
    if different:
        print(f"dist: built twice, and not the same: {', '.join(different)}. Compare them in {work}", file=sys.stderr)
        return 1
    dist.mkdir()
    built = [shutil.copy(path, dist) for path in first]
    shutil.rmtree(work)
    return subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *built], env=_env()).returncode


def build(tree: Path, into: Path, epoch: int) -> tuple[Path, Path]:
    """Build an sdist of a tree, and a wheel of that sdist.

    :param tree: is written into, too: setuptools leaves its egg-info there.
    :param into: the folder for them, and for what the sdist holds.
    :param epoch: the time that all files shall have (epoch seconds).
    :returns: the sdist and the wheel.
    :raises subprocess.CalledProcessError: one cannot be built; it was told why.
    """
    sdist = _built("sdist", tree, into, epoch)
    _even(sdist, epoch)
    (unpacked,) = _unpack(sdist.read_bytes(), into / "unpacked").iterdir()
    return sdist, _built("wheel", unpacked, into, epoch)


def _built(kind: str, tree: Path, into: Path, epoch: int) -> Path:
    env = _env(SOURCE_DATE_EPOCH=str(epoch))
    words = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(into / kind), str(tree)]
    done = subprocess.run(words, env=env, umask=UMASK, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        done.check_returncode()
    (path,) = (into / kind).iterdir()
    return path


def _env(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(TOOLS.resolve()), **more}


def _even(sdist: Path, epoch: int) -> None:
    """Pack an sdist anew, without what differs from build to build: times, owners, modes, order."""
    with tarfile.open(sdist) as packed:
        files = {entry.name: _content(packed, entry) for entry in packed if entry.isfile()}
    with (
        gzip.GzipFile(sdist, "wb", mtime=epoch) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as packed,
    ):
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), epoch
            packed.addfile(entry, io.BytesIO(content))


def _content(packed: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = packed.extractfile(entry)
    assert file is not None, f"{entry.name} is a file"
    return file.read()


def _export(folder: Path) -> Path:
    """Lay the last commit's files into a new folder; returns it."""
    packed = subprocess.run(["git", "archive", "--format=tar.gz", "HEAD"], stdout=subprocess.PIPE, check=True).stdout
    return _unpack(packed, folder)


def _unpack(packed: bytes, folder: Path) -> Path:
    """Lay what a .tar.gz holds into a new folder; returns it."""
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-xz", "-C", folder], input=packed, check=True)
    return folder


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())

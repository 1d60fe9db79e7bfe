"""Builds the lab's packages: real .deb files of the stand-ins, by dpkg-deb, in a tenth of a second each."""

from __future__ import annotations

import functools
import json
import os
import py_compile
import shutil
import subprocess
import tempfile
from pathlib import Path

PRODUCT = Path(__file__).parent / "product"
BACKENDS = ("1.4.6", "2.0.30", "2.2.0", "2.3.16", "3.0.0", "3.1.1")
SERVERS = ("12.17.5", "14.16.19")

BUILT = 1700000000
"""Time of all files (epoch seconds), so that the same sources give the same package."""

LAUNCHER = """#!/usr/bin/python3 -I
import sys
sys.path.insert(0, "{library}")
from lab_product.{module} import main
sys.exit(main())
"""

POSTINST = """#!/bin/sh
# Starts and restarts nothing: what runs goes on as it is until `upgrade`.
set -e
if ! getent passwd chef_pgsql >/dev/null; then
  useradd --system --user-group --home-dir /var/opt/chef-backend/postgresql --shell /bin/sh chef_pgsql
fi
mkdir -p /etc/chef-backend /var/opt/chef-backend /var/log/chef-backend /var/opt/chef-backup
chown root:chef_pgsql /etc/chef-backend
chmod 0750 /etc/chef-backend
"""

SERVER_POSTINST = """#!/bin/sh
# Starts and restarts nothing: that is chef-server-ctl's business.
set -e
mkdir -p /etc/opscode /var/opt/opscode /var/log/opscode
"""


class BuildError(Exception):
    """dpkg-deb failed."""


def build(version: str, out_dir: Path, *, file_version: str | None = None, name: str = "chef-backend") -> Path:
    """Build the package of a backend.

    version: what is inside (manifest and control file); file_version: what the file's name says, when that is
    to lie; name: the package's name (another one holds no Chef Backend).
    Returns the file's path. Raises BuildError.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if name == "chef-backend":
            _fill_backend(root, version)
            scripts = {"postinst": POSTINST}
        else:
            manifest = {"manifest_format": 2, "build_version": version, "name": name}
            _write(root / "opt" / name / "version-manifest.json", json.dumps(manifest) + "\n")
            scripts = {}
        return _pack(root, name, version, out_dir / f"{name}_{file_version or version}-1_amd64.deb", scripts)


def build_server(version: str, out_dir: Path) -> Path:
    """Build the package of a frontend, chef-server-core; returns the file's path. Raises BuildError."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        product = root / "opt" / "opscode"
        library = product / "embedded" / "lib"
        _library(library / "lab_product", ("common", "frontend"))
        _launcher(product / "bin" / "chef-server-ctl", "/opt/opscode/embedded/lib", "server_ctl")
        _launcher(product / "embedded" / "bin" / "status-api", "/opt/opscode/embedded/lib", "status_api")
        _link(root / "usr/bin/chef-server-ctl", "/opt/opscode/bin/chef-server-ctl")
        _link(product / "embedded/bin/psql", "/usr/lib/postgresql/15/bin/psql")
        manifest = {
            "manifest_format": 2,
            "build_version": version,
            "build_git_revision": "0" * 40,
            "license": "synthetic",
            "software": {"haproxy": {"locked_version": "1.6.4"}},
        }
        _write(product / "version-manifest.json", json.dumps(manifest) + "\n")
        _write(product / "version-manifest.txt", f"chef-server-core {version}\n")
        return _pack(
            root,
            "chef-server-core",
            version,
            out_dir / f"chef-server-core_{version}-1_amd64.deb",
            {"postinst": SERVER_POSTINST},
        )


def _fill_backend(root: Path, version: str) -> None:
    product = root / "opt" / "chef-backend"
    library = product / "embedded" / "lib"
    _library(library / "lab_product", ("common", "backend"))
    _launcher(product / "bin" / "chef-backend-ctl", "/opt/chef-backend/embedded/lib", "ctl")
    _launcher(product / "embedded" / "bin" / "leaderl", "/opt/chef-backend/embedded/lib", "leaderl")
    _launcher(product / "embedded" / "bin" / "elasticsearch", "/opt/chef-backend/embedded/lib", "elasticsearch")
    _link(product / "embedded/bin/psql", "/usr/lib/postgresql/15/bin/psql")
    _link(root / "usr/bin/chef-backend-ctl", "/opt/chef-backend/bin/chef-backend-ctl")
    # The shape is omnibus's; the versions below `software` are synthetic.
    manifest = {
        "manifest_format": 2,
        "build_version": version,
        "build_git_revision": "0" * 40,
        "license": "synthetic",
        "software": {"postgresql": {"locked_version": "9.5.7"}, "etcd": {"locked_version": "2.3.7"}},
    }
    _write(product / "version-manifest.json", json.dumps(manifest) + "\n")
    _write(product / "version-manifest.txt", f"chef-backend {version}\n\nComponent   Installed Version\n")


def _library(target: Path, parts: tuple[str, ...]) -> None:
    target.mkdir(parents=True)
    for part in parts:
        for source in sorted((PRODUCT / part).glob("*.py")):
            text = source.read_text()
            _write(target / source.name, text)
            # Compiled beforehand: a root's first call would leave files behind that dpkg does not know.
            compiled = target / "__pycache__" / f"{source.stem}.cpython-311.pyc"
            compiled.parent.mkdir(exist_ok=True)
            compiled.write_bytes(_compiled(source.name, text))


@functools.cache
def _compiled(name: str, text: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / name
        source.write_text(text)
        target = py_compile.compile(
            str(source),
            cfile=f"{source}c",
            dfile=name,
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        return Path(target).read_bytes()


def _launcher(path: Path, library: str, module: str) -> None:
    _write(path, LAUNCHER.format(library=library, module=module), 0o755)


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _pack(root: Path, name: str, version: str, target: Path, scripts: dict[str, str]) -> Path:
    control = {
        "Package": name,
        "Version": f"{version}-1",
        "Architecture": "amd64",
        "Maintainer": "salt-chef-backend laboratory <lab@localhost>",
        "Section": "misc",
        "Priority": "optional",
        "Description": f"laboratory stand-in for {name} {version}",
    }
    _write(root / "DEBIAN" / "control", "".join(f"{key}: {value}\n" for key, value in control.items()))
    for script, text in scripts.items():
        _write(root / "DEBIAN" / script, text, 0o755)
    for folder, folders, files in os.walk(root):
        for entry in (*folders, *files, "."):
            os.utime(Path(folder) / entry, (BUILT, BUILT), follow_symlinks=False)
        Path(folder).chmod(0o755)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    answer = subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", str(root), str(temporary)],
        capture_output=True,
        text=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(BUILT)},
    )
    if answer.returncode:
        raise BuildError(f"{target.name}: dpkg-deb ended with {answer.returncode}: {answer.stderr.strip()}")
    shutil.move(temporary, target)
    return target

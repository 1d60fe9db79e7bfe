"""What is in the lab's packages: the stand-ins, laid out as the products are; `packing.py` makes files of them."""

from __future__ import annotations

import functools
import json
import py_compile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.lab import families, packing

PRODUCT = Path(__file__).parent / "product"
BACKENDS = ("1.4.6", "2.0.30", "2.2.0", "2.3.16", "3.0.0", "3.1.1")
SERVERS = ("12.17.5", "14.4.4", "14.16.19", "15.10.12", "15.10.63")

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
ln -sf /opt/opscode/bin/chef-server-ctl /usr/bin/
"""

SERVER_POSTRM = """#!/bin/sh
# As the product's: at an upgrade, too, but on systems that say they are RedHat's, which the lab's rpm hosts do not.
if ! [ -e /etc/redhat-release ] && ! [ -e /etc/system-release ] || [ "$1" = 0 ]; then
  rm -f /usr/bin/chef-server-ctl
fi
"""


def build(version: str, out_dir: Path, *, name: str = "chef-backend", family: str = "deb") -> Path:
    """Build the package of a backend.

    version: what is inside (the manifest, and what the package says of itself); name: the package's name (another
    one holds no Chef Backend); family: deb or rpm. Returns the file's path. Raises packing.BuildError.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if name == "chef-backend":
            _fill_backend(root, version)
            return packing.pack(root, name, version, out_dir, family, POSTINST)
        manifest = {"manifest_format": 2, "build_version": version, "name": name}
        _write(root / "opt" / name / "version-manifest.json", json.dumps(manifest) + "\n")
        return packing.pack(root, name, version, out_dir, family)


def build_server(version: str, out_dir: Path, *, family: str = "deb") -> Path:
    """Build the package of a frontend, chef-server-core; returns the file's path. Raises packing.BuildError."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _fill_server(root, version)
        return packing.pack(root, "chef-server-core", version, out_dir, family, SERVER_POSTINST, SERVER_POSTRM)


def build_system(out_dir: Path) -> Path:
    """Build the package that stands for all of an rpm system; returns the file's path. Raises packing.BuildError."""
    with tempfile.TemporaryDirectory() as folder:
        named = (families.SYSTEM_PACKAGE, "8", out_dir, "rpm")
        return packing.pack(Path(folder), *named, provides=families.SYSTEM_PROVIDES)


def _fill_server(root: Path, version: str) -> None:
    product = root / "opt" / "opscode"
    library = product / "embedded" / "lib"
    _library(library / "lab_product", ("common", "frontend"))
    _launcher(product / "bin" / "chef-server-ctl", "/opt/opscode/embedded/lib", "server_ctl_wrapper")
    _launcher(product / "embedded" / "bin" / "chef-client", "/opt/opscode/embedded/lib", "server_ctl")
    _launcher(product / "bin" / "knife", "/opt/opscode/embedded/lib", "knife")
    _launcher(product / "embedded" / "bin" / "status-api", "/opt/opscode/embedded/lib", "status_api")
    _link(product / "embedded/bin/psql", "/usr/lib/postgresql/15/bin/psql")
    _manifest(product, version, {"haproxy": {"locked_version": "1.6.4"}})
    _write(product / "version-manifest.txt", f"chef-server-core {version}\n")
    major, minor = version.split(".")[:2]  # the last of its migrations; the number is synthetic, as in server_ctl
    _write(product / f"embedded/upgrades/001/{int(major) * 100 + int(minor)}_lab.rb", "define_upgrade do\nend\n")


def _fill_backend(root: Path, version: str) -> None:
    product = root / "opt" / "chef-backend"
    library = product / "embedded" / "lib"
    _library(library / "lab_product", ("common", "backend"))
    _launcher(product / "bin" / "chef-backend-ctl", "/opt/chef-backend/embedded/lib", "ctl_wrapper")
    _launcher(product / "embedded" / "bin" / "chef-client", "/opt/chef-backend/embedded/lib", "ctl")
    _launcher(product / "embedded" / "bin" / "leaderl", "/opt/chef-backend/embedded/lib", "leaderl")
    _launcher(product / "embedded" / "bin" / "elasticsearch", "/opt/chef-backend/embedded/lib", "elasticsearch")
    _link(product / "embedded/bin/psql", "/usr/lib/postgresql/15/bin/psql")
    _link(root / "usr/bin/chef-backend-ctl", "/opt/chef-backend/bin/chef-backend-ctl")
    _manifest(product, version, {"postgresql": {"locked_version": "9.5.7"}, "etcd": {"locked_version": "2.3.7"}})
    _write(product / "version-manifest.txt", f"chef-backend {version}\n\nComponent   Installed Version\n")


def _manifest(product: Path, version: str, software: Mapping[str, object]) -> None:
    """Write version-manifest.json. The shape is omnibus's; the versions below `software` are synthetic."""
    manifest = {
        "manifest_format": 2,
        "build_version": version,
        "build_git_revision": "0" * 40,
        "license": "synthetic",
        "software": software,
    }
    _write(product / "version-manifest.json", json.dumps(manifest) + "\n")


def _library(target: Path, parts: tuple[str, ...]) -> None:
    target.mkdir(parents=True)
    for part in parts:
        for source in sorted((PRODUCT / part).glob("*.py")):
            text = source.read_text()
            _write(target / source.name, text)
            # Compiled beforehand: a root's first call would leave files behind that the package does not know.
            compiled = target / "__pycache__" / f"{source.stem}.cpython-311.pyc"
            compiled.parent.mkdir(exist_ok=True)
            compiled.write_bytes(_compiled(source.name, text))


@functools.cache
def _compiled(name: str, text: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / name, Path(folder) / "compiled"
        source.write_text(text)
        py_compile.compile(
            str(source),
            cfile=str(target),
            dfile=name,
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        return target.read_bytes()


def _launcher(path: Path, library: str, module: str) -> None:
    _write(path, LAUNCHER.format(library=library, module=module), 0o755)


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)

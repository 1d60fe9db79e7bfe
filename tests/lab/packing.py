"""Makes real package files of a folder: a .deb by dpkg-deb, an .rpm by rpmbuild, in a tenth of a second each."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

DIST = "el8"

BUILT = 1700000000
"""Time of all files (epoch seconds), so that the same sources give the same package."""

SPEC = """\
Name: {name}
Version: {version}
Release: 1.{dist}
Summary: laboratory stand-in for {name} {version}
License: Apache-2.0
{provides}

%description
%{{summary}}.

%install
cp -a {root}/. %{{buildroot}}/

{scripts}
%files
{files}
"""

RPM_SETTINGS = {
    "_binary_payload": "w1.gzdio",
    "_buildhost": "localhost",
    # As it is, byte by byte: nothing stripped, nothing compiled, and no requirements guessed from it.
    "__spec_install_post": "%{nil}",
    "__find_provides": "%{nil}",
    "__find_requires": "%{nil}",
    "_use_internal_dependency_generator": "0",
    "use_source_date_epoch_as_buildtime": "1",
}


class BuildError(Exception):
    """dpkg-deb or rpmbuild failed, or is not there."""


def file_name(name: str, version: str, family: str) -> str:
    """Return what a package's file is called, as its vendor would."""
    return {"deb": f"{name}_{version}-1_amd64.deb", "rpm": f"{name}-{version}-1.{DIST}.x86_64.rpm"}[family]


def pack(
    root: Path,
    name: str,
    version: str,
    out_dir: Path,
    family: str,
    postinst: str = "",
    postrm: str = "",
    provides: tuple[str, ...] = (),
) -> Path:
    """Make a package file.

    root: the folder that holds what is to be installed, changed by the way; name, version: what the package says of
    itself; out_dir: where the file is to lie; family: deb or rpm; postinst: script that runs when it has been
    installed; postrm: script that runs when it has been removed or replaced by another version; provides: what an .rpm
    satisfies beside its name.
    Returns the file's path. Raises BuildError.
    """
    for folder, folders, files in os.walk(root):
        for entry in (*folders, *files, "."):
            os.utime(Path(folder) / entry, (BUILT, BUILT), follow_symlinks=False)
        Path(folder).chmod(0o755)
    target = out_dir / file_name(name, version, family)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / target.name
        if family == "deb":
            _deb(root, name, version, made, {"postinst": postinst, "postrm": postrm})
        else:
            _rpm(root, name, version, made, {"post": postinst, "postun": postrm}, provides)
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.copyfile(made, temporary)
    temporary.rename(target)
    return target


def _deb(root: Path, name: str, version: str, target: Path, scripts: dict[str, str]) -> None:
    control = {
        "Package": name,
        "Version": f"{version}-1",
        "Architecture": "amd64",
        "Maintainer": "salt-chef-backend laboratory <lab@localhost>",
        "Section": "misc",
        "Priority": "optional",
        "Description": f"laboratory stand-in for {name} {version}",
    }
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN/control").write_text("".join(f"{key}: {value}\n" for key, value in control.items()))
    for script, text in scripts.items():
        if text:
            (root / "DEBIAN" / script).write_text(text)
            (root / "DEBIAN" / script).chmod(0o755)
    _call("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", root, target)


def _rpm(root: Path, name: str, version: str, target: Path, scripts: dict[str, str], provides: tuple[str, ...]) -> None:
    # Folders such as /opt are the system's: only what is the product's own belongs to the package.
    own = sorted(path.relative_to(root) for path in (*root.glob("opt/*"), *root.glob("usr/bin/*")))
    spec = target.with_name("spec")
    spec.write_text(
        SPEC.format(
            name=name,
            version=version,
            dist=DIST,
            root=root,
            provides="\n".join(f"Provides: {capability}" for capability in provides),
            scripts="\n".join(f"%{script}\n{text}" for script, text in scripts.items() if text),
            files="\n".join(f"/{path}" for path in own),
        )
    )
    settings = {**RPM_SETTINGS, "_topdir": target.parent, "_rpmdir": target.parent, "_rpmfilename": target.name}
    defined = [word for key, value in settings.items() for word in ("--define", f"{key} {value}")]
    _call("rpmbuild", "-bb", "--quiet", "--target", "x86_64", *defined, spec)


def _call(*argv: str | Path) -> None:
    words = [str(word) for word in argv]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(BUILT)}
    try:
        answer = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    except FileNotFoundError as error:
        raise BuildError(f"{words[0]} is not here: packages are built in the lab's hub") from error
    if answer.returncode:
        raise BuildError(f"{words[-1]}: {words[0]} ended with {answer.returncode}: {answer.stderr.strip()}")

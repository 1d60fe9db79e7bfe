"""A package on this node: fetched and verified where it waits, then installed; which is told apart from upgraded."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from salt.exceptions import CommandExecutionError, SaltException

from saltext.chef_backend import outcome
from saltext.chef_backend.node import age, backend, ctl, fence, installer, journal, record_file
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.product import command
from saltext.chef_backend.product.version import Version, of_package

BACKEND, SERVER = "chef-backend", "chef-server-core"
UNVERIFIED = "skip-verification"
NOT_READ = re.compile(r"died with signal|Cannot fork|Cannot allocate memory")  # GNU tar's words of its own gzip
FETCHING = "fetching-"  # a folder beside the staged packages, which holds what is on its way


def staged_path(host: Host, source: str) -> Path:
    """Return where a package is staged on this node, from where it comes: ``salt://``, ``https://`` or a path."""
    return host.path(command.staged(source))


def staged(host: Host, source: str, sha256: str, version: str, package: str = BACKEND, timeout: float = 3600) -> Result:
    """The package lies on this node, with the promised checksum, name and version inside; not installed.

    :param source: where it comes from: ``salt://``, ``https://`` or a path on the node.
    :param sha256: its checksum; ``skip-verification`` leaves it unchecked.
    :param timeout: bound in seconds of the fetching.
    """
    path = staged_path(host, source)
    with outcome.on_node(source) as ret:
        fence.obey(host)
        trouble = _trouble(host, path, sha256, version, package)
        if trouble is None:
            return outcome.done(ret, f"{path} holds {package} {version}")
        if host.test:
            return outcome.would(ret, f"would fetch {source} to {path}", "package", None, str(path))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _fetch(host, source, path, timeout)
        trouble = _trouble(host, path, sha256, version, package)
        if trouble is not None:
            path.unlink()  # what is not the promised package must not lie where the promised one is looked for
            raise CommandExecutionError(trouble)
        ret["changes"]["package"] = {"old": None, "new": str(path)}
        return outcome.done(ret, f"fetched {package} {version}, checksum and version verified, not installed yet")
    return ret


def installed(host: Host, version: str, source: str, sha256: str, timeout: float = 600) -> Result:
    """The staged package of this version of chef-backend is installed; no service is restarted by that.

    :param source: as given to :func:`staged`.
    :param sha256: as given to :func:`staged`.
    :param timeout: bound in seconds.
    """
    path = staged_path(host, source)
    with outcome.on_node(version) as ret:
        fence.obey(host)
        before = backend.version(host)
        if before == version and of_package(installer.held(host, BACKEND)) == version:
            return outcome.done(ret, f"chef-backend {version} is installed")
        if Version.from_text(before) > Version.from_text(version):
            # asked here: dpkg does replace a package by an older one
            raise CommandExecutionError(
                f"{host.name}: chef-backend {before} is installed, and {version} is older: there is no way back. "
                "Nothing was done: correct the version in the pillar"
            )
        if host.test:
            return outcome.would(ret, f"would install {path}", "chef-backend", before, version)
        trouble = _trouble(host, path, sha256, version, BACKEND)
        if trouble:
            raise CommandExecutionError(trouble)
        record_file.begun_here(host)
        with journal.told(host, "install"):
            installer.install(host, ret, BACKEND, path, version, timeout)
            age.note_unpacked(host, backend.MANIFEST)
        is_whole(host, path, version, BACKEND, backend.version)
        if before == version:
            return outcome.done(ret, f"the installation of chef-backend {version} had been cut off, and is whole now")
        return outcome.done(ret, f"chef-backend {before} replaced by {version}; its services run the version before")
    return ret


def is_whole(host: Host, path: Path, version: str, package: str, installed_version: Callable[[Host], str]) -> None:
    """See that manifest and package manager hold this version alone. Raises CommandExecutionError."""
    after, there = installed_version(host), installer.held(host, package)
    if after != version:
        raise CommandExecutionError(f"{host.name}: {path} is installed, but the manifest says {after}")
    if of_package(there) != version:
        raise CommandExecutionError(
            f"{host.name}: {path} is unpacked, but the package manager holds {there or 'nothing whole'}, "
            f"expected {version} alone: have it mend that, then run the same command again"
        )


def archive_members(host: Host, archive: Path, timeout: float) -> int:
    """Count what a tar.gz holds, read to its end.

    :raises Unseen: it was not read to its end, and may be whole.
    :raises CommandExecutionError: it is not whole.
    """
    words = ["tar", "-tzf", str(archive)]
    try:
        listed = ctl.run_all(host, words, timeout)
    except CommandExecutionError as err:
        raise ctl.Unseen(str(err)) from err
    members = listed.stdout.splitlines()
    if listed.status is None or listed.status < 0 or NOT_READ.search(listed.stderr):
        raise ctl.Unseen(command.failure(host.name, words, listed, timeout))
    if listed.status != 0 or not members:
        raise CommandExecutionError(f"{archive} is no whole archive: {listed.stderr or 'it is empty'}")
    return len(members)


def _fetch(host: Host, source: str, path: Path, timeout: float) -> None:
    """Copy a package to where it is staged, from which nothing that goes on after the bound can take it.

    :raises CommandExecutionError: it cannot be had, or not in time.
    """
    for left in path.parent.glob(f"{FETCHING}*"):  # by a job that was killed
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=FETCHING, dir=path.parent))
    try:
        why = host.clock.within(timeout, lambda: _fetched(host, source, folder / path.name))
        if why is None:
            os.replace(folder / path.name, path)
            return
    except TimeoutError as err:
        why = f"{err}, which timeouts:fetch in the pillar sets; nothing of it is kept, the same command fetches it anew"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    raise CommandExecutionError(f"{source} cannot be fetched: {why}")


def _fetched(host: Host, source: str, path: Path) -> str | None:
    """Copy a package to a path; return why it cannot be had, if so."""
    try:
        if os.path.isabs(source):
            shutil.copyfile(source, path)  # cp.get_url leaves a file of the node itself where it is
            return None
        if host.salt["cp.get_url"](source, str(path)) and path.exists():
            return None
    except (SaltException, OSError) as err:  # a download that fails raises MinionError
        return str(err)
    return "is it there, and may this node read it?"


def _trouble(host: Host, path: Path, sha256: str, version: str, package: str) -> str | None:
    """Say what is wrong with a staged package, or None."""
    if not path.exists():
        return f"{path} is not there"
    if sha256 != UNVERIFIED:
        found = host.salt["file.get_hash"](str(path), form="sha256")
        if found != sha256:
            return f"{path}: sha256 is {found}, expected {sha256}: wrong file, or wrong checksum in the pillar"
    try:
        name, found = installer.inside(host, path)
    except CommandExecutionError as err:
        return str(err)
    if name != package:
        return f"{path} is a package of {name}, expected {package}"
    inside = of_package(found)
    if inside != version:
        return f"{path} holds version {inside}, expected {version}: correct package or version in the pillar"
    return None

"""A package on this node: fetched and verified where it waits, then installed; which is told apart from upgraded."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from salt.exceptions import CommandExecutionError, SaltException

from saltext.chef_backend import outcome
from saltext.chef_backend.node import backend, ctl, fence, journal, record_file
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.product import command
from saltext.chef_backend.product.version import Version, of_package

BACKEND, SERVER = "chef-backend", "chef-server-core"
UNVERIFIED = "skip-verification"


def staged_path(host: Host, source: str) -> Path:
    """Return where a package is staged on this node, from where it comes: ``salt://``, ``https://`` or a path."""
    return host.path(command.staged(source))


def staged(host: Host, source: str, sha256: str, version: str, package: str = BACKEND) -> Result:
    """The package lies on this node, with the promised checksum, name and version inside; not installed.

    :param source: where it comes from: ``salt://``, ``https://`` or a path on the node.
    :param sha256: its checksum; ``skip-verification`` leaves it unchecked.
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
        _fetch(host, source, path)
        trouble = _trouble(host, path, sha256, version, package)
        if trouble is not None:
            path.unlink()  # what is not the promised package must not lie where the promised one is looked for
            raise CommandExecutionError(trouble)
        ret["changes"]["package"] = {"old": None, "new": str(path)}
        return outcome.done(ret, f"fetched {package} {version}, checksum and version verified, not installed yet")
    return ret


def installed(host: Host, version: str, source: str, sha256: str) -> Result:
    """The staged package of this version of chef-backend is installed; no service is restarted by that.

    :param source: as given to :func:`staged`.
    :param sha256: as given to :func:`staged`.
    """
    path = staged_path(host, source)
    with outcome.on_node(version) as ret:
        fence.obey(host)
        before = backend.version(host)
        if before == version and of_package(held(host, BACKEND)) == version:
            return outcome.done(ret, f"chef-backend {version} is installed")
        if Version.from_text(before) > Version.from_text(version):
            # asked here: apt may, and dnf does replace a package by an older one
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
            by_salt(host, ret, BACKEND, path, again=before == version)
        is_whole(host, path, version, BACKEND, backend.version)
        if before == version:
            return outcome.done(ret, f"the installation of chef-backend {version} had been cut off, and is whole now")
        return outcome.done(ret, f"chef-backend {before} replaced by {version}; its services run the version before")
    return ret


def by_salt(host: Host, ret: Result, package: str, path: Path, again: bool) -> None:
    """Install a package's file by Salt's own state, which knows dpkg and rpm. Raises CommandExecutionError.

    A local file needs no package lists (refresh) and no repository: dnf would read them all, and fail where one cannot
    be reached; apt does not know the word.

    :param ret: gets what was changed.
    :param again: what was cut off half-way: the new manifest is there, but for rpm so is the old package.
    """
    fence.obey(host)
    began = host.clock.monotonic()
    done = host.states["pkg.installed"](
        name=package, sources=[{package: str(path)}], refresh=False, reinstall=again, disablerepo="*"
    )
    ret["changes"].update(done.get("changes") or {})
    status = 0 if done["result"] is True else 1
    journal.tell_command(host, command.install(str(path)), status, host.clock.monotonic() - began)
    if done["result"] is not True:
        raise CommandExecutionError(f"{host.name}: installing {path} failed: {done['comment']}")


def is_whole(host: Host, path: Path, version: str, package: str, installed_version: Callable[[Host], str]) -> None:
    """See that manifest and package manager hold this version alone. Raises CommandExecutionError."""
    after, there = installed_version(host), held(host, package)
    if after != version:
        raise CommandExecutionError(f"{host.name}: {path} is installed, but the manifest says {after}")
    if of_package(there) != version:
        raise CommandExecutionError(
            f"{host.name}: {path} is unpacked, but the package manager holds {there or 'nothing whole'}, "
            f"expected {version} alone: have it mend that, then run the same command again"
        )


def held(host: Host, package: str) -> str:
    """Return which version the package manager holds. Half an installation is none for dpkg, and two for rpm."""
    return str(host.salt["pkg.version"](package, use_context=False) or "")  # rpm may be called beside Salt's back


def archive_members(host: Host, archive: Path, timeout: float) -> int:
    """Count what a tar.gz holds, read to its end. Raises CommandExecutionError if it is not whole."""
    listed = ctl.run_all(host, ["tar", "-tzf", str(archive)], timeout)
    members = listed["stdout"].splitlines()
    if listed["retcode"] != 0 or not members:
        raise CommandExecutionError(f"{archive} is no whole archive: {listed['stderr'] or 'it is empty'}")
    return len(members)


def _fetch(host: Host, source: str, path: Path) -> None:
    """Copy a package to where it is staged. Raises CommandExecutionError if it cannot be had."""
    why = "is it there, and may this node read it?"
    try:
        if os.path.isabs(source):
            shutil.copyfile(source, path)  # cp.get_url leaves a file of the node itself where it is
            return
        if host.salt["cp.get_url"](source, str(path)) and path.exists():
            return
    except (SaltException, OSError) as err:  # a download that fails raises MinionError
        why = str(err)
    raise CommandExecutionError(f"{source} cannot be fetched: {why}")


def _trouble(host: Host, path: Path, sha256: str, version: str, package: str) -> str | None:
    """Say what is wrong with a staged package, or None."""
    if not path.exists():
        return f"{path} is not there"
    if sha256 != UNVERIFIED:
        found = host.salt["file.get_hash"](str(path), form="sha256")
        if found != sha256:
            return f"{path}: sha256 is {found}, expected {sha256}: wrong file, or wrong checksum in the pillar"
    info, why = None, ""
    try:
        info = host.salt["lowpkg.bin_pkg_info"](str(path))  # None where it is no package: rpm's; it raises: dpkg's
    except CommandExecutionError as err:
        why = f" ({err})"
    if info is None:
        family = host.grains["os_family"]
        return f"{path} is no package for a node of the family {family}: name one that is, in the pillar{why}"
    if info["name"] != package:  # with its architecture, where that is not the node's
        return f"{path} is a package of {info['name']}, expected {package}"
    inside = of_package(info["version"])
    if inside != version:
        return f"{path} holds version {inside}, expected {version}: correct package or version in the pillar"
    return None

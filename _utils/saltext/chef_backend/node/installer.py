"""The package manager of this node's family: dpkg or rpm, by the commands that Chef documents.

Not by Salt's ``pkg.installed``: that waits inside its own job for apt or dnf, whose output nobody takes any more and
whose end nobody reads when the job is gone. dpkg and rpm alone also look at no repository, run no hook of apt's that
restarts services, and are the same on every release. What that state sees to is seen to here: a package that is held
back, a lock that another package manager has, settings that stay, no question to anybody.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import waiting
from saltext.chef_backend.errors import InVain, NotYet
from saltext.chef_backend.node import ctl
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.product import command
from saltext.chef_backend.product.command import Done

DEBIAN = "Debian"
# settings that the site has changed stay as they are
DPKG = ("dpkg", "--force-confdef", "--force-confold", "-i")
RPM = ("rpm", "-Uvh", "--replacepkgs")  # also what is there already: an installation that was cut off is made whole
NO_QUESTIONS = {"DEBIAN_FRONTEND": "noninteractive", "UCF_FORCE_CONFFOLD": "1"}
LOCKED = re.compile(r"dpkg.* (was|is) locked by another process")  # rpm waits by itself
ANSWERS_WITHIN = 60  # seconds, of a package manager that is only asked something
RPM_VERSION = "%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}"
EVERY_MACHINE = ("all", "noarch")
HOLDS = (  # of yum, dnf, dnf 5 and zypper: where they keep what must stay as it is; rpm itself does not look
    "/etc/yum/pluginconf.d/versionlock.list",
    "/etc/dnf/plugins/versionlock.list",
    "/etc/dnf/versionlock.toml",
    "/etc/zypp/locks",
)


def install(
    host: Host, ret: Result, package: str, path: Path, version: str, timeout: float, options: Sequence[str] = ()
) -> None:
    """Install a package's file.

    :param ret: gets what was changed.
    :param version: for which it is done.
    :param timeout: bound in seconds for another package manager to end, and again for this one.
    :param options: further ones of rpm.
    :raises CommandExecutionError, InVain: the package is held back; or it failed, or goes on.
    """
    if is_held_back(host, package):
        raise CommandExecutionError(
            f"{host.name}: {package} is held back: somebody wants it to stay as it is. Release it in the package "
            "manager, then run the same command again"
        )
    words = (*(DPKG if _is_debian(host) else (*RPM, *options)), str(path))
    before = held(host, package)

    def attempt() -> None:
        try:
            ctl.change(host, words, timeout, env=NO_QUESTIONS, about=version, told=command.install(str(path)))
        except CommandExecutionError as err:
            raise (NotYet if LOCKED.search(str(err)) else InVain)(str(err)) from err

    try:
        waiting.until(host.clock, attempt, timeout, every=2, most=15)
    finally:
        after = held(host, package)
        if after != before:
            ret["changes"][package] = {"old": before, "new": after}


def held(host: Host, package: str) -> str:
    """Return which version of a package is installed, as the package manager writes it; empty if none is.

    Half an installation is none for dpkg, and two for rpm, ``old,new``.

    :raises CommandExecutionError: the package manager does not tell.
    """
    if _is_debian(host):
        _, status, version = _selected(host, package)
        return version if status == "installed" else ""
    done = _asked(host, "rpm", "-q", "--qf", f"{RPM_VERSION}\\n", package)
    if done.status and "is not installed" not in done.stdout:
        raise CommandExecutionError(command.failure(host.name, ("rpm", "-q", package), done, ANSWERS_WITHIN))
    return "" if done.status else ",".join(done.stdout.split())


def is_held_back(host: Host, package: str) -> bool:
    """Whether somebody has said that a package is to stay as it is. Raises CommandExecutionError, OSError."""
    if _is_debian(host):
        return _selected(host, package)[0] == "hold"
    named = re.compile(rf"(?<![\w-]){re.escape(package)}(?![\w]|-[a-z])")
    there = [path for path in map(host.path, HOLDS) if path.exists()]
    lines = [line for path in there for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    return any(named.search(line.partition("#")[0]) for line in lines)


def inside(host: Host, path: Path) -> tuple[str, str]:
    """Return name and version of the package that a file holds.

    The name of one for machines of another kind has their architecture, ``chef-backend:arm64``.

    :raises CommandExecutionError: it holds none for a node of this family, or the package manager does not tell.
    """
    if _is_debian(host):
        done = _asked(host, "dpkg", "-I", str(path))
        fields = dict(re.findall(r"^ (Package|Version|Architecture): *(\S+)$", done.stdout, re.MULTILINE))
        found = [fields.get(name, "") for name in ("Package", "Version", "Architecture")]
    else:
        done = _asked(host, "rpm", "-qp", "--qf", f"%{{NAME}} {RPM_VERSION} %{{ARCH}}\\n", str(path))
        found = done.stdout.split()
    if done.status or len(found) != 3 or not all(found):
        why = f" ({done.stderr})" if done.stderr else ""
        raise CommandExecutionError(
            f"{path} is no package for a node of the family {host.grains['os_family']}: name one that is, in the "
            f"pillar{why}"
        )
    name, version, arch = found
    return (name if arch in (*EVERY_MACHINE, host.grains["osarch"]) else f"{name}:{arch}"), version


def _selected(host: Host, package: str) -> tuple[str, str, str]:
    """What dpkg knows of a package: what is wanted of it, how it is, and its version; each empty if nothing."""
    done = _asked(host, "dpkg-query", "--showformat", "${Status} ${Version}\\n", "-W", package)
    if done.status not in (0, 1):  # 1: there is none
        raise CommandExecutionError(command.failure(host.name, ("dpkg-query", "-W", package), done, ANSWERS_WITHIN))
    want, _, status, version = (*done.stdout.split(), "", "", "", "")[:4]
    return want, status, version


def _asked(host: Host, *words: str) -> Done:
    """Return what a package manager answers. Raises CommandExecutionError if it does not within the bound."""
    done = ctl.run_all(host, words, ANSWERS_WITHIN)
    if done.status is None:
        raise CommandExecutionError(command.failure(host.name, words, done, ANSWERS_WITHIN))
    return done


def _is_debian(host: Host) -> bool:
    return bool(host.grains["os_family"] == DEBIAN)

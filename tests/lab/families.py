"""What a host of a package family is: a Debian system, or one that rpm, dnf and Salt take for a RedHat one.

The rpm hosts are Debian underneath. What rpm and dnf must find on a system of theirs is laid on the host's disk; all
that the product's packages require of the system is the one package `lab-system`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import yaml

DNF = """\
[main]
gpgcheck=1
installonly_limit=3
clean_requirements_on_remove=True
best=True
skip_if_unavailable=False
"""

REPOSITORY = """\
# Configured, enabled and never reachable: what nodes without internet have.
[unreachable]
name=A repository that nobody serves
baseurl=http://127.0.0.1:9/el8
enabled=1
"""

MINION = {
    "grains": {"os_family": "RedHat", "os": "CentOS", "osmajorrelease": 8, "osrelease": "8", "osarch": "x86_64"},
    "providers": {"pkg": "yumpkg"},
}

SYSTEM_PACKAGE = "lab-system"
SYSTEM_PROVIDES = ("/bin/sh", "system-release(releasever) = 8")


@dataclass(frozen=True)
class Family:
    """install: command to which package files are given; files: what lies on a host's empty disk, by path."""

    install: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)


FAMILIES = {
    "deb": Family(("dpkg", "-i")),
    "rpm": Family(
        ("rpm", "-U"),
        {
            "etc/rpm/macros": "%_dbpath /var/lib/rpm\n",  # Debian's own default lies in the caller's home
            "etc/dnf/dnf.conf": DNF,
            "etc/yum.repos.d/unreachable.repo": REPOSITORY,
            "etc/lab/salt/minion.d/family.conf": yaml.safe_dump(MINION),
        },
    ),
}

"""Pillars of one cluster, as tests change them: the least that is right, and one with every key."""

import copy
from typing import Any

import pytest

from saltext.chef_backend import pillar as pillars

PROD = "chef_backend:clusters:prod"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
PACKAGE = {"source": "salt://chef/chef-backend_2.3.16-1_amd64.deb", "sha256": SHA256}
LEAST: dict[str, Any] = {"backends": ["be1", "be2", "be3"], "version": "2.3.16", "package": PACKAGE}
FULL: dict[str, Any] = LEAST | {
    "frontends": ["fe1", "fe2"],
    "frontend_least_version": "12.17.5",
    "server": {
        "version": "15.10.12",
        "package": dict(PACKAGE),
        "accept_license": True,
        "drain": "balancer.drain",
        "undrain": "balancer.undrain",
    },
    "reindex_organisation": "acme",
    "hops": [{"version": "2.2.0", "package": dict(PACKAGE)}],
    "backup": False,
    "known_clients": ["192.0.2.1", "2001:db8::/32"],
    "frontend_batch": "50%",
    "frontend_api": "https://127.0.0.1/_status",
    "window": {"days": ["sat", "sun"], "start": "02:00", "end": "05:00", "timezone": "Europe/Berlin"},
    "gates": {"max_lag_bytes": 0, "settle_seconds": 2.5},
    "timeouts": {"ask": 1, "upgrade": 7200},
}
HOOKS = ("balancer.drain", "balancer.undrain")
ABSENT = object()


def pillar(cluster: object, name: str = "prod") -> dict[str, Any]:
    return {"chef_backend": {"clusters": {name: cluster}}}


def changed(where: str, value: object) -> dict[str, Any]:
    """Return FULL with one value set, or taken away, at a path such as ``package:sha256`` or ``hops:0:version``."""
    cluster = copy.deepcopy(FULL)
    *way, last = [int(part) if part.isdigit() else part for part in where.split(":")]
    inner: Any = cluster
    for part in way:
        inner = inner[part]
    if value is ABSENT:
        del inner[last]
    else:
        inner[last] = value
    return cluster


def problems(whole: object, name: str = "prod") -> tuple[str, ...]:
    with pytest.raises(pillars.ConfigError) as caught:
        pillars.cluster_from_pillar(whole, name)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems

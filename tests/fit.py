"""A Salt that is fit to drive a run, as its master and its nodes tell of it; a test changes some of it."""

from typing import Any

from saltext.chef_backend import runbooks
from saltext.chef_backend.judge.fitness import Hub

HUB = Hub(
    id="hub",
    extension="0.1.0",
    digest="d1",
    salt="3008.3",
    python=(3, 11, 2),
    pip=None,
    typed_by="root",
    user="root",
    daemon="root",
    saltenv="base",
    runbooks=(*runbooks.WAYS, *runbooks.ON_NODES),
)
PLENTY = 10 << 30  # bytes


def environment(now: float, **changes: Any) -> dict[str, Any]:
    """Return what a node answers of its Salt, some of it changed.

    :param now: epoch seconds, as the node's clock shows them.
    """
    return {
        "extension": HUB.extension,
        "digest": HUB.digest,
        "salt": HUB.salt,
        "python": [*HUB.python],
        "pip": None,
        "user": "root",
        "saltenv": "base",
        "clock": now,
        "runbooks": [*HUB.runbooks],
        "pillar": [],
        "cleaned": [],
        "scheduler": True,
        "fires": True,
        "unwritable": [],
        "free": {"/var/cache/salt-chef-backend": PLENTY, "/opt": PLENTY, "/var/opt/chef-backup": PLENTY},
        "data": 1 << 30,
        "errors": {},
    } | changes

"""What Salt is on this node, backend or frontend: what ``salt-run chef_backend.check`` and the gates of a run ask.

It is there also where neither product is, so that what is wrong with a node's Salt can be told at all. Nobody types it.
"""

from typing import Any

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.node import environment as environments
from saltext.chef_backend.node import scheduler


def environment(saltenv: str | None = None, fire: bool = False) -> dict[str, Any]:
    """Return what of this node's Salt a run needs to know.

    :param saltenv: the environment that a run's orders will name; this node's own if not given.
    :param fire: whether the minion's scheduler is to be seen running a job, which takes up to two seconds.
    :returns: ``extension`` (version), ``digest`` (of all its files), ``salt``, ``python``, ``pip`` (the version that
        pip has installed, or None), ``user``, ``saltenv``, ``clock`` (epoch seconds), ``runbooks`` (what this node is
        served below ``orch``), ``pillar`` (what is wrong with this node's), ``scheduler`` (whether it is enabled),
        ``fires`` (True if a job was seen to run), ``unwritable`` (folders), ``free`` (bytes by folder), ``data``
        (bytes of PostgreSQL's files), ``errors`` (``{part: why it could not be had}``; such a part is None).
    """
    return environments.environment(salt.host(), saltenv, fire)


def fired() -> bool:
    """Note that this minion's scheduler has run the job of a check. Returns True."""
    scheduler.fired(salt.host())
    return True

"""The steps of a fleet, on the master: groups of clusters are upgraded, and what is left of all of them.

Which groups there are, and of which clusters, says the pillar (``chef_backend:fleet``).
"""

from typing import TYPE_CHECKING

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.run import fleet

if TYPE_CHECKING:
    from saltext.chef_backend.salt import __orchestration_jid__


def __virtual__() -> salt.Virtual:
    return salt.on_a_master()


def known(name: str) -> Result:
    """The pillar names the groups of the fleet, and all their clusters."""
    return fleet.known(salt.master(__orchestration_jid__), name)


def upgraded(name: str) -> Result:
    """Each cluster of each group runs its target, but for those that may fail: a group is done before the next begins.

    If this process dies, the clusters' runs go on; the same command waits for those that run, leaves alone those that
    are done, and goes on with the rest.
    """
    return fleet.upgraded(salt.master(__orchestration_jid__), name)


def whole(name: str) -> Result:
    """Every cluster of the fleet runs its target."""
    return fleet.whole(salt.master(__orchestration_jid__), name)

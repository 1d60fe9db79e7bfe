"""The search index, applied on one frontend: built again from PostgreSQL."""

from collections.abc import Sequence

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.node import reindex
from saltext.chef_backend.outcome import Result


def __virtual__() -> salt.Virtual:
    return salt.on_a_frontend()


def reindexed(
    name: str,
    organisation: str | Sequence[str] | None = None,
    leader_timeout: float = 60,
    timeout: float = 86400,
    anew: bool = False,
) -> Result:
    """This frontend has sent the objects of an organisation, or of all, to the index that is there now.

    What was sent to which index is noted on this frontend, by the index's UUID, so that nobody does hours of work
    twice; a new index is always filled anew, an index whose UUID cannot be read too.

    :param name: free text.
    :param organisation: its name, or several; all organisations if not given.
    :param leader_timeout: bound in seconds for HAProxy to know one leader.
    :param timeout: bound in seconds of each command; the documentation says about 2 minutes per 1000 nodes.
    :param anew: whatever was noted: both sides were counted, and the index does not hold what there is.
    """
    return reindex.reindexed(salt.host(), name, organisation, leader_timeout, timeout, anew)

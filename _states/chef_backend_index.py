"""States of a backend's Elasticsearch, for an index that a new release cannot read: stopped, deleted, started.

Each is one step of the documented way, to be taken on ALL backends before the next one is taken on any: a node that
still runs sends its index to the emptied ones.
"""

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.node import search
from saltext.chef_backend.outcome import Result


def __virtual__() -> salt.Virtual:
    return salt.on_a_backend()


def stopped(name: str, timeout: float = 120) -> Result:
    """Elasticsearch is stopped on this backend, and runit does not try to start it.

    :param name: free text.
    :param timeout: bound in seconds; the command itself waits 7 s, which a large index may exceed.
    """
    return search.stopped(salt.host(), name, timeout)


def deleted(name: str) -> Result:
    """This backend's copy of the search index is deleted; refused unless Elasticsearch is stopped here.

    It must be stopped on all backends, which this state cannot see.

    :param name: free text.
    """
    return search.deleted(salt.host(), name)


def started(name: str, timeout: float = 600) -> Result:
    """Elasticsearch runs on this backend and sees all three nodes, green.

    To be applied to all backends at once: none is green before the others run.

    :param name: free text.
    :param timeout: bound in seconds.
    """
    return search.started(salt.host(), name, timeout)


def readable(name: str, timeout: float = 120) -> Result:
    """The search index was created by an Elasticsearch that the installed release can read, and by a frontend.

    Changes nothing. It is ``reconfigure`` on a frontend that makes it, with its mapping: this belongs after that.

    :param name: free text.
    :param timeout: bound in seconds for the index to be there.
    """
    return search.readable(salt.host(), name, timeout)

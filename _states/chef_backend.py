"""States of a Chef Backend node.

Each reads what is, compares, says in test mode what would be, changes, reads again and verifies. A state that fails
tells what it has changed until then.
"""

from typing import Any

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.node import package as packages
from saltext.chef_backend.node import upgrade
from saltext.chef_backend.outcome import Result


def __virtual__() -> salt.Virtual:
    return salt.on_either()


def staged(name: str, sha256: str, version: str, package: str = "chef-backend", timeout: float = 3600) -> Result:
    """The package lies on this node, with the promised checksum, name and version inside; not installed.

    :param name: where it comes from: ``salt://``, ``https://`` or a path on the node.
    :param sha256: its checksum; ``skip-verification`` leaves it unchecked.
    :param version: the version that must be inside.
    :param package: the product that must be inside.
    :param timeout: bound in seconds of the fetching.
    """
    return packages.staged(salt.host(), name, sha256, version, package, timeout)


def backed_up(name: str, timeout: int = 600) -> Result:
    """A new backup archive stands in a folder, and can be read to its end. Applied again, it takes another one.

    :param name: the folder that the product writes its archives to: ``/var/opt/chef-backup``.
    :param timeout: bound in seconds of the backup, and again of the reading.
    """
    return upgrade.backed_up(salt.host(), name, timeout)


def installed(name: str, source: str, sha256: str, timeout: float = 600) -> Result:
    """The staged package of this version is installed; no service is restarted by that.

    :param name: the version.
    :param source: as given to ``staged``.
    :param sha256: as given to ``staged``.
    :param timeout: bound in seconds.
    """
    return packages.installed(salt.host(), name, source, sha256, timeout)


def down_for_upgrade(name: str, timeout: float = 600) -> Result:
    """This node is out of the cluster and its services are stopped, until it is upgraded.

    :param name: free text.
    :param timeout: bound in seconds.
    """
    return upgrade.down_for_upgrade(salt.host(), name, timeout)


def upgraded(
    name: str, handover: bool = False, down: bool = False, timeout: float = 3600, leader_timeout: float = 60
) -> Result:
    """This node's data and services are at the installed version.

    :param name: the version; it must be installed.
    :param handover: the node leads: hand the lead over to a follower first. Without it a leader is refused, and with
        it a follower: failover is on where the lead is handed over.
    :param down: the whole cluster is down for the upgrade: nobody leads, and this node need not have rejoined
        afterwards, as its leader may come up later.
    :param timeout: bound in seconds.
    :param leader_timeout: bound in seconds for cluster-status to show the new leader: nodes post every 10 s.
    """
    return upgrade.upgraded(salt.host(), name, handover, down, timeout, leader_timeout)


def stable(name: str, search: bool = True, timeout: float = 1800, fenced: bool = False) -> Result:
    """This node sees a wholly healthy cluster, itself in it. That it stays so is for the next gates to see.

    :param name: free text.
    :param search: whether Elasticsearch has to be well.
    :param timeout: bound in seconds.
    :param fenced: whether this is an order of its own, which a run that has ended cannot give.
    """
    return upgrade.stable(salt.host(), name, search, timeout, fenced)


def failover(name: str, to: Any, timeout: float = 60) -> Result:
    """Failover of the whole cluster is on or off.

    :param name: free text.
    :param to: ``on`` or ``off``; it is not called ``state``, a word of the SLS itself.
    :param timeout: bound in seconds for the nodes to show it.
    """
    return upgrade.failover(salt.host(), name, to, timeout)

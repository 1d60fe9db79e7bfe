"""States of a frontend's own upgrade: its migration-level, chef-server-core at a version and answering, cleaned up."""

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.node import backup, server
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.product import command


def __virtual__() -> salt.Virtual:
    return salt.on_a_frontend()


def level(name: str, text: str, sha256: str) -> Result:
    """This frontend has the migration-level of the one that migrated the database, so that it does not migrate again.

    :param name: free text.
    :param text: content of the file.
    :param sha256: its checksum where it comes from.
    """
    return server.has_level(salt.host(), name, text, sha256)


def upgraded(
    name: str,
    source: str,
    sha256: str,
    api: str,
    accept_license: bool = False,
    leader_timeout: float = 60,
    timeout: float = 3600,
    api_timeout: float = 120,
    install_timeout: float = 600,
    fetch_timeout: float = 3600,
) -> Result:
    """This frontend runs a version of chef-server-core, by the documented commands, and its API answers.

    What died half-way is gone on with: each of the commands may run again, the database is migrated once, as its
    migration-level tells.

    :param name: the version.
    :param source: where the package was staged from, see ``chef_backend.staged``.
    :param sha256: as given to ``staged``: the package is verified once more before anything stops.
    :param api: URL of its status page.
    :param accept_license: accept the product's licence (13 and later).
    :param leader_timeout: bound in seconds for HAProxy to know one leader.
    :param timeout: bound in seconds of each command.
    :param api_timeout: bound in seconds for the API to answer.
    :param install_timeout: bound in seconds of the installation.
    :param fetch_timeout: bound in seconds of the fetching, should the package not be there any more.
    """
    bounds = {"leader_timeout": leader_timeout, "timeout": timeout, "api_timeout": api_timeout}
    bounds |= {"install_timeout": install_timeout, "fetch_timeout": fetch_timeout}
    return server.upgraded(salt.host(), name, source, sha256, api, accept_license, **bounds)


def backed_up(name: str, timeout: int = 600) -> Result:
    """A backup of this frontend's settings and secrets was taken for this run, and can be read to its end.

    :param name: the folder in which the product writes its backups.
    :param timeout: bound in seconds.
    """
    return backup.taken(salt.host(), name, command.SERVER_BACKUP, timeout)


def cleaned(name: str, timeout: float = 3600) -> Result:
    """What one would go back to is removed from this frontend: it works, and the database is migrated.

    :param name: the version that it was upgraded to.
    :param timeout: bound in seconds.
    """
    return server.cleaned(salt.host(), name, timeout)

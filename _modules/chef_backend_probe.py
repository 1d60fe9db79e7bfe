"""The probe: whether writes are taken, seen from this frontend while a run is under way. Optional (pillar ``probe``).

A run's master asks for these; they never stop or fail a run.
"""

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.node import probe


def __virtual__() -> salt.Virtual:
    return salt.on_a_frontend()


def look(cluster: str, run: str, url: str, client: str, key: str, interval: float, ca: str | None = None) -> bool:
    """Look until no heartbeat comes any more; if another call looks already, be one.

    :param run: the run's id.
    :param url: address of the organisation, such as ``https://chef.example.com/organizations/acme``.
    :param client: the name that signs.
    :param key: path of its private key on this frontend.
    :param interval: seconds between two looks.
    :param ca: path of a file with the certificates that the address is checked with; the system's if not given.
    :returns: True if this call looked, False if another one does.
    """
    return probe.look(salt.host(), cluster, str(run), probe.Server(url, client, key, ca), interval)


def stop(run: str) -> bool:
    """End looking for a run. Returns True if it did look."""
    return probe.stop(salt.host(), str(run))

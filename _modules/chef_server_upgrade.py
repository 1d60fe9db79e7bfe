"""What an upgrade of this frontend asks and notes: its migration-level, whether it has begun, who takes its clients."""

import hashlib
import os
import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend.product import runit

MANIFEST = "/opt/opscode/version-manifest.json"
LEVEL = "/var/opt/opscode/upgrades/migration-level"
BEGUN = "/var/lib/salt-chef-backend/server-upgrade"
DRAINED = "/var/lib/salt-chef-backend/server-drained"


def __virtual__():
    return True


def state():
    """Return what judging this frontend needs.

    :returns: ``{"version": text, "begun": why an upgrade of it has begun and not ended, or None, "drained": bool}``.
    :raises CommandExecutionError: its version or its services cannot be read.

    CLI Example:

    .. code-block:: bash

        salt 'fe*' chef_server_upgrade.state
    """
    version = __salt__["chef_server.version"]()
    return {"version": version, "begun": begun() or outdated_services(), "drained": os.path.exists(DRAINED)}


def begun():
    """Return the version to which an upgrade of this frontend has begun and not ended, or None.

    Its services alone do not tell it: they may have been stopped before the package came, or the host restarted since.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_upgrade.begun
    """
    return __salt__["chef_backend_note.read"](BEGUN)


def outdated_services():
    """Name the services that started before the installed package was unpacked, or return None.

    So does a package look that somebody installed and nobody ran ``upgrade`` for: it has not migrated the database.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_upgrade.outdated_services
    """
    unpacked = time.time() - os.stat(MANIFEST).st_ctime  # mtime is the build's; ctime is when dpkg or rpm put it there
    older = runit.running_longer(__salt__["chef_server.status"](), unpacked)
    return f"{', '.join(older)} started before {__salt__['chef_server.version']()} was installed" if older else None


def begin(version):
    """Note that an upgrade of this frontend begins. Returns True.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_upgrade.begin 15.10.12
    """
    return __salt__["chef_backend_note.write"](BEGUN, f"{version}\n", mode=0o600)


def end():
    """Note that the upgrade of this frontend has ended. Returns True if one had begun.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_upgrade.end
    """
    return _remove(BEGUN)


def drain():
    """Note that the load balancer is about to be told to send this frontend no clients. Returns True.

    Only the site's own load balancer knows, and a run that died may leave a frontend without clients for ever.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_upgrade.drain
    """
    return __salt__["chef_backend_note.write"](DRAINED, "", mode=0o600)


def undrain():
    """Note that the load balancer sends clients to this frontend again. Returns True if it did not before.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_upgrade.undrain
    """
    return _remove(DRAINED)


def level():
    """Return this frontend's migration-level: ``{"text": content, "sha256": its checksum}``.

    Raises CommandExecutionError if there is none: then this frontend has not migrated the database.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_upgrade.level
    """
    try:
        with open(LEVEL, encoding="utf-8") as file:
            text = file.read()
    except (OSError, ValueError) as err:
        raise CommandExecutionError(f"{__grains__['id']}: {LEVEL}: {err}") from err
    return {"text": text, "sha256": _sha256(text)}


def set_level(text, sha256):
    """Write this frontend's migration-level, as copied from the frontend that migrated the database.

    :param text: its content.
    :param sha256: the checksum of the file it was copied from; compared before and after.
    :returns: True.
    :raises CommandExecutionError: what came is not what was sent; nothing is written then.

    CLI Example:

    .. code-block:: bash

        salt fe2 chef_server_upgrade.set_level '{"major": 1, "minor": 40}' 0a1b...
    """
    if _sha256(text) != sha256:
        raise CommandExecutionError(f"{__grains__['id']}: the migration-level that came has not the checksum {sha256}")
    __salt__["chef_backend_note.write"](LEVEL, text, folder_mode=0o755)  # the product's own file and folder
    if level()["sha256"] != sha256:
        raise CommandExecutionError(f"{__grains__['id']}: {LEVEL} was written and reads differently")
    return True


def _sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def _remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True

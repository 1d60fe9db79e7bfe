"""What an upgrade of this frontend asks and notes: its migration-level, and whether an upgrade of it has begun."""

import hashlib
import os

from salt.exceptions import CommandExecutionError

LEVEL = "/var/opt/opscode/upgrades/migration-level"
BEGUN = "/var/lib/salt-chef-backend/server-upgrade"


def __virtual__():
    return True


def state():
    """Return what judging this frontend needs: ``{"version": text, "begun": version or None}``.

    CLI Example:

    .. code-block:: bash

        salt 'fe*' chef_server_upgrade.state
    """
    return {"version": __salt__["chef_server.version"](), "begun": begun()}


def begun():
    """Return the version to which an upgrade of this frontend has begun and not ended, or None.

    Nothing that can be observed tells it: once the package is installed, it looks upgraded.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_upgrade.begun
    """
    return __salt__["chef_backend_note.read"](BEGUN)


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
    try:
        os.unlink(BEGUN)
    except FileNotFoundError:
        return False
    return True


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

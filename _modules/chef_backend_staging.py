"""Where a package lies on this node between being verified and being installed."""

import os

STAGING = "/var/cache/salt-chef-backend"


def __virtual__():
    return True


def folder():
    """Make the folder for staged packages, which only root reads; returns its path.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_staging.folder
    """
    os.makedirs(STAGING, mode=0o700, exist_ok=True)
    return STAGING


def path(source):
    """Return where a package is staged on this node, from where it comes.

    :param source: ``salt://``, ``https://`` or a path.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_staging.path salt://chef/chef-backend_2.3.16-1_amd64.deb
    """
    return os.path.join(STAGING, os.path.basename(source))

"""Where a package lies on a node between being verified and being installed."""

import posixpath

STAGING = "/var/cache/salt-chef-backend"


def staged_path(source):
    """Return where a package is staged on a node, from where it comes."""
    return posixpath.join(STAGING, posixpath.basename(source))

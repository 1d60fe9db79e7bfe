"""How a frontend is taken out of service: maintenance mode where its version has it, else its services are stopped.

The one that builds the search index again is reconfigured meanwhile, which ends either: a firewall rule does it there.
"""

from saltext.chef_backend.product.version import Version

FIRST_WITH_MAINTENANCE = Version(14, 6, 32)
ALL = MAINTENANCE, STOPPED, FIREWALL = "maintenance", "stopped", "firewall"


def has_maintenance(version: Version) -> bool:
    """Whether a version has a maintenance mode."""
    return version >= FIRST_WITH_MAINTENANCE


def out_of_service_by(version: Version) -> str:
    """Return how a frontend of a version (Version) is taken out of service: ``maintenance`` or ``stopped``."""
    return MAINTENANCE if has_maintenance(version) else STOPPED

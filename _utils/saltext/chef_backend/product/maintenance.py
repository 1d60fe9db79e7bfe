"""How a frontend is taken out of service: maintenance mode where its version has it, else its services are stopped."""

from saltext.chef_backend.product.version import Version

FIRST_WITH_MAINTENANCE = Version(14, 6, 32)
MAINTENANCE, STOPPED = "maintenance", "stopped"


def out_of_service_by(version: Version) -> str:
    """Return how a frontend of a version (Version) is taken out of service: ``maintenance`` or ``stopped``."""
    return MAINTENANCE if version >= FIRST_WITH_MAINTENANCE else STOPPED

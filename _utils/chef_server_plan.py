"""The frontends' own upgrade: which frontend is first, which are due, and what refuses it.

The first migrates the database, which must happen once and only once: its migration-level tells the others.
"""

import dataclasses

try:
    from saltext.chef_backend import chef_backend_version as versions
except ImportError:
    import chef_backend_version as versions

LICENSED = versions.Version(13, 0, 0)


@dataclasses.dataclass(frozen=True)
class Frontend:
    """One frontend: what is installed on it, and whether an upgrade of it has begun and not ended."""

    node: str
    version: versions.Version
    begun: bool = False

    def runs(self, target):
        """Whether it is wholly on the target (Version)."""
        return self.version == target and not self.begun


def due(frontends, target):
    """Return the frontends that are not wholly on the target: one whose upgrade has begun first, then by name."""
    late = [one for one in frontends if not one.runs(target)]
    return [one.node for one in sorted(late, key=lambda one: (not one.begun, one.node))]


def source(frontends, target):
    """Return the frontend whose migration-level the others get: one that is on the target; None if none is yet."""
    return next((one.node for one in sorted(frontends, key=lambda one: one.node) if one.runs(target)), None)


def refuse(frontends, settings):
    """Raise ValueError if the frontends cannot go to the target, in words that say what to do.

    :param frontends: list of Frontend.
    :param settings: ``chef_backend_config.Server``.
    """
    target = settings.version
    newer = [f"{one.node} runs {one.version}" for one in frontends if one.version > target]
    if newer:
        raise ValueError(f"{', '.join(newer)}, which is newer than {target}: there is no way back")
    old = {one.version for one in frontends if one.version != target}
    if len(old) > 1:
        shown = ", ".join(f"{one.node} {one.version}" for one in sorted(frontends, key=lambda one: one.node))
        raise ValueError(f"the frontends run different versions ({shown}): bring them to one of these by hand")
    if target >= LICENSED and not settings.accept_license:
        raise ValueError(
            f"chef-server-core {target} asks for its licence to be accepted: read it, and say so in the pillar with "
            "server:accept_license: true"
        )

"""The frontends' own upgrade: which frontend is first, which are due, and what refuses it.

The first migrates the database, which must happen once and only once: its migration-level tells the others.
"""

import dataclasses
from collections.abc import Sequence

from saltext.chef_backend.errors import InVain, Refused
from saltext.chef_backend.product.migrations import Level
from saltext.chef_backend.product.version import Version
from saltext.chef_backend.settings import Server

LICENSED = Version(13, 0, 0)
# (from below, to beyond, over): the steps that the product's upgrade page names
STEPS = (
    (Version(12, 0, 0), Version(12, 3, 0), Version(12, 3, 0)),
    (Version(12, 17, 15), Version(12, 17, 15), Version(12, 17, 15)),
)


@dataclasses.dataclass(frozen=True)
class Frontend:
    """One frontend: what is installed, whether its upgrade has begun and not ended, and who takes its clients."""

    node: str
    version: Version
    begun: bool = False
    drained: bool = False  # the site's load balancer was told to send it none, and not yet to send them again

    def runs(self, target: Version) -> bool:
        """Whether it is wholly on the target (Version)."""
        return self.version == target and not self.begun


def due(frontends: Sequence[Frontend], target: Version) -> list[str]:
    """Return the frontends that are not wholly on the target, or do not get their clients yet, in the order of turns.

    First those that lack nothing but their clients, then those whose upgrade has begun, then by name.
    """
    late = [one for one in frontends if one.drained or not one.runs(target)]
    return [one.node for one in sorted(late, key=lambda one: (not one.runs(target), not one.begun, one.node))]


def unfinished(frontends: Sequence[Frontend]) -> list[str]:
    """Return the frontends that a run has taken from their clients or left half-upgraded, in the order given."""
    return [one.node for one in frontends if one.begun or one.drained]


def who_serves(frontends: Sequence[Frontend], target: Version) -> list[str]:
    """Return the frontends that must answer their clients before another one is touched, in the order given.

    Those on the target; before the first upgrade has begun, all. What runs the version before when the database may
    have been migrated need not answer: its own upgrade is what helps it.
    """
    there = [one.node for one in frontends if one.runs(target)]
    untouched = not any(one.begun for one in frontends)
    return [one.node for one in frontends] if untouched and not there else there


def source(frontends: Sequence[Frontend], target: Version) -> str | None:
    """Return the frontend whose migration-level the others get: one that is on the target; None if none is yet."""
    return next((one.node for one in sorted(frontends, key=lambda one: one.node) if one.runs(target)), None)


def migrated(node: str, brings: str | None, done: str | None) -> str:
    """Say that the database has all migrations of a frontend's release: its ``upgrade`` ends with 0 where it cannot.

    :param brings: the level to which its release migrates, such as ``1.31``; None where it does not tell.
    :param done: the level to which the database was migrated.
    :raises InVain: it was not.
    """
    if brings is None:
        return f"which migrations the release on {node} brings is not known"
    if done is None or Level.from_text(done) < Level.from_text(brings):
        raise InVain(
            f"{node}: chef-server-ctl upgrade ended with status 0, but the database is at migration "
            f"{done or 'unknown'}, and the release brings {brings}: is another upgrade at work "
            "on it? The same command runs it again",
            "not-migrated",
            node,
        )
    return f"the database is at migration {done}"


def step(version: Version, target: Version) -> Version | None:
    """Return the version to go to first, where the documents know no direct way; None if they do."""
    return next((over for below, beyond, over in STEPS if version < below and target > beyond), None)


def refuse(frontends: Sequence[Frontend], settings: Server) -> None:
    """Raise Refused if the frontends cannot go to the target, in words that say what to do.

    :param frontends: list of Frontend.
    :param settings: ``Server``.
    """
    target = settings.version
    newer = [f"{one.node} runs {one.version}" for one in frontends if one.version > target]
    if newer:
        raise Refused(f"{', '.join(newer)}, which is newer than {target}: there is no way back", "way")
    old = {one.version for one in frontends if one.version != target}
    if len(old) > 1:
        shown = ", ".join(f"{one.node} {one.version}" for one in sorted(frontends, key=lambda one: one.node))
        said = f"the frontends run different versions ({shown}): bring them to one of these by hand"
        raise Refused(said, "versions-differ")
    for one in sorted(frontends, key=lambda one: one.node):
        over = step(one.version, target)
        if over:
            raise Refused(
                f"{one.node} runs {one.version}: to {target} it has to go over {over}: name that version in the pillar "
                "first, with its package",
                "frontend-steps",
                one.node,
            )
    if target >= LICENSED and not settings.accept_license:
        raise Refused(
            f"chef-server-core {target} asks for its licence to be accepted: read it, and say so in the pillar with "
            "server:accept_license: true",
            "licence",
        )

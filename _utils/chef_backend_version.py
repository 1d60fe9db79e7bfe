"""Versions of Chef Backend, and the one table that chooses the way from one to another."""

import dataclasses
import functools
import re

NUMBER = r"(0|[1-9][0-9]{0,3})"  # [0-9], not \d: that would let digits of other scripts pass
PATTERN = re.compile(rf"{NUMBER}\.{NUMBER}\.{NUMBER}")


@functools.total_ordering
@dataclasses.dataclass(frozen=True)
class Version:
    """A release such as 2.3.16."""

    major: int
    minor: int
    patch: int

    @classmethod
    def from_text(cls, text):
        """Read ``2.3.16``, nothing more and nothing less. Raises ValueError."""
        match = PATTERN.fullmatch(text) if isinstance(text, str) else None
        if not match:
            raise ValueError(f"{text!r} is not a version: expected three numbers such as 2.3.16")
        return cls(*(int(number) for number in match.groups()))

    def __lt__(self, other):
        if not isinstance(other, Version):
            return NotImplemented
        return dataclasses.astuple(self) < dataclasses.astuple(other)

    def __str__(self):
        return f"{self.major}.{self.minor}.{self.patch}"


def of_package(text):
    """Return the release within a package's version, without epoch and revision: ``1:2.3.16-1.el8`` holds 2.3.16.

    :param text: as dpkg or rpm tell it; the revision is what follows the last dash in both.
    """
    without_epoch = text.partition(":")[2] or text
    return without_epoch.rpartition("-")[0] or without_epoch


@dataclasses.dataclass(frozen=True)
class Way:
    """How to go: rolling, downtime, reindex, none (nothing to do) or refused, with the version to take first."""

    name: str
    reason: str
    via: Version | None = None


BRIDGE = Version(2, 3, 16)  # the release that every older one goes through on its way to 3.x
OLDEST_FOR_3 = Version(2, 1, 0)  # 2.0.x does not go to 3.x directly
LAST_OLD_INDEX = Version(5, 4, 1)  # 3.x cannot read an index that this Elasticsearch or an earlier one made
FIRST_INDEX_FOR_3 = Version(5, 6, 0)


def asks_for_index(installed, target):
    """Whether the way from an installed version (text, or None) to a target (Version) depends on the index's age."""
    return bool(installed) and not installed.startswith("3.") and target.major == 3


def choose_way(installed, target, index_created=None):
    """Choose the way from what is installed to the target.

    :param installed: Version.
    :param target: Version.
    :param index_created: Version of the Elasticsearch that created the index, if it is known; without it there is no
        way from 2.x to 3.x.
    :returns: Way.
    """
    if target == installed:
        return Way("none", f"{installed} is installed")
    if target < installed:
        return Way("refused", f"{installed} is newer than {target}: there is no way back")
    if target.major > 3:
        return Way("refused", f"no way to {target} is documented")
    if installed.major == target.major:
        if installed.major == 0:
            return Way("refused", "no rolling way within 0.x is documented")
        return Way("rolling", f"{installed} to {target} stays within {target.major}.x")
    if target.major == 1:
        return Way("refused", f"no way from {installed} to {target} is documented")
    if target.major == 2:
        # the matrix documents 2.3.16 as the target; stricter reading: only it
        if target != BRIDGE:
            # from there only a newer one can be reached
            via = BRIDGE if target > BRIDGE else None
            return Way("refused", f"from {installed} the documented 2.x is {BRIDGE}, not {target}", via)
        return Way("downtime", f"{installed} to {target} needs the whole cluster down")
    if installed < OLDEST_FOR_3:
        return Way("refused", f"{installed} does not go to {target} directly", BRIDGE)
    if index_created is None:
        # unknown is not new: a rolling upgrade over an old index would leave the cluster without search
        unknown = f"depends on the Elasticsearch that created the index ({LAST_OLD_INDEX} or earlier: re-index)"
        return Way("refused", f"{installed} to {target} {unknown}, and which did is not known")
    if not reads_index(target, index_created):
        return Way("reindex", f"the index was created by Elasticsearch {index_created}, which {target} cannot read")
    return Way("rolling", f"{installed} to {target}, index created by Elasticsearch {index_created}")


def reads_index(installed, index_created):
    """Whether a release of Chef Backend can read an index that this version of Elasticsearch created.

    One row of the matrix calls everything below 5.6.16 automatic, the text wants a re-index up to 5.4.1 and says
    nothing of what lies between: the stricter reading re-indexes all that 5.6 did not make.

    :param installed: Version.
    :param index_created: Version.
    """
    return installed.major < 3 or index_created >= FIRST_INDEX_FOR_3

"""Versions of Chef Backend and of Chef Infra Server, and which search index a release can read."""

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
    def from_text(cls, text: object) -> "Version":
        """Read ``2.3.16``, nothing more and nothing less. Raises ValueError."""
        match = PATTERN.fullmatch(text) if isinstance(text, str) else None
        if not match:
            raise ValueError(f"{text!r} is not a version: expected three numbers such as 2.3.16")
        return cls(*(int(number) for number in match.groups()))

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        return dataclasses.astuple(self) < dataclasses.astuple(other)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def of_package(text: str) -> str:
    """Return the release within a package's version, without epoch and revision: ``1:2.3.16-1.el8`` holds 2.3.16.

    :param text: as dpkg or rpm tell it; the revision is what follows the last dash in both.
    """
    without_epoch = text.partition(":")[2] or text
    return without_epoch.rpartition("-")[0] or without_epoch


CLOSED = Version(3, 0, 0)  # documented: nobody joins a cluster that was installed with it; mended in 3.1.1
LAST_OLD_INDEX = Version(5, 4, 1)  # 3.x cannot read an index that this Elasticsearch or an earlier one made
FIRST_INDEX_FOR_3 = Version(5, 6, 0)


def least_frontend(backend: Version) -> Version | None:
    """Return the least chef-server-core that knows the Elasticsearch of a release of Chef Backend; None if any does.

    Its ``reconfigure`` ends on one that it does not know. Chef Infra Server's release notes: 12.16.2 and later know
    Elasticsearch 5, which 2.x runs, 13.2.0 and later know Elasticsearch 6, which 3.x runs.
    """
    return {2: Version(12, 16, 2), 3: Version(13, 2, 0)}.get(backend.major)


def reads_index(installed: Version, index_created: Version) -> bool:
    """Whether a release of Chef Backend can read an index that this version of Elasticsearch created.

    One row of the matrix calls everything below 5.6.16 automatic, the text wants a re-index up to 5.4.1 and says
    nothing of what lies between: the stricter reading re-indexes all that 5.6 did not make.

    :param installed: Version.
    :param index_created: Version.
    """
    return installed.major < 3 or index_created >= FIRST_INDEX_FOR_3

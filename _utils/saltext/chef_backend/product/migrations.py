"""The database's migrations of Chef Infra Server: which a release brings, and up to which they have been made.

Source: chef/chef-server, partybus: ``embedded/upgrades/MAJOR/MINOR_name.rb`` are a release's; since 12.17.15 the
database itself keeps the level, in table ``partybus_migration_state``; before, it was the file ``migration-level``.
"""

import dataclasses
import re
from collections.abc import Iterable

from saltext.chef_backend.product.reading import ParseError, is_count, read_json

FOLDER = "/opt/opscode/embedded/upgrades"
THERE = "select to_regclass('public.partybus_migration_state') is not null"
LEVEL = "select value from public.partybus_migration_state where name = 'migration-level'"
_FILE = re.compile(r"([0-9]{1,6})/([0-9]{1,9})_[^/]*\.rb")


@dataclasses.dataclass(frozen=True, order=True)
class Level:
    """How far a database has been migrated, or a release migrates it."""

    major: int
    minor: int

    @classmethod
    def from_text(cls, text: str) -> "Level":
        """Return a level from text such as ``1.31``, as a node tells it. Raises ValueError."""
        major, minor = map(int, text.split("."))
        return cls(major, minor)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def read(text: str) -> Level:
    """Read a level, as the file and the database hold it. Raises ParseError."""
    found = read_json(text, "a migration-level")
    if not isinstance(found, dict) or not is_count(found.get("major")) or not is_count(found.get("minor")):
        raise ParseError("not a migration-level", text[:80])
    return Level(found["major"], found["minor"])


def highest(paths: Iterable[str]) -> Level | None:
    """Return the level to which a release brings a database; None if it has no migrations, or keeps them elsewhere.

    :param paths: of its migrations, below its folder of them, such as ``001/031_name.rb``.
    """
    found = (_FILE.fullmatch(path) for path in paths)
    return max((Level(int(one[1]), int(one[2])) for one in found if one), default=None)

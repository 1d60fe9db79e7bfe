"""Search parity: whether the index holds as many documents as PostgreSQL objects, by organisation and kind."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from saltext.chef_backend.product.objects import KINDS, Counts

SHOWN = 5  # differences that are told one by one
Stored = Mapping[str, Mapping[str, Any]]  # as product.objects.parse_stored returns it


@dataclasses.dataclass(frozen=True)
class Difference:
    """A kind of object of which the index holds more or fewer than PostgreSQL."""

    organisation: str
    kind: str
    stored: int
    indexed: int

    def __str__(self) -> str:
        return f"{self.organisation}: {self.indexed} {self.kind}s in the index, {self.stored} in PostgreSQL"


@dataclasses.dataclass(frozen=True)
class Parity:
    """What both sides hold: differences, how many organisations there are, and objects and documents of them."""

    differences: tuple[Difference, ...]
    organisations: int
    stored: int
    indexed: int
    nodes: int = 0  # of the documents

    @property
    def left(self) -> tuple[str, ...]:
        """The organisations whose search does not find what there is, in their order."""
        return tuple(dict.fromkeys(one.organisation for one in self.differences))

    def lacks_no_more_than(self, allowed: int) -> bool:
        """Whether nothing but so many objects is missing: the product has some that it cannot index (chef-server #964).

        That it was built is another question: an index that lacks as few may not have been filled yet.
        """
        missing = [one.stored - one.indexed for one in self.differences]
        return all(number > 0 for number in missing) and sum(missing) <= allowed

    def __str__(self) -> str:
        whole = self.organisations - len(self.left)
        return f"{whole} of {self.organisations} organisations, {self.indexed} of {self.stored} objects"


def compare(stored: Stored, indexed: Counts) -> Parity:
    """Compare what PostgreSQL holds with what the index does; documents of no organisation count for nothing.

    :param stored: ``{organisation: {"database": its name in the index, "counts": {kind: how many}}}``.
    :param indexed: ``{database: {kind: how many}}``.
    """
    differences, objects, documents, nodes = list[Difference](), 0, 0, 0
    for name, one in sorted(stored.items()):
        there = indexed.get(one["database"], {})
        nodes += there.get("node", 0)
        for kind in KINDS:
            has, found = one["counts"][kind], there.get(kind, 0)
            objects, documents = objects + has, documents + found
            if has != found:
                differences.append(Difference(name, kind, has, found))
    return Parity(tuple(differences), len(stored), objects, documents, nodes)


def told(parity: Parity) -> str:
    """Say what differs, the first of it one a line; empty if nothing does."""
    lines = [str(one) for one in parity.differences[:SHOWN]]
    more = len(parity.differences) - len(lines)
    return "\n".join([*lines, *([f"and {more} more"] if more else [])])


def far(seen: Sequence[tuple[float, Parity]]) -> str:
    """Say how far an index is that is being built: organisations and objects of all, rate, and the time that is left.

    :param seen: what it held at which second, until now; at first it may have held another one's documents still.
    """
    (at, now), (since, least) = seen[-1], min(seen, key=lambda one: one[1].indexed)
    if at <= since or now.indexed <= least.indexed:
        return f"the index holds {now}; rate and time left are not known yet"
    rate = (now.indexed - least.indexed) / (at - since)
    minutes = (now.stored - now.indexed) / rate / 60
    return f"the index holds {now}; {rate:.0f} a second, about {minutes:.0f} minutes left"


def to_build(parity: Parity) -> Sequence[str] | None:
    """Return the organisations of which the index is to be built again; None for all of them at once.

    One command for all is the documented one; where most are whole, what is done is not done twice.
    """
    return parity.left if 2 * len(parity.left) < parity.organisations else None

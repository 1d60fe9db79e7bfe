"""The way from what is installed to the target: one table of the documented ways, and the hops over it."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from saltext.chef_backend.errors import Refused
from saltext.chef_backend.product.version import LAST_OLD_INDEX, Version, reads_index


@dataclasses.dataclass(frozen=True)
class Way:
    """How to go: rolling, downtime, reindex, none (nothing to do) or refused, with the version to take first."""

    name: str
    reason: str
    via: Version | None = None


BRIDGE = Version(2, 3, 16)  # the release that every older one goes through on its way to 3.x
FIRST_INDEX_OF_2 = Version(5, 0, 0)  # 1.x has Elasticsearch 2
OLDEST_FOR_3 = Version(2, 1, 0)  # 2.0.x does not go to 3.x directly


def asks_for_index(installed: str | None, target: Version) -> bool:
    """Whether the way from an installed version (text, or None) to a target (Version) depends on the index's age."""
    if installed is None:
        return False
    return target.major == 3 or (installed.startswith("2.0.") and target.major == 2 and target >= OLDEST_FOR_3)


def choose_way(installed: Version, target: Version, index_created: Version | None = None) -> Way:
    """Choose the way from what is installed to the target.

    :param installed: Version.
    :param target: Version.
    :param index_created: Version of the Elasticsearch that created the index, if it is known; without it there is no
        way from 2.x to 3.x. Under 3.x, where it is not known, it is not taken for an old one: Elasticsearch runs on it.
    :returns: Way.
    """
    if target.major == 3 and installed.major == 3 and target >= installed and is_left_old(target, index_created):
        # documented: it is to be deleted and filled again there, too
        return Way("reindex", f"the index under {installed} was created by Elasticsearch {index_created}")
    if target == installed:
        return Way("none", f"{installed} is installed")
    if target < installed:
        return Way("refused", f"{installed} is newer than {target}: there is no way back")
    if target.major > 3:
        return Way("refused", f"no way to {target} is documented")
    if installed.major == target.major:
        if installed.major == 0:
            return Way("refused", "no rolling way within 0.x is documented")
        if installed.major == 2 and asks_for_index(str(installed), target):
            # the matrix names downtime, the release notes rolling: the stricter reading
            if index_created is None:
                return Way("refused", f"{installed} to {target} depends on who created the index, which is not known")
            if index_created < FIRST_INDEX_OF_2:
                made = f"the index was created by Elasticsearch {index_created}"
                return Way("downtime", f"{installed} to {target} needs the whole cluster down, as {made}")
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


def is_left_old(target: Version, index_created: Version | None) -> bool:
    """Whether an index is known to be too old for a release that it may be under already."""
    return index_created is not None and not reads_index(target, index_created)


@dataclasses.dataclass(frozen=True)
class Hop:
    """One version to the next, and the way it goes."""

    start: Version
    to: Version
    way: Way

    def __str__(self) -> str:
        via = f"; go to {self.way.via} first: add it to hops" if self.way.via else ""
        return f"{self.start} to {self.to}: {self.way.name} ({self.way.reason}{via})"


def start(installed: Mapping[str, Version], stops: Sequence[Version]) -> Version:
    """Return the version that a cluster starts from.

    :param installed: ``{node: Version}``.
    :param stops: Versions in their order, the last is the target.
    :raises ValueError: the nodes run neither one version, nor one and the stop after it, as a hop that ended
        half-way leaves them.
    """
    lowest = min(installed.values())
    following = next((stop for stop in stops if stop > lowest), lowest)
    strange = [node for node, version in sorted(installed.items()) if version not in (lowest, following)]
    if strange:
        shown = ", ".join(f"{node} {version}" for node, version in sorted(installed.items()))
        raise Refused(
            f"the backends run different versions ({shown}), expected one, or that and {following}: bring "
            f"{', '.join(strange)} to the others' version by hand",
            "versions-differ",
        )
    return lowest


def chain(begin: Version, stops: Sequence[Version], index: Version | None = None) -> tuple[Hop, ...]:
    """Return the hops from a version over its stops; stops that lie behind are left out.

    :param begin: Version.
    :param stops: Versions in their order, the last is the target.
    :param index: Version of the Elasticsearch that created the index; it stays what it is on all hops but a re-index.
    :returns: tuple of Hop; empty if the target is installed. A target that is older is one refused hop.
    """
    here, hops = begin, list[Hop]()
    for stop in stops:
        way = choose_way(here, stop, index)
        if stop > here or (stop == stops[-1] and (stop != here or (way.name == "reindex" and not hops))):
            hops.append(Hop(here, stop, way))
            here = stop
            index = None if way.name == "reindex" else index  # a new one, from there on
    return tuple(hops)


def refusals(hops: Iterable[Hop]) -> list[str]:
    """Return in words what keeps a chain of hops from its target; empty if nothing does."""
    return [str(hop) for hop in hops if hop.way.name == "refused"]

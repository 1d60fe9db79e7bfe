"""From what is installed to the target, hop by hop: each hop goes one of the ways, and none is refused on the way."""

import dataclasses

try:
    from saltext.chef_backend import chef_backend_version as versions
except ImportError:
    import chef_backend_version as versions


@dataclasses.dataclass(frozen=True)
class Hop:
    """One version to the next, and the way it goes."""

    start: versions.Version
    to: versions.Version
    way: versions.Way

    def __str__(self):
        via = f"; go to {self.way.via} first: add it to hops" if self.way.via else ""
        return f"{self.start} to {self.to}: {self.way.name} ({self.way.reason}{via})"


def start(installed, stops):
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
        raise ValueError(
            f"the backends run different versions ({shown}), expected one, or that and {following}: bring "
            f"{', '.join(strange)} to the others' version by hand"
        )
    return lowest


def chain(begin, stops, index=None):
    """Return the hops from a version over its stops; stops that lie behind are left out.

    :param begin: Version.
    :param stops: Versions in their order, the last is the target.
    :param index: Version of the Elasticsearch that created the index; it stays what it is on all hops but a re-index.
    :returns: tuple of Hop; empty if the target is installed. A target that is older is one refused hop.
    """
    here, hops = begin, []
    for stop in stops:
        if stop > here or (stop == stops[-1] and stop != here):
            hops.append(Hop(here, stop, versions.choose_way(here, stop, index)))
            here = stop
    return tuple(hops)


def refusals(hops):
    """Return in words what keeps a chain of hops from its target; empty if nothing does."""
    return [str(hop) for hop in hops if hop.way.name == "refused"]

"""Many clusters: groups of them in their order, and which may begin now.

A group is done before the next begins. Of a group only so many are upgraded at once, and when more than its share
have failed nothing more is begun anywhere.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from saltext.chef_backend import pillar as pillars
from saltext.chef_backend.pillar_values import NAME

ROOT = "chef_backend:fleet"
DUE, RUNNING, DONE, FAILED, WAITING = "due", "runs", "done", "failed", "waits"


@dataclasses.dataclass(frozen=True)
class Group:
    """Clusters that are upgraded together."""

    name: str
    clusters: tuple[str, ...]
    at_once: int = 1
    may_fail: int = 0  # percent of its clusters


@dataclasses.dataclass(frozen=True)
class Decision:
    """Which clusters begin now; whether there is nothing more to wait for, and why nothing more is begun."""

    start: tuple[str, ...] = ()
    over: bool = False
    stopped: str = ""


def from_pillar(pillar: Mapping[str, Any]) -> tuple[Group, ...]:
    """Read the groups.

    :param pillar: the whole pillar.
    :returns: the groups in their order.
    :raises ConfigError: with every problem found.
    """
    known = pillars.cluster_names(pillar)
    found = pillar["chef_backend"].get("fleet")
    if not isinstance(found, list) or not found:
        shown = "nothing" if found is None else repr(found)
        raise pillars.ConfigError([f"{ROOT}: found {shown}, expected a list of groups: see docs/how-to/fleet.md"])
    problems: list[str] = []
    groups: list[Group] = []
    for number, item in enumerate(found):
        group, troubles = _group(f"{ROOT}:{number}", item, known)
        problems += troubles
        groups += [group] if group else []
    names = [group.name for group in groups]
    members = [cluster for group in groups for cluster in group.clusters]
    problems += [f"{ROOT}: {name!r} is the name of several groups: rename one" for name in _twice(names)]
    problems += [f"{ROOT}: {name!r} is in several places: a cluster belongs to one group" for name in _twice(members)]
    if problems:
        raise pillars.ConfigError(problems)
    return tuple(groups)


def decide(group: Group, states: Mapping[str, str]) -> Decision:
    """Decide what of a group begins now.

    :param group: Group.
    :param states: ``{cluster: state}`` of its clusters.
    :returns: Decision.
    """
    running = [name for name in group.clusters if states[name] == RUNNING]
    failed = [name for name in group.clusters if states[name] == FAILED]
    due = [name for name in group.clusters if states[name] == DUE]
    if len(failed) * 100 > group.may_fail * len(group.clusters):
        share = f", more than {group.may_fail} % of {len(group.clusters)}" if group.may_fail else ""
        return Decision(over=not running, stopped=f"{', '.join(failed)} failed{share}: nothing more is begun")
    start = tuple(due[: max(0, group.at_once - len(running))])
    return Decision(start=start, over=not running and not due)


def _group(path: str, item: object, known: Sequence[str]) -> tuple[Group | None, list[str]]:
    """Return the Group of an item of the pillar, or None, and what is wrong with it."""
    if not isinstance(item, dict):
        return None, [f"{path}: found {item!r}, expected a mapping: see docs/how-to/fleet.md"]
    fields = {field.name: field.default for field in dataclasses.fields(Group)}
    given = {name: item.get(name, default) for name, default in fields.items()}
    troubles = [
        f"{path}:{key}: unknown key, expected one of {', '.join(fields)}: correct or remove it"
        for key in item
        if key not in fields
    ]
    for name, (fits, expected) in _FITS.items():
        if not fits(given[name]):
            shown = "nothing" if given[name] is dataclasses.MISSING else repr(given[name])
            troubles.append(f"{path}:{name}: found {shown}, expected {expected}: correct it")
    if troubles:
        return None, troubles
    unknown = [name for name in given["clusters"] if name not in known]
    if unknown:
        return None, [f"{path}:clusters: found {unknown}, expected clusters in {pillars.ROOT}: correct or remove them"]
    return Group(**{**given, "clusters": tuple(given["clusters"])}), []


def _twice(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _is_whole(least: int, most: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


_FITS: dict[str, tuple[Callable[[object], bool], str]] = {
    "name": (lambda value: isinstance(value, str) and NAME.fullmatch(value) is not None, "a name"),
    "clusters": (
        lambda value: isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value),
        "a list of clusters",
    ),
    "at_once": (_is_whole(1, 1000), "how many clusters at once, at least 1"),
    "may_fail": (_is_whole(0, 100), "how many percent of its clusters may fail, from 0 to 100"),
}

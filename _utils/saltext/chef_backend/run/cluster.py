"""A cluster, asked on the master when a step runs: its settings, who its nodes are, what they answer."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import pillar as pillars
from saltext.chef_backend.judge import answers, complaint
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.pillar_values import MINION
from saltext.chef_backend.record import Record, RecordError
from saltext.chef_backend.run.bus import Answer
from saltext.chef_backend.run.master import Master
from saltext.chef_backend.settings import Cluster

VIEW = "chef_backend_agent.view"
LEFT_OUT = "chef_backend.left_out"
HELD = "chef_backend.held"  # the record of the run that this process drives, by cluster


def settings(master: Master, name: str) -> Cluster:
    """Return a cluster's settings from the pillar, checked; inside one hop of several, with that one's package.

    :raises CommandExecutionError: every mistake in the pillar, one a line.
    """
    try:
        found, hop = pillars.cluster_from_pillar(dict(master.pillar), name), master.pillar.get("hop")
        return pillars.at_hop(found, hop) if hop else found
    except pillars.ConfigError as err:
        raise CommandExecutionError(str(err)) from err


def ask_bound(master: Master, name: str) -> float:
    """Return the seconds within which a node of a cluster has to say that it is at what it is asked."""
    return settings(master, name).timeouts.ask


def names(master: Master) -> list[str]:
    """Return the names of the clusters in the pillar. Raises CommandExecutionError if there are none."""
    try:
        return pillars.cluster_names(dict(master.pillar))
    except pillars.ConfigError as err:
        raise CommandExecutionError(str(err)) from err


def held(master: Master, name: str) -> Record | None:
    """Return the record of the run that this process drives, as it said it last; None if it drives none."""
    found: Record | None = master.kept.get(f"{HELD}.{name}")
    return found


def backends(master: Master, name: str) -> list[str]:
    """Return the minion ids of the three backends, sorted: while this process drives a run, those of the run.

    :raises CommandExecutionError: they are not three.
    """
    run = held(master, name)
    if run is not None:
        return sorted(run.backends)  # a key that is accepted meanwhile keeps nobody from closing it
    target = settings(master, name).backends
    found = _minions(master, target)
    if len(found) != 3:
        raise CommandExecutionError(
            f"chef_backend:clusters:{name}:backends: {target!r} matches {len(found)} minions "
            f"({', '.join(found) or 'none'}), expected exactly three: correct the target or accept their keys"
        )
    return found


def frontends(master: Master, name: str) -> list[str]:
    """Return the minion ids of the frontends, sorted; an empty list if the pillar names none.

    Without those that were left out of the run that this process drives.

    :raises CommandExecutionError: there is a target, and it matches no minion.
    """
    target = settings(master, name).frontends
    if not target:
        return []
    left_out = master.kept.get(f"{LEFT_OUT}.{name}", ())
    found = [node for node in _minions(master, target) if node not in left_out]
    if not found and not left_out:
        raise CommandExecutionError(
            f"chef_backend:clusters:{name}:frontends: {target!r} matches no minion, expected at least one: "
            "correct the target or accept their keys"
        )
    return found


def leave_out(master: Master, name: str, nodes: Sequence[str]) -> None:
    """Leave frontends out of the run that this process drives: a person has waived that they are asked."""
    master.kept[f"{LEFT_OUT}.{name}"] = tuple(nodes)


def batches(master: Master, name: str, nodes: Sequence[str]) -> list[list[str]]:
    """Return frontends in the batches they are touched in."""
    size = settings(master, name).batch_size(len(nodes))
    return [list(nodes[at : at + size]) for at in range(0, len(nodes), size)]


def views(
    master: Master,
    name: str,
    only: Sequence[str] | None = None,
    word: Record | None = None,
    table: str | None = None,
) -> dict[str, View]:
    """Ask every backend for all that judging it needs, side by side.

    :param only: names of the parts to ask for; all if not given.
    :param word: the record as this orchestration, its owner, has it now: each backend keeps it first, in one round.
    :param table: the one backend that is to ask for cluster-status; every one if not given.
    """
    bound = ask_bound(master, name)
    said = word.to_dict() if word else None
    asked = master.bus.ask(backends(master, name), VIEW, only, said, table, timeout=bound)
    return answers.in_our_words(_read(asked, master.saltenv))


def views_of(master: Master, wanted: Sequence[str], only: Sequence[str] | None = None) -> dict[str, dict[str, View]]:
    """Ask the backends of many clusters at once: silent ones hold nobody up beyond the longest bound.

    :param wanted: names of clusters whose pillar is right.
    :returns: the views of each cluster.
    """
    nodes = {name: backends(master, name) for name in wanted}
    bound = max((ask_bound(master, name) for name in wanted), default=0)
    everybody = [node for several in nodes.values() for node in several]
    seen = _read(master.bus.ask(everybody, VIEW, only, timeout=bound), master.saltenv)
    return {name: answers.in_our_words({node: seen[node] for node in several}) for name, several in nodes.items()}


def records_of(said: Mapping[str, Any]) -> list[Record]:
    """Return the records that nodes answered with: one, several or none of each.

    :param said: ``{node: record as a mapping, or a list of them, or None}``.
    :raises CommandExecutionError: a record of a node cannot be read.
    """
    found = []
    for node, value in said.items():
        try:
            found += [Record.from_dict(one) for one in (value if isinstance(value, list) else [value]) if one]
        except RecordError as err:
            raise CommandExecutionError(f"{node}: {err}") from err
    return found


def due(views: Mapping[str, View], target: str) -> list[str]:
    """Return the backends that do not run the target yet, in the order of their turns.

    :raises CommandExecutionError: a node's version cannot be told: what is unknown is not "done".
    """
    nodes = answers.due(views, target)
    unknown = [text for node in nodes if not views[node].version for text in views[node].errors.values()]
    if unknown:
        raise CommandExecutionError("; ".join(unknown))
    return nodes


def node_pillar(master: Master, name: str, run: str | None, search: bool = True) -> dict[str, Any]:
    """Return the pillar that the states on the nodes need: nothing secret, nothing of other clusters.

    :param run: the run's id; None in test mode.
    :param search: whether Elasticsearch has to be well.
    """
    found = settings(master, name)
    server = found.server
    return {
        "cluster": name,
        "run": run,
        "version": str(found.version),
        "source": found.package.source,
        "sha256": found.package.sha256,
        "timeouts": dataclasses.asdict(found.timeouts),
        "api": found.frontend_api,
        "search": search,
        "organisation": found.reindex_organisation,
        "server": server
        and {
            "version": str(server.version),
            "source": server.package.source,
            "sha256": server.package.sha256,
            "accept_license": server.accept_license,
        },
    }


def _minions(master: Master, target: Sequence[str] | str) -> list[str]:
    found = sorted(master.bus.matching(target)) if isinstance(target, str) else sorted(target)
    strange = [node for node in found if not MINION.fullmatch(node)]
    if strange:  # they come from whoever has a key, and go into what is rendered and shown
        raise CommandExecutionError(
            f"{target!r} matches minions whose ids are none for this extension: {', '.join(map(repr, strange))}: "
            "expected letters, digits, dots, dashes and underscores. Delete their keys, or narrow the target"
        )
    return found


def _read(said: Mapping[str, Answer], saltenv: str | None) -> dict[str, View]:
    return {node: _view(node, answer, saltenv) for node, answer in said.items()}


def _view(node: str, answer: Answer, saltenv: str | None) -> View:
    if not answer.ok:
        return View.of_silence(node, answer.error, answer.code)
    try:
        return View.of_answer(answer.value)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as err:  # another version's words
        other = complaint.of_another_version(node, f"{type(err).__name__}: {err}", saltenv)
        return View.of_silence(node, str(other), other.code)

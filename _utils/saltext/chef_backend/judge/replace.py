"""A backend that is down for good is replaced: whether it may be, and how far it is, from what the others show.

A node counts as a member as long as etcd of the others counts it: ``healthy nodes: 2/3``. Whether cluster-status
lists a node that is down is not documented.
"""

import re
from collections.abc import Iterable

from saltext.chef_backend import record as records
from saltext.chef_backend.errors import Refused
from saltext.chef_backend.judge import answers, health, kinds
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.product.version import CLOSED, Version
from saltext.chef_backend.reason import Reason
from saltext.chef_backend.record import Run

MEMBER = "a member that is down"
REMOVED = "no member"
BACK = "a healthy member"


def target(node: str) -> str:
    """Return what stands in the record as such a run's target."""
    return f"replace {node}"


def confirmed(node: str, backends: Iterable[str], said: object) -> None:
    """The node is one of the cluster's, and somebody has said in so many words what becomes of it.

    :param node: minion id.
    :param backends: minion ids of the cluster.
    :param said: what the pillar holds as ``confirm``.
    """
    if node not in backends:
        known = ", ".join(sorted(backends))
        raise Refused(f"node: {node!r} is no backend of this cluster, expected one of {known}", "pillar")
    wanted = f"delete all data of {node}"
    if said != wanted:
        raise Refused(
            f"confirm: found {said!r}, expected {wanted!r}: only then is {node} replaced. Nothing was done",
            "confirm",
            node,
        )


def resumed(found: Run | None, gone: str | None, node: str, views: Views) -> Run | None:
    """Return the record of an unfinished run that replaces this node, or None for a new run.

    :param found: the record that the backends hold, or None.
    :param gone: why nobody drives it any more, or None while somebody does.
    :raises ValueError: another run is under way, or has left something that is not this node's alone.
    """
    if found is None or (found.target == target(node) and gone):
        return found
    if gone is None:
        said = f"run {found.run} to {found.target} is under way, at step {found.step!r}: wait for its end"
        raise Refused(said, "other-run")
    half_upgraded = [other for other in answers.half_upgraded(views) if other != node]
    if half_upgraded or found.down or not records.may_be_left(found):
        raise Refused(
            f"run {found.run} to {found.target} is unfinished ({gone}), and what it has left is not {node}'s alone: "
            "finish it first, by the same command",
            "other-run",
        )
    late = found.unheard is not None and found.unheard > found.lease  # the table shows what was some seconds ago
    if found.failover == "off" and not (late and answers.failover(views) == "on"):
        raise Refused(
            f"run {found.run} to {found.target} is unfinished ({gone}), and has left failover off: finish it first, by "
            f"the same command. If {node} keeps it from that and is lost, switch failover on by hand, and run this "
            f"again after {found.lease} s: 'chef-backend-ctl set-cluster-failover on'",
            "other-run",
        )
    if found.way == records.FRONTENDS:
        raise Refused(
            f"run {found.run} of the frontends to {found.target} is unfinished: go on with it, or abort it", "other-run"
        )
    return None


def stage(views: Views, node: str, max_lag_bytes: int) -> str:
    """Return how far the node is: ``MEMBER``, ``REMOVED`` or ``BACK``.

    :raises ValueError: it cannot be told, the others do not agree, or the node is not down.
    """
    counted = {other: _members(view) for other, view in sorted(views.items()) if other != node}
    if len(set(counted.values())) > 1:
        shown = ", ".join(f"{other} {count}" for other, count in counted.items())
        said = f"the nodes count different numbers of members ({shown}): wait until they agree"
        raise Refused(said, "members-differ")
    if answers.verdict(views, max_lag_bytes).healthy:
        return BACK
    return MEMBER if set(counted.values()) == {health.MEMBERS} else REMOVED


def not_at_work(views: Views, node: str) -> None:
    """No other node shows it as leader or follower."""
    for other, view in sorted(views.items()):
        if other == node:
            continue
        try:
            shown = answers.node_of(answers.cluster_of(view), node)
        except KeyError:
            continue
        if shown.role in ("leader", "follower") or shown.pg in ("leader", "follower"):
            raise Refused(
                f"{node} is not down: {other} shows it as {shown.role}, PostgreSQL {shown.pg}. Stop it, by "
                f"'chef-backend-ctl stop' on {node}, if it is to be replaced, and wait until the others see it",
                "not-down",
                node,
            )


def others_are_well(views: Views, node: str, max_lag_bytes: int) -> None:
    """The other two are a leader and a follower in sync; else the node's data may be all that is left."""
    verdict = answers.verdict(views, max_lag_bytes, node)
    if not verdict.healthy:
        only = f"{node} is replaced only while the other two are well: they have all the data then"
        reasons = (*verdict.reasons, Reason("others-unwell", node, said=only))
        raise Refused("\n".join(kinds.told(reasons)), reasons=reasons)
    if answers.failover(views) == "off":
        raise Refused("failover is off: find out who switched it off, then switch it on", "failover-off")


def same_package(views: Views, node: str) -> None:
    """The package of the version that the others run is installed on the node; it brings the commands, and no data."""
    found = answers.installed(views)
    others = {str(version) for other, version in found.items() if other != node}
    if others != {str(found[node])}:
        raise Refused(
            f"{node} has chef-backend {found[node]} installed, the others run {', '.join(sorted(others))}: install "
            "theirs there first",
            "package-differs",
            node,
        )


def may_be_joined(views: Views, node: str) -> None:
    """The version of the others admits a new member: documented, and mended in 3.1.1. Raises ValueError."""
    for other, version in sorted(answers.installed(views).items()):
        if other != node and version == CLOSED:
            raise Refused(
                f"{other} runs chef-backend {version}: a node cannot join a cluster that was installed with it (mended "
                "in 3.1.1). Nothing was done: ask the vendor how this one comes to 3.1.1 with two nodes",
                "closed-version",
                other,
            )


def installed_with(views: Views, node: str, said: object) -> None:
    """Somebody has said with which version the cluster was installed, where that may be 3.0.0: no file tells it.

    That an upgrade mends such a cluster is not documented, so that one is refused under a later version, too.

    :param said: what the pillar holds as ``installed_with``.
    """
    running = max(version for other, version in answers.installed(views).items() if other != node)
    if running <= CLOSED:
        return  # it is older than that, or told by what it runs
    expected = f"the version that the cluster was installed with, {running} or before"
    try:
        first = Version.from_text(str(said))
    except ValueError:
        first = None
    if first is None or first > running:
        raise Refused(
            f"installed_with: found {said!r}, expected {expected}: no node can join one that was installed with "
            f"{CLOSED}, and no file tells whether this one was. Nothing was done",
            "pillar",
        )
    if first == CLOSED:
        raise Refused(
            f"installed_with: {first}: a node cannot join a cluster that was installed with it, and that the upgrade "
            f"to {running} has mended this one is not documented. Nothing was done: ask the vendor",
            "closed-version",
            node,
        )


def leader_of_others(views: Views, node: str) -> str:
    """Return the minion id of the leader that the other two see, which is one of them. Raises ValueError."""
    return answers.leader({other: view for other, view in views.items() if other != node})


def address_of_leader(views: Views, node: str) -> str:
    """Return that leader's address. Raises ValueError."""
    leads = leader_of_others(views, node)
    return answers.node_of(answers.cluster_of(views[leads]), leads).ip


def _members(view: View) -> int:
    """How many members etcd counts, in a node's ``status``."""
    try:
        shown = answers.status_of(view).service("etcd").value("healthy nodes")
    except KeyError as err:
        raise Refused(f"{view.node}: its status shows no etcd", "no-status", view.node) from err
    numbers = re.fullmatch(r"[0-9]{1,3}/([0-9]{1,3})", shown or "")
    if not numbers or not health.MEMBERS - 1 <= int(numbers[1]) <= health.MEMBERS:
        said = f"{view.node}: etcd has healthy nodes: {shown or 'nothing'}, expected 2/2, 2/3 or 3/3"
        raise Refused(said, "service-health", view.node)
    return int(numbers[1])

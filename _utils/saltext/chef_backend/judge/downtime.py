"""The way with full downtime: whose turn is next, from what the backends answer and what the run has noted.

With the cluster down nobody can tell who led, and the leader holds the newest data: it goes down first and comes up
last, and who it is stands in the record alone.
"""

from saltext.chef_backend.errors import Refused
from saltext.chef_backend.judge import answers
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.phrases import careful
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.record import Run


def is_down(view: View) -> bool:
    """Whether no service of a backend runs. Raises ValueError, naming the node, if its ``status`` cannot be read."""
    return not running(view)


def running(view: View) -> tuple[str, ...]:
    """Return the names of a backend's services that run. Raises ValueError if its ``status`` cannot be read."""
    return answers.status_of(view).running


def to_install(views: Views, target: str) -> list[str]:
    """Return the backends on which the target is not installed yet, by name."""
    return sorted(node for node, view in views.items() if view.version != target)


def to_take_down(views: Views, record: Run | None, leader: str) -> list[str]:
    """Return the backends that have to go down, the leader of record first.

    A node that went down and runs again, because it was switched off and on, or because its upgrade did not come to
    its end, goes down once more.

    :param record: of the run, or None before it is opened.
    :param leader: who led when the cluster was last whole.
    """
    gone = record.taken_down if record else ()
    order = [leader, *sorted(node for node in views if node != leader)]
    return [node for node in order if not _finished(node, record) and (node not in gone or not is_down(views[node]))]


def to_upgrade(views: Views, record: Run | None, leader: str) -> list[str]:
    """Return the backends whose upgrade has not ended in this run, the leader of record last."""
    order = [*sorted(node for node in views if node != leader), leader]
    return [node for node in order if not _finished(node, record)]


def may_go_first(views: Views, node: str) -> None:
    """The node leads now, as every backend sees it: it is the first to go down. Raises ValueError."""
    leads = answers.leader(views)
    if leads != node:
        raise Refused(
            f"{node} was to go down first, but {leads} leads now. Nothing was taken down; the same command goes on",
            "turn",
            node,
        )


def leads_now(views: Views, record: Run) -> str | None:
    """Return who leads a cluster that is being taken down, if it is not the leader of record; None if nobody does.

    The lead has moved while its leader went down: the newest data is there.
    """
    leading = [node for node, view in views.items() if view.leads]
    return leading[0] if record.down and leading not in ([], [record.leader]) else None


def leader_is_known(views: Views, leader: str) -> None:
    """Every backend has noted who led, before the first goes down. Raises ValueError naming those that have not."""
    without = [node for node, view in sorted(views.items()) if not view.record or view.record.leader != leader]
    if without:
        raise Refused(f"{', '.join(without)} has not noted that {leader} leads: nothing is taken down", "run-lost")


def may_go_next(views: Views, record: Run, node: str) -> None:
    """The leader of record is down already: now its followers may go, and it has the newest data. Raises ValueError.

    Or this run has upgraded it: the lead has moved to it since, from one that came up by itself.
    """
    led = record.leader
    if _finished(led, record) and views[node].leads is None and "postgresql" in running(views[node]):
        said = f"{node} does not tell whether it leads: {views[node].why_not('leads') or 'look there'}"
        raise Refused(said, "leads-unknown", node)
    if node != led and not _finished(led, record) and not is_down(views[led]):
        raise Refused(f"{led} led and is not down ({_shown(views[led])}): it goes down first", "turn", led)


def may_come_up(views: Views, record: Run, target: str, node: str) -> None:
    """Every backend has the target installed and is down or upgraded, and the leader of record comes last.

    :raises ValueError: which node is not so far.
    """
    late = to_install(views, target)
    if late:
        raise Refused(f"{', '.join(late)} has not got {target} installed yet", "not-installed", ", ".join(late))
    for other, view in sorted(views.items()):
        if other != node and not _finished(other, record) and not is_down(view):
            said = f"{other} is not down ({_shown(view)}): the upgrade needs the whole cluster down"
            raise Refused(said, "not-down", other)
    if node == record.leader and (behind := [n for n in to_upgrade(views, record, record.leader) if n != node]):
        raise Refused(f"{node} led, it comes up last, but {', '.join(behind)} is not upgraded yet", "turn", node)


def advice(views: Views, record: Run | None) -> str:
    """Say what to do about a cluster that a run has taken down; empty if this run has not.

    :param views: with ``status`` and ``cluster``.
    """
    if record is None or not record.down:
        return ""
    try:
        waiting = to_upgrade(views, record, record.leader)
        down = [node for node in waiting if is_down(views[node])]
    except (ValueError, KeyError) as err:
        return f"run {record.run} has the cluster down, and {err}: look there, then the same command goes on"
    if down:
        return f"run {record.run} has the cluster down ({', '.join(down)}): the same command goes on from there"
    try:
        answers.leader(views)
    except ValueError as err:
        name, called = record.leader, answers.product_name(views, record.leader)
        return (
            f"all backends were brought up again, and {err}. {name} led and holds the newest data. The documented way "
            f"out, of which nothing was done: {careful(name)}; then 'chef-backend-ctl promote {called}', and if that "
            f"fails for want of a leader, 'chef-backend-ctl force-leader' on {name}. Then the same command goes on"
        )
    return f"run {record.run} is not verified yet: the same command goes on from there"


def _finished(node: str, record: Run | None) -> bool:
    return record is not None and node in record.finished


def _shown(view: View) -> str:
    return f"{', '.join(running(view))} runs"

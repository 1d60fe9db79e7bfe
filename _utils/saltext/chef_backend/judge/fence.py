"""Whether a node obeys an order when it comes to carrying it out: it may have waited behind others for minutes.

It is obeyed inside its own run, under its owner, in its turn, while it is fresh. Every other changes nothing.
"""

from saltext.chef_backend import record as records
from saltext.chef_backend.order import Moment, Order
from saltext.chef_backend.record import Record

TOO_OLD = "this order is too old"  # a run that lives gives it anew


def refusal(order: Order, node: str, stands: Record | None, gave_up: int | None, waited: float | None) -> str | None:
    """Return why an order is refused; None if it is to be obeyed.

    :param node: minion id of the node that was ordered.
    :param stands: the record on this node, brought up by the order's where that is higher; None if no run is open.
    :param gave_up: the epoch of the order's run that this node has given up, or None.
    :param waited: seconds since it was known to hold, see :func:`waited`; None: that was before this node's boot.
    """
    word = order.record
    if stands is None or stands.run != word.run:
        other = f"run {stands.run} holds this node" if stands else "no run is open here"
        return f"{_whose(word)}, which is over: {other}"
    if stands.epoch != word.epoch:
        return f"{_whose(word)}, epoch {word.epoch}: the run has been taken over since (epoch {stands.epoch})"
    if stands.state != records.OPEN:
        return f"{_whose(word)}, which has ended as {stands.state}"
    if gave_up == word.epoch:
        return f"{_whose(word)}, which this node has given up: it was not heard of for its lease"
    if stands.word != word.word:
        return f"{_whose(word)} at {word.step!r}, and the run is at {stands.step!r} by now"
    if stands.turn is not None and node not in names(stands.turn):
        return f"{_whose(word)}, in which it is the turn of {stands.turn}"
    if waited is None or waited > word.lease:
        shown = "this node was started since" if waited is None else f"it has waited for {waited:.0f} s"
        return f"{TOO_OLD}, of run {word.run}: {shown}, and its run's lease is {word.lease} s"
    return None


def waited(order: Order, node: str, now: Moment, holds: Moment | None) -> float | None:
    """Return the seconds since an order was known to hold; None if that was before this boot of the node.

    :param now: this node's boot, and the seconds since.
    :param holds: when it was known to hold, while it is carried out; None if that begins just now: then it counts since
        its master heard of this node last. What it takes to carry it out does not count, but that a job was stopped.
    """
    boot, since = holds or order.heard.get(node, ("", 0.0))
    return now[1] - since if boot == now[0] else None


def names(turn: str | None) -> list[str]:
    """Return the nodes whose turn a record says it is."""
    return turn.split(", ") if turn else []


def _whose(word: Record) -> str:
    return f"this order is of run {word.run}"

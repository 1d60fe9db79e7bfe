"""Orders are fenced: a node looks, when it carries one out, whether it still is one."""

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.judge import fence
from saltext.chef_backend.node import record_file
from saltext.chef_backend.node.host import Host

BEGUN = "chef_backend.begun"  # the order that this job is carrying out


def obey(host: Host) -> None:
    """See that the order by which this job changes something still holds; what nobody ordered, a person typed.

    A copy of the record that has missed the order's word is brought up by it. How long the order has waited counts
    when the job begins, and not while it works.

    :raises CommandExecutionError: it does not, and why. Nothing is done then.
    """
    order = host.order
    if order is None:
        return
    stands, gave_up = record_file.brought_up(host, order.record)
    fresh = host.kept.get(BEGUN) == order
    why = fence.refusal(order, host.name, stands, gave_up, None if fresh else host.clock.boot())
    if why:
        raise CommandExecutionError(f"{host.name}: nothing was done: {why}")
    host.kept[BEGUN] = order

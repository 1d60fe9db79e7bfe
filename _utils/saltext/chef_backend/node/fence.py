"""Orders are fenced: a node looks, when it carries one out, whether it still is one."""

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.judge import fence
from saltext.chef_backend.node import record_file
from saltext.chef_backend.node.host import Host

BEGUN = "chef_backend.begun"  # the order that this job is carrying out, and when it was known to hold last


def obey(host: Host) -> float | None:
    """See that the order by which this job changes something still holds; what nobody ordered, a person typed.

    A copy of the record that has missed the order's word is brought up by it. How long the order has waited counts
    when the job begins, and while it works as long as it waits for no command: it may have been stopped.

    :returns: until when what it orders may be begun without looking again, in seconds since the boot; None: for good.
    :raises CommandExecutionError: it does not, and why. Nothing is done then.
    """
    order = host.order
    if order is None:
        return None
    stands, gave_up = record_file.brought_up(host, order.record)
    begun, holds = host.kept.get(BEGUN, (None, None))
    now = host.clock.boot()
    waited = fence.waited(order, host.name, now, holds if begun == order else None)
    why = fence.refusal(order, host.name, stands, gave_up, waited)
    if why:
        raise CommandExecutionError(f"{host.name}: nothing {'more ' * (begun == order)}was done: {why}")
    host.kept[BEGUN] = (order, now)
    return now[1] + order.record.lease


def waited_for(host: Host, ended: float) -> None:
    """Note that this job has waited for a command until it ended, in seconds since this node's boot."""
    order, (boot, holds) = host.kept.get(BEGUN, (None, ("", 0.0)))
    if order is not None:
        host.kept[BEGUN] = (order, (boot, max(holds, ended)))

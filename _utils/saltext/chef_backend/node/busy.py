"""What is changing this node now, whoever wants it: asked before anything is begun, and before failover comes on."""

from saltext.chef_backend.node import durable
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.product import masking

TYPED = (  # by a person: what the extension itself has started is known by its note
    r"chef-backend-ctl (upgrade|down-for-upgrade|backup|restore|reconfigure|create-cluster|join-cluster|remove-node"
    r"|cleanse|promote|demote|force-leader)\b|chef-server-ctl (upgrade|reconfigure|reindex|restore|cleanup|cleanse)\b"
)


def busy(host: Host) -> list[str]:
    """Return what is changing this node now, as text: commands, states, and states that wait for their turn.

    A run whose orchestration was killed goes on here until the step at hand has ended. A command goes on even without
    the job that wanted it, and what it has started even without the command.

    :raises CommandExecutionError: it cannot be told: unknown is not "nothing".
    """
    command = durable.at_work(host)
    lines = [command] if command else []
    lines += [masking.mask(line) for line in host.processes.matching(TYPED)]
    lines += [f"{job['fun']} (job {job['jid']})" for job in host.salt["saltutil.is_running"]("state.*")]
    return lines + list(host.queued())

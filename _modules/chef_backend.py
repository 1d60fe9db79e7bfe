"""chef-backend-ctl on this backend: the questions asked of it, and the commands of an upgrade.

Every command is a list of words, never a shell string, with a bound in seconds. One that fails raises an error with
node, command, status and last lines of output.
"""

import os
from typing import Any

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import salt
from saltext.chef_backend.node import backend, ctl
from saltext.chef_backend.product import command


def __virtual__() -> salt.Virtual:
    return salt.on_a_backend()


def run(*args: Any, timeout: float = 60, hide: bool = False) -> str:
    """Run chef-backend-ctl with arguments.

    :param args: subcommand and its arguments, each a word of its own.
    :param timeout: bound in seconds.
    :param hide: keep the output out of the result, the error and the log (it may hold a secret).
    :returns: standard output, as text.
    :raises CommandExecutionError: node, command, status and last lines, if the status is not 0; or what it prints holds
        secrets, and a function of its own is for that.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.run service-list
    """
    own = command.hides_secrets(list(map(str, args)))
    if own:
        raise CommandExecutionError(f"{salt.host().name}: what {args[0]} prints holds secrets: use chef_backend.{own}")
    return ctl.run(salt.host(), (command.BACKEND, *map(str, args)), timeout, hide)


def version() -> str:
    """Return the installed version, such as ``2.3.16``, from the package's version manifest.

    :raises CommandExecutionError: nothing is installed, or the manifest cannot be read.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.version
    """
    return backend.version(salt.host())


def cluster_status(timeout: float = 60) -> str:
    """Return the table that ``cluster-status`` prints: every node and its role, seen from this one.

    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.cluster_status
    """
    return backend.cluster_status(salt.host(), timeout)


def status(service: str | None = None, simple: bool = False, timeout: float = 60) -> str:
    """Return what ``status`` prints: this node's services, and what they see of the cluster.

    Its exit status says nothing about health, so it is not looked at here; read the text.

    :param service: one service only.
    :param simple: runit's own lines.
    :param timeout: bound in seconds.
    :raises CommandExecutionError: nothing was printed at all.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.status
        salt be1 chef_backend.status postgresql simple=True
    """
    return backend.status(salt.host(), service, simple, timeout)


def leader(timeout: float = 60) -> str:
    """Return the name of the node that leads, by Role and by PostgreSQL.

    :raises CommandExecutionError: not exactly one node does: no leader is not a node's name.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.leader
    """
    return backend.leader(salt.host(), timeout)


def is_leader() -> bool:
    """Tell whether this node leads, by its own name in ``cluster-status``.

    CLI Example:

    .. code-block:: bash

        salt 'be*' chef_backend.is_leader
    """
    return backend.is_leader(salt.host())


def failover(timeout: float = 60) -> str:
    """Return ``on``, ``off``, ``mixed`` or ``unknown``: whether nodes may take over the lead.

    There is no command that reads it; the Blocked column of 2.0.30 and later tells. Earlier versions: ``unknown``.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.failover
    """
    return backend.failover(salt.host(), timeout)


def replication(timeout: float = 30) -> str:
    """Return PostgreSQL's own view of who follows this node, one JSON object a line; empty on a follower.

    The columns' names differ by PostgreSQL version (``replay_location`` before 10, ``replay_lsn`` since); ``current``
    is where the leader writes now.

    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.replication
    """
    return backend.replication(salt.host(), timeout)


def index_created() -> str:
    """Return the version of the Elasticsearch that created the search index, such as ``5.6.16``.

    It decides whether 3.x can read the index. Raises CommandExecutionError if it cannot be told.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.index_created
    """
    return backend.index_created(salt.host())


def set_cluster_failover(state: Any, timeout: float = 60) -> str:
    """Allow or forbid that another node takes over the lead, for the whole cluster.

    :param state: on, off, true, false, enabled or disabled.
    :param timeout: bound in seconds.
    :returns: what the command printed.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.set_cluster_failover off
    """
    return ctl.run(salt.host(), command.switch_failover(backend.failover_word(state)), timeout)


def ensure_failover(state: Any, timeout: float = 60) -> dict[str, str]:
    """Switch failover on or off and wait until cluster-status shows it.

    The command is run even if the state seems right already when it cannot be read (before 2.0.30).

    :param state: on or off.
    :param timeout: bound in seconds for the nodes to show it; they post their state every 10 s.
    :returns: ``{"before": as read, "after": as read}``; ``unknown`` where the version does not show it.
    :raises CommandExecutionError: the command fails, or another state is shown when the bound has passed.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.ensure_failover on
    """
    return backend.ensure_failover(salt.host(), state, timeout)


def set_node_failover(state: Any, timeout: float = 60) -> str:
    """Allow or forbid that this node takes over the lead.

    :param state: on, off, true, false, enabled or disabled.
    :param timeout: bound in seconds.
    :returns: what the command printed.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.set_node_failover off
    """
    words = (command.BACKEND, "set-node-failover", backend.failover_word(state))
    return ctl.run(salt.host(), words, timeout)


def upgrade(failover: bool = False, timeout: float = 3600) -> str:
    """Bring this node's data and services to the installed version and wait until it has rejoined.

    :param failover: hand the lead over first; needed on the leader.
    :param timeout: bound in seconds.
    :returns: what the command printed.

    CLI Example:

    .. code-block:: bash

        salt be2 chef_backend.upgrade
        salt be1 chef_backend.upgrade failover=True
    """
    return ctl.run(salt.host(), command.upgrade(failover), timeout)


def down_for_upgrade(timeout: float = 600) -> str:
    """Take this node out of the cluster for a full-downtime upgrade; its services stop.

    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.down_for_upgrade
    """
    return ctl.run(salt.host(), command.DOWN_FOR_UPGRADE, timeout)


def backup(force: bool = False, timeout: int = 600) -> str:
    """Write a backup below /var/opt/chef-backup.

    :param force: also on the leader.
    :param timeout: the command's own bound in seconds.
    :returns: what the command printed.

    CLI Example:

    .. code-block:: bash

        salt be2 chef_backend.backup timeout=1200
    """
    return ctl.run(salt.host(), command.backup(timeout, force), timeout + 30)


def restore(path: str, timeout: float = 3600) -> str:
    """Replace ALL data of the cluster by a backup's. Only on the leader.

    :param path: the archive, an absolute path on this node.
    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.restore /var/opt/chef-backup/chef-backup-2026-11-22.tar.gz
    """
    if not os.path.isabs(str(path)):
        raise CommandExecutionError(f"{path!r}: expected an absolute path on the node")
    return ctl.run(salt.host(), (command.BACKEND, "restore", path, "--yes"), timeout)

"""chef-backend-ctl on this backend: who is a member of the cluster, and who is to lead it.

Nothing here is run by an upgrade. Commands that ask a person to confirm get their ``--yes`` only when the
caller says ``yes=True``.
"""

import os
import re
import stat

from salt.exceptions import CommandExecutionError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
ADDRESS = re.compile(r"[0-9A-Za-z:][0-9A-Za-z:.-]{0,252}")

CLEANSED = ("/etc/chef-backend", "/var/opt/chef-backend")  # what belongs to the product
DATA = tuple(f"/var/opt/chef-backend/{service}" for service in ("etcd", "postgresql", "elasticsearch"))


def __virtual__():
    return True


def demote(timeout=300):
    """Make the leader step down, so that a follower is elected. Fails while failover is off.

    :param timeout: bound in seconds.
    :returns: what the command printed.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_cluster.demote
    """
    return __salt__["chef_backend.run"]("demote", timeout=timeout)


def promote(node, timeout=300):
    """Make a node the leader. Fails while failover is off, or if the node leads already.

    :param node: the node's name, as in cluster-status.
    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_cluster.promote be2
    """
    return __salt__["chef_backend.run"]("promote", _name(node), timeout=timeout)


def force_leader(timeout=300):
    """Make this node the leader of a cluster that has none. Writes it has not seen are lost.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_cluster.force_leader
    """
    return __salt__["chef_backend.run"]("force-leader", timeout=timeout)


def create_cluster(quorum_loss_recovery=False, yes=False, timeout=900):
    """Make this node the first of a new cluster.

    :param quorum_loss_recovery: from the survivor of a cluster that lost two nodes.
    :param yes: confirm.
    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_cluster.create_cluster yes=True
    """
    options = ["--quorum-loss-recovery"] if quorum_loss_recovery else []
    return __salt__["chef_backend.run"]("create-cluster", *options, *_yes(yes), timeout=timeout)


def join_cluster(
    peer, secrets=None, publish_ip=None, interface=None, recovery=False, yes=False, accept_license=False,
    quiet=False, timeout=1800,
):  # fmt: skip
    """Make this node a member of a peer's cluster. Nodes join one at a time.

    :param peer: IP address of a member.
    :param secrets: path of the cluster's secrets file on this node.
    :param publish_ip: address that the others reach this node at.
    :param interface: network interface instead of an address.
    :param recovery: this node replaces one that was removed.
    :param yes: confirm.
    :param accept_license: accept the product's licence.
    :param quiet: print less.
    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be3 chef_backend_cluster.join_cluster 192.0.2.11 secrets=/root/secrets.json yes=True
    """
    if not ADDRESS.fullmatch(str(peer)):
        raise CommandExecutionError(f"{peer!r} is not the address of a node")
    options = [*(["-s", secrets] if secrets else []), *(["-p", publish_ip] if publish_ip else [])]
    options += ["-i", interface] if interface else []
    options += ["--recovery"] if recovery else []
    options += ["--accept-license"] if accept_license else []
    options += ["--quiet"] if quiet else []
    return __salt__["chef_backend.run"]("join-cluster", peer, *options, *_yes(yes), timeout=timeout)


def remove_node(node, yes=False, timeout=300):
    """Forget a node that is down for good. Fails while the node is alive.

    :param node: the node's name, as in cluster-status.
    :param yes: confirm.
    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_cluster.remove_node be3 yes=True
    """
    return __salt__["chef_backend.run"]("remove-node", _name(node), *_yes(yes), timeout=timeout)


def cleanse(yes=False, timeout=600):
    """Delete all of this node's Chef Backend data.

    :param yes: must be True: the data is gone afterwards.
    :param timeout: bound in seconds.
    :raises CommandExecutionError: without ``yes=True``; nothing is touched then.

    CLI Example:

    .. code-block:: bash

        salt be3 chef_backend_cluster.cleanse yes=True
    """
    if yes is not True:
        raise CommandExecutionError("cleanse deletes all data of this node: say yes=True if that is meant")
    return __salt__["chef_backend.run"]("cleanse", "--yes", timeout=timeout)


def gen_server_config(fqdn, path, timeout=120):
    """Write a frontend's settings to a file on this node that only root reads.

    They hold the database superuser's password: they are never returned, logged or put on the bus.

    :param fqdn: the frontend's name.
    :param path: absolute path of a file that is not there yet.
    :param timeout: bound in seconds.
    :returns: the path.
    :raises CommandExecutionError: bad name or path, file exists, command fails (its output is withheld).

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_cluster.gen_server_config chef.example.com /root/chef-server.rb.chef
    """
    if not os.path.isabs(path):
        raise CommandExecutionError(f"{path!r}: expected an absolute path on the node")
    try:  # made beforehand, so that the password is at no moment in a file that others may read
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as err:
        raise CommandExecutionError(f"{path}: {err.strerror}: name a file that is not there yet") from err
    done = False
    try:
        __salt__["chef_backend.run"]("gen-server-config", _name(fqdn), "-f", path, timeout=timeout, hide=True)
        os.chmod(path, 0o600)
        done = True
    finally:
        if not done:
            os.unlink(path)
    return path


def data_here():
    """Return the folders of a member's data that hold a file on this node; none after ``cleanse``.

    CLI Example:

    .. code-block:: bash

        salt be3 chef_backend_cluster.data_here
    """
    return [path for path in DATA if any(files for _, _, files in os.walk(path))]


def secrets_ready(path):
    """Tell that a copy of the cluster's secrets lies ready for this node to join: in a file that only root reads.

    :param path: absolute path on this node, not where ``cleanse`` deletes.
    :returns: True.
    :raises CommandExecutionError: it is not ready, and what to do.

    CLI Example:

    .. code-block:: bash

        salt be3 chef_backend_cluster.secrets_ready /root/chef-backend-secrets.json
    """
    here = __grains__["id"]
    if not isinstance(path, str) or not os.path.isabs(path):
        raise CommandExecutionError(f"secrets: {path!r}: expected an absolute path on {here}")
    real = os.path.realpath(path)
    if any(real.startswith(f"{folder}/") for folder in CLEANSED):
        raise CommandExecutionError(f"secrets: {path}: cleanse deletes what lies there: put it elsewhere on {here}")
    try:
        found = os.stat(real)
    except OSError as err:
        raise CommandExecutionError(
            f"secrets: {path}: {err.strerror} on {here}: copy another backend's "
            "/etc/chef-backend/chef-backend-secrets.json there, mode 0600"
        ) from err
    if not stat.S_ISREG(found.st_mode) or not found.st_size or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise CommandExecutionError(f"secrets: {path}: expected a file of root's, mode 0600, not empty, on {here}")
    return True


def _yes(confirmed):
    return ["-y"] if confirmed is True else []


def _name(name):
    """Let only names through that cannot be taken for an option."""
    if not NAME.fullmatch(str(name)):
        raise CommandExecutionError(f"{name!r} is not the name of a node")
    return name

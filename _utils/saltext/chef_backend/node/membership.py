"""A backend as a member of its cluster: it holds no data, it joins; and what a person may order of membership."""

import os
import re
import stat

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import outcome
from saltext.chef_backend.node import ctl, durable, fence, files, journal
from saltext.chef_backend.node.host import OWN, Host
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.product import command

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
ADDRESS = re.compile(r"[0-9A-Za-z:][0-9A-Za-z:.-]{0,252}")
CLEANSED = ("/etc/chef-backend", "/var/opt/chef-backend")  # what belongs to the product
DATA = tuple(f"/var/opt/chef-backend/{service}" for service in ("etcd", "postgresql", "elasticsearch"))
SERVER_CONFIG = f"{OWN}/server-config"


def emptied(host: Host, name: str, timeout: float = 600) -> Result:
    """This node holds no data of a cluster any more.

    Whoever applies this has seen that the cluster does not miss it.
    """
    with outcome.on_node(name) as ret:
        fence.obey(host)
        before = data_here(host)
        if not before:
            return outcome.done(ret, f"{host.name} holds no data")
        if host.test:
            return outcome.would(ret, f"would delete all data of {host.name}", "data", before, [])
        with journal.told(host, "cleanse"):
            ctl.run(host, command.CLEANSE, timeout=timeout)
            after = data_here(host)
            ret["changes"]["data"] = {"old": before, "new": after}
            if after:
                raise CommandExecutionError(f"cleanse ended with status 0, but {', '.join(after)} still holds files")
        return outcome.done(ret, f"all data of {host.name} is deleted")
    return ret


def joined(
    host: Host, name: str, peer: str, secrets: str, accept_license: bool = False, timeout: float = 3600
) -> Result:
    """This node, which holds no data, is a member of the cluster that a peer belongs to.

    :param peer: IP address of a member.
    :param secrets: path of the cluster's secrets on this node.
    """
    with outcome.on_node(name) as ret:
        fence.obey(host)
        secrets_ready(host, secrets)
        if host.test:
            return outcome.would(ret, f"would join the cluster of {peer}", "member of", None, peer)
        options = ["--recovery", *(["--accept-license"] if accept_license else []), "-y"]
        words = command.join_cluster(known_address(peer), secrets, *options)
        held = data_here(host)
        if held and not durable.pending(host, peer, words):
            raise CommandExecutionError(f"{host.name} holds data in {', '.join(held)}: nothing was done")
        with journal.told(host, "join"):
            ctl.run(host, words, timeout=timeout, about=peer)
        ret["changes"]["member of"] = {"old": None, "new": peer}
        return outcome.done(ret, f"joined the cluster of {peer}")
    return ret


def data_here(host: Host) -> list[str]:
    """Return the folders of a member's data that hold a file on this node; none after ``cleanse``."""
    return [path for path in DATA if any(found for _, _, found in os.walk(host.path(path)))]


def secrets_ready(host: Host, path: object) -> None:
    """See that a copy of the cluster's secrets lies ready for this node to join: in a file that only root reads.

    :param path: absolute path on this node, not where ``cleanse`` deletes.
    :raises CommandExecutionError: it is not ready, and what to do.
    """
    if not isinstance(path, str) or not os.path.isabs(path):
        raise CommandExecutionError(f"secrets: {path!r}: expected an absolute path on {host.name}")
    real = os.path.realpath(path)
    if any(real.startswith(f"{host.path(folder)}/") for folder in CLEANSED):
        raise CommandExecutionError(
            f"secrets: {path}: cleanse deletes what lies there: put it elsewhere on {host.name}"
        )
    try:
        found = os.stat(real)
    except OSError as err:
        raise CommandExecutionError(
            f"secrets: {path}: {err.strerror} on {host.name}: copy another backend's "
            "/etc/chef-backend/chef-backend-secrets.json there, mode 0600"
        ) from err
    if not stat.S_ISREG(found.st_mode) or not found.st_size or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise CommandExecutionError(f"secrets: {path}: expected a file of root's, mode 0600, not empty, on {host.name}")


def gen_server_config(host: Host, fqdn: str, timeout: float = 120) -> str:
    """Write a frontend's settings to a file on this node that only root reads; return its path.

    They hold the database superuser's password: they are never returned, logged or put on the bus.

    :param fqdn: the frontend's name; part of the file's name.
    :raises CommandExecutionError: bad name; the command fails (its output is withheld): nothing is left then; or it
        goes on.
    """
    path = host.path(f"{SERVER_CONFIG}/{known_name(fqdn)}.rb")
    words, done = (command.BACKEND, "gen-server-config", fqdn, "-f", str(path)), False
    try:
        if not durable.pending(host, str(path), words):
            files.write(path, "")  # beforehand, so that the password is at no moment in a file that others may read
        ctl.run(host, words, timeout, hide=True, about=str(path))
        path.chmod(0o600)
        done = True
    except OSError as err:
        raise CommandExecutionError(f"{host.name}: {path}: {err.strerror}") from err
    finally:
        if not done and not durable.at_work(host):  # what goes on writes into it
            files.remove(path)
    return str(path)


def known_name(name: object) -> str:
    """Return a node's name, if it cannot be taken for an option. Raises CommandExecutionError."""
    if not NAME.fullmatch(str(name)):
        raise CommandExecutionError(f"{name!r} is not the name of a node")
    return str(name)


def known_address(address: object) -> str:
    """Return a node's address, if it is one. Raises CommandExecutionError."""
    if not ADDRESS.fullmatch(str(address)):
        raise CommandExecutionError(f"{address!r} is not the address of a node")
    return str(address)

"""A backend as a member of its cluster: it holds no data, it joins; and what a person may order of membership."""

import json
import os
import re
import shutil
import stat
from pathlib import Path

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import outcome
from saltext.chef_backend.node import ctl, durable, fence, files, journal
from saltext.chef_backend.node.host import OWN, Host
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.product import command

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
ADDRESS = re.compile(r"[0-9A-Za-z:][0-9A-Za-z:.-]{0,252}")
SETTINGS, PRODUCT = "/etc/chef-backend", "/var/opt/chef-backend"
CLEANSED = (SETTINGS, PRODUCT)
LICENSE = ".license.accepted"  # which a new host may have, too
# what a former member has, and a new node has not
INSTALLED = tuple(f"{SETTINGS}/{name}" for name in ("chef-backend.rb", "chef-backend-secrets.json"))
SAVED = "/root", "chef-backend-cleanse*"  # where cleanse saves the settings before it deletes them
NOTE = f"{OWN}/cleansed"  # what had been saved there before this node was cleansed: what has come since is its own
SERVER_CONFIG = f"{OWN}/server-config"


def emptied(host: Host, name: str, timeout: float = 600) -> Result:
    """This node holds no data of a cluster any more, and the settings that it had.

    Whoever applies this has seen that the cluster does not miss it. Source: the product's recovery page, where the
    settings that ``cleanse`` has saved are copied back before the node joins.
    """
    with outcome.on_node(name) as ret:
        fence.obey(host)
        before, note, settings = data_here(host), host.path(NOTE), host.path(INSTALLED[0])
        if not before and not note.exists():
            return outcome.done(ret, f"{host.name} holds no data")
        if host.test and before:
            return outcome.would(ret, f"would delete all data of {host.name}", "data", before, [])
        if host.test:
            return outcome.would(ret, f"would copy the settings of {host.name} back", "settings", None, SETTINGS)
        with journal.told(host, "cleanse"):
            if not note.exists() or settings.exists():  # else an earlier try has deleted the settings
                files.write(note, json.dumps({"saved": _saved(host), "settings": settings.exists()}))
            if before:
                ctl.run(host, command.CLEANSE, timeout=timeout)
                ret["changes"]["data"] = {"old": before, "new": data_here(host)}
            left = data_here(host)  # a disk of its own stays, as an empty folder
            if left:
                raise CommandExecutionError(f"cleanse ended with status 0, but {', '.join(left)} still holds files")
            back = _restore(host)
            if back:
                ret["changes"]["settings"] = {"old": None, "new": back}
            files.remove(note)
        return outcome.done(ret, f"all data of {host.name} is deleted" + (", its settings are back" if back else ""))
    return ret


def _saved(host: Host) -> list[str]:
    """Return the names of the folders in which settings were saved, the newest last."""
    folder, pattern = SAVED
    there = [path for path in host.path(folder).glob(pattern) if path.is_dir()]
    return [path.name for path in sorted(there, key=lambda path: path.stat().st_mtime)]


def _restore(host: Host) -> list[str]:
    """Copy back what ``cleanse`` has saved of this node's settings; return the names of the files.

    A node that had none is a new one; what is there is not written over.

    :raises CommandExecutionError: it had some, and they are not to be found.
    """
    noted = json.loads(files.read(host.path(NOTE)) or "{}")
    if not noted.get("settings") or host.path(INSTALLED[0]).exists():
        return []
    wanted = host.path(INSTALLED[0]).name
    fresh = [host.path(f"{SAVED[0]}/{name}") for name in reversed(_saved(host)) if name not in noted["saved"]]
    found = [path for folder in fresh for path in sorted(folder.rglob(wanted), key=_depth) if not path.is_symlink()]
    if not found:
        raise CommandExecutionError(
            f"{host.name}: cleanse has saved no {wanted} below {'/'.join(SAVED)}: copy this node's own, and the "
            f"cluster's secrets, to {SETTINGS}, then run the same command again"
        )
    target, source = host.path(SETTINGS), found[0].parent
    target.mkdir(mode=0o750, exist_ok=True)
    others = sorted(path for path in source.iterdir() if path.name != wanted)
    for path in others:
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, target / path.name, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(path, target / path.name, follow_symlinks=False)
    shutil.copy2(source / wanted, target / f".{wanted}.new")
    os.replace(target / f".{wanted}.new", target / wanted)  # what tells that they are back comes last, and at once
    return [wanted, *(path.name for path in others)]


def _depth(path: Path) -> int:
    return len(path.parts)


def joined(
    host: Host, name: str, peer: str, secrets: str, accept_license: bool = False, timeout: float = 3600
) -> Result:
    """This node, which holds no data, is a member of the cluster that a peer belongs to.

    One that has the settings and secrets of a former member comes back with ``--recovery``, which a new one, without
    them, may not say (the product's recovery page).

    :param peer: IP address of a member.
    :param secrets: path of the cluster's secrets on this node.
    """
    with outcome.on_node(name) as ret:
        fence.obey(host)
        secrets_ready(host, secrets)
        if host.test:
            return outcome.would(ret, f"would join the cluster of {peer}", "member of", None, peer)
        options = [*(["--accept-license"] if accept_license else []), "-y"]
        returns = command.join_cluster(known_address(peer), None, "--recovery", *options)
        is_new = command.join_cluster(peer, secrets, *options)
        held, pending = data_here(host), durable.pending(host, peer, returns, is_new)
        words = pending or (returns if all(host.path(path).exists() for path in INSTALLED) else is_new)
        if held and not pending:
            raise CommandExecutionError(f"{host.name} holds data in {', '.join(held)}: nothing was done")
        with journal.told(host, "join"):
            ctl.run(host, words, timeout=timeout, about=peer)
        files.remove(host.path(NOTE))  # of a replacement that a person has finished
        ret["changes"]["member of"] = {"old": None, "new": peer}
        return outcome.done(ret, f"joined the cluster of {peer}")
    return ret


def data_here(host: Host) -> list[str]:
    """Return what is, or holds, a file of the product's data here, leaderl's sentinels too; none after ``cleanse``."""
    product = host.path(PRODUCT)
    there = sorted(path for path in product.iterdir() if path.name != LICENSE) if product.is_dir() else []
    return [f"{PRODUCT}/{path.name}" for path in there if _holds_files(path)]


def _holds_files(path: Path) -> bool:
    return not path.is_dir() or any(found for _, _, found in os.walk(path))


def secrets_ready(host: Host, path: object) -> None:
    """See that a copy of the cluster's secrets lies ready for this node to join: in a file that only root reads.

    Where this host has secrets of its own, they are the same: else it is of another cluster, and not to be emptied.

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
    own = host.path(INSTALLED[1])
    if own.exists() and own.read_bytes() != Path(real).read_bytes():
        raise CommandExecutionError(
            f"{host.name}: {own} and {path} differ: is this host of another cluster, or the copy an old one? Correct "
            f"the copy, or move {SETTINGS} away: then it joins as a new node. Nothing was done"
        )


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

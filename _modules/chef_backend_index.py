"""Elasticsearch's data on this backend: how much there is, and its end."""

import os
import shutil
import stat

from salt.exceptions import CommandExecutionError

DATA = "/var/opt/chef-backend/elasticsearch/data"
SERVICE = "elasticsearch"


def __virtual__():
    return True


def size():
    """Return how much lies in Elasticsearch's data folder: ``{"entries": directly in it, "bytes": of all files}``.

    A folder that is not there holds nothing. Symbolic links are counted, not followed.

    :raises CommandExecutionError: the folder itself is a symbolic link or no folder, or it cannot be read.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend_index.size
    """
    try:
        return {"entries": len(_entries()), "bytes": _bytes(DATA)}
    except OSError as err:
        raise CommandExecutionError(f"{__grains__['id']}: {DATA} cannot be read: {err}") from err


def delete():
    """Delete what lies in Elasticsearch's data folder on this node: its copy of the search index.

    The folder itself stays. A symbolic link in it is removed, what it points to is not touched. Elasticsearch must be
    stopped on ALL backends before: a node that still runs would send the old index to the emptied ones. This function
    can see its own node only, and refuses unless it is stopped here.

    :returns: what was there, as :func:`size`.
    :raises CommandExecutionError: Elasticsearch is not stopped here, something cannot be deleted, or is there again.

    CLI Example:

    .. code-block:: bash

        salt 'be*' chef_backend_index.delete
    """
    if not __salt__["chef_backend_service.is_stopped"](SERVICE):
        raise CommandExecutionError(
            f"{__grains__['id']}: {SERVICE} is not stopped: nothing was deleted. Stop it on all backends first"
        )
    before = size()
    try:
        for entry in _entries():
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)  # does not follow links either
            else:
                os.unlink(entry.path)
    except OSError as err:
        raise CommandExecutionError(f"{__grains__['id']}: {DATA} is not wholly deleted: {err}") from err
    left = size()
    if left["entries"]:
        raise CommandExecutionError(
            f"{__grains__['id']}: {DATA} holds {left['entries']} entries again: did {SERVICE} start?"
        )
    return before


def _entries():
    """Return what stands directly in the data folder."""
    try:
        kind = os.lstat(DATA).st_mode
    except FileNotFoundError:
        return []
    if not stat.S_ISDIR(kind):
        what = "a symbolic link" if stat.S_ISLNK(kind) else "no folder"
        raise CommandExecutionError(
            f"{__grains__['id']}: {DATA} is {what}: nothing was deleted. Delete what it means by hand"
        )
    with os.scandir(DATA) as found:
        return list(found)


def _bytes(folder):
    """Return the size of all regular files below a folder, in bytes."""
    total = 0
    for path, _, files in os.walk(folder):
        total += sum(os.lstat(os.path.join(path, name)).st_size for name in files)
    return total

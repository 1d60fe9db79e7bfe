"""What this node must remember across a power loss, because nothing that can be observed tells it: small files."""

import os


def __virtual__():
    return True


def read(path):
    """Return what is noted in a file, without white space around it; None if nothing is.

    :param path: absolute path of the note.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_backend_note.read /var/lib/salt-chef-backend/reconfigured-for
    """
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except FileNotFoundError:
        return None


def write(path, text, mode=0o644, folder_mode=0o700):
    """Replace a note at once: a node that dies here holds the old one or the new one. Returns True.

    :param path: absolute path of the note.
    :param text: its content.
    :param mode: permission bits of the file, if the umask allows them.
    :param folder_mode: permission bits of its folder, if that is not there yet.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_backend_note.write /var/lib/salt-chef-backend/reconfigured-for 2.3.16
    """
    folder, fresh = os.path.dirname(path), path + ".new"
    os.makedirs(folder, mode=folder_mode, exist_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # the new name itself must survive a power loss
    finally:
        os.close(descriptor)
    return True

"""The report of a run, on the master: gathered from its record and journal, as text, mapping and HTML file."""

import contextlib
import os
import tempfile

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend.show import page as pages
from saltext.chef_backend.show import report as reports
from saltext.chef_backend.show import timeline as timelines


def __virtual__():
    return True


def report(name, run=None, path=None):
    """Return what ``salt-run chef_backend.report`` shows of a run: a mapping with ``text`` and ``ok``.

    :param name: the cluster's name.
    :param run: the run's id; the newest run if not given.
    :param path: absolute path of an HTML file to write on the master; its folder must be there.
    :raises CommandExecutionError: no such cluster or run, or the file cannot be written; nothing is changed then.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_reports.report prod with_pillar=True
    """
    if path is not None and not os.path.isabs(str(path)):
        raise CommandExecutionError(f"html={path}: expected an absolute path of a file on the master")
    runs = __salt__["chef_backend_history.runs"](name)
    if not runs:
        raise CommandExecutionError(f"cluster {name} has no run yet that its backends remember: nothing to report")
    found = next((one for one in runs if run is None or one.run == str(run)), None)
    if found is None:
        known = ", ".join(one.run for one in runs[:5])
        raise CommandExecutionError(f"cluster {name} has no run {run}; the newest ones are {known}")
    timeline = timelines.build(found, *__salt__["chef_backend_history.entries"](name, found.run))
    shown = {**reports.mapping(timeline), "text": reports.text(timeline), "ok": True}
    if path is not None:
        _write(str(path), pages.page(timeline))
        shown["html"] = str(path)
        shown["text"] += f"\n\nwritten: {path}"
    return shown


def _write(path, text):
    """Write a file so that it is there wholly or not at all, readable to its owner only."""
    made = None
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(None, "it is a folder, expected a file's path")
        handle, made = tempfile.mkstemp(prefix=".report-", dir=os.path.dirname(path))
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(made, path)
    except (OSError, ValueError) as err:  # ValueError: a byte that no path may have
        if made is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(made)
        raise CommandExecutionError(
            f"html={path!r} cannot be written: {getattr(err, 'strerror', err)}: name a file in a folder that is there"
        ) from err

"""What Salt is on this node: its versions, what it is served, its scheduler, its disks; none of it is the product's."""

import importlib.metadata
import os
import pwd
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError, SaltException

import saltext.chef_backend
from saltext.chef_backend.errors import of_file
from saltext.chef_backend.node import backup, scheduler
from saltext.chef_backend.node.host import OWN, Host
from saltext.chef_backend.product.command import STAGING
from saltext.chef_backend.product.masking import mask

DISTRIBUTION = "saltext-chef-backend"  # as pip knows this extension
DATA = "/var/opt/chef-backend/postgresql"  # what a backup holds, at most
RUNBOOKS = "orch/"


def environment(host: Host, saltenv: str | None = None, fire: bool = False) -> dict[str, Any]:
    """Return what of this node's Salt a run needs to know, as ``judge.fitness.Node`` reads it.

    :param saltenv: the environment that a run's orders will name; None: the node takes its own.
    :param fire: whether the scheduler is to be seen running a job, which takes up to two seconds.
    """
    env = saltenv or host.salt["config.get"]("saltenv") or "base"
    answer: dict[str, Any] = {
        "extension": saltext.chef_backend.__version__,
        "digest": saltext.chef_backend.digest(),
        "salt": str(host.grains.get("saltversion", "")),
        "python": list(sys.version_info[:3]),
        "pip": installed_by_pip(),
        "user": pwd.getpwuid(os.geteuid()).pw_name,
        "saltenv": env,
        "clock": host.clock.now(),
        "errors": {},
    }
    asked: dict[str, Callable[[], Any]] = {
        "runbooks": lambda: [path for path in host.salt["cp.list_master"](env) if path.startswith(RUNBOOKS)],
        "pillar": lambda: pillar_errors(host, env),
        "cleaned": lambda: taken_away(host, env),
        "scheduler": lambda: scheduler.enabled(host),
        "fires": lambda: scheduler.seen_to_run(host) if fire else None,
        "unwritable": lambda: [folder for folder in (OWN, STAGING) if not may_write(host.path(folder))],
        "free": lambda: {folder: free(host.path(folder)) for folder in (STAGING, "/opt", backup.FOLDER)},
        "data": lambda: size(host.path(DATA)),
    }
    for part, ask in asked.items():
        try:
            answer[part] = ask()
        except (SaltException, CommandExecutionError, OSError, KeyError, TypeError) as err:
            answer[part] = None
            answer["errors"][part] = mask(f"{type(err).__name__}: {err}" if isinstance(err, KeyError) else of_file(err))
    return answer


def pillar_errors(host: Host, saltenv: str) -> list[str]:
    """Return what the master finds wrong in this node's pillar, compiled anew."""
    since_3008 = {"unmask": True} if host.grains["saltversioninfo"][0] >= 3008 else {}  # it masks, and knows the word
    return [mask(str(one)) for one in host.salt["pillar.items"](saltenv=saltenv, **since_3008).get("_errors") or ()]


def taken_away(host: Host, saltenv: str) -> list[str]:
    """Return what a highstate here brings modules from, if it takes this extension away; empty: it does not.

    Salt's ``load_dynamic`` syncs from those environments that the top file has for this minion, and deletes what was
    synced from another one.

    :param saltenv: from which this extension was synced.
    """
    config = host.salt["config.get"]
    synced = Path(config("extension_modules") or "/").resolve() in Path(saltext.chef_backend.__file__).resolve().parents
    if not synced or not all(config(each, True) for each in ("autoload_dynamic_modules", "clean_dynamic_modules")):
        return []
    found = host.salt["state.show_top"](concurrent=True)
    host.kept.pop("retcode", None)  # a top file in error is no failure of this answer
    if not isinstance(found, dict):
        raise CommandExecutionError(f"its top file: {found}")
    return [] if saltenv in found else sorted(found)


def installed_by_pip() -> str | None:
    """Return the version of this extension that pip has installed for this Python; None: it has not."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None


def may_write(folder: Path) -> bool:
    """Whether this user may make files in a folder, or in the nearest one above it that is there."""
    return os.access(_nearest(folder), os.W_OK | os.X_OK)


def free(folder: Path) -> int:
    """Return the bytes that are free where a folder lies, or would lie."""
    return shutil.disk_usage(_nearest(folder)).free


def size(folder: Path) -> int:
    """Return the bytes of all files below a folder; 0 if it is not there."""
    total = 0
    for at, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(at, name)).st_size
            except FileNotFoundError:  # PostgreSQL makes and deletes files all the time
                continue
    return total


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder

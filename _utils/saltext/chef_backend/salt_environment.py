"""What the master's Salt is, read from Salt itself: beside ``salt.py`` and ``salt_bus.py``."""

import contextlib
import os
import pwd
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import salt.config
import salt.fileserver
import salt.loader
import salt.pillar
import salt.utils.url
import salt.version
from salt.exceptions import SaltException
from salt.utils.stringutils import to_unicode

import saltext.chef_backend as extension
from saltext.chef_backend.judge.fitness import Hub
from saltext.chef_backend.node.environment import RUNBOOKS, installed_by_pip, may_write

OURS = "chef_backend"  # our key of the pillar, and our folder in the master's cache
SHA256 = "sha256"
SERVED = "salt://"
PACKAGE = "_utils/saltext/chef_backend/"


def hub(opts: Mapping[str, Any], saltenv: str | None, pillar: Mapping[str, Any]) -> Hub:
    """Return what the master that this process belongs to is.

    :param opts: of the master, or of the part of it that runs orchestrations.
    :param saltenv: the environment that the operator names, if any.
    :param pillar: as this process has it.
    """
    env, user = saltenv or "base", pwd.getpwuid(os.geteuid()).pw_name
    files = _Files(opts, env)
    folders = (Path(opts["cachedir"]), Path(opts["cachedir"]) / OURS)
    return Hub(
        id=opts["id"],
        extension=extension.__version__,
        digest=extension.digest(),
        salt=str(salt.version.__version__),
        python=tuple(sys.version_info[:3]),
        pip=installed_by_pip(),
        typed_by=os.environ.get("SUDO_USER") or user,
        user=user,
        daemon=daemon(opts),
        saltenv=env,
        runbooks=tuple(files.names(RUNBOOKS)),
        served=files.digest(),
        stale_pillar=bool(opts.get("pillar_cache")) and pillar.get(OURS) != compiled(opts).get(OURS),
        pillar_cache=bool(opts.get("pillar_cache")),
        gather_job_timeout=float(opts.get("gather_job_timeout") or 0),
        unwritable=tuple(str(folder) for folder in folders if not may_write(folder)),
    )


def daemon(opts: Mapping[str, Any]) -> str:
    """Return the user that the master runs as, by its configuration.

    While an orchestration runs, Salt keeps in ``user`` of its options who asked for it: of salt-api, a person.
    """
    return str(salt.config.master_config(opts.get("conf_file"))["user"])


def package_size(opts: Mapping[str, Any], saltenv: str | None, source: str) -> int | None:
    """Return the bytes of a package that this master itself serves; None for one that comes from elsewhere.

    :param source: ``salt://...``, which may name its own environment; of any other nothing is known here.
    """
    if not source.startswith(SERVED):
        return None
    path, own = salt.utils.url.parse(source)
    found = salt.fileserver.Fileserver(dict(opts)).find_file(path, own or saltenv or "base")
    try:
        return os.stat(found["path"]).st_size
    except (KeyError, OSError):
        return None


def compiled(opts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the master's own pillar, compiled now; an older one that Salt's cache of pillars keeps is forgotten.

    Salt's own command for that knows minions by their keys, and the master has none.
    """
    fresh = {**opts, "pillar_cache": False}
    grains = salt.loader.grains(fresh)
    asked = (grains, fresh["id"], fresh.get("saltenv"))
    found: Mapping[str, Any] = salt.pillar.get_pillar(fresh, *asked, pillarenv=fresh.get("pillarenv")).compile_pillar()
    if opts.get("pillar_cache"):
        # who may not, or a master that began without that cache, has none to forget
        with contextlib.suppress(SaltException, OSError):
            salt.pillar.PillarCache(dict(opts), *asked, pillarenv=fresh.get("pillarenv")).clear_pillar()
    return found


class _Files:
    """What the master's file server has in an environment."""

    def __init__(self, opts: Mapping[str, Any], saltenv: str) -> None:
        self._server = salt.fileserver.Fileserver(dict(opts))
        self._saltenv = saltenv
        self._all: list[str] = self._server.file_list({"saltenv": saltenv})

    def names(self, prefix: str) -> list[str]:
        """Return the paths that begin so."""
        return [path for path in self._all if path.startswith(prefix)]

    def digest(self) -> str | None:
        """Return the digest of what would be synced to nodes; None: it serves none of it, or hashes otherwise."""
        files = {
            f"{extension.PACKAGE}/{path.removeprefix(PACKAGE)}": path
            for path in self.names(PACKAGE)
            if path.endswith(".py")
        }
        if not files:
            return None
        doors = {f"{kind}/{name}": f"_{kind}/{name}" for kind, names in extension.FILES.items() for name in names}
        hashes = {}
        for name, path in (files | {name: path for name, path in doors.items() if path in self._all}).items():
            told = self._server.file_hash({"path": path, "saltenv": self._saltenv})
            if not told or told["hash_type"] != SHA256:
                return None
            hashes[name] = to_unicode(told["hsum"])  # gitfs gives bytes where it has looked before
        return extension.digest_of(hashes)

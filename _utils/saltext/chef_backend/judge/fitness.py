"""Whether this Salt is fit to drive a run: versions, modules in step, runbooks, scheduler, disks. Nothing of Chef."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from saltext.chef_backend import PYTHON, runbooks
from saltext.chef_backend.judge import complaint
from saltext.chef_backend.product.command import STAGING
from saltext.chef_backend.reason import Reason

OLDEST, NEWEST = 3006, 3008  # releases of Salt that this extension is tried with
UNPACKED = 4  # times its own size that a package takes where it is installed, at most; inferred from its compression


@dataclasses.dataclass(frozen=True)
class Node:
    """What a node's Salt is."""

    extension: str
    digest: str
    salt: str
    python: tuple[int, ...]
    pip: str | None
    user: str
    saltenv: str
    clock: float
    runbooks: tuple[str, ...] | None
    pillar: tuple[str, ...] | None  # what is wrong with it
    cleaned: tuple[str, ...]  # the environments from which a highstate brings modules, if it takes this extension away
    scheduler: bool | None
    fires: bool | None  # None: nobody has looked, or it does not
    unwritable: tuple[str, ...]
    free: Mapping[str, int]  # bytes, by folder
    data: int  # bytes
    errors: Mapping[str, str]

    @classmethod
    def of_answer(cls, answer: Any) -> "Node | None":
        """Read what a node answered; None: it is of a version of this extension that answers otherwise."""
        try:
            return cls(
                extension=str(answer["extension"]),
                digest=str(answer["digest"]),
                salt=str(answer["salt"]),
                python=tuple(answer["python"]),
                pip=answer["pip"],
                user=str(answer["user"]),
                saltenv=str(answer["saltenv"]),
                clock=float(answer["clock"]),
                runbooks=None if answer["runbooks"] is None else tuple(answer["runbooks"]),
                pillar=None if answer["pillar"] is None else tuple(answer["pillar"]),
                cleaned=tuple(answer["cleaned"] or ()),
                scheduler=answer["scheduler"],
                fires=answer["fires"],
                unwritable=tuple(answer["unwritable"] or ()),
                free=dict(answer["free"] or {}),
                data=int(answer["data"] or 0),
                errors=dict(answer["errors"]),
            )
        except (KeyError, TypeError, ValueError):
            return None


@dataclasses.dataclass(frozen=True)
class Hub:
    """What the master's Salt is, as the process sees it that drives a run."""

    id: str
    extension: str
    digest: str
    salt: str
    python: tuple[int, ...]
    pip: str | None
    typed_by: str  # who typed the command, as far as the host tells
    user: str  # as whom this process runs
    daemon: str  # the user of the master's configuration
    saltenv: str
    runbooks: tuple[str, ...]  # what its file server serves below orch in that environment
    served: str | None = None  # the digest of what its file server would have synced; None: it serves no modules
    stale_pillar: bool = False  # whether its pillar cache holds another pillar of ours than would be compiled now
    pillar_cache: bool = False
    gather_job_timeout: float = 10
    unwritable: tuple[str, ...] = ()


def of_hub(hub: Hub) -> list[Reason]:
    """Return what of the master is not fit."""
    reasons = [*_versions(hub.id, hub.salt, hub.python)]
    if hub.user not in ("root", hub.daemon):
        said = (
            f"{hub.id}: this runs as {hub.user} (typed by {hub.typed_by}), and the master as {hub.daemon}: neither its "
            f"keys nor its cache are open to {hub.user}. Type it as {hub.daemon}: sudo -u {hub.daemon} salt-run ..."
        )
        reasons.append(Reason("user", hub.id, said=said))
    for folder in hub.unwritable:
        said = (
            f"{hub.id}: {folder} cannot be written by {hub.user}, and a run keeps its notes there. Give it to "
            f"{hub.daemon}: chown -R {hub.daemon} {folder}"
        )
        reasons.append(Reason("unwritable", hub.id, said=said))
    if missing := _missing(hub.runbooks, (*runbooks.WAYS, *runbooks.ON_NODES)):
        said = (
            f"{hub.id}: the file server has not got {missing} in environment {hub.saltenv}: have the whole tree of "
            "this extension in file_roots or as a gitfs remote, and name its environment: saltenv=NAME"
        )
        reasons.append(Reason("runbooks", hub.id, said=said))
    if hub.served not in (None, hub.digest):
        said = (
            f"{hub.id}: the modules of version {hub.extension} that this master runs are not those that its file "
            f"server serves in {hub.saltenv}: run 'salt-run saltutil.sync_all{complaint.named_env(hub.saltenv)}'"
        )
        reasons.append(Reason("modules", hub.id, said=said))
    if hub.stale_pillar:
        said = (
            f"{hub.id}: its pillar_cache kept an older chef_backend than the pillar's files hold. It has the new one "
            "now: type the command again"
        )
        reasons.append(Reason("pillar-old", hub.id, said=said))
    return reasons


def of_node(name: str, node: Node, hub: Hub, backend: bool) -> list[Reason]:
    """Return what of a node is not fit for a run at all.

    :param name: minion id.
    :param backend: whether it is one; else a frontend.
    """
    reasons = [*_versions(name, node.salt, node.python)]
    if node.digest != (hub.served or hub.digest):
        other = f"version {node.extension}" if node.extension != hub.extension else f"another state of {node.extension}"
        pip = f"; there pip has installed {node.pip}" if node.pip else ""
        said = (
            f"{name}: its modules are of {other}, expected those of {hub.id} ({hub.extension}){pip}: run "
            f"{complaint.sync(name, hub.saltenv)}"
        )
        reasons.append(Reason("modules", name, said=said))
    if node.user != "root":
        reasons.append(Reason("user", name, said=f"{name}: its minion runs as {node.user}, expected root"))
    if node.runbooks is None:
        reasons.append(Reason("runbooks", name, said=f"{name}: its file server: {node.errors.get('runbooks')}"))
    elif missing := _missing(node.runbooks, runbooks.ON_NODES):
        said = (
            f"{name}: is not served {missing} in environment {node.saltenv}: is its file_client local, or its master "
            "another one? It must see the whole tree that the master serves"
        )
        reasons.append(Reason("runbooks", name, said=said))
    if node.pillar is None or node.pillar:
        wrong = "; ".join(node.pillar) if node.pillar else node.errors.get("pillar")
        said = f"{name}: its pillar cannot be rendered, and no state is run without: {wrong}"
        reasons.append(Reason("pillar", name, said=said))
    if node.cleaned:
        said = (
            f"{name}: a highstate takes this extension away there, and with it the dead man's switch: its top file has "
            f"it bring modules from {', '.join(node.cleaned)} alone, and this is of {node.saltenv}. Have "
            f"{node.saltenv} in the top file for it, or set clean_dynamic_modules: False there"
        )
        reasons.append(Reason("taken-away", name, said=said))
    elif "cleaned" in node.errors and node.pillar == ():  # its pillar would be the cause
        said = f"{name}: whether a highstate takes this extension away there cannot be told: {node.errors['cleaned']}"
        reasons.append(Reason("taken-away", name, said=said))
    if backend and not node.scheduler:
        why = node.errors.get("scheduler", "is disabled")
        said = (
            f"{name}: its minion's scheduler {why}: the dead man's switch would never look. Enable it: 'salt {name} "
            "schedule.enable'"
        )
        reasons.append(Reason("scheduler", name, said=said))
    elif backend and "fires" in node.errors:
        reasons.append(Reason("scheduler", name, said=complaint.named(name, node.errors["fires"])))
    if "unwritable" in node.errors:
        said = f"{name}: whether its folders can be written cannot be told: {node.errors['unwritable']}"
        reasons.append(Reason("unwritable", name, said=said))
    for folder in node.unwritable:
        reasons.append(Reason("unwritable", name, said=f"{name}: {folder} cannot be written: look at its mounts"))
    return reasons


def room(nodes: Mapping[str, Node], package: int | None, backup: bool) -> list[Reason]:
    """Return on which backends there is no room for what a new run brings.

    :param nodes: the backends.
    :param package: bytes of the target's package; None where the master does not know them.
    :param backup: whether one of them will be backed up, whichever it is.
    """
    reasons = []
    for name, node in sorted(nodes.items()):
        for part in ("free", "data"):
            if part in node.errors:
                said = f"{name}: how much room there is cannot be told: {node.errors[part]}"
                reasons.append(Reason("space", name, said=said))
        needs = {STAGING: package or 0, "/opt": (package or 0) * UNPACKED}
        needs |= {folder: node.data for folder in node.free if backup and folder not in needs}
        for folder, need in needs.items():
            if node.free.get(folder, need) < need:
                said = (
                    f"{name}: {folder} has {_mebibytes(node.free[folder])} free (expected {_mebibytes(need)}): make "
                    "room there"
                )
                reasons.append(Reason("space", name, said=said))
    return reasons


def without_key(nodes: Sequence[str], accepted: Collection[str], hub: Hub) -> list[Reason]:
    """Return which nodes are no minions of this very master: they may be another's, behind a syndic.

    There orders come late and answers are gathered anew, and each of the two masters serves files of its own.

    :param nodes: minion ids.
    :param accepted: those whose keys this master has accepted.
    """
    what = "accept its key, or, if it is behind a syndic, type this on the master that it is connected to"
    said = f"{hub.id} has accepted no key of it, and may reach it through a syndic at most: {what}"
    return [Reason("no-key", node, said=f"{node}: {said}") for node in nodes if node not in accepted]


def in_time(hub: Hub, took: float) -> list[Reason]:
    """Return why a busy node may be taken for a silent one.

    :param took: seconds in which the slowest node answered a call that costs it nothing.
    """
    if took < hub.gather_job_timeout / 2:
        return []
    said = (
        f"{hub.id}: the slowest node took {took:.1f} s to answer, and gather_job_timeout is "
        f"{hub.gather_job_timeout:g} s: a busy node would be taken for gone. Set it to {max(15, round(4 * took))} in "
        "the master's configuration"
    )
    return [Reason("slow-answers", hub.id, said=said)]


def notes(hub: Hub, nodes: Mapping[str, Node]) -> list[str]:
    """Return what is no reason against a run, and good to know."""
    said = []
    if hub.pillar_cache and not hub.stale_pillar:
        said.append("pillar_cache is on: check and plan renew it, so type one of them after each change of the pillar")
    both = sorted(name for name, node in nodes.items() if node.pip)
    if both or hub.pip:
        names = ", ".join([*([hub.id] if hub.pip else []), *both])
        said.append(f"installed by pip on {names}: what is synced goes before it, and has to be of the same version")
    return said


def _versions(name: str, salt: str, python: Sequence[int]) -> list[Reason]:
    reasons = []
    release = salt.partition(".")[0].partition("+")[0]
    if not release.isdigit() or not OLDEST <= int(release) <= NEWEST:
        found = salt or "of an unknown version"
        said = f"{name}: Salt {found}, expected {OLDEST} to {NEWEST}: this extension is tried with no other"
        reasons.append(Reason("salt-version", name, said=said))
    if tuple(python[:2]) < PYTHON:
        found, least = ".".join(map(str, python)), ".".join(map(str, PYTHON))
        said = f"{name}: its Salt runs on Python {found}, expected {least} or later: install Salt's own onedir packages"
        reasons.append(Reason("python-version", name, said=said))
    return reasons


def _missing(served: Sequence[str], wanted: Sequence[str]) -> str:
    """Name what is not served, the first few of it; empty if all is."""
    lacking = [path for path in wanted if path not in served]
    more = f" and {len(lacking) - 2} more" if len(lacking) > 2 else ""
    return f"{', '.join(lacking[:2])}{more}" if lacking else ""


def _mebibytes(count: int) -> str:
    return f"{count / 1048576:.0f} MiB"

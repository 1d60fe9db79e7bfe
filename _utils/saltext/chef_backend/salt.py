"""Salt as the doors are given it: its dunders, its events, its caches.

A door asks here for the node or the master that it runs on. With ``salt_bus.py``, its client, and
``salt_environment.py``, what it is on a master, these are the modules that know Salt; nothing else in this package
reaches for Salt's own.
"""

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import salt.cache
import salt.config
import salt.payload
import salt.runner
import salt.utils.event
import salt.utils.master
from salt.exceptions import CommandExecutionError, LoaderError, SaltException
from salt.loader.context import LoaderContext

from saltext.chef_backend import printable, salt_environment
from saltext.chef_backend.journal import Entry
from saltext.chef_backend.node import files, supervisor
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.node.processes import RealProcesses
from saltext.chef_backend.order import Order
from saltext.chef_backend.record import Owner, RecordError
from saltext.chef_backend.run import signals
from saltext.chef_backend.run.master import Event, Listener, Master
from saltext.chef_backend.run.signals import Signals
from saltext.chef_backend.salt_bus import Bus

if TYPE_CHECKING:
    # what Salt injects into the functions of a state's door alone
    __running__: Mapping[str, Mapping[str, Any]]
    __orchestration_jid__: str
    __jid__: str  # and of a runner's

BACKEND = ("/opt/chef-backend", "/etc/chef-backend", "/var/opt/chef-backend")
FRONTEND = ("/opt/opscode", "/etc/opscode", "/var/opt/opscode")
BANK = "chef_backend"  # of the master's cache
log = logging.getLogger(__name__)

_signals = Signals(signals.of_process)


def host(order: Any = None) -> Host:
    """Return the node that a function of this minion runs on.

    :param order: the order of a run by which it does, as it came; a state's is in its pillar.
    :raises CommandExecutionError: there is one, and it is none of this version of the extension.
    """
    opts, pillar = _packed("__opts__"), _packed("__pillar__") or {}
    given = order or pillar.get("order")
    try:
        known = Order.from_dict(given) if given else None
    except RecordError as err:
        raise CommandExecutionError(
            f"{opts['id']}: nothing was done: {err}: is it of the same version of this extension? Run "
            "saltutil.sync_all here and on the master"
        ) from err
    return Host(
        name=opts["id"],
        salt=_packed("__salt__"),
        grains=_packed("__grains__") or {},
        test=bool(opts.get("test")),
        run=pillar.get("run"),
        cluster=pillar.get("cluster"),
        order=known,
        processes=RealProcesses(scopes=bool(opts.get("systemd.scope", True))),
        queued=lambda: _queued(Path(opts["cachedir"])),
        kept=_packed("__context__", {}),
    )


def master(jid: object = "", saltenv: str | None = None) -> Master:
    """Return the master that a state of an orchestration, or a runner, runs on.

    :param jid: job id of the orchestration.
    :param saltenv: the environment that the operator names to a runner; an orchestration's is in its options.
    """
    opts, kept = _packed("__opts__"), _packed("__context__")
    pillar = _packed("__pillar__", {}) or _MastersPillar(opts)
    pid, env = os.getpid(), _saltenv({"saltenv": saltenv} if saltenv else opts)
    return Master(
        id=opts["id"],
        pillar=pillar,
        bus=Bus(opts, kept, env),
        events=_Events(opts),
        told=_Told(opts),
        notes=_Notes(opts),
        kept=kept,
        process=(supervisor.boot(), pid, supervisor.ticks_of(pid) or 0),
        alive=_is_alive,
        start=lambda function, kwargs: _start(opts, function, kwargs),
        signals=_signals,
        salt=_packed("__salt__"),
        jid=str(jid or ""),
        test=bool(opts.get("test")),
        saltenv=env,
        environment=lambda: salt_environment.hub(opts, env, pillar),
        package_size=lambda source: salt_environment.package_size(opts, env, source),
    )


def orchestrate(mods: str, pillar: Mapping[str, Any], jid: str, saltenv: str | None = None) -> dict[str, Any]:
    """Run an orchestration in this process, and return what it came to, with ``retcode``; for a runner."""
    wanted: dict[str, Any] = {"mods": mods, "pillar": dict(pillar), "orchestration_jid": jid}
    env = _saltenv({"saltenv": saltenv} if saltenv else _packed("__opts__"))
    if env:
        wanted["saltenv"] = env
    ended: dict[str, Any] = _packed("__salt__")["state.orchestrate"](**wanted)
    return ended


def fails() -> None:
    """Have a runner end with a status that is not 0."""
    _packed("__context__")["retcode"] = 1


Virtual = bool | tuple[bool, str]  # whether a door can work where it is loaded, and why not


def on_a_master() -> Virtual:
    """Whether this is a master, or the part of one that runs orchestrations."""
    if _packed("__opts__").get("__role") == "master":
        return True
    return False, "no master here: this is for orchestrations and runners"


def on_a_backend() -> Virtual:
    """Whether Chef Backend is installed here, or was."""
    return True if _has(BACKEND) else (False, "no Chef Backend here: neither /opt/chef-backend nor its data is there")


def on_a_frontend() -> Virtual:
    """Whether Chef Infra Server is installed here, or was."""
    return True if _has(FRONTEND) else (False, "no Chef Infra Server here: neither /opt/opscode nor its data is there")


def on_either() -> Virtual:
    """Whether Chef Backend or Chef Infra Server is installed here, or was."""
    return True if _has(BACKEND + FRONTEND) else (False, "neither Chef Backend nor Chef Infra Server here")


def _has(folders: tuple[str, ...]) -> bool:
    here = host()
    return any(here.path(folder).exists() for folder in folders)


def cluster_of_pillar(cluster: str | None) -> str:
    """Return a cluster's name: as given, or as the orchestration's pillar has it; empty if neither names one."""
    return str(cluster or _packed("__pillar__", {}).get("cluster") or "")


def from_pillar(key: str, given: Any = None) -> Any:
    """Return a value as given, or as the orchestration's pillar has it."""
    return given if given is not None else _packed("__pillar__", {}).get(key)


class _Events:
    def __init__(self, opts: Mapping[str, Any]) -> None:
        self._opts = opts

    def fire(self, tag: str, data: Mapping[str, Any]) -> None:
        with self._bus(listen=False) as bus:
            bus.fire_event(dict(data), tag)

    @contextlib.contextmanager
    def listen(self) -> Iterator[Listener]:
        with self._bus(listen=True) as bus:
            yield _Listener(bus)

    def _bus(self, listen: bool) -> Any:
        # not event.send: on a master it would look for a minion
        return salt.utils.event.get_event("master", sock_dir=self._opts["sock_dir"], opts=self._opts, listen=listen)


class _Listener:
    def __init__(self, bus: Any) -> None:
        self._bus = bus

    def get(self, tag: str, seconds: float) -> Event | None:
        event = self._bus.get_event(wait=seconds, tag=tag, full=True)
        return Event(printable.block(event["tag"]), printable.cleaned(event["data"])) if event else None


class _Told:
    """What this master told, in Salt's own cache."""

    def __init__(self, opts: Mapping[str, Any]) -> None:
        self._opts = opts

    def keep(self, entry: Entry) -> None:
        try:
            bank = _bank(entry.cluster, entry.run)
            salt.cache.factory(self._opts).store(bank, f"{entry.time:.6f}", entry.to_dict())
        except (SaltException, OSError) as err:
            log.warning("the journal of run %s cannot be kept: %s", entry.run, err)

    def of(self, cluster: str, run: str) -> Iterator[Any]:
        cache, bank = salt.cache.factory(self._opts), _bank(cluster, run)
        for key in cache.list(bank) or []:
            yield printable.cleaned(cache.fetch(bank, key))


class _Notes:
    """Files below the master's cache, whose owner the master's user is."""

    def __init__(self, opts: Mapping[str, Any]) -> None:
        self._cache = Path(opts["cachedir"])
        self._folder = self._cache / "chef_backend"

    def read(self, name: str) -> str | None:
        return files.read(self._folder / name)

    def write(self, name: str, text: str) -> None:
        files.write(self._folder / name, text)

    def alone(self) -> contextlib.AbstractContextManager[None]:
        return files.guarded(self._folder)

    def received(self, node: str, path: str) -> bytes | None:
        pushed = self._cache / "minions" / node / "files" / path.lstrip("/")
        try:
            content = pushed.read_bytes()
            pushed.unlink()  # it holds secrets, and Salt keeps it for ever
        except OSError:
            return None
        return content

    def keep(self, name: str, content: str | bytes) -> str:
        path = self._folder / name
        try:
            files.write(path, content)
        except OSError as err:
            raise CommandExecutionError(
                f"{path} cannot be written: {err.strerror}: is this user the master's?"
            ) from err
        return str(path)


class _MastersPillar(Mapping[str, Any]):
    """The master's own pillar, compiled when it is first looked at: a runner has none."""

    def __init__(self, opts: Mapping[str, Any]) -> None:
        self._opts = opts
        self._pillar: Mapping[str, Any] | None = None

    def _compiled(self) -> Mapping[str, Any]:
        if self._pillar is None:
            self._pillar = salt_environment.compiled(self._opts)
        return self._pillar

    def __getitem__(self, key: str) -> Any:
        return self._compiled()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._compiled())

    def __len__(self) -> int:
        return len(self._compiled())


def _packed(name: str, default: Any = None) -> Any:
    """Return one of Salt's dunders, as the loader packs it that the running function belongs to."""
    try:
        found = LoaderContext().named_context(name).value()
    except LoaderError:
        return default
    return default if found is None else found


def _start(opts: Mapping[str, Any], function: str, kwargs: Mapping[str, Any]) -> str:
    """Have the master start a runner as a process of its own; return its job id. Raises SaltException."""
    own = salt.config.client_config(opts["conf_file"])  # a reactor's own do not say where the master listens
    key = salt.utils.master.get_master_key("root", own)
    asked = {"fun": function, "kwarg": dict(kwargs), "key": key}
    jid: str = salt.runner.RunnerClient(own).cmd_async(asked)["jid"]
    return jid


def _saltenv(opts: Mapping[str, Any]) -> str | None:
    """Return the environment that the operator names; unless one is named, everybody takes their own."""
    named = opts.get("saltenv")
    return None if named in (None, "base") else str(named)


def _is_alive(owner: Owner) -> bool:
    """Whether a process of this host is the one that began then: by what the kernel counts, which no clock moves."""
    return (owner.boot, owner.ticks) == (supervisor.boot(), supervisor.ticks_of(owner.pid))


def _queued(cache: Path) -> list[str]:
    """Return the states that wait for their turn: since 3008 the minion keeps them in files.

    What waits in a job of its own, as before 3008, is among the jobs that run.

    :param cache: the minion's folder of them.
    """
    found = []
    for path in sorted([*cache.glob("queues/*/state_queue/queued_*.p"), *cache.glob("queues/*/job_queue/queued_*.p")]):
        try:
            job = salt.payload.loads(path.read_bytes())
            if str(job["fun"]).startswith("state."):
                found.append(f"{job['fun']} (job {job['jid']}, waiting for its turn)")
        except FileNotFoundError:  # its turn has come
            continue
        except (SaltException, ValueError, TypeError, KeyError):  # unknown is not "nothing"
            found.append(f"a job that waits for its turn ({path})")
    return found


def _bank(cluster: str, run: str) -> str:
    return f"{BANK}/{cluster}/{run}"

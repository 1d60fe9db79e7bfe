"""A minion without a daemon: the tree loaded by Salt's own loader, on a node whose files lie below a folder."""

import copy
import dataclasses
import functools
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import salt.config
import salt.loader
import salt.state
import salt.utils.event
import salt.version
from salt.exceptions import CommandExecutionError

import saltext.chef_backend
from saltext.chef_backend.clock import RealClock
from saltext.chef_backend.node import host

# Whoever edits the tree while tests run must not have the doors read the package anew: its ROOT would be / again.
saltext.chef_backend._stamps = lambda folder: saltext.chef_backend._LOADED

REPO = Path(__file__).resolve().parents[2]
PRODUCTS = ("/opt/chef-backend", "/opt/opscode")
TREE = ("_grains", "_modules", "_runners", "_states", "_utils", "orch", "reactor")  # what of the checkout Salt reads
QUICK = {"enable_fqdns_grains": False, "enable_gpu_grains": False, "grains_cache": True}  # for a daemon to start soon
FILES = "files"  # below a minion's folder: what salt:// has, beside the tree
GRAINS = {  # given, not found out: a test must not depend on the machine it runs on
    "id": "be1",
    "kernel": "Linux",
    "os": "Debian",
    "os_family": "Debian",
    "osarch": "amd64",
    "cpuarch": "x86_64",
    "oscodename": "bookworm",
    "osmajorrelease": 12,
    "init": "systemd",
    "saltversioninfo": list(salt.version.__version_info__),  # but for the Salt that is tested
}


def file_root(folder: Path, names: Iterable[str] = TREE) -> str:
    """Return a folder that holds these of the checkout, for ``file_roots``: Salt looks at every file that is there."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(REPO / name)
    return str(folder)


def minion_opts(root: Path, **more: Any) -> dict[str, Any]:
    """Return a minion's options: files local, everything it writes below ``root``."""
    conf = root / "conf"
    conf.mkdir(exist_ok=True)
    (conf / "minion").write_text(f"root_dir: {root}\nid: be1\n", encoding="utf-8")
    opts: dict[str, Any] = salt.config.minion_config(str(conf / "minion"), minion_id="be1", cache_minion_id=False)
    opts.update(
        root_dir=str(root),
        file_client="local",
        file_roots={"base": [file_root(root / "tree"), str(root / FILES)]},
        pillar_roots={"base": []},
        module_dirs=[str(REPO)],
        extension_modules=str(root / "extension_modules"),
        cachedir=str(root / "cache"),
        grains=copy.deepcopy(GRAINS),
        pillar={},
        **{"systemd.scope": False},
    )
    opts.update(more)
    return opts


def functions_of(opts: Mapping[str, Any], door: str) -> set[str]:
    """Return the names of the functions of an execution module, whatever files they come from.

    Only our modules are loaded: all of Salt's take seconds.
    """
    pack = {
        name: dict[str, Any]()
        for name in ("__salt__", "__grains__", "__context__", "__pillar__", "__states__", "__utils__")
    }
    loader = salt.loader.LazyLoader([str(REPO / "_modules")], opts, tag="module", pack=pack)
    return {name for name in loader if name.partition(".")[0] == door}


@dataclasses.dataclass
class Clock(RealClock):
    """The clock of a host whose wall clock may be set, and which may be started anew."""

    boot_id: str = "b1"
    since: float = 1000.0  # seconds since that boot
    wall: float = 1795348800.0

    def now(self) -> float:
        """Return epoch seconds, as the wall clock is set."""
        return self.wall

    def boot(self) -> tuple[str, float]:
        """Return the id of this host's boot, and the seconds since."""
        return self.boot_id, self.since


class Bus:
    """The bus of a minion without a daemon: keeps what is fired, and never waits for somebody who listens."""

    def __init__(self) -> None:
        self.fired: list[tuple[str, Any]] = []  # of (tag, data)

    def __enter__(self) -> "Bus":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def fire_event(self, data: Any, tag: str) -> bool:
        """Keep an event."""
        self.fired.append((tag, data))
        return True

    def get_event(self, **_: Any) -> None:
        """Nobody answers."""
        return None

    @classmethod
    def at(cls, sock_dir: str) -> "Bus":
        """Return the one that Salt finds instead of that of a minion whose sockets lie in a folder."""
        if sock_dir not in BUSES:  # two minions may share their files, and then their bus
            bus, real = BUSES.setdefault(sock_dir, cls()), salt.utils.event.get_event

            def get_event(node: str, *args: Any, opts: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
                here = node == "minion" and opts is not None and opts.get("sock_dir") == sock_dir
                return bus if here else real(node, *args, opts=opts, **kwargs)

            salt.utils.event.get_event = get_event
        return BUSES[sock_dir]


BUSES: dict[str, Bus] = {}


class Minion:
    """A minion: its execution modules, its states, its files, its bus."""

    def __init__(self, root: Path, **more: Any):
        self.root = root
        host.ROOT = root  # of every node that this package is asked about from now on
        self.forget_files()
        self.opts = minion_opts(root, **more)
        self.bus = Bus.at(self.opts["sock_dir"])
        self.modules = salt.loader.minion_mods(self.opts, utils=salt.loader.utils(self.opts), context={})
        self.context: dict[str, Any] = {}

    @functools.cached_property
    def compiler(self) -> salt.state.State:
        """Return Salt's state compiler for this minion; to make one takes longer than a state."""
        return salt.state.State(self.opts, context=self.context, initial_pillar={"none": None})

    def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Call an execution module function."""
        return self.modules[function](*args, **kwargs)

    def told(self, function: str, *args: Any, **kwargs: Any) -> str:
        """Call an execution module function that must fail; return what it says."""
        try:
            returned = self.call(function, *args, **kwargs)
        except CommandExecutionError as err:
            return str(err)
        raise AssertionError(f"{function} did not fail, it returned {returned!r}")

    def host(self, test: bool = False, **more: Any) -> host.Host:
        """Return this minion as the package takes it, with all that Salt can do on it.

        :param more: other fields of it, such as ``run`` and ``cluster``.
        """
        own = {"salt": self.modules, "grains": self.opts["grains"]}
        return host.Host(self.opts["id"], **{**own, "test": test, **more})

    def record(self) -> dict[str, Any] | None:
        """Return the record that this backend shows to a run, or None if it has none."""
        record: dict[str, Any] | None = self._shown()["record"]
        return record

    def note(self) -> dict[str, Any]:
        """Return what this backend has noted of itself in a run, those fields alone that say something."""
        return {name: value for name, value in (self._shown()["note"] or {}).items() if value}

    def _shown(self) -> dict[str, Any]:
        view: dict[str, Any] = self.call("chef_backend_agent.view", ["record"])
        if view["errors"]:
            raise AssertionError(view["errors"])
        return view

    def path(self, absolute: str | Path) -> Path:
        """Return where a path of the product lies for this minion; its folder is made."""
        moved = Path(f"{self.root}{absolute}")
        moved.parent.mkdir(parents=True, exist_ok=True)
        return moved

    def write(self, absolute: str | Path, text: str) -> None:
        """Write a file of the product."""
        self.path(absolute).write_text(text, encoding="utf-8")

    def state(self, function: str, name: str, test: bool = False, **kwargs: Any) -> dict[str, Any]:
        """Run one state as Salt's state compiler does; return its result."""
        module, _, verb = function.partition(".")
        low = {"state": module, "fun": verb, "name": name, "__id__": name, "__sls__": "test", "order": 1, **kwargs}
        problems = self.compiler.verify_data(low)
        if problems:
            raise AssertionError(f"{function}: {problems}")
        self.compiler.states.opts["test"] = test
        result: dict[str, Any] = self.compiler.call(low)
        return result

    def forget(self) -> None:
        """Remove all files of the product: the next test finds a node on which nothing is installed any more."""
        self.forget_files()
        self.bus.fired.clear()
        self.context.clear()  # Salt keeps there which packages are installed

    def forget_files(self) -> None:
        """Remove all files; the products' folders stay, by which our modules see that they may be of use here."""
        for folder in ("opt", "var", "etc", "root", FILES):
            shutil.rmtree(self.root / folder, ignore_errors=True)
        for folder in PRODUCTS:
            self.path(folder).mkdir()

    def sls(self, mods: str, pillar: Mapping[str, Any], test: bool = False) -> dict[str, dict[str, Any]]:
        """Apply an SLS of the tree; return its results by ID."""
        done = self.modules["state.sls"](mods, pillar=pillar, test=test)
        if not isinstance(done, dict):
            raise AssertionError(f"{mods} was not run: {done}")
        return {result["__id__"]: result for result in done.values()}

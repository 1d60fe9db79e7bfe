"""The doors of the tree (``_modules``, ``_states``, ``_runners``), loaded as Python loads them, and their world.

While a night lasts, what they reach for in ``salt.py`` and what touches the host itself is the simulation's.
"""

import contextlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, Protocol
from unittest import mock

import saltext.chef_backend
from saltext.chef_backend import salt
from saltext.chef_backend.journal import Entry
from saltext.chef_backend.node import backend, edge, environment, files, frontend, journal, side_by_side
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.product.edge import Answer, Door
from saltext.chef_backend.run.master import Master
from tests import fit
from tests.functional.minion import REPO
from tests.simulation.disk import DiskPath

KINDS = ("modules", "states", "runners")


class World(Protocol):
    """What a night gives to the doors."""

    def host(self, order: Any) -> Host: ...

    def master(self, jid: object) -> Master: ...

    def packed(self, name: str, default: Any) -> Any: ...

    def orchestrate(self, mods: str, pillar: Mapping[str, Any], jid: str, saltenv: None = None) -> dict[str, Any]: ...

    def point(self, kind: str, what: str) -> None: ...

    def guarded(self, folder: Any, within: float) -> contextlib.AbstractContextManager[None]: ...

    def unpacked(self, host: Host, manifest: str) -> float: ...

    def show_stat(self, host: Host) -> str: ...

    def edge(self, address: str, door: Door) -> Answer: ...

    def journal(self, host: Host, entry: Entry) -> None: ...


class Doors:
    """All doors, by kind and name."""

    def __init__(self) -> None:
        self._loaded = {kind: dict(_load(kind)) for kind in KINDS}
        self._functions: dict[tuple[str, str], Callable[..., Any] | None] = {}

    def function(self, kind: str, name: str) -> Callable[..., Any] | None:
        """A door's function, such as ``chef_backend_agent.view``; None if it is not ours."""
        key = (kind, name)
        if key not in self._functions:
            module, _, verb = name.partition(".")
            self._functions[key] = getattr(self._loaded[kind].get(module), verb, None)
        return self._functions[key]

    def inject(self, kind: str, name: str, **dunders: Any) -> None:
        """Give a door what Salt injects into it for one call; it looks at them before anything else."""
        self._loaded[kind][name.partition(".")[0]].__dict__.update(dunders)


def _load(kind: str) -> Iterator[tuple[str, ModuleType]]:
    # whoever edits the tree while a night lasts must not have the doors read the package anew
    saltext.chef_backend._stamps = lambda folder: saltext.chef_backend._LOADED
    for path in sorted((REPO / f"_{kind}").glob("*.py")):
        name = f"simulated_{kind}_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        yield path.stem, module


class _AtOnce:
    """A pool whose calls are made one after another: side by side they would only be quicker."""

    def submit(self, call: Callable[..., Any], *args: Any) -> "_Came":
        return _Came(call, args)


class _Came:
    def __init__(self, call: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._error: Exception | None = None
        self._value: Any = None
        try:
            self._value = call(*args)
        except Exception as err:
            self._error = err

    def result(self) -> Any:
        """What the call returned, or raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._value


@contextlib.contextmanager
def installed(world: World) -> Iterator[None]:
    """Have the doors find a world, while the body runs."""
    write, remove = files.write, files.remove

    def written(path: Any, text: str, *args: Any, **kwargs: Any) -> None:
        world.point("write", path.name)
        if isinstance(path, DiskPath):
            path.write_text(text)
        else:
            write(path, text, *args, **kwargs)

    def removed(path: Any) -> bool:
        world.point("remove", path.name)
        return remove(path)

    rmtree = shutil.rmtree

    def removed_tree(path: Any, *args: Any, **kwargs: Any) -> None:
        if isinstance(path, DiskPath):
            path.remove_tree()
        else:
            rmtree(path, *args, **kwargs)

    with contextlib.ExitStack() as stack:
        for where, name, value in (
            (salt, "host", lambda order=None: world.host(order)),
            (salt, "master", lambda jid="", saltenv=None: world.master(jid)),
            (salt, "orchestrate", world.orchestrate),
            (salt, "_packed", lambda name, default=None: world.packed(name, default)),
            (files, "write", written),
            (files, "remove", removed),
            (files, "guarded", lambda folder, within=60.0: world.guarded(folder, within)),
            (shutil, "rmtree", removed_tree),
            (os, "fsync", lambda descriptor: None),
            (journal, "_append", world.journal),
            (side_by_side, "pool", lambda: contextlib.nullcontext(_AtOnce())),
            (backend, "unpacked", lambda host, manifest=backend.MANIFEST: world.unpacked(host, manifest)),
            (environment, "environment", lambda host, *_: fit.environment(host.clock.now())),
            (frontend, "show_stat", world.show_stat),
            (edge, "ask", world.edge),
        ):
            stack.enter_context(mock.patch.object(where, name, value))
        yield

"""A minion without a daemon: the tree loaded by Salt's own loader, with every path of the product moved below a folder.

The real paths belong to the product and to the machine the tests run on; the moved ones belong to one test.
"""

import copy
import functools
import re
import shutil
from pathlib import Path

import salt.config
import salt.loader
import salt.state

REPO = Path(__file__).resolve().parents[2]
KINDS = ("_modules", "_states", "_grains", "_utils", "_runners")
OURS = {".py": re.compile(r'(")(/(?:opt|var|etc)/[a-z/._-]+)'), ".sls": re.compile(r"(name: )(/var/opt/[a-z/-]+)")}
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
    "saltversioninfo": [3008, 3],
}


def move_tree(root):
    """Copy the extension below ``root``, with its absolute paths led there too.

    :returns: the folder that ``module_dirs`` is to name.
    """
    tree = root / "tree"
    for kind in KINDS:
        shutil.copytree(REPO / kind, tree / kind, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPO / "orch", tree / "orch")
    moved = 0
    for path in [*tree.glob("_*/*.py"), *tree.glob("orch/**/*.sls")]:
        text, count = OURS[path.suffix].subn(rf"\g<1>{root}\g<2>", path.read_text(encoding="utf-8"))
        moved += count
        path.write_text(text, encoding="utf-8")
    if not moved:
        raise AssertionError("no path of the product was found to be moved: is the pattern still right?")
    return tree


def minion_opts(root, tree, **more):
    """Return a minion's options: files local, everything it writes below ``root``."""
    conf = root / "conf"
    conf.mkdir(exist_ok=True)
    (conf / "minion").write_text(f"root_dir: {root}\nid: be1\n", encoding="utf-8")
    opts = salt.config.minion_config(str(conf / "minion"), minion_id="be1", cache_minion_id=False)
    opts.update(
        root_dir=str(root),
        file_client="local",
        file_roots={"base": [str(tree)]},
        pillar_roots={"base": []},
        module_dirs=[str(tree)],
        extension_modules=str(root / "extension_modules"),
        cachedir=str(root / "cache"),
        grains=copy.deepcopy(GRAINS),
        pillar={},
        **{"systemd.scope": False},
    )
    opts.update(more)
    return opts


def own_functions(opts, kind, tag):
    """Load one kind of our modules by Salt's loader, and nothing else: all of Salt's take seconds.

    :param kind: the folder, such as ``_modules``.
    :param tag: the loader's name for the kind, such as ``module``.
    :returns: the loader, a mapping of function names to functions.
    """
    tree = Path(opts["module_dirs"][0])
    pack = {name: {} for name in ("__salt__", "__grains__", "__context__", "__states__", "__utils__", "__pillar__")}
    return salt.loader.LazyLoader(
        [str(tree / kind)], opts, tag=tag, pack=pack, extra_module_dirs=[str(tree / "_utils")], virtual_enable=True
    )


class Minion:
    """A minion: its execution modules, its states, its files."""

    def __init__(self, root, tree, **more):
        self.root = root
        self.tree = tree
        self.opts = minion_opts(root, tree, **more)
        self.modules = salt.loader.minion_mods(self.opts, utils=salt.loader.utils(self.opts), context={})
        self.context = {}

    @functools.cached_property
    def compiler(self):
        """Return Salt's state compiler for this minion; to make one takes longer than a state."""
        return salt.state.State(self.opts, context=self.context, initial_pillar={"none": None})

    def call(self, function, *args, **kwargs):
        """Call an execution module function."""
        return self.modules[function](*args, **kwargs)

    def path(self, absolute):
        """Return where a path of the product lies for this minion; its folder is made."""
        moved = Path(f"{self.root}{absolute}")
        moved.parent.mkdir(parents=True, exist_ok=True)
        return moved

    def write(self, absolute, text):
        """Write a file of the product."""
        self.path(absolute).write_text(text, encoding="utf-8")

    def state(self, function, name, test=False, **kwargs):
        """Run one state as Salt's state compiler does; return its result."""
        module, _, verb = function.partition(".")
        low = {"state": module, "fun": verb, "name": name, "__id__": name, "__sls__": "test", "order": 1, **kwargs}
        problems = self.compiler.verify_data(low)
        if problems:
            raise AssertionError(f"{function}: {problems}")
        self.compiler.states.opts["test"] = test
        return self.compiler.call(low)

    def forget(self):
        """Remove all files of the product: the next test finds a node on which nothing is installed."""
        for folder in ("opt", "var", "etc"):
            shutil.rmtree(self.root / folder, ignore_errors=True)
        self.context.clear()  # Salt keeps there which packages are installed

    def sls(self, mods, pillar, test=False):
        """Apply an SLS of the tree; return its results by ID."""
        done = self.modules["state.sls"](mods, pillar=pillar, test=test)
        if not isinstance(done, dict):
            raise AssertionError(f"{mods} was not run: {done}")
        return {result["__id__"]: result for result in done.values()}

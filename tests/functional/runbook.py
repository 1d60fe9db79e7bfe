"""Render a runbook as Salt does: its Jinja and YAML renderers, its checks, its order of steps. Nothing is run."""

import inspect

import salt.loader
import salt.state
import salt.template

from tests.functional.minion import REPO

RESERVED = set(salt.state.STATE_INTERNAL_KEYWORDS)


HOSTILE = [  # what ends a quote, a line or a template comes first
    "prod'",
    'prod"',
    "prod\n\nEvil:\n  cmd.run:\n    - name: id",
    "prod'\n    - failhard: True\nEvil:\n  test.nop: []",
    "{{ salt['cmd.run']('id') }}",
    "{% raw %}",
    "prod # not a comment",
    "prod: [",
    "*",
    "a" * 2000,
    "\u2028 \x85",
    "on",
    "1e3",
    "~",
]


def same(found, given):
    """Tell whether a text came through; YAML folds some of Unicode's line ends even in quotes, and nothing else."""
    return isinstance(found, str) and found.split() == given.split()


class Answers(dict):
    """What the modules asked by a runbook answer, and what they were asked."""

    def __init__(self, batches=(), node=None, stops=(), level=None, groups=()):
        super().__init__()
        self.asked = []
        node = node or {}
        self._give("stops", lambda cluster: list(stops))
        self._give("backends", lambda cluster: ["be1", "be2", "be3"])
        self._give("frontends", lambda cluster: [frontend for batch in batches for frontend in batch])
        self._give("batches", lambda cluster, nodes=None: [list(batch) for batch in batches])
        self._give("node_pillar", lambda cluster: {**NODE, "cluster": cluster, **node})
        self._give("groups", lambda: list(groups), "chef_backend_fleet")
        self._give("level", lambda cluster: level, "chef_server_frontends")

    def _give(self, name, function, module="chef_backend_nodes"):
        def asked(*args):
            self.asked.append((name, *args))
            return function(*args)

        self[f"{module}.{name}"] = asked


NODE = {
    "cluster": "prod",
    "version": "2.3.16",
    "source": "salt://chef/chef-backend_2.3.16-1_amd64.deb",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "api": "http://127.0.0.1/_status",
    "search": True,
    "organisation": "acme",
    "server": {
        "version": "15.10.12",
        "source": "salt://chef/chef-server-core_15.10.12-1_amd64.deb",
        "sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
        "accept_license": True,
    },
    "run": "20261122120000000000",
    "timeouts": {
        "ask": 15,
        "gate": 60,
        "install": 600,
        "upgrade": 3600,
        "rejoin": 1800,
        "join": 3600,
        "backup": 600,
        "failover": 60,
        "reconfigure": 900,
        "api": 120,
        "elasticsearch": 600,
        "reindex": 86400,
    },
}


def render(opts, sls, pillar, answers=None):
    """Return what an SLS renders to, a mapping of IDs.

    :param opts: a minion's options.
    :param sls: its name, such as ``orch.rolling.leader``.
    :param pillar: the pillar it is given.
    :param answers: what ``salt[...]`` answers in it.
    """
    path = REPO / (sls.replace(".", "/") + ".sls")
    renderers = salt.loader.render({**opts, "pillar": pillar}, answers or {})
    high = salt.template.compile_template(str(path), renderers, "jinja|yaml", [], [], sls=sls)
    for included in high.pop("include", []):
        high = {**render(opts, included, pillar, answers), **high}
    return high


class Runbook:
    """A rendered SLS, compiled to the steps that Salt would run."""

    def __init__(self, compiler, sls, high):
        high = {name: {**body, "__sls__": sls, "__env__": "base"} for name, body in high.items()}
        high = salt.state.Compiler.pad_funcs(compiler, high)  # splits "state.function", as a file's reader does
        self.problems = list(compiler.verify_high(high))
        chunks, problems = compiler.compile_high_data(high)
        self.problems += problems
        for chunk in chunks:
            self.problems += compiler.verify_data(chunk)
        self.steps = {chunk["__id__"]: chunk for chunk in chunks}
        self.ids = [chunk["__id__"] for chunk in sorted(chunks, key=lambda chunk: chunk["order"])]

    def requires(self, step):
        """Return the IDs that a step requires."""
        return [name for requisite in self.steps[step].get("require", []) for name in _names(requisite)]

    def chain(self, first):
        """Return the IDs from ``first`` on, each of which requires the one before and nothing else."""
        chain = [first]
        while following := [step for step in self.ids if self.requires(step) == [chain[-1]]]:
            assert len(following) == 1, f"{following} all require {chain[-1]}: they would run side by side or unordered"
            chain += following
        return chain


def _names(requisite):
    return list(requisite.values()) if isinstance(requisite, dict) else [requisite]


def unknown_parameters(compiler, runbook):
    """Return ``step: parameter`` for whatever a step gives to a state that has no such parameter."""
    found = []
    for name, step in runbook.steps.items():
        known = set(inspect.signature(compiler.states[f"{step['state']}.{step['fun']}"].func).parameters)
        given = set(step) - RESERVED - {"name", "state", "fun", "require", "order"}
        found += [f"{name}: {parameter}" for parameter in sorted(given - known)]
    return found

"""Runbooks as Salt compiles them: rendered, checked, in the order in which they would run."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import salt.state

from tests.functional.minion import REPO

RESERVED = set(salt.state.STATE_INTERNAL_KEYWORDS)
REQUISITES = {*salt.state.STATE_REQUISITE_KEYWORDS, *salt.state.STATE_REQUISITE_IN_KEYWORDS}
ID = re.compile(r"^(?!include:)([^\s#{].*):\s*$", re.MULTILINE)  # of a step: what stands at the edge of its file
FILES = sorted((REPO / "orch").glob("*.sls"))
PARTS = sorted((REPO / "orch" / "node").glob("*.sls"))

# The pillar of a node's part, with all that a run may add; no bound is the same as another, so that none is mistaken.
NODE = {
    "cluster": "prod",
    "run": "20261122120000000000",
    "version": "2.3.16",
    "source": "salt://chef/chef-backend_2.3.16-1_amd64.deb",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "api": "http://127.0.0.1/_status",
    "search": False,
    "organisation": "acme",
    "server": {
        "version": "15.10.12",
        "source": "salt://chef/chef-server-core_15.10.12-1_amd64.deb",
        "sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
        "accept_license": True,
    },
    "timeouts": {
        "ask": 15,
        "gate": 61,
        "fetch": 3603,
        "install": 601,
        "upgrade": 3601,
        "rejoin": 1801,
        "join": 3602,
        "backup": 602,
        "failover": 62,
        "reconfigure": 901,
        "api": 121,
        "hook": 301,
        "elasticsearch": 603,
        "reindex": 86401,
        "lease": 122,
    },
}
MORE = {
    "handover": True,
    "peer": "10.0.0.1",
    "secrets": "/root/it's.json",
    "accept_license": True,
    "level": {"text": '{"major": 1}\n', "sha256": "0" * 64},
    "index": True,
    "organisations": ["acme", "other"],
    "anew": False,
}

HOSTILE = [  # what ends a quote, a line or a template comes first
    "prod'",
    'prod"',
    "prod\n\nEvil:\n  cmd.run:\n    - name: id",
    "prod'\n    - failhard: True\nEvil:\n  test.nop: []",
    'prod"\n    - failhard: True\nEvil:\n  test.nop: []\n#',
    "{{ salt['cmd.run']('id') }}",
    "{% raw %}",
    "{# not a comment",
    "prod # not a comment",
    "prod: [",
    "- prod",
    "&a *a",
    "!!python/object/apply:os.system [id]",
    "\\",
    '\\"',
    "#!py\n",
    "*",
    "a" * 2000,
    "\u2028 \x85",
    "\N{SNOWMAN} \N{PILE OF POO}",
    "\x00",
    "\x1b[31m\x7f",
    "on",
    "1e3",
    "2.10",
    "2026-11-22",
    "~",
    "",
    " prod ",
]


def same(found: object, given: str) -> bool:
    """Tell whether a text came through; YAML folds some of Unicode's line ends even in quotes, and nothing else."""
    if set(given) & set("\x85\u2028\u2029"):
        return isinstance(found, str) and found.split() == given.split()
    return isinstance(found, str) and found == given


class Runbook:
    """A rendered SLS, compiled to the steps that Salt would run."""

    def __init__(
        self,
        functions: Mapping[str, Callable[..., Any]],
        states: Any,
        mods: str,
        pillar: Mapping[str, Any] | None = None,
    ):
        """Compile it.

        :param functions: execution functions of who would run it.
        :param states: the states there.
        :param mods: its name, such as ``orch.chef_backend_rolling``.
        :param pillar: the pillar it is given, if any.
        """
        chunks = functions["state.show_low_sls"](mods, pillar=pillar)
        self.problems = [chunk for chunk in chunks if not isinstance(chunk, dict)]
        chunks = [chunk for chunk in chunks if isinstance(chunk, dict)]
        for chunk in chunks:
            self.problems += _misfits(states, chunk)
        self.ids = [chunk["__id__"] for chunk in chunks]
        self.steps = {chunk["__id__"]: chunk for chunk in chunks}

    def function(self, step: str) -> str:
        """Return a step's state function."""
        return "{state}.{fun}".format(**self.steps[step])

    def arguments(self, step: str) -> dict[str, Any]:
        """Return what a step gives to its function, without a name that is only its ID."""
        found = {key: value for key, value in self.steps[step].items() if key not in RESERVED}
        return {key: value for key, value in found.items() if (key, value) != ("name", step)}

    def requires(self, step: str) -> list[str]:
        """Return the IDs that a step requires."""
        named = self.steps[step].get("require", [])
        return [name for one in named for name in (one.values() if isinstance(one, dict) else [one])]

    def requisites(self, step: str) -> set[str]:
        """Return the kinds of requisites that a step has."""
        return REQUISITES & set(self.steps[step])


def _misfits(states: Any, chunk: Mapping[str, Any]) -> list[str]:
    """Return what a state's function does not take, or misses, of what its step gives."""
    function = "{state}.{fun}".format(**chunk)
    if function not in states:
        return [f"{chunk['__id__']}: {states.missing_fun_string(function)}"]
    given = {key: value for key, value in chunk.items() if key == "name" or key not in RESERVED}
    try:
        inspect.signature(states[function].func).bind(**given)
    except TypeError as err:
        return [f"{chunk['__id__']}: {function}: {err}"]
    return []

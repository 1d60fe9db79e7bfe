"""Mechanisms of the protocol, each taken out again by one change of its source: the simulation must find every one.

``python -m tests.simulation mutants`` prints the table. A change is made in the code of one function, in memory.
"""

import ast
import contextlib
import dataclasses
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from tests.simulation import campaign
from tests.simulation.night import Schedule, spend

PACKAGE = "saltext.chef_backend"


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One mechanism, taken out."""

    name: str
    module: str  # below the package
    function: str  # or Class.method
    old: str  # what its source holds, once
    new: str
    ways: tuple[str, ...] = ("rolling",)
    kinds: tuple[str, ...] = ()  # of fault, that it is there for: those are tried first

    def function_object(self) -> FunctionType:
        """The function whose code is changed."""
        found: Any = importlib.import_module(f"{PACKAGE}.{self.module}")
        for part in self.function.split("."):
            found = getattr(found, part)
        found = inspect.unwrap(found)
        assert isinstance(found, FunctionType), self.function
        return found

    def code(self) -> CodeType:
        """The changed code. Raises ValueError if the source is not as this mutant knows it."""
        function = self.function_object()
        source = textwrap.dedent(inspect.getsource(function))
        if source.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.module}.{self.function} does not hold {self.old!r} once")
        tree = ast.parse(source.replace(self.old, self.new))
        definition = tree.body[0]
        assert isinstance(definition, ast.FunctionDef)
        definition.decorator_list, definition.returns = [], None
        for argument in (*definition.args.args, *definition.args.kwonlyargs):
            argument.annotation = None
        space: dict[str, Any] = {}
        exec(compile(tree, f"<{self.name}>", "exec"), function.__globals__, space)
        code: CodeType = space[definition.name].__code__
        return code

    @contextlib.contextmanager
    def at_large(self) -> Iterator[None]:
        """Have the change made, while the body runs."""
        function, code = self.function_object(), self.code()
        before = function.__code__
        function.__code__ = code
        try:
            yield
        finally:
            function.__code__ = before


@dataclasses.dataclass(frozen=True)
class Caught:
    """How a mutant was found."""

    mutant: Mutant
    nights: int  # that it took
    violation: str | None  # None: it was not found
    schedule: Schedule | None


def catch(mutant: Mutant, most: int) -> Caught:
    """Spend nights with a mechanism taken out, until one goes wrong that would not without that.

    :param most: nights after which it counts as not found.
    """
    nights = 0
    for schedule in _likely(mutant, most):
        nights += 1
        with mutant.at_large():
            violations = spend(schedule).violations
        for violation in violations:
            if violation not in spend(schedule).violations:
                return Caught(mutant, nights, violation, schedule)
    return Caught(mutant, nights, None, None)


def _likely(mutant: Mutant, most: int) -> list[Schedule]:
    """Single faults at points all over the ways, and several at once; those that it is there for first."""
    single = campaign.enumerated(list(mutant.ways))
    if mutant.kinds:
        single = [one for one in single if one.faults[0].kind in mutant.kinds]
    step = max(1, 2 * len(single) // most)
    chosen = single[::step]
    random = [schedule for way in mutant.ways for schedule in campaign.drawn(most, 1, way)]
    mixed = [schedule for pair in zip(chosen, random, strict=False) for schedule in pair]
    return (mixed + chosen[len(random) :] + random[len(chosen) :])[:most]

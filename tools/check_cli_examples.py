"""Check the CLI examples of what an operator types, as Salt itself would read them.

Usage: python tools/check_cli_examples.py [TREE]

`salt be1 sys.doc chef_backend` is the manual that an operator has at hand. Each public function of the operator's doors
(the modules `chef_backend` and `chef_server`, whichever files they come from, and the runners) has at least one example
there; each example calls that function, with arguments that it takes, and can be typed as it stands. What is asked by
a master, or named by an SLS, is typed by nobody and has none.
"""

import ast
import importlib.util
import inspect
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import salt.utils.args
from salt.exceptions import SaltInvocationError
from salt.minion import load_args_and_kwargs
from salt.utils.parsers import SaltCMDOptionParser, SaltRunOptionParser

MARK = "CLI Example:"
BLOCK = re.compile(rf"^{MARK}\n\n\.\. code-block:: bash\n\n((?:    .+\n?)+)", re.MULTILINE)
TYPED = ("chef_backend", "chef_server")  # the execution modules that a person calls
PLACEHOLDERS = {
    "angle brackets": re.compile(r"<[^>]*>"),
    "an ellipsis": re.compile(r"\.\.\.|\N{HORIZONTAL ELLIPSIS}"),
    "a word in capitals": re.compile(r"(?<![\w-])[A-Z][A-Z0-9_]+(?![\w-])"),
    "/path/to": re.compile(r"/path/to\b"),
}
COMMANDS = {"_modules": "salt", "_runners": "salt-run"}


def load(path: Path) -> ModuleType:
    """Import a door from its file, as no other module of its name."""
    spec = importlib.util.spec_from_file_location(f"typed_{path.parent.name}_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def functions(path: Path) -> tuple[str, list[ast.FunctionDef]]:
    """Return the name that Salt knows a door by, and the syntax trees of its public functions, from its text."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    name = path.stem
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__virtualname__":
            name = str(ast.literal_eval(node.value))
    return name, [n for n in tree.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]


def is_typed(path: Path) -> bool:
    """Tell whether what a door has is typed by a person."""
    return path.parent.name == "_runners" or (path.parent.name == "_modules" and functions(path)[0] in TYPED)


def wrong_in_line(line: str, command: str, name: str, function: Callable[..., Any]) -> str | None:
    """Return what is wrong with one example, as text, or None.

    :param line: as it is typed.
    :param command: the program that it has to start with.
    :param name: the function as Salt knows it, such as ``chef_backend.run``.
    :param function: the Python function.
    """
    for what, pattern in PLACEHOLDERS.items():
        if pattern.search(line):
            return f"holds {what}, which nobody can type"
    try:
        first, *words = shlex.split(line)
    except ValueError as err:
        return f"is no shell's words: {err}"
    if first != command:
        return f"starts with {first!r}, expected {command!r}"
    parser = SaltRunOptionParser() if command == "salt-run" else SaltCMDOptionParser()
    options = [word.partition("=")[0] for word in words if word.startswith("-")]
    unknown = [option for option in options if not parser.has_option(option)]
    if unknown:
        return f"has options that {command} has not: {', '.join(unknown)}"
    words = [word for word in words if not word.startswith("-")]
    if command == "salt":
        words = words[1:]  # whom it is sent to
    if not words or words[0] != name:
        return f"calls {words[0] if words else 'nothing'!r}, expected {name!r}"
    try:
        args, kwargs = load_args_and_kwargs(function, salt.utils.args.parse_input(words[1:]))
        inspect.signature(function).bind(*args, **kwargs)
    except (SaltInvocationError, TypeError) as err:
        return f"does not fit: {err}"
    return None


def wrong_in_door(path: Path) -> list[str]:
    """Return ``file:line: function: what is wrong`` for each function of an operator's door.

    :returns: list of text, in the order of the file.
    """
    virtual, nodes = functions(path)
    module, found = load(path), []
    for node in nodes:
        name = f"{virtual}.{getattr(module, '__func_alias__', {}).get(node.name, node.name)}"
        block = BLOCK.search(ast.get_docstring(node) or "")
        where = f"{path}:{node.lineno}: {name}"
        if not block:
            found.append(f"{where}: has no {MARK!r} with a code block")
            continue
        for line in block[1].splitlines():
            wrong = wrong_in_line(line.strip(), COMMANDS[path.parent.name], name, getattr(module, node.name))
            found += [f"{where}: {line.strip()!r} {wrong}"] if wrong else []
    return found


def wrong_in_tree(tree: Path) -> tuple[list[str], int]:
    """Return what is wrong in a tree, and how many functions were looked at."""
    doors = sorted(path for folder in ("_modules", "_runners") for path in (tree / folder).glob("*.py"))
    typed = [path for path in doors if is_typed(path)]
    others = [path for path in sorted(tree.glob("_*/**/*.py")) if path not in typed]
    found = [line for path in typed for line in wrong_in_door(path)]
    found += [f"{path}: has a {MARK!r}, and nobody types it" for path in others if MARK in path.read_text("utf-8")]
    return found, sum(len(functions(path)[1]) for path in typed)


def main(words: Sequence[str]) -> int:
    """Print what is wrong; return the exit status."""
    tree = Path(words[0] if words else ".").resolve()
    sys.path.insert(0, str(tree / "_utils"))
    sys.dont_write_bytecode = True
    found, count = wrong_in_tree(tree)
    for line in found:
        print(line, file=sys.stderr)
    if not count:
        print(f"{tree}: no function was found that an operator types", file=sys.stderr)
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

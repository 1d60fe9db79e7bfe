"""Check that each public function of the given folders shows a `CLI Example:` in its docstring.

Usage: python tools/check_cli_examples.py _modules _runners

`salt be1 sys.doc chef_backend` is the manual an operator has at hand; each function in it shows how it is called.
"""

import ast
import sys
from pathlib import Path

MARK = "CLI Example:"


def without_example(path):
    """Return `file:line: function` for each public function of a module that lacks the example.

    :param path: the module, a :class:`pathlib.Path`.
    :returns: list of text, in the order of the file.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return [
        f"{path}:{node.lineno}: {node.name}"
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and MARK not in (ast.get_docstring(node) or "")
    ]


def main(folders):
    """Print what lacks an example; return the exit status."""
    modules = [path for folder in folders for path in sorted(Path(folder).rglob("*.py"))]
    missing = [line for path in modules for line in without_example(path)]
    for line in missing:
        print(f"{line}: the docstring has no {MARK!r}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The check of the CLI examples: this tree passes it, and it finds whatever is wrong in another one."""

import subprocess
import sys

import pytest

from tests.functional.minion import REPO
from tools import check_cli_examples

DOOR = '''
"""A door."""


def {name}({parameters}):
    """Do something.

    CLI Example:

    .. code-block:: bash

        {example}
    """
'''
GOOD = {"name": "tail", "parameters": "service, lines=50", "example": "salt be1 chef_backend.tail leaderl lines=100"}


@pytest.fixture(name="check")
def fixture_check(monkeypatch, capsys):
    """Return a function that checks a tree; gives the status and what was printed."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return lambda tree: (check_cli_examples.main([str(tree)]), capsys.readouterr().err)


@pytest.fixture(name="checked")
def fixture_checked(check, tmp_path):
    """Return a function that checks a tree with one more door in it; the first is GOOD, if it is not said otherwise."""

    def checked(path="_modules/chef_backend.py", text=None, **door):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(DOOR.format(**{**GOOD, **door}) if text is None else text, encoding="utf-8")
        return check(tmp_path)

    return checked


def test_every_example_of_this_tree_can_be_typed():
    done = subprocess.run([sys.executable, check_cli_examples.__file__], cwd=REPO, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "door",
    [
        {},
        {"example": "salt 'be*' chef_backend.tail leaderl"},
        {"example": "salt be1 chef_backend.tail leaderl\n        salt be1 chef_backend.tail leaderl 100"},
        {"example": "salt be1 chef_backend.tail leaderl --out=json"},
        {"parameters": "*args, lines=50"},
        {"parameters": "service, *, lines=50"},
        {"parameters": "**kwargs", "example": "salt be1 chef_backend.tail service=leaderl"},
        {"path": "_modules/other.py", "text": '__virtualname__ = "chef_backend"\n' + DOOR.format(**GOOD)},
        {"text": '__func_alias__ = {"tail_": "tail"}\n' + DOOR.format(**{**GOOD, "name": "tail_"})},
        {"path": "_runners/chef_backend.py", "example": "salt-run chef_backend.tail leaderl '{\"a\": [1]}'"},
    ],
    ids=str,
)
def test_what_can_be_typed_is_let_through(checked, door):
    assert checked(**door) == (0, "")


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ("salt be1 chef_backend.tail <service>", "holds angle brackets"),
        ("salt be1 chef_backend.tail ...", "holds an ellipsis"),
        ("salt be1 chef_backend.tail SERVICE", "holds a word in capitals"),
        ("salt TARGET chef_backend.tail leaderl", "holds a word in capitals"),
        ("salt be1 chef_backend.tail leaderl lines=LINES", "holds a word in capitals"),
        ("salt be1 chef_backend.tail /path/to/log", "holds /path/to"),
        ("salt be1 chef_backend.tail", "does not fit: missing a required argument: 'service'"),
        ("salt be1 chef_backend.tail leaderl 100 200", "does not fit: too many positional arguments"),
        ("salt be1 chef_backend.tail leaderl service=etcd", "does not fit: multiple values for argument 'service'"),
        ("salt be1 chef_backend.tail leaderl count=100", "does not fit: The following keyword arguments are not valid"),
        ("salt be1 chef_backend.tails leaderl", "calls 'chef_backend.tails', expected 'chef_backend.tail'"),
        ("salt be1 chef_server.tail leaderl", "calls 'chef_server.tail', expected 'chef_backend.tail'"),
        ("salt chef_backend.tail leaderl", "calls 'leaderl', expected 'chef_backend.tail'"),
        ("salt be1", "calls 'nothing', expected 'chef_backend.tail'"),
        ("salt-run chef_backend.tail leaderl", "starts with 'salt-run', expected 'salt'"),
        ("salt be1 chef_backend.tail leaderl --output-as=json", "has options that salt has not: --output-as"),
        ("salt be1 chef_backend.tail 'leaderl", "is no shell's words: No closing quotation"),
    ],
)
def test_what_cannot_is_said_with_its_place(checked, example, said):
    status, printed = checked(example=example)
    assert status == 1
    assert "_modules/chef_backend.py:5: chef_backend.tail: " in printed
    assert said in printed


def test_each_line_of_an_example_is_looked_at(checked):
    status, printed = checked(example="salt be1 chef_backend.tail leaderl\n        salt be1 chef_backend.tail")
    assert (status, printed.count("\n"), "missing a required argument" in printed) == (1, 1, True)


@pytest.mark.parametrize(
    "docstring",
    ['"""Do something."""', "pass", '"""Do something.\n\n    CLI Example: salt be1 chef_backend.tail\n    """'],
)
@pytest.mark.parametrize("path", ["_modules/chef_backend.py", "_modules/chef_server.py", "_runners/chef_backend.py"])
def test_a_function_of_an_operators_door_without_an_example_is_found(checked, path, docstring):
    status, printed = checked(path, f"def tail():\n    {docstring}\n")
    assert (status, "tail: has no 'CLI Example:' with a code block" in printed) == (1, True)


@pytest.mark.parametrize(
    "path",
    ["_modules/chef_backend_agent.py", "_modules/chef_backend_probe.py", "_states/chef_backend.py", "_utils/a/b/c.py"],
)
def test_an_example_of_what_nobody_types_is_found(checked, path):
    assert checked() == (0, "")
    status, printed = checked(path)
    assert (status, printed.endswith(f"{path}: has a 'CLI Example:', and nobody types it\n")) == (1, True)


def test_a_tree_in_which_nothing_is_looked_at_is_not_let_through(check, tmp_path):
    status, printed = check(tmp_path)
    assert (status, "no function was found that an operator types" in printed) == (1, True)

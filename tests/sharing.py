"""One suite shared by several processes: of its modules, each takes the next one that no other has taken.

`pytest -p tests.sharing --share FOLDER`, with the same new folder for all of them.
"""

import secrets
from pathlib import Path

import pytest

OURS = secrets.token_hex(8)  # of this process: two worlds may give two of them one pid
TOGETHER = ("happy",)  # fixtures made once at great cost: who looks at one is of one process, whatever the module


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know ``--share``."""
    parser.addoption("--share", metavar="FOLDER", help="leave to others that name this folder what one of them took")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Function) -> bool | None:
    """Pass over a test that another process has taken."""
    folder = item.config.getoption("--share")
    return True if folder and not is_ours(item, Path(folder)) else None


def is_ours(item: pytest.Function, folder: Path) -> bool:
    """Take a test's module, or all who look at a fixture of TOGETHER, if it is free; tell whether it is ours."""
    module = str(item.path.relative_to(item.config.rootpath)).replace("/", ".")
    name = next((fixture for fixture in TOGETHER if fixture in item.fixturenames), module)
    try:
        with open(folder / name, "x", encoding="utf-8") as file:
            file.write(OURS)
    except FileExistsError:
        return (folder / name).read_text(encoding="utf-8") == OURS
    return True

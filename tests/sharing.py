"""One suite shared by several processes: of its modules, each takes the next one that no other has taken.

A layout of Salt has a lab of its own anyhow, so those are taken one by one.
`pytest -p tests.sharing --share FOLDER`, with the same new folder for all of them.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

OURS = secrets.token_hex(8)  # of this process: two worlds may give two of them one pid
TOGETHER = ("happy",)  # fixtures made once at great cost: who looks at one is of one process, whatever the module


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know ``--share``."""
    parser.addoption("--share", metavar="FOLDER", help="leave to others that name this folder what one of them took")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run what is ours, as pytest's own loop does: each test is told which one follows, for what it leaves standing."""
    folder = session.config.getoption("--share")
    if not folder or session.testsfailed or session.config.option.collectonly:
        return None
    ours = _ours(session.items, Path(folder))
    item = next(ours, None)
    while item is not None:
        following = next(ours, None)
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


def _ours(items: list[pytest.Item], folder: Path) -> Iterator[pytest.Item]:
    """Take one test's module after another, or all who look at a fixture of TOGETHER, where they are free."""
    for item in items:
        module = str(item.path.relative_to(item.config.rootpath)).replace("/", ".")
        fixtures = getattr(item, "fixturenames", ())
        alone = item.name.replace("/", ".") if item.get_closest_marker("layout") else module
        taken = folder / next((fixture for fixture in TOGETHER if fixture in fixtures), alone)
        try:
            with open(taken, "x", encoding="utf-8") as file:
                file.write(OURS)
        except FileExistsError:
            if taken.read_text(encoding="utf-8") != OURS:
                continue
        yield item

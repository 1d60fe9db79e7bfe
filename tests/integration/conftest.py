"""One laboratory for all integration tests, and who works at it.

Tests that look at the one happy run come first, those whose hosts are of the other package family, or whose Salt is of
another release, last: for them the lab is taken down, and booted so.

They run inside a world: `python -m tests.lab run -- python -m pytest tests/integration`.
"""

from collections.abc import Iterator

import pytest

from tests.integration.happy import HappyRun, happy_run
from tests.integration.house import House
from tests.integration.lab_people import the_leader
from tests.integration.operator import NEW, Operator
from tests.lab.hosts import Lab


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Leave the tests in their order, but for what is made once: the happy run first, other labs last."""
    items.sort(key=lambda item: ("happy" not in item.fixturenames, bool({"rpm_lab", "release"} & {*item.fixturenames})))


@pytest.fixture(scope="session")
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    """The lab at chef-backend 2.2.0 with its snapshot; without Salt when only tests of the lab itself run."""
    someone = House(minions=any(not item.path.name.startswith("test_lab_") for item in request.session.items))
    try:
        yield someone
    finally:
        someone.close()


@pytest.fixture
def lab(house: House, request: pytest.FixtureRequest) -> Lab:
    """The lab, healthy, with whatever the tests before left in it; put back after a test marked ``spoils``."""
    return house.mended(spoil=request.node.get_closest_marker("spoils") is not None)


@pytest.fixture
def fresh_lab(house: House) -> Lab:
    """The lab as it was booted, for one test."""
    return house.fresh()


@pytest.fixture
def operator(fresh_lab: Lab) -> Operator:
    """An operator at a fresh 2.2.0 cluster who wants 2.3.16."""
    someone = Operator(fresh_lab)
    someone.wants(NEW, backup=False)
    return someone


@pytest.fixture(scope="session")
def happy(house: House) -> HappyRun:
    """The one rolling upgrade that all who ask for it look at, in the lab as it left it."""
    return happy_run(house.fresh())


@pytest.fixture(scope="module")
def rpm_lab(house: House) -> Lab:
    """A lab of its own with hosts that rpm, dnf and Salt take for RedHat's, for the module that looks at them."""
    return house.fresh(family="rpm")


@pytest.fixture
def roles(lab: Lab) -> tuple[str, ...]:
    """The leader's name and the two followers'."""
    leader = the_leader(lab)
    return leader, *sorted(set(lab.backends) - {leader})

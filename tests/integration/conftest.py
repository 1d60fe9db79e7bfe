"""One laboratory for all integration tests: booted once, saved once, put back when a test has changed it.

Tests that look at the one happy run come first, those whose hosts are of the other package family last: for them the
lab is taken down, and booted so.

They run inside a world: `python -m tests.lab run -- python -m pytest tests/integration`.
"""

import secrets
from pathlib import Path

import pytest

from tests.integration.happy import happy_run
from tests.integration.lab_people import the_leader
from tests.integration.operator import NEW, Operator
from tests.lab.common import LabError, wait_until
from tests.lab.hosts import Lab

VERSION = "2.2.0"
SNAPSHOT = "fresh"
OURS = secrets.token_hex(8)  # of this process: two worlds may give two of them one pid


class House:
    """The one lab, and in which state its last borrower left it: fresh, used, or spoiled.

    minions: whether it has Salt. It is booted when it is first asked for, and anew when it is asked for otherwise.
    """

    def __init__(self, minions):
        self.minions = minions
        self.lab, self.kind, self.state = None, None, None

    def fresh(self, **kind):
        """Return the lab as it was booted, to be changed at will; ``kind``: what `Lab.boot` is given, if not 2.2.0."""
        kind = {"backends": VERSION} | kind
        if self.kind != kind:
            self.close()
            self.lab, self.kind = Lab.boot(minions=self.minions, **kind), kind
            self.lab.save(SNAPSHOT)
        elif self.state != "fresh":
            self.lab.restore(SNAPSHOT)
        self.state = "spoiled"
        return self.lab

    def close(self):
        """Take the lab down, if there is one."""
        if self.lab is not None:
            self.lab.down()
        self.lab = self.kind = None

    def mended(self, *, spoil=False):
        """Return the lab healthy, as a person would bring it about; leader, data and versions stay as they are.

        Much quicker than putting everything back, for tests that break a cluster's health and nothing else;
        ``spoil``: the borrower breaks more.
        """
        if self.kind != {"backends": VERSION} or self.state == "spoiled":
            self.fresh()
        elif self.state == "used":
            try:
                self._mend()
            except LabError:
                self.lab.restore(SNAPSHOT)
        self.state = "spoiled" if spoil else "used"
        return self.lab

    def _mend(self):
        for host in self.lab.hosts:
            if not self.lab.is_on(host):
                self.lab.power_on(host)
            self.lab.plug(host)
            self.lab.put(host, "/etc/lab/faults.json", "{}")
        for host in self.lab.backends:
            self.lab.exec(host, "chef-backend-ctl", "start")
        wait_until(self._allow_failover, 30)
        self.lab.wait_healthy(60)

    def _allow_failover(self):
        """Switch failover on everywhere; None, or why it could not be done yet."""
        for host, switch in (("be1", "set-cluster-failover"), *((be, "set-node-failover") for be in self.lab.backends)):
            done = self.lab.exec(host, "chef-backend-ctl", switch, "on", check=False)
            if done.returncode:
                return done.stderr
        return None


def pytest_addoption(parser):
    parser.addoption("--share", metavar="FOLDER", help="leave to others that name this folder what one of them took")


def pytest_collection_modifyitems(items):
    """Leave the tests in their order, but for what is made once: the happy run first, the other family's hosts last."""
    items.sort(key=lambda item: ("happy" not in item.fixturenames, "rpm_lab" in item.fixturenames))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    """Pass over a test that another process has taken: of modules, each takes the next one that nobody has yet."""
    folder = item.config.getoption("--share")
    return True if folder and not _is_ours(item, Path(folder)) else None


def _is_ours(item, folder):
    """Whether a test's module, or the happy run with all who look at it, is taken by this process."""
    taken = folder / ("happy" if "happy" in item.fixturenames else item.path.stem)
    try:
        with open(taken, "x") as file:
            file.write(OURS)
    except FileExistsError:
        return taken.read_text() == OURS
    return True


@pytest.fixture(scope="session")
def house(request):
    """The lab at chef-backend 2.2.0 with its snapshot; without Salt when only tests of the lab itself run."""
    someone = House(minions=any(not item.path.name.startswith("test_lab_") for item in request.session.items))
    try:
        yield someone
    finally:
        someone.close()


@pytest.fixture
def lab(house, request):
    """The lab, healthy, with whatever the tests before left in it; put back after a test marked ``spoils``."""
    return house.mended(spoil=request.node.get_closest_marker("spoils") is not None)


@pytest.fixture
def fresh_lab(house):
    """The lab as it was booted, for one test."""
    return house.fresh()


@pytest.fixture
def operator(fresh_lab):
    """An operator at a fresh 2.2.0 cluster who wants 2.3.16."""
    someone = Operator(fresh_lab)
    someone.wants(NEW, backup=False)
    return someone


@pytest.fixture(scope="session")
def happy(house):
    """The one rolling upgrade that all who ask for it look at, in the lab as it left it."""
    return happy_run(house.fresh())


@pytest.fixture(scope="module")
def rpm_lab(house):
    """A lab of its own with hosts that rpm, dnf and Salt take for RedHat's, for the module that looks at them."""
    return house.fresh(family="rpm")


@pytest.fixture
def roles(lab):
    """The leader's name and the two followers'."""
    leader = the_leader(lab)
    return leader, *sorted(set(lab.backends) - {leader})

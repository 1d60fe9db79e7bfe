"""Orders that come late, by real queues and in a machine that was really stopped, change nothing and say so (I7)."""

import contextlib
import json
import signal
import time

import pytest

from tests.integration.operator import NEW, Operator, assert_finished
from tests.lab.common import PATIENCE, wait_until
from tests.lab.salt import MINION_CONFIG

LEASE = 12  # seconds
BOUNDS = {"ask": 10, "gate": 15, "rejoin": 40, "upgrade": 120, "api": 30, "lease": LEASE}
ORDER = b"orch.node.upgraded"
TRIES = 3  # the moment between an order and what it begins is short: Salt compiles what is to be done
REFUSED = "nothing was done: this order"


@pytest.fixture
def operator(operator):
    """An operator whose runs have a short lease."""
    operator.wants(NEW, backup=False, timeouts=BOUNDS)
    return operator


def said_on(operator, node):
    return (operator.lab.root(node) / "var/log/salt-minion.log").read_text()


def awaits_order_to(operator, node):
    """Wait until a node has got the order to upgrade; where its minion keeps what it has at work, it stands then."""
    at_work = operator.lab.root(node) / MINION_CONFIG["cachedir"].lstrip("/") / "proc"

    def has_it(job):
        with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
            return ORDER in job.read_bytes()

    wait_until(lambda: None if any(map(has_it, at_work.glob("*"))) else f"the order to {node}", PATIENCE, step=0.01)


@pytest.mark.campaign
def test_i7_an_order_that_is_queued_behind_a_highstate_is_void_when_its_run_was_aborted(operator):
    """Salt keeps it on the minion, 3008 in a file: abort waits for the queue, or the order is refused when it comes."""
    lock = operator.lab.root("be2") / "var/lib/salt-chef-backend/run.json"
    staged = [operator.lab.root(node) / "var/cache/salt-chef-backend" for node in operator.lab.backends]
    run = operator.starts_upgrading()
    operator.waits_for(lock.exists)
    operator.lab.salt("--async", "be2", "state.single", "cmd.run", "name=sleep 45")
    operator.waits_for(lambda: all(any(folder.glob("*.deb")) for folder in (staged[0], staged[2])))
    run.send_signal(signal.SIGINT)
    stdout, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode != 0, stdout
    aborted = operator.lab.salt_run("chef_backend.abort", "prod")
    at_rest = lambda: operator.lab.salt("be2", "saltutil.is_running", "state.*", "--out=json", "--static").stdout  # noqa: E731
    operator.waits_for(lambda: json.loads(at_rest()) == {"be2": []})
    time.sleep(5)  # what was queued has been taken from the queue by then
    assert json.loads(at_rest()) == {"be2": []}
    assert not any(staged[1].glob("*")), "the order to fetch the package was void"
    assert REFUSED in said_on(operator, "be2")
    if aborted.returncode != 0:
        assert "be2: state.s" in aborted.stdout, aborted.stdout
        assert operator.lab.salt_run("chef_backend.abort", "prod").returncode == 0
    assert operator.shown_failover() == "on"
    assert_finished(operator, operator.upgrades())


@pytest.mark.campaign
@pytest.mark.parametrize("then", ["abort", "the same command"])
def test_i7_an_order_to_a_machine_that_was_stopped_is_void_when_it_goes_on(house, then):
    """It has reached the node's minion, and is taken up again with all that came after it."""
    for _ in range(TRIES):
        operator = Operator(house.fresh())
        operator.wants(NEW, backup=False, timeouts=BOUNDS)
        if not stops_be2_at_its_order(operator, then):
            break
    else:
        pytest.fail(f"{TRIES} times be2 was stopped after it had begun")
    assert operator.hosts_installing() == []
    assert REFUSED in said_on(operator, "be2")
    assert_finished(operator, operator.upgrades())


def stops_be2_at_its_order(operator, then):
    """Stop be2 when the order to it is sent, and let it go on when its run has ended; tell whether it had begun."""
    run = operator.starts_upgrading()
    awaits_order_to(operator, "be2")
    with operator.lab.stunned("be2"):
        stdout, _ = run.communicate(timeout=PATIENCE)  # it looks several times at a node that is silent
        assert run.returncode != 0, stdout
        assert "FAILOVER OF prod STAYS OFF" in stdout, stdout
        if then == "abort":
            time.sleep(LEASE + 2)
            ended = operator.lab.salt_run("chef_backend.abort", "prod")
            assert ended.returncode != 0, "failover stays off beside a node of which nobody knows"
            assert "is aborted" in ended.stdout, ended.stdout
    operator.lab.await_minions()
    operator.lab.wait_healthy()
    operator.waits_for(lambda: operator.shown_failover() == "on")
    return "be2" in operator.hosts_upgrading()

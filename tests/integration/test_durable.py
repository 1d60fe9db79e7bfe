"""Commands that change a node go on without whoever wanted them, and their end is read (I1, I5, I8)."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.operator import NEW, Operator, assert_finished, assert_nothing_left_to_do
from tests.lab.common import CHECKOUT, PATIENCE, wait_until

UPGRADE = "chef-backend-ctl upgrade"
BOUNDS = {"ask": 10, "gate": 15, "rejoin": 40, "upgrade": 120, "api": 30}
SLOW = 60  # seconds that the migration of a backend's data takes
FOLLOWER = "be2"  # the first one


@pytest.fixture
def slow(operator: Operator) -> Operator:
    """An operator whose first follower takes its time inside ``upgrade``."""
    operator.orders_fault(FOLLOWER, {"upgrade_seconds": SLOW})
    return operator


def told(operator: Operator, node: str) -> list[object]:
    """Return how the upgrades on a node ended, as its own journal of the run tells: their exit statuses."""
    folder = operator.lab.root(node) / "var/lib/salt-chef-backend/journal"
    entries = [json.loads(line) for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    commands = [entry["data"] for entry in entries if entry["step"] == "command"]
    return [data["status"] for data in commands if data["argv"][:2] == UPGRADE.split()]


def assert_once_each(operator: Operator) -> None:
    """Each backend was upgraded once, the leader last, none beside another, failover off meanwhile but for the last."""
    upgrades = operator.commands(UPGRADE)
    assert [command.host for command in upgrades] == ["be2", "be3", "be1"]
    assert all(before.ended < after.begin for before, after in itertools.pairwise(upgrades))
    assert {operator.failover_at(command.ended) for command in upgrades[:2]} == {"off"}


def test_c4_i1_a_bound_shorter_than_the_upgrade_and_the_same_command_again(slow):
    slow.wants(NEW, backup=False, timeouts=BOUNDS | {"upgrade": 15})
    run = slow.upgrades()
    assert run.returncode != 0
    assert f"{FOLLOWER}: {UPGRADE} did not end within 15 s, and is still at work" in run.stdout, run.stdout
    (at_work,) = slow.commands(UPGRADE)
    assert at_work.end is None, "the run has ended before the command has"
    assert slow.failover_at(float("inf")) == "off", "nothing fails over to a node in its upgrade"
    status = slow.lab.salt_run("chef_backend.status", "prod").stdout
    assert f"{UPGRADE} (for " in status, status
    typed = slow.lab.salt(FOLLOWER, "chef_backend.set_node_failover", "on").stdout
    assert f"{UPGRADE} is at work for " in typed, typed
    assert_finished(slow, slow.upgrades())
    assert_once_each(slow)
    assert told(slow, FOLLOWER) == [0]
    assert_nothing_left_to_do(slow)


def test_i5_a_minion_that_is_killed_and_started_again_inside_an_upgrade(slow):
    running = slow.starts_upgrading()
    slow.waits_for(lambda: slow.commands(UPGRADE))
    slow.lab.exec(FOLLOWER, "sh", "-c", "kill -9 $(pgrep -f 'bin/[s]alt-minion')")
    slow.lab.await_minions([FOLLOWER])
    (at_work,) = slow.commands(UPGRADE)
    assert at_work.end is None, "the minion is back before the command has ended"
    assert UPGRADE in slow.lab.salt(FOLLOWER, "chef_backend_agent.view", "[busy]").stdout
    running.communicate(timeout=PATIENCE)
    if running.returncode != 0:  # the job is gone with the minion, and nobody tells how it ended
        assert_finished(slow, slow.upgrades())
    assert_once_each(slow)
    assert told(slow, FOLLOWER) == [0]
    assert_nothing_left_to_do(slow)


def test_a_killed_wrapper_leaves_its_child_at_work_and_it_is_seen(lab):
    lab.put("be2", "/etc/lab/faults.json", json.dumps({"start": {"hang": 20}}))
    lab.salt("be2", "chef_backend.start", "timeout=1")
    lab.exec("be2", "sh", "-c", "kill -9 $(pgrep -f 'bin/[c]hef-backend-ctl start')")
    seen = lab.salt("be2", "chef_backend_agent.view", "[busy]").stdout
    assert "chef-backend-ctl start (for " in seen, seen


SYSTEMD = """
set -e
mount --make-rprivate /
mount -t tmpfs layer /mnt
mkdir -p /mnt/upper /mnt/work /mnt/root
mount -t overlay system -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
cd /mnt/root
mount -t proc proc proc
mount -t tmpfs run run
mount -t tmpfs tmp tmp
for bind in {binds}; do mkdir -p .$bind; mount --bind $bind .$bind; done
mount --rbind /dev dev
mount -t tmpfs sys sys
mkdir -p sys/fs/cgroup
mount -t cgroup2 cgroup sys/fs/cgroup
printf '[Unit]\\nDefaultDependencies=no\\nWants=minion.service\\n' > etc/systemd/system/lab.target
printf '[Unit]\\nDefaultDependencies=no\\n[Service]\\nKillMode=control-group\\nExecStart={python} {job}\\n' \
    > etc/systemd/system/minion.service
export container=lab
exec chroot . /lib/systemd/systemd --unit=lab.target --log-target=null --show-status=0
"""

JOB = """
import pathlib, sys, time
sys.path.insert(0, {package!r})
from saltext.chef_backend.node.processes import RealProcesses
real, folder = RealProcesses(), pathlib.Path({folder!r})
real.start(["sh", "-c", "cat /proc/self/cgroup; until [ -e {folder}/go ]; do sleep 0.1; done; exit 7"], folder)
(folder / "begun").touch()
time.sleep(600)
"""


def test_i1_the_minions_unit_ends_with_all_that_is_in_it_and_the_command_goes_on(tmp_path):
    """With a real systemd, in namespaces of its own, and a unit that is stricter than Salt's."""
    folder = tmp_path / "000001"
    folder.mkdir()
    job = tmp_path / "job.py"
    job.write_text(JOB.format(package=str(CHECKOUT / "_utils"), folder=str(folder)))
    binds = f"{CHECKOUT} {sys.base_prefix} {tmp_path}"
    script = SYSTEMD.format(binds=binds, python=sys.executable, job=job)
    apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--net", "--cgroup"]
    with subprocess.Popen([*apart, "bash", "-c", script], stdin=subprocess.DEVNULL) as system:
        try:
            _wait_for(folder / "begun")
            (pid,) = (folder / "process").read_text().split()[1:2]
            inside = ["nsenter", "-t", _first_of(system.pid), "-p", "-m", "-r", "--"]
            subprocess.run([*inside, "systemctl", "stop", "minion.service"], check=True, timeout=60)
            ended = subprocess.run(
                [*inside, "systemctl", "is-active", "minion.service"], capture_output=True, text=True
            )
            assert ended.stdout.strip() != "active"
            assert subprocess.run([*inside, "kill", "-0", pid]).returncode == 0, "the command has ended with the unit"
            (folder / "go").touch()
            _wait_for(folder / "ended")
        finally:
            system.kill()
    assert (folder / "ended").read_text().split()[0] == "7"
    assert "/salt-chef-backend-000001-" in (folder / "stdout").read_text()


def _wait_for(path: Path) -> None:
    wait_until(lambda: None if path.exists() else f"{path} is not there", PATIENCE)


def _first_of(pid: int) -> str:
    """Return the first process of namespaces that `unshare` has made, as seen from here."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return file.read().split()[0]

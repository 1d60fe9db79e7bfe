"""How each kind of fault is done in the lab, for real, and what ends it."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.campaign import schedules
from tests.campaign.schedules import Fault
from tests.campaign.terminal import SOMEBODY, Terminal, Typed
from tests.lab import health, network, power, salt
from tests.lab.common import LabError
from tests.lab.hosts import Lab

CLUSTER = "prod"
SERVICE = "/etc/sv/salt-minion"
MINION = "pgrep -f 'bin/[s]alt-minion'"
FAULTS = "/etc/lab/faults.json"

Mend = Callable[[], None]


@dataclass
class Scene:
    """What faults strike. command: the words of the one command; by_hand: what somebody has begun to type in a host."""

    lab: Lab
    terminal: Terminal
    command: tuple[str, ...]
    by_hand: list[subprocess.Popen[str]] = field(default_factory=list)

    def newest(self) -> Typed | None:
        """The run that was typed last and is at work."""
        return next(iter(self.terminal.driving()[::-1]), None)

    def types_in(self, host: str, *words: str) -> None:
        """Start a command in a host, and do not wait for its end."""
        null = subprocess.DEVNULL
        self.by_hand.append(self.lab.popen(host, *words, stdin=null, stdout=null, stderr=null))


Strike = Callable[[Scene, Fault, str], Mend | None]
KINDS: dict[str, Strike] = {}


class Missed(Exception):
    """There was nothing that the fault could strike."""


def where(scene: Scene, fault: Fault) -> str:
    """Return the host that a fault strikes; empty if it strikes none. Raises Missed if nobody leads."""
    if fault.where != schedules.LEADER:
        return fault.where
    leads = health.leader()
    if leads is None:
        raise Missed("nobody leads")
    return leads


def kind(*names: str) -> Callable[[Strike], Strike]:
    """Give a fault its names."""

    def named(function: Strike) -> Strike:
        KINDS.update(dict.fromkeys(names, function))
        return function

    return named


# the run and its master


@kind(*(f"salt-run gets {name}" for name in schedules.SIGNALS))
def _signal(scene: Scene, fault: Fault, host: str) -> None:
    run = scene.newest()
    if run is None:
        raise Missed("no run is at work")
    number = signal.Signals[fault.kind.rpartition(" ")[2]]
    run.killed = run.killed or number == signal.SIGKILL
    os.kill(run.process.pid, number)


@kind("salt-master killed")
def _kill_master(scene: Scene, fault: Fault, host: str) -> Mend:
    if not salt.runs():
        raise Missed("the master is down")
    scene.lab.stop_master(kill=True)

    def mend() -> None:
        if not salt.runs():
            scene.lab.start_master()

    return mend


@kind("masters cut off")
def _cut_master(scene: Scene, fault: Fault, host: str) -> Mend:
    network.isolate_hub()
    return network.connect_hub


# minions


def _minion(scene: Scene, host: str, script: str) -> None:
    scene.lab.exec(host, "sh", "-c", script)


@kind("minion killed")
def _kill_minion(scene: Scene, fault: Fault, host: str) -> Mend:
    """The daemon alone: the jobs that it has begun go on."""
    _minion(scene, host, f"sv once {SERVICE}; kill -9 $(cut -d' ' -f1 {SERVICE}/supervise/pid)")
    return lambda: _minion(scene, host, f"sv up {SERVICE}")


@kind("minion killed with its jobs")
def _kill_jobs(scene: Scene, fault: Fault, host: str) -> Mend:
    _minion(scene, host, f"sv once {SERVICE}; kill -9 $({MINION}) || true")
    return lambda: _minion(scene, host, f"sv up {SERVICE}")


@kind("minion stopped")
def _stop_minion(scene: Scene, fault: Fault, host: str) -> Mend:
    _minion(scene, host, f"kill -STOP $({MINION})")
    return lambda: _minion(scene, host, f"kill -CONT $({MINION}) || true")


@kind("busy with a highstate")
def _highstate(scene: Scene, fault: Fault, host: str) -> None:
    sleeps = f"name=sleep {fault.seconds:g}"
    scene.terminal.types(SOMEBODY, "--async", host, "state.single", "cmd.run", sleeps, program="salt")


# hosts


@kind("host stopped")
def _stun(scene: Scene, fault: Fault, host: str) -> Mend:
    power.stun(host)
    return lambda: power.wake(host)


@kind("host cut off")
def _unplug(scene: Scene, fault: Fault, host: str) -> Mend:
    scene.lab.unplug(host)
    return lambda: scene.lab.plug(host)


@kind("power off")
def _power_off(scene: Scene, fault: Fault, host: str) -> Mend:
    scene.lab.power_off(host)

    def mend() -> None:
        if not scene.lab.is_on(host):
            scene.lab.power_on(host)

    return mend


# the product's commands


def _ordered(scene: Scene, fault: Fault, host: str, how: dict[str, object]) -> None:
    path = scene.lab.root(host) / FAULTS.lstrip("/")
    text = path.read_text() if path.exists() else ""
    before = json.loads(text) if text.strip() else {}
    scene.lab.put(host, FAULTS, json.dumps({**before, fault.what: {**how, "times": 1}}))


@kind("command fails")
def _fails(scene: Scene, fault: Fault, host: str) -> None:
    _ordered(scene, fault, host, {"exit": 1, "output": "it fails as fate has ordered"})


@kind("command hangs")
def _hangs(scene: Scene, fault: Fault, host: str) -> None:
    _ordered(scene, fault, host, {"hang": fault.seconds})


@kind("command lies")
def _lies(scene: Scene, fault: Fault, host: str) -> None:
    _ordered(scene, fault, host, {"output": "done"})


# the lead and failover, by somebody else


@kind("lead moved by demote")
def _demote(scene: Scene, fault: Fault, host: str) -> None:
    scene.types_in(host, "chef-backend-ctl", "demote")


@kind("lead moved by promote")
def _promote(scene: Scene, fault: Fault, host: str) -> None:
    scene.types_in(host, "chef-backend-ctl", "promote", host)


@kind("leaderl stopped")
def _stop_leaderl(scene: Scene, fault: Fault, host: str) -> Mend:
    scene.types_in(host, "chef-backend-ctl", "stop", "leaderl")
    return lambda: scene.types_in(host, "chef-backend-ctl", "start", "leaderl")


@kind("failover typed off", "failover typed on")
def _switch(scene: Scene, fault: Fault, host: str) -> None:
    scene.types_in(host, *schedules.SWITCH.split(), fault.kind.rpartition(" ")[2])


# people


@kind("pause typed", "resume typed", "abort typed")
def _verb(scene: Scene, fault: Fault, host: str) -> None:
    scene.terminal.types(SOMEBODY, f"chef_backend.{fault.kind.partition(' ')[0]}", CLUSTER)


@kind("same command typed")
def _second(scene: Scene, fault: Fault, host: str) -> None:
    scene.terminal.types(SOMEBODY, *scene.command)


@kind("same command typed twice")
def _third(scene: Scene, fault: Fault, host: str) -> None:
    for _ in range(2):
        scene.terminal.types(SOMEBODY, *scene.command)


def mend_all(scene: Scene) -> None:
    """Mend everything outside: power, cables, daemons, the services of the product; forget what was ordered."""
    lab = scene.lab
    with contextlib.suppress(LabError):
        network.connect_hub()  # fails if it is connected
    if not salt.runs():
        lab.start_master()
    for host in lab.hosts:
        if not lab.is_on(host):
            lab.power_on(host)
        power.wake(host)
        lab.plug(host)
        _forget(lab, host)
        _minion(scene, host, f"sv up {SERVICE}")
    for host in lab.backends:
        if (lab.root(host) / "var/opt/chef-backend/down-for-upgrade").exists() or _in_upgrade(lab, host):
            continue  # its services are down for a reason
        lab.exec(host, "sv", "up", "/opt/chef-backend/sv/leaderl", check=False)


def _forget(lab: Lab, host: str) -> None:
    if (lab.root(host) / FAULTS.lstrip("/")).exists():
        lab.put(host, FAULTS, "{}")


def _in_upgrade(lab: Lab, host: str) -> bool:
    return lab.exec(host, "pgrep", "-f", "[c]hef-backend-ctl upgrade", check=False).returncode == 0

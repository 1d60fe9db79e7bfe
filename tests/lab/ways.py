"""The ways in which demo and bench upgrade a lab's cluster: ours, the bare runbook by shell or by Salt, and Ansible."""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

import yaml

from tests.lab import bare_salt, health, power, ssh
from tests.lab.common import CHECKOUT, HOST_PATH, LabError
from tests.lab.hosts import Lab

CLUSTER = "prod"
ORCHESTRATION = ("state.orchestrate", "orch.chef_backend_rolling", f'pillar={{"cluster": "{CLUSTER}"}}')
RUNBOOK = Path(__file__).with_name("runbook.sh")
PLAYBOOK = Path(__file__).with_name("peer") / "upgrade.yml"
ANSIBLE = CHECKOUT / ".cache/ansible/bin/ansible-playbook"
SALTS_OWN = re.compile(r"unclosed \w+ <salt\.")
TIMEOUT = 600  # seconds that an upgrade may take in the lab


def write_pillar(lab: Lab, target: str) -> None:
    """Describe the lab's cluster in the pillar, its target being a version.

    Everything is left at its default, but for the settle time: it is divided by the lab's speed, as all times are.
    """
    package = lab.package(target)
    cluster = {
        "backends": list(lab.backends),
        "frontends": list(lab.frontends),
        "version": target,
        "package": {
            "source": f"salt://packages/{package.name}",
            "sha256": hashlib.sha256(package.read_bytes()).hexdigest(),
        },
        "gates": {"settle_seconds": settle_seconds(lab)},
    }
    lab.write_pillar({"chef_backend": {"clusters": {CLUSTER: cluster}}})


def settle_seconds(lab: Lab) -> int:
    """The documented settle time, divided by the lab's speed."""
    return max(1, round(10 / lab.speed))


def orchestrate(lab: Lab, log: Path, show: bool) -> int:
    """Run the orchestration; its result goes to a file.

    :param log: gets what salt-run prints at its end. :param show: pass its progress (stderr) on to the terminal.
    :returns: exit status of salt-run. Raises LabError if it does not end in time.
    """
    with open(log, "w") as out:
        process = lab.salt_run_popen(*ORCHESTRATION, stdout=out, stderr=subprocess.PIPE)
        progress = threading.Thread(target=_pass_on, args=(process.stderr, sys.stderr if show else out))
        progress.start()
        try:
            return _end_of(process)
        finally:
            progress.join(5)


def _pass_on(lines: Iterable[str], to: TextIO) -> None:
    """Copy what salt-run tells while it works, without what Salt 3008 says of its own objects at every end."""
    for line in lines:
        if not SALTS_OWN.search(line):
            to.write(line)
            to.flush()


def by_hand(lab: Lab, target: str, log: Path) -> int:
    """Run the bare runbook; returns its exit status. `log` gets what the commands print."""
    leader, followers = _roles(lab)
    prefixes = {f"PREFIX_{host}": " ".join(power.argv_in(host, ())) for host in lab.hosts}
    argv = [str(RUNBOOK), str(lab.package(target)), leader, " ".join(followers), " ".join(lab.frontends)]
    with open(log, "w") as out:
        return _end_of(subprocess.Popen(argv, env={**os.environ, **prefixes}, stdout=out, stderr=out))


def by_bare_salt(lab: Lab, target: str, log: Path) -> int:
    """Run the bare runbook as an orchestration; returns the exit status of salt-run. `log` gets what it prints."""
    leader, followers = _roles(lab)
    runbook = bare_salt.sls(lab.package(target).name, leader, followers, lab.frontends)
    (lab.file_roots / "runbook.sls").write_text("#!yaml\n" + yaml.safe_dump(runbook, sort_keys=False))
    with open(log, "w") as out:
        return _end_of(lab.salt_run_popen("state.orchestrate", "runbook", stdout=out, stderr=out))


def need_ansible() -> None:
    """Raise LabError unless the environment of Ansible is made: a world has no network to make it."""
    if not ANSIBLE.exists():
        raise LabError(f"{ANSIBLE.relative_to(CHECKOUT)} is missing: make it with tools/venv.sh ansible")


def by_ansible(lab: Lab, target: str, log: Path, forks: int | None = None) -> int:
    """Run the peer's playbook, hosts being reached by ssh (inside `ssh.served`); returns ansible-playbook's status.

    :param log: gets what it prints. :param forks: how many hosts at once; None for what its ansible.cfg says.
    """
    groups = {"backends": lab.backends, "frontends": lab.frontends}
    inventory = {name: {"hosts": {host: dict[str, str]() for host in hosts}} for name, hosts in groups.items()}
    (ssh.PLACE / "inventory.yml").write_text(json.dumps(inventory))
    told = {"package": str(lab.package(target)), "settle": settle_seconds(lab)}
    argv = [str(ANSIBLE), "-i", str(ssh.PLACE / "inventory.yml"), "-e", json.dumps(told), str(PLAYBOOK)]
    environment = {
        "PATH": HOST_PATH,
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "ANSIBLE_CONFIG": str(PLAYBOOK.with_name("ansible.cfg")),
        "ANSIBLE_SSH_COMMON_ARGS": f"-F {ssh.CONFIG}",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(ssh.SOCKETS),
    }
    if forks is not None:
        argv += ["-f", str(forks)]
    with open(log, "w") as out:
        return _end_of(subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out))


def _roles(lab: Lab) -> tuple[str, list[str]]:
    """The leader and the followers. Raises LabError if nobody leads."""
    leader = health.leader()
    if leader is None:
        raise LabError("nobody leads: the runbook needs a healthy cluster")
    return leader, [host for host in lab.backends if host != leader]


def _end_of(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> int:
    """Wait for a process' end; it never outlives the call."""
    try:
        return process.wait(TIMEOUT)
    except subprocess.TimeoutExpired as late:
        raise LabError(f"no end after {TIMEOUT} s: {' '.join(map(str, late.cmd))}") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def failures(log: Path) -> str:
    """The failed steps in what salt-run printed at its end; all of its last lines if it knows of none."""
    text = log.read_text()
    failed = [step for step in text.split("\n----------\n") if "\n      Result: False\n" in f"\n{step}\n"]
    return "\n\n".join(failed) or "\n".join(text.splitlines()[-40:])


class Stage:
    """Says what is going on: `with Stage("Lab up"): ...` prints the name at once, and the seconds at its end."""

    def __init__(self, name: str):
        self.name = name

    def __enter__(self) -> None:
        self._began = time.monotonic()
        print(f"\n=== {self.name}", flush=True)

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        word = "failed" if kind else "done"
        print(f"=== {self.name}: {word} after {time.monotonic() - self._began:.1f} s", flush=True)


def in_a_world(work: Callable[[], int]) -> None:
    """Run the main function of a program that drives a lab; errors in one line, then exit."""
    try:
        status: int | str = work()
    except LabError as error:
        status = f"lab: {error}"
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)

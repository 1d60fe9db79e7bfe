"""What the orchestration's cost is measured against: by shell, by Salt and by Ansible the same commands."""

import os
import shlex
import subprocess

import jinja2
import pytest
import yaml

from tests.lab import bare_salt
from tests.lab.evidence import Command
from tests.lab.ways import PLAYBOOK, RUNBOOK

HEALTHY = "follower: 2; healthy nodes: 3/3 synced: 2 state: green; nodes online: 3/3"
STUB = f"""#!/bin/sh
echo "$*" >> {{log}}
echo '{HEALTHY}'
"""


@pytest.fixture(name="by_shell")
def fixture_by_shell(tmp_path):
    """Return a function that runs the shell's runbook on hosts that note each command: a list of lines."""

    def run(package, leader, followers, frontends):
        log, stub = tmp_path / "log", tmp_path / "stub"
        stub.write_text(STUB.format(log=log))
        stub.chmod(0o755)
        (tmp_path / package).touch()
        prefixes = {f"PREFIX_{host}": f"{stub} {host}" for host in (leader, *followers, *frontends)}
        argv = [RUNBOOK, tmp_path / package, leader, " ".join(followers), " ".join(frontends)]
        subprocess.run(argv, env={**os.environ, **prefixes}, check=True, stdout=subprocess.DEVNULL)
        return log.read_text().splitlines()

    return run


def by_salt(**told):
    """Return the steps of Salt's runbook, in the order in which they stand there: ``(host, words)``."""
    steps = bare_salt.sls(**told)
    settings = [{key: value for one in step["salt.function"] for key, value in one.items()} for step in steps.values()]
    assert all(one["failhard"] and one["expect_minions"] for one in settings)
    return [(one["tgt"], one["arg"][-1].strip()) for one in settings]


def by_ansible(package, **groups):
    """Return the commands of Ansible's playbook that change something, in the order of play: ``HOST WORDS``."""
    environment = jinja2.Environment()
    environment.filters["basename"] = os.path.basename
    groups = {**groups, "leader": [groups["leader"]], "followers[0]": groups["followers"][:1]}
    return [
        f"{host} {shlex.join(words)}"
        for play in yaml.safe_load(PLAYBOOK.read_text())
        for host in groups.get(play["hosts"], ())
        for task in play["tasks"]
        if (command := task.get("ansible.builtin.command"))
        for words in [shlex.split(environment.from_string(command).render(package=package, **play.get("vars", {})))]
        if changes(host, words)
    ]


def changes(host, words):
    """Return whether a command may change something."""
    return Command(host, tuple(words), 0, 1, 0).changes


CLUSTERS = pytest.mark.parametrize(
    ("leader", "followers", "frontends"),
    [("be1", ["be2", "be3"], ["fe1", "fe2"]), ("be3", ["be1", "be2"], ["fe1"])],
)
PACKAGE = "chef-backend_2.3.16-1_amd64.deb"


@CLUSTERS
def test_both_runbooks_hold_the_same_commands_in_the_same_order(by_shell, leader, followers, frontends):
    typed = by_shell(PACKAGE, leader, followers, frontends)
    steps = by_salt(package=PACKAGE, leader=leader, followers=followers, frontends=frontends)
    for host in followers:  # each shell and each step waits for the rejoin, in words of its own
        assert [
            words for tgt, words in steps if tgt == host and "seq 600" in words and "chef-backend-ctl status" in words
        ]
    named = [f"{host} {'chef-backend-ctl status' if 'seq 600' in words else words}" for host, words in steps]
    brought = [f"{host} /var/tmp/{PACKAGE}" for host in (*followers, leader)]
    assert named[:3] == brought
    assert typed == [line.replace(" /var", " tee /var") for line in brought] + named[3:]


@CLUSTERS
def test_the_playbook_changes_what_the_runbook_changes_in_the_same_order(by_shell, leader, followers, frontends):
    staged = len(followers) + 1
    typed = [line.split() for line in by_shell(PACKAGE, leader, followers, frontends)[staged:]]
    played = by_ansible(f"/srv/{PACKAGE}", leader=leader, followers=followers, frontends=frontends)
    assert played == [" ".join(words) for words in typed if changes(words[0], words[1:])]


def test_the_playbook_looks_at_every_backend_before_and_after_each_upgrade():
    plays = {play["name"]: play for play in yaml.safe_load(PLAYBOOK.read_text())}
    for name in ("Followers, one after another", "The leader last"):
        tasks = plays[name]["tasks"]
        looks = [place for place, task in enumerate(tasks) if "until" in task]
        assert [tasks[place]["loop"] for place in looks] == ["{{ groups['backends'] }}"] * 2
        upgrade = next(place for place, task in enumerate(tasks) if task["name"] == "Upgrade")
        assert looks[0] == 0 < upgrade < looks[1]

"""The bare runbook that the orchestration's cost is measured against: by shell and by Salt the same commands."""

import json
import os
import subprocess

import jinja2
import pytest
import yaml

from tests.lab.ways import RUNBOOK, RUNBOOK_OF_SALT

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


def by_salt(**pillar):
    """Return the steps of Salt's runbook, in the order in which they stand there: ``(host, words)``."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    environment.filters["json"] = json.dumps
    steps = yaml.safe_load(environment.from_string(RUNBOOK_OF_SALT.read_text()).render(pillar=pillar))
    settings = [{key: value for one in step["salt.function"] for key, value in one.items()} for step in steps.values()]
    assert all(one["failhard"] and one["expect_minions"] for one in settings)
    return [(one["tgt"], one["arg"][-1].strip()) for one in settings]


@pytest.mark.parametrize(
    ("leader", "followers", "frontends"),
    [("be1", ["be2", "be3"], ["fe1", "fe2"]), ("be3", ["be1", "be2"], ["fe1"])],
)
def test_both_runbooks_hold_the_same_commands_in_the_same_order(by_shell, leader, followers, frontends):
    package = "chef-backend_2.3.16-1_amd64.deb"
    typed = by_shell(package, leader, followers, frontends)
    steps = by_salt(package=package, leader=leader, followers=followers, frontends=frontends)
    for host in followers:  # each shell and each step waits for the rejoin, in words of its own
        assert [
            words for tgt, words in steps if tgt == host and "seq 600" in words and "chef-backend-ctl status" in words
        ]
    named = [f"{host} {'chef-backend-ctl status' if 'seq 600' in words else words}" for host, words in steps]
    brought = [f"{host} /var/tmp/{package}" for host in (*followers, leader)]
    assert named[:3] == brought
    assert typed == [line.replace(" /var", " tee /var") for line in brought] + named[3:]

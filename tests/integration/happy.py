"""One rolling upgrade, under load, with the probe looking and two people watching, that several modules look at."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.integration.operator import NEW, Operator
from tests.lab.clients.crowd import CALM, Crowd
from tests.lab.clients.tally import Tally
from tests.lab.common import PATIENCE
from tests.lab.hosts import Lab

PROBE = {
    "frontend": "fe1",
    "url": "http://127.0.0.1",
    "client": "admin",
    "key": "/etc/goiardi/admin.pem",
    "interval": 0.5,
}


@dataclass(frozen=True)
class HappyRun:
    """What an operator did and saw; clients: what those were told who wrote all the time, and what is stored."""

    operator: Operator
    plan: list[str]  # what was planned before
    run: str
    upgrade: subprocess.CompletedProcess[str]
    watch: subprocess.CompletedProcess[str]
    watch_json: subprocess.CompletedProcess[str]
    clients: tuple[Tally, ...]


def of_the_site(lab: Lab, node: str) -> Path:
    """An archive that was there before the run."""
    return lab.root(node) / "var/opt/chef-backup/of-the-site.tgz"


def happy_run(lab: Lab) -> HappyRun:
    """Upgrade a fresh lab from 2.2.0 to 2.3.16."""
    operator = Operator(lab)
    operator.wants(NEW, probe=PROBE)
    for node in lab.backends:
        of_the_site(lab, node).write_bytes(b"of the site")
    plan = operator.plans()
    with Crowd(lab, pace=CALM) as crowd:
        upgrading = operator.starts_upgrading()
        operator.waits_for(lambda: operator.commands("chef-backend-ctl set-cluster-failover off"))
        watching = operator.starts_watching("prod")
        watching_json = operator.starts_watching("prod", "text=False", "--out=json")
        upgrade, watch, watch_json = _end_of(upgrading), _end_of(watching), _end_of(watching_json)
        assert upgrade.returncode == 0, upgrade
        clients = tuple(tally for tallies in crowd.stop() for tally in tallies)
    run = operator.record("be1", "last-run.json")["run"]
    return HappyRun(operator, plan, run, upgrade, watch, watch_json, clients)


def _end_of(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    stdout, stderr = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

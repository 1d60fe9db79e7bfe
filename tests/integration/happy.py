"""One rolling upgrade, under load, with the probe looking and two people watching, that several modules look at."""

import subprocess
from dataclasses import dataclass

from tests.integration.operator import NEW, Operator
from tests.lab.clients.crowd import Crowd
from tests.lab.clients.tally import Tally

PROBE = {
    "frontend": "fe1",
    "url": "http://127.0.0.1:4545",
    "client": "admin",
    "key": "/etc/goiardi/admin.pem",
    "interval": 0.5,
}


@dataclass(frozen=True)
class HappyRun:
    """What an operator did and saw; clients: what those were told who wrote all the time, and what is stored."""

    operator: Operator
    run: str
    upgrade: subprocess.CompletedProcess
    watch: subprocess.CompletedProcess
    watch_json: subprocess.CompletedProcess
    clients: tuple[Tally, ...]


def of_the_site(lab, node):
    """An archive that was there before the run."""
    return lab.root(node) / "var/opt/chef-backup/of-the-site.tgz"


def happy_run(lab):
    """Upgrade a fresh lab from 2.2.0 to 2.3.16."""
    operator = Operator(lab)
    operator.wants(NEW, probe=PROBE)
    for node in lab.backends:
        of_the_site(lab, node).write_bytes(b"of the site")
    with Crowd(lab) as crowd:
        upgrade = operator.starts_upgrading()
        operator.waits_for(lambda: operator.commands("chef-backend-ctl set-cluster-failover off"))
        watch = operator.starts_watching("prod")
        watch_json = operator.starts_watching("prod", "text=False", "--out=json")
        ended = [_end_of(process) for process in (upgrade, watch, watch_json)]
        assert ended[0].returncode == 0, ended[0]
        clients = tuple(tally for tallies in crowd.stop() for tally in tallies)
    return HappyRun(operator, operator.record("be1", "last-run.json")["run"], *ended, clients)


def _end_of(process):
    stdout, stderr = process.communicate(timeout=240)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

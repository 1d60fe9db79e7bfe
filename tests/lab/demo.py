"""`make demo`: a cluster of Chef Backend 2.2.0 is upgraded to 2.3.16 while clients write, and what happened is told.

Runs inside a world: python -m tests.lab run -- .cache/venv/bin/python -m tests.lab.demo [--by-hand] [--speed N]
"""

import argparse
import sys

from tests.lab.clients.crowd import Crowd
from tests.lab.clients.writers import WriterError
from tests.lab.common import CACHE, CHECKOUT, LabError
from tests.lab.hosts import Lab
from tests.lab.measure import Run, checks, measured
from tests.lab.report import report
from tests.lab.ways import CLUSTER, Stage, by_hand, failures, in_a_world, orchestrate, write_pillar

OLD, NEW = "2.2.0", "2.3.16"
LOG = CACHE / "demo.log"  # outside the world: it can be read afterwards


def main() -> int:
    """The whole demonstration. Returns 0 if every goal is met, else 1; goals of time are told, but fail nothing."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.demo", description=__doc__.splitlines()[0])
    parser.add_argument("--by-hand", action="store_true", help="the bare runbook instead of the orchestration")
    parser.add_argument("--speed", type=float, default=6.0, metavar="N", help="divide the product's times by N")
    options = parser.parse_args()
    with Stage(f"Lab up: three backends with chef-backend {OLD}, two frontends, salt-master, five minions"):
        lab = Lab.boot(backends=OLD, speed=options.speed)
        write_pillar(lab, NEW)
    try:
        with Stage("Writers at work: rows through HAProxy, Chef nodes through the API"), Crowd(lab) as crowd:
            run = _upgrade(lab, crowd, options.by_hand)
    except WriterError as error:
        raise LabError(str(error)) from error
    if run.status:
        print(f"\nThe upgrade FAILED with status {run.status}:\n{failures(LOG)}", file=sys.stderr)
    _show(lab, "status", CLUSTER)
    print(f"\n{report(run)}\n\nWhat the upgrade printed at its end: {LOG.relative_to(CHECKOUT)}")
    return 0 if all(check.met or check.timed for check in checks(run)) else 1


def _upgrade(lab: Lab, crowd: Crowd, hands: bool) -> Run:
    _show(lab, "status", CLUSTER)
    _show(lab, "plan", CLUSTER)
    if hands:
        with Stage("Rolling upgrade by hand: the bare runbook"):
            return measured(lab, NEW, lambda: by_hand(lab, NEW, LOG), crowd)
    with Stage("Rolling upgrade: salt-run state.orchestrate orch.chef_backend_rolling"):
        return measured(lab, NEW, lambda: orchestrate(lab, LOG, show=True), crowd)


def _show(lab: Lab, what: str, cluster: str) -> None:
    """Print what a runner of the extension says. Raises LabError if it fails: it is part of what is demonstrated."""
    print(f"\n$ salt-run chef_backend.{what} {cluster}", flush=True)
    done = lab.salt_run(f"chef_backend.{what}", cluster)
    print(done.stdout.rstrip(), flush=True)
    if done.returncode:
        raise LabError(f"salt-run chef_backend.{what} {cluster}: exit status {done.returncode}\n{done.stderr}")


if __name__ == "__main__":
    in_a_world(main)

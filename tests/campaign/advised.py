"""What the operator does beside the one command, because what it printed, or `status`, says so."""

import time

from tests.campaign import look
from tests.lab import health
from tests.lab.common import LabError
from tests.lab.hosts import Lab

UNSYNCED = "var/opt/chef-backend/leaderl/data/unsynced"
LAGS = 2.0  # seconds by which the table may lag behind, in the lab


def follow(lab: Lab, said: str) -> list[str]:
    """Follow the advice that a run's failure gives; return what was done, in words.

    :param said: what the run printed.
    """
    done = []
    if "find out who" in said and look.failover() == "off":
        lab.exec("be1", "chef-backend-ctl", "set-cluster-failover", "on", check=False)
        done.append("failover, which somebody had typed off, typed on")
    if "partially synced" in said:
        done += [f"{host} copied wholly" for host in lab.backends if _copied(lab, host)]
    if done:
        time.sleep(LAGS)
    return done


def _copied(lab: Lab, host: str) -> bool:
    """Copy a partially synced node from the leader, as `status` advises; False if it is none, or nobody leads."""
    leads = health.leader()
    if not (lab.root(host) / UNSYNCED).exists() or leads in (None, host):
        return False
    address = lab.address(str(leads))
    try:
        lab.exec(host, "chef-backend-ctl", "stop", "leaderl")
        copy = f"PSQL_INTERNAL_OK=true chef-backend-ctl pgsql-follow --force-basebackup {address}"
        lab.exec(host, "sh", "-c", copy, timeout=120)
        (lab.root(host) / UNSYNCED).unlink()
        lab.exec(host, "chef-backend-ctl", "start")
    except LabError:
        return False  # the next try says so again
    return True

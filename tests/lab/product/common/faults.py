"""Faults that a test orders for one host, in /etc/lab/faults.json.

    {"upgrade": {"exit": 1, "output": "disk full", "times": 1, "hang": 3},
     "no_rejoin": true, "never_leads": true, "upgrade_seconds": 20, "ctl_seconds": 1.2,
     "posts": {"every": 10, "phase": 0.5}, "called": {"be1": "DB1.EXAMPLE.COM"}}

A key that is a subcommand: the command waits `hang` seconds; with `exit` or `output` it then prints the
output and ends with that status (0 when only output is given), without `exit` and `output` it goes on.
`times` counts down to nothing; without it the fault stands.

`ctl_seconds`: every call of chef-backend-ctl and chef-server-ctl sleeps as long at its start: the real ones are Ruby.

`posts`: the node's leaderl posts what cluster-status shows every so many seconds, at that phase of the interval (from 0
to below 1) by the wall clock. On a real cluster the phase is chance: it differs from node to node, from start to start.

`old_settings`: like a subcommand's; the node's next `upgrade` leaves Elasticsearch its old settings.

`migration_locked`: like a subcommand's; the frontend's next `upgrade` migrates nothing, and ends with 0.

`called`: what the product calls nodes, in cluster-status, `promote` and `remove-node`: their name is a setting, and
need not be the host's.

`slow_stop`: like a subcommand's; the next `chef-server-ctl stop` finds this `service` deaf for so many `seconds` more
than runit waits.

`fails_to_reindex`: like a subcommand's; the frontend's next `reindex` fails for this `organisation`, before it has
touched what the index holds of it, and goes on with the others.

`reads_old_index`: true; the node's Elasticsearch starts on an index that is too old for it. synthetic: the documents
say that such an index may be under 3.x, and not how it comes there.

`nameless`: true; the node's PostgreSQL follows without saying its name: as `walreceiver`.
"""

from __future__ import annotations

import fcntl
import json
import sys
import time
from pathlib import Path
from typing import Any

FAULTS = Path("/etc/lab/faults.json")


def read(path: Path = FAULTS) -> dict[str, Any]:
    """All faults that stand; none when the file is missing or empty."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return {}
    found: dict[str, Any] = json.loads(text) if text.strip() else {}
    return found


def start(path: Path = FAULTS) -> None:
    """Take as long as was ordered for the start of a ctl."""
    time.sleep(float(read(path).get("ctl_seconds", 0)))


def called(path: Path = FAULTS) -> dict[str, str]:
    """What the product calls nodes, by the name that the lab has for them."""
    found: dict[str, str] = read(path).get("called", {})
    return found


def meant(name: str, path: Path = FAULTS) -> str:
    """The lab's name of a node that is called so; one that is called otherwise is not known by the lab's."""
    names = called(path)
    return {shown: ours for ours, shown in names.items()}.get(name, "" if name in names else name)


def once(name: str, path: Path = FAULTS) -> bool:
    """Whether a fault of this name stands; it is counted down."""
    return ordered(name, path) is not None


def take(command: str, path: Path = FAULTS) -> int | None:
    """Suffer the fault ordered for `command`.

    Returns the exit status with which the command must end at once, or None when it goes on.
    """
    fault = ordered(command, path)
    if fault is None:
        return None
    time.sleep(float(fault.get("hang", 0)))
    if "exit" not in fault and "output" not in fault:
        return None
    status = int(fault.get("exit", 0))
    output = str(fault.get("output", f"lab: {command} fails as ordered"))
    print(output, file=sys.stderr if status else sys.stdout, flush=True)
    return status


def ordered(name: str, path: Path = FAULTS) -> dict[str, Any] | None:
    """What a fault of this name orders, if it stands; it is counted down."""
    if not path.exists():
        return None
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read()
        faults = json.loads(text) if text.strip() else {}
        fault = faults.get(name)
        if not isinstance(fault, dict) or fault.get("times", 1) < 1:
            return None
        if "times" in fault:
            fault["times"] -= 1
            file.seek(0)
            file.truncate()
            json.dump(faults, file)
        return fault

"""How it stands, asked of the lab's own truth: etcd, disks, services, never of the extension."""

import contextlib
import json
from pathlib import Path

from tests.campaign.seen import End
from tests.lab import health, index
from tests.lab.clients.tally import KEPT_OUT
from tests.lab.common import LabError
from tests.lab.hosts import Lab
from tests.lab.measure import MANIFEST, UPGRADED_TO

OWN = "var/lib/salt-chef-backend"
SCHEDULE = "etc/lab/salt/minion.d/_schedule.conf"
JOB = "chef_backend_deadman"
LOG = "var/log/salt-minion.log"
LOUD = "STAYS OFF"


def end(lab: Lab, names: frozenset[str] = frozenset()) -> End:
    """Look at everything.

    :param names: of the nodes that a search must find; empty: none is asked for.
    """
    return End(
        versions={host: _versions(lab.root(host)) for host in lab.backends},
        unhealthy=lab.unhealthy(),
        failover=failover(),
        open=tuple(open_runs(lab)),
        armed=tuple(armed(lab)),
        out=tuple(host for host in lab.frontends if _refuses(lab, host)),
        unfound=tuple(_unfound(lab, names)),
    )


def failover() -> str:
    """Whether failover is on or off for the cluster, by etcd; unknown if that does not answer."""
    text = health.etcd_key("control/blocked_leaders")
    if text is None:
        return "on" if health.leader() is not None else "unknown"
    return "off" if json.loads(text)["cluster"] else "on"


def open_runs(lab: Lab) -> list[str]:
    """The backends that hold a run's record of which no backend knows that it has ended."""
    ended = {_run(lab, host, "last-run.json") for host in lab.backends}
    return [host for host in lab.backends if (run := _run(lab, host, "run.json")) is not None and run not in ended]


def armed(lab: Lab) -> list[str]:
    """The backends whose own scheduler looks after failover."""
    return [host for host in lab.backends if JOB in _text(lab.root(host) / SCHEDULE)]


def runs(lab: Lab) -> int:
    """How many runs there were, by the backends' own journals of them."""
    return len({path.name for host in lab.backends for path in (lab.root(host) / OWN / "journal").glob("*.jsonl")})


def logs(lab: Lab) -> dict[str, int]:
    """How long each backend's minion's log is."""
    return {host: len(_text(lab.root(host) / LOG)) for host in lab.backends}


def loud(lab: Lab, since: dict[str, int]) -> bool:
    """Whether a backend's minion says that failover stays off, after what its log held before."""
    return any(LOUD in _text(lab.root(host) / LOG)[since[host] :] for host in lab.backends)


def _run(lab: Lab, host: str, name: str) -> str | None:
    text = _text(lab.root(host) / OWN / name)
    with contextlib.suppress(ValueError):
        return str(json.loads(text)["run"])
    return f"what cannot be read on {host}" if text else None


def _versions(root: Path) -> tuple[str, str]:
    manifest = _text(root / MANIFEST)
    return json.loads(manifest)["build_version"] if manifest else "nothing", _text(root / UPGRADED_TO).strip()


def _refuses(lab: Lab, host: str) -> bool:
    return health.client_gets(lab.address(host)) in (KEPT_OUT, health.NO_CONNECTION)


def _unfound(lab: Lab, names: frozenset[str]) -> list[str]:
    found = []
    for host in lab.frontends if names else ():
        try:
            missing = names - index.search(lab, host)
        except LabError as error:
            found.append(f"a search through {host} has no answer: {error}")
        else:
            found += [f"a search through {host} does not find {len(missing)} of {len(names)} nodes"] if missing else []
    return found


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""

"""Whether the cluster is healthy, judged by the lab's own truth.

That is etcd's keys, PostgreSQL itself and the HTTP answers of the services, asked directly: neither
chef-backend-ctl nor the extension under test has a say.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.lab import network, power
from tests.lab.common import wait_until

if TYPE_CHECKING:
    from tests.lab.hosts import Lab

#: Bytes of WAL that a follower of a healthy cluster may still have to replay.
MAX_LAG = 1 << 20

#: What a frontend answers a client whom it lets in, and who has not signed.
LET_IN = 401
#: Instead of a status.
NO_CONNECTION = 0

_PG_USER = "chef_pgsql"
_PSQL = "/opt/chef-backend/embedded/bin/psql"
_QUESTION = """select pg_is_in_recovery(),
 (select count(*) from pg_stat_wal_receiver where status = 'streaming'),
 (select count(*) from pg_stat_replication where state = 'streaming' and case when pg_is_in_recovery() then false
  else pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) < {lag} end)"""


def wait(lab: Lab, timeout: float) -> float:
    """Poll until the cluster is healthy; returns the seconds it took. Raises LabError with what is missing."""
    return wait_until(lambda: unhealthy(lab), timeout, 0.1)


def unhealthy(lab: Lab) -> str | None:
    """The first thing that keeps the cluster from being healthy, in words; None if it is."""
    off = [host for host in lab.hosts if not power.is_on(host)]
    if off:
        return f"switched off: {', '.join(off)}"
    return _roles(lab) or _followed(lab) or _served(lab)


def _fetch(url: str, timeout: float = 2) -> tuple[int, str]:
    """GET: the HTTP status (NO_CONNECTION if there was no answer) and the body."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return NO_CONNECTION, str(error)


def client_gets(address: str) -> int:
    """The status that a client gets from a frontend's address for an organisation's URL; NO_CONNECTION: no answer."""
    return _fetch(f"http://{address}/organizations/default/nodes")[0]


def etcd_key(key: str) -> str | None:
    """The value of a key below cb/, read with quorum from the first backend that answers; None if it is nowhere."""
    for address in network.BACKENDS.values():
        status, body = _fetch(f"http://{address}:2379/v2/keys/cb/{key}?quorum=true")
        if status == 200:
            value: str | None = json.loads(body)["node"].get("value")
            return value
    return None


def leader() -> str | None:
    """The backend that holds the leader's key; None if none does."""
    return etcd_key("leader")


def _roles(lab: Lab) -> str | None:
    """One leader: by etcd's keys, by its /leader answer, and in every node's posted status, which lags."""
    leads, serves = leader(), etcd_key("pgleader")
    if leads is None or leads != serves:
        return f"no leader: etcd says that {leads or 'nobody'} leads and {serves or 'nobody'} serves"
    answers = {name: _fetch(f"http://{address}:7331/leader")[0] for name, address in network.BACKENDS.items()}
    if [name for name, status in answers.items() if status == 200] != [leads]:
        return f"{leads} leads, but /leader says {answers}"
    masters = []
    for name, address in network.BACKENDS.items():
        status, body = _fetch(f"http://{address}:2379/health")
        if status != 200 or "true" not in body:
            return f"etcd on {name} is not healthy: {body.strip()[:100]}"
        text = etcd_key(f"status/{name}")
        posted = json.loads(text) if text else {}
        if posted.get("role") != ("leader" if name == leads else "follower"):
            return f"{name} still posts role {posted.get('role', 'nothing')}"
        masters += [name] if posted.get("es") == "master" else []
    if len(masters) != 1:
        return f"{', '.join(masters) or 'nobody'} posts to be Elasticsearch's master, expected one"
    return None


def _postgres(lab: Lab, host: str) -> tuple[bool, int, int] | None:
    """In recovery, is streaming from a leader (0 or 1), followers that stream and are close; None if it is down."""
    ask = ("chpst", "-u", _PG_USER, _PSQL, "-d", "postgres", "-At", "-F,", "-c", _QUESTION.format(lag=MAX_LAG))
    done = lab.exec(host, *ask, check=False, timeout=10)
    if done.returncode:
        return None
    recovers, receives, followers = done.stdout.strip().split(",")
    return recovers == "t", int(receives), int(followers)


def _followed(lab: Lab) -> str | None:
    """PostgreSQL: the leader writes, both others stream from it and are close behind."""
    with ThreadPoolExecutor(len(lab.backends)) as pool:
        seen = dict(zip(lab.backends, pool.map(lambda host: _postgres(lab, host), lab.backends), strict=True))
    leads = leader()
    for host, state in seen.items():
        expected = (False, 0, 2) if host == leads else (True, 1, 0)
        if state != expected:
            return f"PostgreSQL on {host}: (recovers, receives, followers) is {state}, expected {expected}"
    return None


def _served(lab: Lab) -> str | None:
    """Elasticsearch green on every backend; every frontend's API answers, and clients are let in."""
    for name, address in network.BACKENDS.items():
        status, body = _fetch(f"http://{address}:9200/_cluster/health")
        found = json.loads(body) if status == 200 else {}
        if (found.get("status"), found.get("number_of_nodes")) != ("green", 3):
            return f"Elasticsearch on {name}: {found.get('status')} with {found.get('number_of_nodes')} nodes"
    for name, address in network.FRONTENDS.items():
        status, body = _fetch(f"http://{address}/_status")
        if status != 200:
            return f"the API of {name} answers {status or 'nothing'}: {body[:200]}"
        got = client_gets(address)
        if got != LET_IN:
            return f"clients of {name} get {got or 'no connection'}, expected {LET_IN}"
    return None

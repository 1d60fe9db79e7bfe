"""The frontend's HAProxy: forwards PostgreSQL and Elasticsearch to the backend whose /leader answers 200."""

from __future__ import annotations

import csv
import json
import socket
import time
import urllib.request
from pathlib import Path

from . import runit, server_redis
from .machine import this_machine
from .server_settings import DATA, LOGS, SERVICES, ServerError, ServerSettings, write_private

SOCKET = DATA / "haproxy" / "haproxy.sock"
CONFIGURATION = DATA / "haproxy" / "haproxy.cfg"
SERVICE = SERVICES / "haproxy"
PROXIES = ("chef_backend_postgresql", "chef_backend_elasticsearch")
TRIES = 10
PAUSE = 2
"""Seconds (of the product) between two of them."""

# After the product's template (S18). The lab's clients are on other hosts: it listens on all addresses.
TEMPLATE = """\
global
  maxconn 500
  stats socket {socket} mode 600 level admin
defaults
  mode tcp
  timeout connect 5s
  timeout tunnel 300s
  timeout client 50s
  timeout server 50s
  timeout check {inter}ms
  retries 0
listen chef_backend_postgresql
  bind :{postgresql_port}
  option httpchk GET /leader
  default-server inter {inter}ms rise 1 fall 1 on-marked-down shutdown-sessions
{postgresql}
listen chef_backend_elasticsearch
  bind :{elasticsearch_port}
  option httpchk GET /leader
  default-server inter {inter}ms rise 1 fall 1
{elasticsearch}
"""


def backends(settings: ServerSettings) -> dict[str, str]:
    """Address by GUID of all backends, as etcd's members; the first member that answers is believed."""
    problem = "chef_backend_members is empty"
    for address in settings.members:
        try:
            with urllib.request.urlopen(f"http://{address}:2379/v2/members", timeout=2) as answer:
                members = json.load(answer)["members"]
        except (OSError, ValueError, KeyError) as error:
            problem = f"{address}: {error}"
            continue
        return {
            member["name"]: member["peerURLs"][0].split("//")[1].split(":")[0] for member in members if member["name"]
        }
    raise ServerError(f"No backend tells who belongs to the cluster: {problem}")  # synthetic


def configure(settings: ServerSettings) -> None:
    """Write haproxy.cfg and have HAProxy run with it; it is restarted only when it changed."""
    # HAProxy does not check more often than it can answer: a tenth of a second is the least.
    inter = int(this_machine().scaled(PAUSE, 0.1) * 1000)
    known = sorted(backends(settings).items())
    text = TEMPLATE.format(
        socket=SOCKET,
        inter=inter,
        postgresql_port=settings.postgresql_port,
        elasticsearch_port=settings.elasticsearch_port,
        postgresql="\n".join(f"  server {guid} {ip}:5432 check port 7331" for guid, ip in known),
        elasticsearch="\n".join(f"  server {guid} {ip}:9200 check port 7331" for guid, ip in known),
    )
    changed = write_private(CONFIGURATION, text)
    script = f"{server_redis.LOAD}\nrm -f {SOCKET}\nexec haproxy -db -f {CONFIGURATION}"
    runit.define(SERVICE, script, str(LOGS / "haproxy"), on_end=server_redis.DUMP)
    runit.serve({SERVICE: changed})


def ask(path: Path, command: str) -> str | None:
    """What a HAProxy's socket answers to a command; None when nobody answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        try:
            connection.connect(str(path))
            connection.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        except OSError:
            return None


def up_servers() -> dict[str, list[str]] | None:
    """Servers that are UP by proxy; None when the status socket does not answer."""
    text = ask(SOCKET, "show stat -1 4 -1")
    if text is None:
        return None
    rows = list(csv.DictReader(text.removeprefix("# ").splitlines()))
    return {
        proxy: [row["svname"] for row in rows if row["pxname"] == proxy and row["status"].startswith("UP")]
        for proxy in PROXIES
    }


def wait_for_leader() -> None:
    """Wait for exactly one server that is UP in each proxy, as the product does; raises ServerError (S17)."""
    pause = this_machine().scaled(PAUSE, 0.1)
    found = None
    for _ in range(TRIES):
        found = up_servers()
        if found is not None and all(len(servers) == 1 for servers in found.values()):
            return
        time.sleep(pause)
    if found is None:
        raise ServerError("HAProxy status socket never appeared properly!")
    raise ServerError("HAProxy still showing multiple active backends")

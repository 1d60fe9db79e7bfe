"""The node's services: what runit runs, in the product's order."""

from __future__ import annotations

import json
import pwd
import shutil
import time
from dataclasses import asdict
from pathlib import Path

from . import faults, node, paths, postgres, runit
from .etcd import Etcd

NAMES = ("leaderl", "epmd", "etcd", "postgresql", "elasticsearch")
BEFORE_1_4_6 = ("elasticsearch", "etcd", "leaderl", "postgresql")
STOP_ORDER = ("leaderl", "postgresql", "elasticsearch", "etcd", "epmd")
START_ORDER = ("epmd", "etcd", "elasticsearch", "leaderl")
"""Without postgresql: only leaderl starts it."""


def names(version: str) -> tuple[str, ...]:
    """The services that this version has, in the order in which `status` shows them (S3, S6)."""
    return NAMES if node.version_numbers(version) >= (1, 4, 6) else BEFORE_1_4_6


def folder(service: str) -> Path:
    """The service's runit folder."""
    return paths.SERVICES / service


def configure(initial: dict[str, str] | None = None, *, supervise: bool = True) -> None:
    """Write all services' folders and the running configuration, and have runit supervise them.

    initial: etcd's members at the first start, peer URL by name; None keeps what etcd knows by itself.
    """
    me, settings = node.identity(), node.settings()
    scripts = {
        "etcd": _etcd_script(me, settings, initial if initial is not None else _initial_of_before()),
        "postgresql": postgres.run_script(),
        "elasticsearch": f"exec {paths.EMBEDDED}/elasticsearch",
        "leaderl": f"exec {paths.EMBEDDED}/leaderl",
        "epmd": "command -v epmd >/dev/null && exec epmd\nexec sleep infinity",
    }
    paths.ETCD.mkdir(parents=True, exist_ok=True)
    paths.ETCD.chmod(0o700)
    if _has_user("etcd"):
        shutil.chown(paths.ETCD, "etcd")
    paths.ELASTICSEARCH.mkdir(parents=True, exist_ok=True)
    paths.BACKUPS.mkdir(parents=True, exist_ok=True)
    wanted = names(node.installed_version())
    for service in wanted:
        is_postgresql = service == "postgresql"
        log = paths.LOGS / service / "9.5" if is_postgresql else paths.LOGS / service  # documented
        runit.define(
            folder(service),
            scripts[service],
            str(log),
            normally_down=is_postgresql,
            on_term=postgres.stop_script() if is_postgresql else None,
        )
    # that the settings lie below this key is public; synthetic: what they are called there, as in chef-backend.rb
    called = faults.called().get(me.name, me.name)
    applied = {"fqdn": called, "publish_address": me.ip, "leaderl": asdict(settings)}
    running = {"chef-backend": applied, "run_list": [], "runit": {}}
    node.write_atomically(paths.RUNNING, json.dumps(running, indent=2), 0o640)
    # A service that this version does not have yet is registered too; the others are supervised already.
    runit.register([folder(service) for service in wanted if supervise or not _is_known(service)])


def _is_known(service: str) -> bool:
    return (folder(service) / "supervise").exists()


def is_configured() -> bool:
    """True when the services were set up on this node."""
    return folder("leaderl").exists()


def stop_all() -> None:
    """Stop every service, leaderl first, so that it cannot start PostgreSQL again."""
    first, *others = [folder(service) for service in STOP_ORDER if folder(service).exists()]
    runit.stop(first)
    # Told to end, the etcd that led the others waits without limit for what it last asked them, and no answer comes
    # from those that vanished silently. Killed it loses nothing: its log is made for power losses.
    runit.stop(*others, mortal=(folder("etcd"),))


def start_all() -> None:
    """Start every service; PostgreSQL is leaderl's business."""
    for service in START_ORDER:
        if folder(service).exists():
            runit.start(folder(service))


def wait_for_etcd(seconds: float = 60) -> None:
    """Wait until this node's etcd is healthy (it has a quorum); raises TimeoutError."""
    etcd = Etcd()
    until = time.monotonic() + seconds
    while not etcd.is_healthy():
        if time.monotonic() > until:
            raise TimeoutError(f"etcd is not healthy after {seconds:.0f} s")
        time.sleep(0.1)


INITIAL = paths.DATA / "leaderl" / "data" / "etcd-initial.json"


def _initial_of_before() -> dict[str, str]:
    initial: dict[str, str] = json.loads(INITIAL.read_text())
    return initial


def _etcd_script(me: node.Identity, settings: node.Settings, initial: dict[str, str]) -> str:
    node.write_atomically(INITIAL, json.dumps(initial))
    state = "new" if list(initial) == [me.guid] else "existing"
    members = ",".join(f"{guid}={url}" for guid, url in initial.items())
    user = "chpst -u etcd " if _has_user("etcd") else ""
    return (
        f"exec {user}etcd --name {me.guid} --data-dir {paths.ETCD}/data"
        f" --listen-peer-urls http://{me.ip}:2380 --initial-advertise-peer-urls http://{me.ip}:2380"
        f" --listen-client-urls http://{me.ip}:2379,http://127.0.0.1:2379"
        f" --advertise-client-urls http://{me.ip}:2379"
        f" --initial-cluster {members} --initial-cluster-state {state}"
        f" --heartbeat-interval {settings.heartbeat_ms} --election-timeout {settings.election_ms}"
        # Otherwise etcd admits no member within 5 s after another one came.
        " --strict-reconfig-check=false --enable-v2=true --logger zap --log-level warn"
    )


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True

"""What the functional tests share: recorded programs on PATH, and a minion that calls them."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.elasticsearch import Elasticsearch
from tests.functional.hub import Hub
from tests.functional.minion import REPO, Minion, file_root
from tests.functional.packagers import REDHAT
from tests.functional.recorded import Recorded

RECORDINGS = (Path(__file__).parent / "recordings", Path(__file__).parents[1] / "unit" / "samples")


@pytest.fixture(name="salt_factories_config", scope="session")
def fixture_salt_factories_config(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Keep what daemons write below pytest's folder, and what they listen on at loopback."""
    return {
        "code_dir": str(REPO),
        "root_dir": str(tmp_path_factory.mktemp("salt")),
        "log_server_host": "127.0.0.1",
        "start_timeout": 120,
        "slow_stop": False,
    }


@pytest.fixture(name="recording", scope="session")
def fixture_recording() -> Callable[[str], str]:
    """Return a function that gives a recorded text; those of the unit tests are found too."""

    def read(name: str) -> str:
        return next(folder / name for folder in RECORDINGS if (folder / name).exists()).read_text(encoding="utf-8")

    return read


@pytest.fixture(name="recorded")
def fixture_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Return the recorded programs, which are the first on PATH."""
    programs = Recorded(tmp_path / "recorded")
    monkeypatch.setenv("PATH", f"{programs.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    return programs


@pytest.fixture(name="shared", scope="session")
def fixture_shared(tmp_path_factory: pytest.TempPathFactory) -> Minion:
    """Return the minion, be1, that all tests share: to load one takes longer than most tests."""
    return Minion(tmp_path_factory.mktemp("m"))  # short: a socket's path has at most 107 bytes


@pytest.fixture(name="redhat", scope="session")
def fixture_redhat(shared: Minion) -> Minion:
    """Return a be1 whose packages are rpm's, shared too; its files lie where the other's do."""
    return Minion(shared.root, grains=REDHAT)


@pytest.fixture(name="hub", scope="session")
def fixture_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """Return a master; its pillar is empty."""
    root = tmp_path_factory.mktemp("hub")
    hub = Hub(root, file_root(root / "tree"))
    yield hub
    hub.minion.destroy()


@pytest.fixture(name="minion")
def fixture_minion(shared: Minion) -> Minion:
    """Return the minion with nothing of the product installed on it."""
    shared.forget()
    return shared


@pytest.fixture(name="backend")
def fixture_backend(minion: Minion, recorded: Recorded, recording: Callable[[str], str]) -> Minion:
    """Return a minion with chef-backend 2.3.16 on it, the leader of a healthy cluster that runs what is installed."""
    minion.write("/opt/chef-backend/version-manifest.json", manifest("2.3.16"))
    psql = minion.path("/opt/chef-backend/embedded/bin/psql")
    psql.symlink_to(recorded.bin / "psql")
    recorded.say("chef-backend-ctl cluster-status", recording("synthetic-be1-leads.txt"))
    recorded.say("chef-backend-ctl status", recording("synthetic-status-just-started.txt"))
    return minion


@pytest.fixture(name="record")
def fixture_record() -> dict[str, Any]:
    """Return the record of a run that is under way, as a mapping."""
    return {
        "run": "20261122120000000000",
        "cluster": "prod",
        "way": "rolling",
        "target": "2.3.16",
        "leader": "be1",
        "failover_found": "on",
        "backends": ["be1", "be2", "be3"],
        "frontends": ["fe1", "fe2"],
        "owner": {"jid": "20261122120000000000", "master": "hub", "boot": "b1", "pid": 4711, "ticks": 100025},
        "opened": 1795348800.0,
        "changed": 1795348800.0,
        "lease": 120,
        "epoch": 1,
        "revision": 1,
        "state": "open",
        "step": "open",
        "turn": None,
        "failover": "on",
        "took": {},
        "waits": None,
        "reindex": False,
        "down": False,
        "backup": None,
        "waived": [],
        "members": {},
    }


def manifest(version: str) -> str:
    """Return a version manifest's text, with the fields of an Omnibus package that are read."""
    return json.dumps({"manifest_format": 2, "software": {}, "build_version": version})


@pytest.fixture(name="haproxy")
def fixture_haproxy(minion: Minion, recording: Callable[[str], str]) -> Callable[..., None]:
    """Return a function that has HAProxy answer on the frontend: that one backend leads, if no texts are given."""

    def answers(texts: list[str] | None = None) -> None:
        """Give one text a connection, the last one for ever."""
        texts = texts or [recording("s17-show-stat.csv")]
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(minion.path("/var/opt/opscode/haproxy/haproxy.sock")))
        server.listen()

        def serve() -> None:
            for number in range(1000):
                connection, _ = server.accept()
                with connection:
                    if connection.recv(100) != b"show stat -1 4 -1\n":
                        return
                    connection.sendall(texts[min(number, len(texts) - 1)].encode())

        threading.Thread(target=serve, daemon=True).start()

    return answers


@pytest.fixture(name="web")
def fixture_web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Elasticsearch]:
    """Return what Elasticsearch answers on loopback; at first there is no index."""
    web = Elasticsearch(monkeypatch)
    yield web
    web.end()


@pytest.fixture(name="unused_port")
def fixture_unused_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

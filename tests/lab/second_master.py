"""A second salt-master in the hub, which the same minions know: for a site that has two."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

import yaml

from tests.lab import network, salt
from tests.lab.common import CHECKOUT, RUN, wait_until

ROOT = RUN / "master2"
CONFIG = ROOT / "etc"
PUBLISH, REQUEST = 4515, 4516  # beside the first one's 4505 and 4506


class SecondMaster:
    """A master of its own id, cache and jobs; the keys are those of the first, as minions with two masters need."""

    def __init__(self, lab):
        self.lab = lab
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> SecondMaster:
        shutil.rmtree(ROOT, ignore_errors=True)
        CONFIG.mkdir(parents=True)
        shutil.copytree(salt.MASTER / "pki", ROOT / "pki")
        config = salt.MASTER_CONFIG | {
            "id": "hub2_master",
            "publish_port": PUBLISH,
            "ret_port": REQUEST,
            "pki_dir": str(ROOT / "pki"),
            "cachedir": str(ROOT / "cache"),
            "log_file": str(ROOT / "log"),
            "pidfile": "/run/salt-master2.pid",
            "sock_dir": "/run/salt/master2",
            "sqlite_queue_dir": str(ROOT / "queues"),
            "token_dir": str(ROOT / "tokens"),
        }
        (CONFIG / "master").write_text(yaml.safe_dump(config))
        self.process = salt.spawn_master(CONFIG, ROOT / "out")
        self._tell_the_minions()
        return self

    def __exit__(self, *_) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)  # the session is its own
        self.process.wait()

    def salt_run(self, *args) -> subprocess.CompletedProcess:
        """Type a salt-run command at this master; returns what it printed and its status."""
        return subprocess.run(
            self._argv(args), env=salt.environment(), cwd=CHECKOUT, capture_output=True, text=True, check=False
        )

    def salt_run_popen(self, *args) -> subprocess.Popen:
        """Type a salt-run command at this master and leave it running."""
        captured = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(self._argv(args), env=salt.environment(), cwd=CHECKOUT, **captured)

    def _argv(self, args) -> list[str]:
        return [*salt.program("salt-run"), "-c", str(CONFIG), *map(str, args)]

    def _tell_the_minions(self) -> None:
        masters = {"master": [network.HUB, f"{network.HUB}:{REQUEST}"]}
        for host in self.lab.hosts:
            self.lab.put(host, "/etc/lab/salt/minion", yaml.safe_dump(salt.MINION_CONFIG | masters))
            self.lab.exec(host, "sv", "restart", "/etc/service-links/salt-minion")
        self.lab.await_minions(timeout=90)
        wait_until(self._unheard, 90)

    def _unheard(self) -> str | None:
        """Which minions this master does not hear yet; None if it hears all."""
        ask = [*salt.program("salt"), "-c", str(CONFIG), "--out=txt", "-t", "5", "*", "test.ping"]
        said = subprocess.run(ask, env=salt.environment(), capture_output=True, text=True, check=False).stdout
        silent = [host for host in self.lab.hosts if f"{host}: True" not in said]
        return f"no answer to the second master: {', '.join(silent)}" if silent else None

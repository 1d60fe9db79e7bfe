"""A second salt-master in the hub, which the same minions know: for a site that has two."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable

import yaml

from tests.lab import network, salt
from tests.lab.common import CHECKOUT, RUN, wait_until
from tests.lab.hosts import Lab

ROOT = RUN / "master2"
CONFIG = ROOT / "etc"
PUBLISH, REQUEST = 4515, 4516  # beside the first one's 4505 and 4506


class SecondMaster:
    """A master of its own id, cache and jobs; the keys are those of the first, as minions with two masters need."""

    process: subprocess.Popen[bytes]

    def __init__(self, lab: Lab):
        self.lab = lab

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
            "extension_modules": str(ROOT / "cache/extmods"),
            "log_file": str(ROOT / "log"),
            "pidfile": "/run/salt-master2.pid",
            "sock_dir": "/run/salt/master2",
            "sqlite_queue_dir": str(ROOT / "queues"),
            "token_dir": str(ROOT / "tokens"),
        }
        (CONFIG / "master").write_text(yaml.safe_dump(config))
        self.process = salt.spawn_master(CONFIG, ROOT / "out")
        self._tell_the_minions()
        salt.sync_extension(self.lab.hosts, CONFIG)
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)  # the session is its own
        self.process.wait()

    def salt_run(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Type a salt-run command at this master; returns what it printed and its status."""
        return subprocess.run(
            self._argv(args), env=salt.environment(), cwd=CHECKOUT, capture_output=True, text=True, check=False
        )

    def salt_run_popen(self, *args: str) -> subprocess.Popen[str]:
        """Type a salt-run command at this master and leave it running."""
        return subprocess.Popen(
            self._argv(args),
            env=salt.environment(),
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _argv(self, args: Iterable[str]) -> list[str]:
        return salt.argv("salt-run", args, CONFIG)

    def _tell_the_minions(self) -> None:
        masters = {"master": [network.HUB, f"{network.HUB}:{REQUEST}"]}
        for host in self.lab.hosts:
            self.lab.put(host, "/etc/lab/salt/minion", yaml.safe_dump(salt.MINION_CONFIG | masters))
            # a busy minion takes longer to stop than sv waits; killed or not, it is the new one that has to answer
            restart = ("sv", "-w", "40", "force-restart", "/etc/service-links/salt-minion")
            self.lab.exec(host, *restart, check=False, timeout=90)
        self.lab.await_minions()
        wait_until(self._unheard, 90)

    def _unheard(self) -> str | None:
        """Which minions this master does not hear yet; None if it hears all."""
        ask = salt.argv("salt", ["--out=txt", "-t", "5", "*", "test.ping"], CONFIG)
        said = subprocess.run(ask, env=salt.environment(), capture_output=True, text=True, check=False).stdout
        silent = [host for host in self.lab.hosts if f"{host}: True" not in said]
        return f"no answer to the second master: {', '.join(silent)}" if silent else None

"""Salt in the lab: a master in the hub, a minion on every host, and this checkout's extension synced to all of them."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from tests.lab import network
from tests.lab.common import CHECKOUT, HOST_PATH, PATIENCE, RUN, LabError, start_time

MASTER = RUN / "master"
CONFIG = MASTER / "etc"
SRV = RUN / "srv"
PACKAGES = SRV / "packages"
PILLAR = RUN / "pillar"
LOG = MASTER / "log"
SYNCED = MASTER / "cache/extmods"  # what the master itself has synced
BEFORE = RUN / "pythonpath"  # folders that all programs of Salt in this world look in before the environment's own
SERVICE = "/etc/sv/salt-minion"
ENVIRONMENT = "/etc/lab/salt/environment"  # of a host's minion
SERVED = ("orch", "reactor", "_grains", "_modules", "_runners", "_states", "_utils")

MASTER_CONFIG = {
    "id": "hub_master",  # as Salt names a master that is given no id: its host name and _master
    "interface": network.HUB,
    "user": "root",
    "auto_accept": True,
    "worker_threads": 4,
    "timeout": 5,
    "gather_job_timeout": 15,  # a busy machine is no dead minion
    "grains_cache": True,
    "file_roots": {"base": [str(SRV)]},
    "pillar_roots": {"base": [str(PILLAR)]},
    "reactor": [{"chef_backend/request/upgrade": ["salt://reactor/chef_backend_upgrade.sls"]}],  # the pillar says who
    "pki_dir": str(MASTER / "pki"),
    "cachedir": str(MASTER / "cache"),
    "extension_modules": str(SYNCED),
    "log_file": str(LOG),
    "log_level_logfile": "warning",
    "pidfile": "/run/salt-master.pid",
    "sock_dir": "/run/salt/master",  # short: the path of a socket may have 107 characters
    "sqlite_queue_dir": str(MASTER / "queues"),
    "token_dir": str(MASTER / "tokens"),
    "enable_legacy_startup_events": False,
    "file_recv": True,
    "ping_on_rotate": False,
    "keysize": 2048,
}

MINION_CONFIG = {
    "master": network.HUB,
    "log_level_logfile": "warning",
    "log_file": "/var/log/salt-minion.log",
    "pki_dir": "/var/lib/lab-salt/pki",
    "cachedir": "/var/lib/lab-salt/cache",
    "conf_file": "/etc/lab/salt/minion",
    "sock_dir": "/run/salt/minion",
    "pidfile": "/run/salt-minion.pid",
    "keysize": 2048,
    "acceptance_wait_time": 1,
    "random_reauth_delay": 1,
    "recon_default": 200,
    "recon_max": 1000,
    "auth_timeout": 5,
    "mine_enabled": False,
    "enable_gpu_grains": False,
    "enable_fqdns_grains": False,
    "start_event_grains": [],
}


def program(name: str) -> list[str]:
    """The command of a Salt program of this interpreter, e.g. `salt-run`.

    The script is given to the interpreter, because its own first line is wrong in a moved environment.
    Raises LabError if Salt is not installed there.
    """
    script = Path(sys.prefix) / "bin" / name
    if not script.exists():
        raise LabError(f"{script} is missing: install Salt into this environment ({sys.prefix}/bin/pip install salt)")
    return [sys.executable, str(script)]


def beside(release: str) -> Path:
    """The folder of a release of Salt that lies beside the environment's own, e.g. 3006.

    Raises LabError if it is not there.
    """
    folder = CHECKOUT / ".cache" / f"salt-{release}"
    if not (folder / "salt/version.py").exists():
        raise LabError(f"no Salt {release} in {folder}: `make venv` puts 3006 there, `make test-salt` the others")
    return folder


def use(folders: Iterable[Path]) -> None:
    """Have programs of Salt that start from now on look in folders first; a minion is told by its `exported`."""
    BEFORE.write_text(":".join(map(str, folders)))


def _before() -> dict[str, str]:
    folders = BEFORE.read_text() if BEFORE.exists() else ""
    return {"PYTHONPATH": folders} if folders else {}


def exported() -> str:
    """The text of a host's ENVIRONMENT, a shell's, for what `use` was given."""
    return "".join(f"export {name}='{value}'\n" for name, value in _before().items())


def lay_ground(ground: Path) -> None:
    """Put the minion's service and settings into the layer that all hosts share; ground: the layer's folder."""
    service = ground / SERVICE.lstrip("/")
    (service / "log").mkdir(parents=True, exist_ok=True)
    minion = " ".join(f"'{word}'" for word in program("salt-minion"))
    runs = {
        service / "run": f"#!/bin/sh\nexec 2>&1\n. {ENVIRONMENT}\nexec {minion} -c /etc/lab/salt --disable-keepalive\n",
        service / "log/run": "#!/bin/sh\nmkdir -p /var/log/salt-minion\nexec svlogd -tt /var/log/salt-minion\n",
    }
    for path, text in runs.items():
        path.write_text(text)
        path.chmod(0o755)
    (ground / "etc/lab/salt").mkdir(parents=True, exist_ok=True)
    (ground / "etc/lab/salt/minion").write_text(yaml.safe_dump(MINION_CONFIG))
    (ground / ENVIRONMENT.lstrip("/")).write_text(exported())


def start_master(config: Mapping[str, object] | None = None) -> None:
    """Start the master, with more in its configuration if given. Raises LabError if it runs already."""
    if _master_pid() is not None:
        raise LabError("the salt-master runs already")
    for folder in (CONFIG, PACKAGES, PILLAR):
        folder.mkdir(parents=True, exist_ok=True)
    for name in SERVED:  # not the checkout itself: the file server would walk the lab's own disks again and again
        if not (SRV / name).is_symlink():
            (SRV / name).symlink_to(CHECKOUT / name)
    (CONFIG / "master").write_text(yaml.safe_dump({**MASTER_CONFIG, **(config or {})}))
    if not (PILLAR / "top.sls").exists():
        write_pillar({})
    process = spawn_master(CONFIG, MASTER / "out")
    (MASTER / "pid").write_text(json.dumps({"pid": process.pid, "started": start_time(process.pid)}))


def spawn_master(config: Path, out: Path) -> subprocess.Popen[bytes]:
    """Start a salt-master with the configuration in a folder, in a session of its own; it prints to a file."""
    with open(out, "a") as file:
        return subprocess.Popen(
            [*program("salt-master"), "-c", str(config), "-l", "warning"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=environment(),
            cwd=CHECKOUT,
            start_new_session=True,
        )


def runs() -> bool:
    """Whether the master runs."""
    return _master_pid() is not None


def _master_pid() -> int | None:
    with contextlib.suppress(FileNotFoundError):
        known = json.loads((MASTER / "pid").read_text())
        if start_time(known["pid"]) == known["started"]:
            pid: int = known["pid"]
            return pid
    return None


def stop_master(kill: bool = False, timeout: float = 10) -> None:
    """End the master and its workers; nothing if none runs.

    kill: with SIGKILL at once, as in a crash. timeout: seconds it gets to end by itself otherwise.
    """
    pid = _master_pid()
    if pid is None:
        return
    if not kill:
        os.kill(pid, signal.SIGTERM)
        _await_end(pid, timeout)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # the session is the master's own
    _await_end(pid, 5)
    (MASTER / "pid").unlink()


def _await_end(pid: int, timeout: float) -> None:
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if start_time(pid) is None:
            return
        time.sleep(0.02)


def write_pillar(mapping: Mapping[str, object]) -> None:
    """Make a mapping the pillar of the master itself, i.e. of orchestrations and runners.

    mapping: what stands in the pillar, from its top, e.g. {"chef_backend": {"clusters": {...}}}.
    """
    PILLAR.mkdir(parents=True, exist_ok=True)
    (PILLAR / "top.sls").write_text(yaml.safe_dump({"base": {"*_master": ["chef_backend"]}}))
    (PILLAR / "chef_backend.sls").write_text(yaml.safe_dump(mapping, sort_keys=False))


def forget_runs() -> None:
    """Drop what the extension keeps in the master's cache about runs: after a snapshot they never were."""
    for bank in (MASTER / "cache").glob("chef_backend*"):
        shutil.rmtree(bank)


def forget() -> None:
    """Throw away what a master that is down has kept, its keys and logs too, and the pillar."""
    for folder in (MASTER, PILLAR):
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for Salt commands in the hub, with extra variables on top."""
    return {**os.environ, "PATH": f"{sys.prefix}/bin:{HOST_PATH}", **_before(), **(extra or {})}


def argv(name: str, args: Iterable[object], config: Path = CONFIG) -> list[str]:
    """A Salt command that talks to the lab's master. name: e.g. `salt-run`; args: its words; config: its settings."""
    return [*program(name), "-c", str(config), *map(str, args)]


def sync_extension(hosts: Sequence[str], config: Path = CONFIG, words: Sequence[str] = ()) -> None:
    """Install what lies in the master's file roots on it and on some hosts, by the commands of the README.

    Then every host loads it once, so that Python has compiled it. config: the folder of another master's settings;
    words: more of the commands that sync. Raises LabError with what a command said.
    """
    everybody = ["-L", ",".join(hosts)]
    on_minions = [
        argv("salt", [*everybody, "saltutil.sync_all", *words], config),
        argv("salt", [*everybody, "sys.list_functions", "chef_*"], config),
    ]
    on_master = [argv("salt-run", ["saltutil.sync_all", *words], config)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_type_in_turn, (on_minions, on_master)))


def _type_in_turn(commands: Sequence[Sequence[str]]) -> None:
    for command in commands:
        done = subprocess.run(
            command,
            env=environment(),
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise LabError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")


def await_minions(hosts: Iterable[str], timeout: float = PATIENCE) -> None:
    """Wait until the minions of some hosts answer. Raises LabError naming those that do not within timeout seconds."""
    ask = [sys.executable, "-m", "tests.lab.ping", str(CONFIG), f"{timeout:g}", *hosts]
    done = subprocess.run(ask, env=environment(), cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError((done.stderr.strip().splitlines() or ["the master cannot be asked"])[-1])
